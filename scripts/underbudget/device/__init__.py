"""Everything that runs on the device: numpy, the TFLite runtime and the standard library, never TensorFlow."""
