"""From a Keras model to the fewest bytes that compute the same."""
