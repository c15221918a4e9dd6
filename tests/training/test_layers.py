"""The networks' layers in training, against Keras' own: outputs, gradients, moving moments, pruning."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras

from underbudget.networks import layers
from underbudget.networks.cnn import Cnn1d, Cnn2d
from underbudget.networks.dense import Mlp, ResidualMlp
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import Fit, Pruning
from underbudget.training import loop
from underbudget.training.forecasting import _mean_squared_error
from underbudget.training.spotting import cross_entropy

pytestmark = pytest.mark.slow  # XLA compiles each network
FORECASTS = (6, 2)
NETWORKS = {  # each with the shape of its inputs; forecasters put out that shape, spotters eight logits
    "ds_cnn, MFCC": (DsCnn(width=0.1, strides=(2, 1)), (49, 10, 1)),
    "ds_cnn, STFT": (DsCnn(width=0.05), (32, 32, 1)),
    "ds_tc_resnet": (DsTcResnet(filters=12, blocks=(2, 1, 1)), (49, 16, 1)),
    "ds_tc_resnet, stride 2": (DsTcResnet(filters=6, blocks=(1,), stride=2), (49, 10, 1)),
    "ds_tc_resnet, stem": (DsTcResnet(filters=6, blocks=(1,), stem=(4, 6)), (49, 20, 1)),
    "cnn": (Cnn2d(width=0.25, strides=(2, 1)), (49, 10, 1)),
    "mlp": (Mlp(width=0.5, hidden_layers=3), (49, 10, 1)),
    "wide cnn": (Cnn2d(width=0.3), (32, 32, 1)),  # 15 columns of 21 clips: gradients in two parts
    "forecasting mlp": (Mlp(width=0.25), FORECASTS),
    "forecasting cnn": (Cnn1d(width=0.25), FORECASTS),
    "residual mlp": (ResidualMlp(units=32), FORECASTS),
}


def build(name: str) -> Any:
    network, shape = NETWORKS[name]
    return network.create(shape, FORECASTS if shape == FORECASTS else (8,))


def network(name: str) -> tuple[Any, Any, Any]:
    """An untrained network with other than its first weights, inputs and targets."""
    keras.utils.set_random_seed(0)
    model = build(name)
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.uniform(0.05, 0.2, w.shape) for w in model.get_weights()])
    # 21 clips fill no vector; the gradients of 300 forecasts are added up in two parts
    count = 21 if len(model.output_shape) == 2 else 300
    x = tf.constant(rng.normal(size=(count, *model.input_shape[1:])).astype(np.float32))
    if count == 300:
        return model, x, tf.constant(rng.normal(size=(count, *model.output_shape[1:])).astype(np.float32))
    return model, x, tf.one_hot(rng.integers(0, 8, count), 8)


def their_loss(y: Any, outputs: Any) -> Any:
    if len(outputs.shape) == 2:
        return tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(y, outputs))
    return tf.reduce_mean(tf.square(y - outputs))


def our_loss(y: Any, outputs: Any) -> Any:
    return (cross_entropy if len(outputs.shape) == 2 else _mean_squared_error)(y, outputs)


def exact(name: str, weights: list[Any]) -> Any:
    """The same network by Keras' own layers in double precision: Keras' float32 rounds more than ours does."""
    keras.backend.set_floatx("float64")
    try:
        model = build(name)
    finally:
        keras.backend.set_floatx("float32")
    model.set_weights(weights)
    return model


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_keras_in_training(name: str) -> None:
    model, x, y = network(name)
    reference, fused = exact(name, model.get_weights()), keras.models.clone_model(model)
    fused.set_weights(model.get_weights())
    with tf.GradientTape() as tape:
        theirs = their_loss(tf.cast(y, tf.float64), reference(tf.cast(x, tf.float64), training=True))
    their_gradients = tape.gradient(theirs, reference.trainable_variables)

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def step() -> Any:
        with tf.GradientTape() as tape:
            value = our_loss(y, layers.forward(model, x, tf.constant([1, 2])))
        return value, tape.gradient(value, model.trainable_variables)

    ours, our_gradients = step()
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)
    largest = max(float(tf.reduce_max(tf.abs(g))) for g in their_gradients)
    for a, b in zip(our_gradients, their_gradients, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5 * largest)
    fused(x, training=True)  # the moving moments are those of Keras' fused kernel: their variance is unbiased
    for a, b in zip(model.get_weights(), fused.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_equal_keras_at_inference(name: str) -> None:
    model, x, _ = network(name)
    ours = tf.function(lambda x: layers.forward(model, x), jit_compile=True)(x)
    np.testing.assert_allclose(ours, model(x, training=False), rtol=1e-3, atol=1e-3)


def test_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    model = keras.Sequential([keras.Input((1000,)), keras.layers.Flatten(), keras.layers.Dropout(0.3)])
    ones = tf.ones((50, 1000))
    left = tf.function(lambda seed: layers.forward(model, ones, seed), jit_compile=True)
    once, again, other = (left(tf.constant(seed)).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    np.testing.assert_array_equal(once, again)
    assert (once != other).any()
    assert (once == 0).mean() == pytest.approx(0.3, abs=0.01)
    assert once.mean() == pytest.approx(1, abs=0.02)


def test_a_pruned_spotter_reaches_its_sparsity() -> None:
    model, x, y = network("ds_cnn, MFCC")
    pruning = Pruning(final_sparsity=0.8, begin_epoch=0, end_epoch=34)  # masks change every 100 steps
    fit = Fit("cross_entropy", learning_rate=1e-3, epochs=36, batch_size=7, pruning=pruning)
    problem = loop.Problem(
        x.shape[1:], (8,), len(x), lambda i, _: (tf.gather(x, i), tf.gather(y, i)), cross_entropy,
        lambda _: 0.0,
    )  # fmt: skip
    trained = loop.train(model, fit, problem, seed=1)
    kernels = [w for w in trained.get_weights() if w.ndim == 4 and w.shape[0] == 1]
    assert len(kernels) == 2
    for kernel in kernels:
        assert (kernel == 0).mean() == pytest.approx(0.8, abs=0.01)
