"""The exercise versions: limits and recipes as data."""
