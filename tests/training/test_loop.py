"""The training loop, against Keras and by its own promises; the networks' sizes by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from underbudget.device.frontend import FrontEnd, LogMel, Mfcc, Stft
from underbudget.networks import networks
from underbudget.recipes import QAT, Pruning, Recipe
from underbudget.training import loop

RECIPE = Recipe(
    "mlp", width=0.25, learning_rate=1e-3, epochs=4, loss="mse", pruning=Pruning(0.9, begin_epoch=1, end_epoch=3)
)


def spotter(width: float, front_end: FrontEnd) -> Recipe:
    return Recipe("ds_cnn", width, 1e-3, 1, "cross_entropy", front_end)


def mean_square(truth: Any, output: Any) -> Any:
    return tf.reduce_mean(tf.square(truth - output))


def identity_problem(x: Any, score: Any = None) -> loop.Problem:
    """To give back windows x [n, 6, 2]."""

    def batch(i: Any, _: Any) -> Any:
        return tf.gather(x, i), tf.gather(x, i)

    return loop.Problem((6, 2), (6, 2), len(x), batch, mean_square, score or (lambda _: 0.0))


def fit(recipe: Recipe, samples: int = 3205, seed: int = 22) -> Any:
    """A model of y = x on random windows; 3205 samples leave a last batch of 5."""
    loop.seed_everything(seed)
    x = tf.constant(np.random.default_rng(0).normal(size=(samples, 6, 2)).astype(np.float32))
    return loop.fit(recipe, identity_problem(x), seed)


@pytest.mark.slow
def test_fewer_samples_than_a_batch() -> None:
    recipe = Recipe("mlp", 0.25, 1e-2, epochs=200, loss="mse", batch_size=64)
    model = fit(recipe, samples=20)
    x = np.random.default_rng(0).normal(size=(20, 6, 2)).astype(np.float32)
    assert float(np.square(model.predict(x, verbose=0) - x).mean()) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("sparsity", [0.5, 0.78, 0.9])
@pytest.mark.parametrize("architecture", ["mlp", "cnn"])
def test_pruning_reaches_its_sparsity_in_every_kernel(architecture: str, sparsity: float) -> None:
    recipe = Recipe(
        architecture, 0.25, 1e-3, epochs=4, loss="mse", pruning=Pruning(sparsity, begin_epoch=1, end_epoch=3)
    )
    kernels = [w for w in fit(recipe).get_weights() if w.ndim > 1]
    assert len(kernels) == 3
    for kernel in kernels:
        assert (kernel == 0).sum() == pytest.approx(sparsity * kernel.size, abs=1)


def test_a_seed_repeats_itself_and_another_does_not() -> None:
    first, again, other = (fit(RECIPE, seed=seed).get_weights() for seed in (22, 22, 23))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_equals_the_plain_keras_loop() -> None:
    """Without shuffling to tell them apart: one full batch per epoch, the same start, Adam and loss."""
    recipe = Recipe("mlp", 0.25, 1e-2, epochs=5, loss="mse", batch_size=500)
    x = np.random.default_rng(0).normal(size=(500, 6, 2)).astype(np.float32)
    loop.seed_everything(1)
    theirs = networks.build(recipe, (6, 2), (6, 2))
    start = theirs.get_weights()
    theirs.compile(tf.keras.optimizers.Adam(1e-2), "mse")
    theirs.fit(x, x, batch_size=500, epochs=5, verbose=0)
    ours = networks.build(recipe, (6, 2), (6, 2))
    ours.set_weights(start)
    loop.train(ours, recipe, identity_problem(tf.constant(x)), seed=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_keeps_the_best_epoch_by_the_score() -> None:
    scores = iter([0.3, 0.9, 0.9, 0.1])
    seen = []

    def score(model: Any) -> float:
        seen.append([w.copy() for w in model.get_weights()])
        return next(scores)

    recipe = Recipe("mlp", 0.25, 1e-3, epochs=4, loss="mse", keep="best")
    x = tf.constant(np.random.default_rng(0).normal(size=(64, 6, 2)).astype(np.float32))
    model = loop.fit(recipe, identity_problem(x, score), 1)
    for kept, best in zip(model.get_weights(), seen[1], strict=True):
        np.testing.assert_array_equal(kept, best)


@pytest.mark.parametrize(
    ("recipe", "input_shape", "output_shape", "parameters"),
    [  # counted by hand from the protocol in results/reference/reference.json
        (Recipe("mlp", 1, 1e-3, 1, "mse"), (6, 2), (6, 2), 12 * 128 + 128 + 128 * 128 + 128 + 128 * 12 + 12),
        (Recipe("mlp", 0.25, 1e-3, 1, "mse"), (6, 2), (6, 2), 12 * 32 + 32 + 32 * 32 + 32 + 32 * 12 + 12),
        (Recipe("cnn", 0.12, 1e-3, 1, "mse"), (6, 2), (6, 2), 3 * 2 * 7 + 7 + 4 * 7 * 7 + 7 + 7 * 12 + 12),
        (spotter(0.31, Mfcc()), (49, 10, 1), (8,), 33 * 79 + 2 * 79 * 79 + 79 * 8 + 8),
        (spotter(0.52, Stft()), (32, 32, 1), (8,), 33 * 133 + 2 * 133 * 133 + 133 * 8 + 8),
    ],
)  # fmt: skip
def test_architectures_have_the_reports_size(
    recipe: Recipe, input_shape: tuple[int, ...], output_shape: tuple[int, ...], parameters: int
) -> None:
    model = networks.build(recipe, input_shape, output_shape)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == parameters
    assert model.output_shape[1:] == output_shape


def test_strides_follow_the_front_end() -> None:
    mfcc = networks.build(spotter(0.1, Mfcc()), (49, 10, 1), (8,))
    stft = networks.build(spotter(0.1, Stft()), (32, 32, 1), (8,))
    assert mfcc.layers[0].output_shape[1:3] == (24, 8)
    assert stft.layers[0].output_shape[1:3] == (15, 15)


def test_quantisation_aware_training_leaves_all_weights_on_their_grids_and_still_learns() -> None:
    recipe = Recipe("residual_mlp", 1, 1e-2, epochs=3, loss="mae", batch_size=64, schedule="cosine")
    loop.seed_everything(1)
    x = np.random.default_rng(0).normal(size=(2000, 6, 2)).astype(np.float32)
    y = x[:, -1:] + (np.arange(1, 7, dtype=np.float32)[:, None] / 6) * (x[:, -1:] - x[:, :1])
    inputs, targets = tf.constant(x), tf.constant(y)
    model = networks.build(recipe, (6, 2), (6, 2))

    def batch(i: Any, _: Any) -> Any:
        return tf.gather(inputs, i), tf.gather(targets, i)

    def loss(truth: Any, forecast: Any) -> Any:
        return tf.reduce_mean(tf.abs(truth - forecast))

    def error() -> float:
        return float(np.abs(model.predict(x, verbose=0) - y).mean())

    problem = loop.Problem((6, 2), (6, 2), len(x), batch, loss, lambda _: 0.0)
    loop.train(model, recipe, problem, 1)
    fixed = [v.numpy() for v in model.non_trainable_variables]
    before = [v.numpy() for v in model.trainable_variables]
    qat = QAT(step=0.3, epochs=8, bias_step=1 / 8)
    grids = [0.3 * np.sqrt(np.mean(w**2)) if w.ndim > 1 else 1 / 8 for w in before]
    for v, w, g in zip(model.trainable_variables, before, grids, strict=True):
        v.assign(np.round(w / g) * g)
    only_rounded = error()
    for v, w in zip(model.trainable_variables, before, strict=True):
        v.assign(w)
    loop.train_qat(model, qat, 64, problem, 1)
    for v, g in zip(model.trainable_variables, grids, strict=True):
        steps = v.numpy() / g
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert v.shape.rank == 1 or np.abs(steps).max() < 127.5
    for now, then in zip(model.non_trainable_variables, fixed, strict=True):
        np.testing.assert_array_equal(now, then)
    assert error() < 0.8 * only_rounded


def test_a_stem_halves_the_frequencies() -> None:
    recipe = Recipe("ds_tc_resnet", 0.5, 1e-3, 1, "cross_entropy", LogMel(), blocks=(1,), stem=(8, 12))
    model = networks.build(recipe, (49, 40, 1), (8,))
    convolutions = [layer for layer in model.layers if isinstance(layer, networks.L.Conv2D)]
    assert [c.output_shape[1:] for c in convolutions[:3]] == [(47, 19, 8), (45, 9, 12), (45, 1, 32)]


FOLDED = {
    "ds_tc_resnet": Recipe(
        "ds_tc_resnet", 0.25, 1e-3, 1, "cross_entropy", Mfcc(), blocks=(2, 1), stride=2, dropout=0.2, qat=QAT(0.5, 1)
    ),
    "stem": Recipe("ds_tc_resnet", 0.25, 1e-3, 1, "cross_entropy", LogMel(mel_bins=10), blocks=(1,), stem=(3,)),
    "ds_cnn": spotter(0.1, Mfcc()),
    "cnn": replace(spotter(0.1, Mfcc()), architecture="spotting_cnn"),
}


@pytest.mark.parametrize("name", FOLDED)
def test_folding_changes_nothing(name: str) -> None:
    recipe = FOLDED[name]
    model = networks.build(recipe, (49, 10, 1), (8,))
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.uniform(0.1, 0.5, w.shape) for w in model.get_weights()])
    folded = networks.fold_batch_norm(model, recipe)
    x = rng.normal(size=(20, 49, 10, 1)).astype(np.float32)
    np.testing.assert_allclose(folded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-3, atol=1e-3)
    assert not [layer for layer in folded.layers if "norm" in layer.name or "dropout" in layer.name]
    assert folded.count_params() < model.count_params()


@pytest.mark.parametrize("qat", [None, QAT(0.5, 1)])
def test_folding_evens_depthwise_filters_for_a_grid(qat: QAT | None) -> None:
    recipe = replace(FOLDED["ds_tc_resnet"], qat=qat)
    model = networks.build(recipe, (49, 10, 1), (8,))
    folded = networks.fold_batch_norm(model, recipe)
    for before, after in zip(_depthwise(model), _depthwise(folded), strict=True):
        if qat:
            np.testing.assert_allclose((after**2).mean(axis=(0, 1, 3)), 1, rtol=1e-4)
        else:
            np.testing.assert_array_equal(after, before)


def _depthwise(model: Any) -> list[Any]:
    return [layer.get_weights()[0] for layer in model.layers if isinstance(layer, networks.L.DepthwiseConv2D)]
