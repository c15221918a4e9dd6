"""Parameters, multiplications and tensor memory of files, counted by hand and by Keras."""

import zlib

import pytest
import tensorflow as tf
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st

from underbudget.device.errors import UserError
from underbudget.export import convert
from underbudget.export.costs import ALIGNMENT, Costs, costs, greedy_by_size, layers


def published(name: str) -> Costs:
    return costs(zlib.decompress((ROOT / "models" / "report" / f"{name}.tflite.zlib").read_bytes()))


def test_a_spotter_by_hand() -> None:
    """kws_a: 49 x 10 in; 79 filters; no padding, so 24 x 8, then 22 x 6 and 20 x 4 numbers per filter."""
    found = published("kws_a")
    macs = 24 * 8 * 79 * 9 + 22 * 6 * 79 * (9 + 79) + 20 * 4 * 79 * (9 + 79) + 79 * 8
    assert found.macs == macs
    biases = 3 * 79 + 8 + 79  # of the three convolutions, the last layer, and one vector of zeros for both depthwise
    assert found.parameters == 9 * 79 + 2 * (9 * 79 + 79 * 79) + 79 * 8 + biases
    first, second = 24 * 8 * 79 * 4, 22 * 6 * 79 * 4  # the two largest neighbours: bytes out of conv and of depthwise
    assert found.peak_tensor_bytes >= first + second
    assert found.peak_tensor_bytes < first + second + 49 * 10 * 4 + 4 * ALIGNMENT


def test_the_layers_of_a_spotter_by_hand() -> None:
    found = layers(ROOT / "models" / "report" / "kws_a.tflite.zlib")
    assert [layer.operator for layer in found] == [
        *("CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D", "FULLY_CONNECTED")
    ]
    assert [layer.kernel for layer in found[:3]] == [(79, 3, 3, 1), (1, 3, 3, 79), (79, 1, 1, 79)]
    assert [layer.output for layer in found[:2]] == [(1, 24, 8, 79), (1, 22, 6, 79)]
    # tensors of fewer than 1,024 weights stay in float
    assert [layer.weights for layer in found] == ["float32", "float32", "int8", "float32", "int8", "float32"]
    assert [layer.macs for layer in found[:3]] == [24 * 8 * 79 * 9, 22 * 6 * 79 * 9, 22 * 6 * 79 * 79]
    assert found[-1].parameters == 79 * 8 + 8
    assert sum(layer.macs for layer in found) == published("kws_a").macs


def test_a_forecaster_by_hand() -> None:
    found = published("th_a")
    assert found.macs == 12 * 32 + 32 * 32 + 32 * 12


def test_parameters_are_those_that_keras_counts() -> None:
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.Flatten(), layers.Dense(5)])
    model.set_weights([weights + 0.1 for weights in model.get_weights()])
    assert costs(convert.convert(model)).parameters == model.count_params()


def test_an_operator_that_is_not_known_is_named() -> None:
    model = tf.keras.Sequential([tf.keras.layers.Input((8, 3)), tf.keras.layers.Lambda(tf.math.sin)])
    with pytest.raises(UserError, match="operator SIN"):
        costs(convert.convert(model))


def test_an_arena_drawn_by_hand() -> None:
    """100 and 200 bytes live together; the third takes the place of the first, which has ended."""
    assert greedy_by_size([(100, 0, 1), (200, 1, 2), (60, 2, 3)]) == 256 + 128


@given(
    st.lists(st.tuples(st.integers(1, 5000), st.integers(0, 8), st.integers(0, 4)), min_size=1, max_size=12).map(
        lambda tensors: [(size, start, start + length) for size, start, length in tensors]
    )
)
def test_an_arena_holds_all_that_lives_and_no_more_than_everything(tensors: list[tuple[int, int, int]]) -> None:
    def aligned(size: int) -> int:
        return -(-size // ALIGNMENT) * ALIGNMENT

    found = greedy_by_size(tensors)
    assert found >= max(sum(s for s, a, b in tensors if a <= step <= b) for step in range(13))
    assert found <= sum(aligned(size) for size, _, _ in tensors)
