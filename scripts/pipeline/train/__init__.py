"""Networks, the training loop, and the two tasks."""
