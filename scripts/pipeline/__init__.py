"""Everything that runs on the workstation: data, training, shrinking, evaluation, reports. It imports device/."""

import os

# tensorflow-model-optimization works with Keras 2 only; TensorFlow reads both when it is first imported
os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
