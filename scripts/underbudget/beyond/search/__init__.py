"""The search for a recipe that meets given limits."""
