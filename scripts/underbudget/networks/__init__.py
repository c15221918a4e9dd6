"""What is trained: layers, and networks made of them."""
