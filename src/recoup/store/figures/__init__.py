"""What the numbers of `recoup.metrics` are counted from: one statement each, rows as they come."""
