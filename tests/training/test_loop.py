"""The training loop, against Keras and by its own promises; the networks' sizes by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from underbudget.networks import Network
from underbudget.networks.cnn import Cnn1d, Cnn2d
from underbudget.networks.dense import Mlp, ResidualMlp
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.networks.folding import L, fold_batch_norm
from underbudget.recipes import QAT, Fit, Pruning
from underbudget.training import loop

SMALL = Mlp(width=0.25)
MFCC, STFT = (49, 10, 1), (32, 32, 1)


def mean_square(truth: Any, output: Any) -> Any:
    return tf.reduce_mean(tf.square(truth - output))


def identity_problem(x: Any, score: Any = None) -> loop.Problem:
    """To give back windows x [n, 6, 2]."""

    def batch(i: Any, _: Any) -> Any:
        return tf.gather(x, i), tf.gather(x, i)

    return loop.Problem((6, 2), (6, 2), len(x), batch, mean_square, score or (lambda _: 0.0))


def trained(network: Network, fit: Fit, samples: int = 3205, seed: int = 22) -> Any:
    """A model of y = x on random windows; 3205 samples fill the last batch with 5."""
    loop.seed_everything(seed)
    x = tf.constant(np.random.default_rng(0).normal(size=(samples, 6, 2)).astype(np.float32))
    return loop.fit_network(network, fit, identity_problem(x), seed)


@pytest.mark.slow
def test_fewer_samples_than_a_batch() -> None:
    model = trained(SMALL, Fit("mse", learning_rate=1e-2, epochs=200, batch_size=64), samples=20)
    x = np.random.default_rng(0).normal(size=(20, 6, 2)).astype(np.float32)
    assert float(np.square(model.predict(x, verbose=0) - x).mean()) < 0.1


@pytest.mark.slow
@pytest.mark.parametrize("sparsity", [0.5, 0.78, 0.9])
@pytest.mark.parametrize("network", [SMALL, Cnn1d(width=0.25)])
def test_pruning_reaches_its_sparsity_in_every_kernel(network: Network, sparsity: float) -> None:
    fit = Fit("mse", learning_rate=1e-3, epochs=4, pruning=Pruning(sparsity, begin_epoch=1, end_epoch=3))
    kernels = [w for w in trained(network, fit).get_weights() if w.ndim > 1]
    assert len(kernels) == 3
    for kernel in kernels:
        assert (kernel == 0).sum() == pytest.approx(sparsity * kernel.size, abs=1)


def test_a_seed_repeats_itself_and_another_does_not() -> None:
    fit = Fit("mse", learning_rate=1e-3, epochs=4, pruning=Pruning(0.9, begin_epoch=1, end_epoch=3))
    first, again, other = (trained(SMALL, fit, seed=seed).get_weights() for seed in (22, 22, 23))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first[0], other[0])


def test_equals_the_plain_keras_loop() -> None:
    """Without shuffling to tell them apart: one full batch per epoch, the same start, Adam and loss."""
    x = np.random.default_rng(0).normal(size=(500, 6, 2)).astype(np.float32)
    loop.seed_everything(1)
    theirs = SMALL.create((6, 2), (6, 2))
    start = theirs.get_weights()
    theirs.compile(tf.keras.optimizers.Adam(1e-2), "mse")
    theirs.fit(x, x, batch_size=500, epochs=5, verbose=0)
    ours = SMALL.create((6, 2), (6, 2))
    ours.set_weights(start)
    fit = Fit("mse", learning_rate=1e-2, epochs=5, batch_size=500)
    loop.train(ours, fit, identity_problem(tf.constant(x)), seed=0)
    for a, b in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_keeps_the_best_epoch_by_the_score() -> None:
    scores = iter([0.3, 0.9, 0.9, 0.1])
    seen = []

    def score(model: Any) -> float:
        seen.append([w.copy() for w in model.get_weights()])
        return next(scores)

    fit = Fit("mse", learning_rate=1e-3, epochs=4, checkpoint="best_validation")
    x = tf.constant(np.random.default_rng(0).normal(size=(64, 6, 2)).astype(np.float32))
    model = loop.fit_network(SMALL, fit, identity_problem(x, score), 1)
    curve = model.history.history
    assert curve["validation"] == [0.3, 0.9, 0.9, 0.1]
    assert len(curve["loss"]) == 4
    assert curve["loss"][-1] < curve["loss"][0]
    for kept, best in zip(model.get_weights(), seen[1], strict=True):
        np.testing.assert_array_equal(kept, best)


def test_decay_takes_its_share_of_the_rate_from_kernels_alone() -> None:
    x = tf.constant(np.random.default_rng(0).normal(size=(40, 6, 2)).astype(np.float32))
    model = SMALL.create((6, 2), (6, 2))
    model.set_weights([w + 1 for w in model.get_weights()])
    before = model.get_weights()
    fit = Fit("mse", learning_rate=0.01, epochs=3, batch_size=10, weight_decay=0.4)
    nothing_to_learn = replace(identity_problem(x), loss=lambda _, output: tf.reduce_sum(output * 0))
    after = loop.train(model, fit, nothing_to_learn, 1).get_weights()
    for w, v in zip(before, after, strict=True):
        np.testing.assert_allclose(v, w * (1 - 0.01 * 0.4) ** 12 if w.ndim > 1 else w, rtol=1e-5)


def test_an_epoch_takes_every_sample_and_fills_up_the_last_batch() -> None:
    (batches, seeds), (again, _) = loop.shuffled_orders(range(2), 23, 5, 1)
    assert batches.shape == (5, 5) and seeds.shape == (5, 2)
    flat = batches.numpy().ravel()
    assert sorted(flat[:23]) == list(range(23))
    np.testing.assert_array_equal(flat[23:], flat[:2])
    assert (batches.numpy() != again.numpy()).any()


@pytest.mark.parametrize("kind", ["fixed", "neighbours"])
def test_batches_that_stay_together(kind: str) -> None:
    first, second = (batches.numpy() for batches, _ in loop.shuffled_orders(range(2), 4000, 5, 1, kind))
    assert (first != second).any()
    assert sorted(map(tuple, first)) == sorted(map(tuple, second))
    assert sorted(first.ravel()) == list(range(4000))
    assert (np.diff(first) == 1).all() == (kind == "neighbours")


def test_batches_are_ordered_as_by_tf_data() -> None:
    """Nothing comes before it is in the buffer, and things wait for it as long as with TensorFlow's own."""
    ours = np.array([loop._through_buffer(1000, np.random.default_rng(seed)) for seed in range(50)])
    shuffled = tf.data.Dataset.range(1000).shuffle(loop.BUFFER, seed=1)
    theirs = np.array([list(shuffled.as_numpy_iterator()) for _ in range(50)])
    for orders in (ours, theirs):
        assert (np.sort(orders) == np.arange(1000)).all()
        assert (orders <= np.arange(1000) + loop.BUFFER - 1).all()
    late, expected = (np.quantile(np.arange(1000) - orders, [0.1, 0.5, 0.9]) for orders in (ours, theirs))
    np.testing.assert_allclose(late, expected, atol=8)


@pytest.mark.parametrize(
    ("network", "input_shape", "output_shape", "parameters"),
    [  # counted by hand from the protocol in results/reference/reference.json
        (Mlp(), (6, 2), (6, 2), 12 * 128 + 128 + 128 * 128 + 128 + 128 * 12 + 12),
        (Mlp(width=0.25), (6, 2), (6, 2), 12 * 32 + 32 + 32 * 32 + 32 + 32 * 12 + 12),
        (Cnn1d(width=0.12), (6, 2), (6, 2), 3 * 2 * 7 + 7 + 4 * 7 * 7 + 7 + 7 * 12 + 12),
        (DsCnn(width=0.31, strides=(2, 1)), MFCC, (8,), 33 * 79 + 2 * 79 * 79 + 79 * 8 + 8),
        (DsCnn(width=0.52), STFT, (8,), 33 * 133 + 2 * 133 * 133 + 133 * 8 + 8),
    ],
)  # fmt: skip
def test_architectures_have_the_reports_size(
    network: Network, input_shape: tuple[int, ...], output_shape: tuple[int, ...], parameters: int
) -> None:
    model = network.create(input_shape, output_shape)
    assert sum(int(np.prod(w.shape)) for w in model.trainable_weights) == parameters
    assert model.output_shape[1:] == output_shape


def test_strides_are_of_time_then_of_frequency() -> None:
    mfcc, stft = DsCnn(width=0.1, strides=(2, 1)).create(MFCC, (8,)), DsCnn(width=0.1).create(STFT, (8,))
    assert mfcc.layers[0].output_shape[1:3] == (24, 8)
    assert stft.layers[0].output_shape[1:3] == (15, 15)


def test_quantisation_aware_training_leaves_all_weights_on_their_grids_and_still_learns() -> None:
    fit = Fit("mae", learning_rate=1e-2, epochs=3, batch_size=64, schedule="cosine")
    loop.seed_everything(1)
    x = np.random.default_rng(0).normal(size=(2000, 6, 2)).astype(np.float32)
    y = x[:, -1:] + (np.arange(1, 7, dtype=np.float32)[:, None] / 6) * (x[:, -1:] - x[:, :1])
    inputs, targets = tf.constant(x), tf.constant(y)
    model = ResidualMlp(units=16).create((6, 2), (6, 2))

    def batch(i: Any, _: Any) -> Any:
        return tf.gather(inputs, i), tf.gather(targets, i)

    def loss(truth: Any, forecast: Any) -> Any:
        return tf.reduce_mean(tf.abs(truth - forecast))

    def error() -> float:
        return float(np.abs(model.predict(x, verbose=0) - y).mean())

    problem = loop.Problem((6, 2), (6, 2), len(x), batch, loss, lambda _: 0.0)
    loop.train(model, fit, problem, 1)
    fixed = [v.numpy() for v in model.non_trainable_variables]
    before = [v.numpy() for v in model.trainable_variables]
    qat = QAT(relative_scale=0.3, epochs=8, bias_scale=1 / 8)
    grids = [0.3 * np.sqrt(np.mean(w**2)) if w.ndim > 1 else 1 / 8 for w in before]
    for v, w, g in zip(model.trainable_variables, before, grids, strict=True):
        v.assign(np.round(w / g) * g)
    only_rounded = error()
    for v, w in zip(model.trainable_variables, before, strict=True):
        v.assign(w)
    losses = loop.train_qat(model, qat, 64, problem, 1)
    assert len(losses) == 8
    assert losses[-1] < losses[0]
    for v, g in zip(model.trainable_variables, grids, strict=True):
        steps = v.numpy() / g
        np.testing.assert_allclose(steps, np.round(steps), atol=1e-3)
        assert v.shape.rank == 1 or np.abs(steps).max() < 127.5
    for now, then in zip(model.non_trainable_variables, fixed, strict=True):
        np.testing.assert_array_equal(now, then)
    assert error() < 0.8 * only_rounded


def test_a_stem_halves_the_frequencies() -> None:
    model = DsTcResnet(filters=32, blocks=(1,), stem=(8, 12)).create((49, 40, 1), (8,))
    convolutions = [layer for layer in model.layers if isinstance(layer, L.Conv2D)]
    assert [c.output_shape[1:] for c in convolutions[:3]] == [(47, 19, 8), (45, 9, 12), (45, 1, 32)]


FOLDED = {
    "ds_tc_resnet": DsTcResnet(filters=16, blocks=(2, 1), stride=2, dropout=0.2),
    "stem": DsTcResnet(filters=16, blocks=(1,), stem=(3,)),
    "ds_cnn": DsCnn(width=0.1, strides=(2, 1)),
    "cnn": Cnn2d(width=0.2, strides=(2, 1)),
}


@pytest.mark.parametrize("name", FOLDED)
@pytest.mark.parametrize("for_grid", [False, True])
def test_folding_changes_nothing(name: str, for_grid: bool) -> None:
    model = FOLDED[name].create(MFCC, (8,))
    rng = np.random.default_rng(0)
    model.set_weights([w + rng.uniform(0.1, 0.5, w.shape) for w in model.get_weights()])
    folded = fold_batch_norm(model, FOLDED[name], for_grid)
    x = rng.normal(size=(20, 49, 10, 1)).astype(np.float32)
    np.testing.assert_allclose(folded.predict(x, verbose=0), model.predict(x, verbose=0), rtol=1e-3, atol=1e-3)
    assert not [layer for layer in folded.layers if "norm" in layer.name or "dropout" in layer.name]
    assert folded.count_params() < model.count_params()


@pytest.mark.parametrize("for_grid", [False, True])
def test_folding_evens_depthwise_filters_for_a_grid(for_grid: bool) -> None:
    model = FOLDED["ds_tc_resnet"].create(MFCC, (8,))
    folded = fold_batch_norm(model, FOLDED["ds_tc_resnet"], for_grid)
    for before, after in zip(_depthwise(model), _depthwise(folded), strict=True):
        if for_grid:
            np.testing.assert_allclose((after**2).mean(axis=(0, 1, 3)), 1, rtol=1e-4)
        else:
            np.testing.assert_array_equal(after, before)


def _depthwise(model: Any) -> list[Any]:
    return [layer.get_weights()[0] for layer in model.layers if isinstance(layer, L.DepthwiseConv2D)]
