"""Convert a Keras model to a float TFLite file.

The TFLite file is edited through its own schema (https://ai.google.dev/edge/litert, schema.fbs), so each step is
plain to see and does the same with every release of the converter.
"""

import re
import sys
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from underbudget.device.errors import UserError
from underbudget.device.quiet import held_stderr
from underbudget.device.runtime import Model
from underbudget.export.model_files import SavedFunction

CHECKED_INPUTS = 4  # random inputs, for which the file must put out what the model does
CHECK_TOLERANCE = 0.01  # of the largest output; float arithmetic in another order differs by far less


def convert(model: Any) -> bytes:
    """Convert a model to a float TFLite file with the batch fixed to 1, so that no shape arithmetic is left.

    Args:
        model: of tf_keras, of Keras 3 on TensorFlow, or a SavedFunction.

    Raises:
        UserError: it is something else; it has not one input of fixed shape and one output; it takes operators that
            the TFLite runtime has not; or the file puts out something else than the model.
    """
    if not isinstance(model, (keras.Model, SavedFunction)) and not _is_keras_3(model):
        kind = f"{type(model).__module__}.{type(model).__qualname__}"
        raise UserError(f"{kind} is no Keras model: give a model of tf_keras, or of Keras 3 on TensorFlow")
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or None in shape[1:] or not all(isinstance(side, int) for side in shape[1:]):
        raise UserError(
            f"{model.name}: takes inputs of shape {shape}; one input of a fixed shape is needed: build it with a"
            " keras.Input that says every side"
        )
    try:
        with held_stderr():
            converted = _converted(model, tf.TensorSpec((1, *shape[1:]), tf.float32))
    except Exception as error:
        raise UserError(f"{model.name}: {_reason(error)}") from None
    _check(model, converted)
    return converted


def _converted(model: Any, signature: tf.TensorSpec) -> bytes:
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(signature)
    if isinstance(model, keras.Model):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], model)
    else:  # the converter does not find the variables of other models, and would leave them out
        converter = tf.lite.TFLiteConverter.from_concrete_functions([convert_variables_to_constants_v2(function)])
    converted: bytes = converter.convert()
    return converted


def _is_keras_3(model: Any) -> bool:
    """Tell whether it is a model of Keras 3, which need not be imported for that; only on TensorFlow it is of use."""
    keras_3 = sys.modules.get("keras")
    return keras_3 is not None and isinstance(model, keras_3.Model) and keras_3.backend.backend() == "tensorflow"


def _reason(error: Exception) -> str:
    """Say in one line why a model could not be converted."""
    missing = sorted(set(re.findall(r"\btf\.(\w+)\(tensor<|'tf\.(\w+)' op is neither", text := str(error))))
    if missing:
        names = ", ".join(sorted({first or second for first, second in missing}))
        return f"it needs TensorFlow's {names}, which TFLite has only with the Flex delegate: build it without"
    first = next(iter(text.splitlines()), "without a reason")
    return f"TensorFlow can't convert it ({type(error).__name__}: {first[:200]}): build it of plainer layers"


def _check(model: Any, converted: bytes) -> None:
    """Refuse a file that does not do what its model does: one that lacks weights puts out other numbers, or none."""
    x = np.random.default_rng(0).normal(size=(CHECKED_INPUTS, *model.input_shape[1:])).astype(np.float32)
    outputs = Model(converted, model.name).predict(x)
    expected = np.concatenate([model(x[i : i + 1], training=False).numpy() for i in range(CHECKED_INPUTS)])
    if not np.abs(outputs - expected).max() <= CHECK_TOLERANCE * np.abs(expected).max() + 1e-6:
        raise UserError(
            f"{model.name}: the conversion to TFLite failed: the file puts out other numbers than the model"
        )
