"""The search for a recipe that keeps given limits."""
