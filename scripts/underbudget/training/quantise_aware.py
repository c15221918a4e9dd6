"""Quantisation-aware training of anybody's tf_keras model, by the loop that trains ours."""

from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import ArrayLike

from underbudget.device.errors import UserError
from underbudget.networks import layers
from underbudget.recipes import QAT
from underbudget.training import loop
from underbudget.training.spotting import cross_entropy

SUPPORTED = (
    "Dense, Flatten, Reshape, Add, Dropout; and of layers over images: Conv2D without padding or an activation of its"
    " own, DepthwiseConv2D of stride 1 without a bias, ReLU, MaxPooling2D((2, 1), padding='same'),"
    " GlobalAveragePooling2D"
)
CHECKED = 4  # random inputs
CLOSE = 1e-3  # of the largest output


def quantise_aware_train(
    model: keras.Model,
    data: tuple[ArrayLike, ArrayLike],
    step: float,
    epochs: int,
    *,
    loss: loop.Loss | None = None,
    learning_rate: float = QAT.learning_rate,
    bias_step: float = QAT.bias_scale,
    batch_size: int = 32,
    seed: int = 22,
) -> keras.Model:
    """Continue training a model with its weights on grids, so that shrink(…, on_grid=True) stores them exactly in int8.

    Few distinct integers pack well: the larger the step, the smaller the file. The same seed gives the same weights on
    every processor if deterministic() was called before TensorFlow was imported.

    Args:
        model: of tf_keras, trained, without batch normalisation; it is left as it is.
        data: inputs [n, …] and targets [n, …].
        step: the grid step of each kernel, as a share of the root mean square of its weights; 0.1 to 0.6 are usual.
        epochs: passes over the data.
        loss: of targets and outputs (default: cross entropy of one-hot targets and logits).
        learning_rate: in grid steps; it falls to 0 along a cosine.
        bias_step: the grid step of all biases.

    Returns:
        A copy of the model with weights on grids.

    Raises:
        UserError: data that do not fit the model, or layers that this training does not know.
    """
    inputs, targets = (np.asarray(values, np.float32) for values in data)
    _check(model, inputs, targets)
    result = keras.models.clone_model(model)
    result.set_weights(model.get_weights())
    x, y = tf.constant(inputs), tf.constant(targets)

    def batch(indices: tf.Tensor, _: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(x, indices), tf.gather(y, indices)

    shapes = inputs.shape[1:], targets.shape[1:]
    problem = loop.Problem(*shapes, len(inputs), batch, loss or cross_entropy, lambda _: 0.0)
    loop.train_qat(result, QAT(step, epochs, bias_step, learning_rate), batch_size, problem, seed)
    return result


def _check(model: Any, inputs: Any, targets: Any) -> None:
    """Refuse what the loop would train on wrongly: it computes layers by rules of its own, which know some forms."""
    if not isinstance(model, keras.Model):
        raise UserError(f"{type(model).__name__} is no tf_keras model (Keras 2): build it with tf_keras")
    shapes = model.input_shape[1:], model.output_shape[1:]
    if (inputs.shape[1:], targets.shape[1:]) != shapes or len(inputs) != len(targets) or not len(inputs):
        raise UserError(
            f"{model.name}: takes inputs [n, {shapes[0]}] and targets [n, {shapes[1]}], not {inputs.shape} and"
            f" {targets.shape}"
        )
    if any(isinstance(layer, keras.layers.BatchNormalization) for layer in model.layers):
        raise UserError(
            f"{model.name}: batch normalisation moves weights off their grids: fold it into the layer before"
        )
    x = np.random.default_rng(0).normal(size=(CHECKED, *inputs.shape[1:])).astype(np.float32)
    expected = model(x, training=False).numpy()
    try:
        found = tf.function(lambda x: layers.forward(model, x))(tf.constant(x)).numpy()
        known = (
            found.shape == expected.shape and np.abs(found - expected).max() <= CLOSE * np.abs(expected).max() + 1e-6
        )
    except Exception:
        known = False
    if not known:
        kinds = ", ".join(dict.fromkeys(type(layer).__name__ for layer in model.layers))
        raise UserError(
            f"{model.name}: this training does not know its layers ({kinds}) as they are; it knows {SUPPORTED}"
        )
