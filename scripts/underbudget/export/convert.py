"""Convert a Keras model to a float TFLite file.

The TFLite file is edited through its own schema (https://ai.google.dev/edge/litert, schema.fbs), so each step is
plain to see and does the same with every release of the converter.
"""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras

from underbudget.device.errors import UserError
from underbudget.device.runtime import Model

SAMPLES = 4  # random inputs, for which the file must put out what the model does
TOLERANCE = 0.01  # of the largest output; float arithmetic in another order differs by far less


def convert(model: Any) -> bytes:
    """Convert a tf_keras model to a float TFLite file with the batch fixed to 1, so that no shape arithmetic is left.

    Raises:
        UserError: it is a model of another kind, such as Keras 3, whose weights this way would not reach the file; or
            the file puts out something else than the model.
    """
    if not isinstance(model, keras.Model):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        raise UserError(
            f"{kind} is no tf_keras model (Keras 2) and would be converted without its weights: build it with tf_keras,"
            " or convert it by tf.lite.TFLiteConverter.from_keras_model"
        )
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(signature)
    converted: bytes = tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert()
    _check(model, converted)
    return converted


def _check(model: keras.Model, converted: bytes) -> None:
    """Refuse a file that does not do what its model does: one that lacks weights puts out other numbers, or none."""
    x = np.random.default_rng(0).normal(size=(SAMPLES, *model.input_shape[1:])).astype(np.float32)
    expected = model(x, training=False).numpy()
    outputs = Model(converted, model.name).predict(x)
    if not np.abs(outputs - expected).max() <= TOLERANCE * np.abs(expected).max() + 1e-6:
        raise UserError(
            f"{model.name}: the conversion to TFLite failed: the file puts out other numbers than the model"
        )
