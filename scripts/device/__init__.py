"""Everything that runs on the device: numpy, the TFLite runtime and the standard library, never TensorFlow."""

import os

# the front end's products are small: more threads make them slower, and their time a matter of luck
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
