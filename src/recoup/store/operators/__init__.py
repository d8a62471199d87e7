"""What operators decide: holds, other policies, and the stop of all charging."""
