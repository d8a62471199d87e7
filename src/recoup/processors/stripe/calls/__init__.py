"""Calls to Stripe: the SDK, our pace, and what errors mean."""
