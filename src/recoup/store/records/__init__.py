"""Small tables with a few queries each: read and written whole, by whoever needs them."""
