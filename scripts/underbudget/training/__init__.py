"""The training loop, its parts, and what it is given of each task."""
