"""Models of other people in the runtime: inputs and outputs of other shapes, of another number, of another type."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from underbudget.device.errors import UserError
from underbudget.device.runtime import Model, lay_out, try_out


def converted(function: Any, *shape: int | None) -> bytes:
    """A TFLite file of a function of one float32 input."""
    concrete = tf.function(function).get_concrete_function(tf.TensorSpec(shape, tf.float32))
    content: bytes = tf.lite.TFLiteConverter.from_concrete_functions([concrete]).convert()
    return content


@pytest.mark.parametrize("shape", [(12,), (6, 2), (6, 2, 1), (1, 6, 2), (12, 1), (2, 6)])
def test_the_same_numbers_in_another_shape_are_laid_out(shape: tuple[int, ...]) -> None:
    x = np.random.default_rng(0).normal(size=(3, 6, 2)).astype(np.float32)
    outputs = Model(converted(lambda x: 2 * x, 1, *shape), "double").predict(x)
    assert outputs.shape == (3, *shape)
    expected = x.swapaxes(1, 2) if shape == (2, 6) else x
    np.testing.assert_array_equal(outputs, 2 * expected.reshape(3, *shape))


def test_a_batch_may_be_of_any_size_but_no_other_side() -> None:
    assert Model(converted(lambda x: 2 * x, None, 6, 2), "double").input_shape == (6, 2)
    with pytest.raises(UserError, match=r"double: its input of shape \(1, -1, 2\) has no fixed size: convert"):
        Model(converted(lambda x: 2 * x, 1, None, 2), "double")


@pytest.mark.parametrize("shape", [(11,), (3, 4), (2, 2, 3), (12, 2), (6, 6)])
def test_other_inputs_are_refused(shape: tuple[int, ...]) -> None:
    model = Model(converted(lambda x: 2 * x, 1, *shape), "double")
    with pytest.raises(UserError, match=r"double: takes inputs of shape \(.*\), not \(6, 2\)"):
        model.predict(np.zeros((3, 6, 2), np.float32))


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 3))
def test_turning_back_and_flattening_lose_nothing(rows: int, columns: int, n: int) -> None:
    values = np.arange(n * rows * columns, dtype=np.float32).reshape(n, rows, columns)
    for shape in ((rows * columns,), (columns, rows), (1, rows, columns), (rows, 1, columns, 1)):
        there = lay_out(values, shape)
        assert there is not None
        back = lay_out(there, (rows, columns))
        assert back is not None
        np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (converted(lambda x: (x[:, :, 0], x[:, :, 1]), 1, 6, 2), r"it has 2 outputs, \(6,\) and \(6,\); one is needed"),
        (converted(lambda x: 2 * x, 32, 6, 2), r"its input of shape \(32, 6, 2\) is no batch of 1"),
        (converted(lambda x: tf.reduce_sum(x, 0), 1, 6), r"its output of shape \(6,\) is no batch of 1"),
        (converted(lambda x: tf.argmax(x, 1)[:, None], 1, 6), r"its output is int64, neither float32 nor quantised"),
    ],
)
def test_what_is_wrong_is_not_laid_on_the_runtime(content: bytes, message: str) -> None:
    for function in (Model, try_out):
        with pytest.raises(UserError, match=f"^theirs: {message}"):
            function(content, "theirs")


def test_the_built_in_kernels_compute_the_same_by_other_code() -> None:
    content = converted(lambda x: tf.nn.relu(tf.matmul(x, tf.reshape(tf.range(24.0), (6, 4)))), 1, 6)
    x = np.random.default_rng(0).normal(size=(5, 6)).astype(np.float32)
    default, built_in = Model(content, "default"), Model(content, "built-in", built_in=True)
    assert (default.xnnpack, built_in.xnnpack) == (True, False)
    np.testing.assert_allclose(built_in.predict(x), default.predict(x), rtol=1e-5, atol=1e-5)
