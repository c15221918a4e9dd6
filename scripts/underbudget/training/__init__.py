"""The training loop, its parts, and the two tasks."""
