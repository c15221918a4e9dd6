"""Convert a Keras model to a float TFLite file.

The TFLite file is edited through its own schema (https://ai.google.dev/edge/litert, schema.fbs), so each step is
plain to see and does the same with every release of the converter.
"""

import tensorflow as tf
import tf_keras as keras


def convert(model: keras.Model) -> bytes:
    """Convert to a float TFLite file with the batch fixed to 1, so that no shape arithmetic is left in it."""
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(signature)
    converted: bytes = tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert()
    return converted
