"""Get, check and split the data."""
