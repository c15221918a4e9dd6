"""The networks' layers in training: the mathematics of Keras' layers, in a form that is fast and portable.

A batch of clips becomes a few shards, arrays [rows, channels, columns, clips]. Clips come last, so that vector
instructions are full whatever the number of channels is; each row is a matrix [channels, columns x clips], so that a
1x1 convolution is one small matrix product per row. Shards do not depend on each other before batch normalisation,
so two threads have work.

XLA compiles this for AVX2 and adds up in the order that is written here; only matrix products are library calls. The
library cuts a long inner dimension into parts by the processor and the number of threads, which changes the order of
its sums: no inner dimension here is long enough to be cut (WIDEST). So a training step gives the same bits on every
x86-64 processor with AVX2, with any number of threads (`make portable` tests it).
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper

L = keras.layers
Shards = list[tf.Tensor]
Value = Any  # a tensor [b, ...], or shards
WIDEST = 256  # columns x clips of a shard, and the inner dimension of a product: within a cache of 32 KiB
SHARDS = 2
TERMS = 24  # of a sum that is written out


def forward(model: keras.Model, inputs: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
    """Return a model's outputs [b, ...] for inputs [b, ...], in graph mode; spotters take [b, rows, columns, channels].

    Args:
        seed: two integers, from which dropout draws; given in training, where batch normalisation uses the batch's
            own moments and updates the moving ones; without it, the model does what it does at inference.

    A layer of a kind that has no rule here, such as Conv1D, does what Keras does.
    """
    values: dict[int, Value] = {id(model.inputs[0]): inputs}
    for layer in model.layers:
        if isinstance(layer, L.InputLayer):
            continue
        sources = [values[id(tensor)] for tensor in tf.nest.flatten(layer.input)]
        bare = _without_pruning(layer, seed is not None)
        rule = _RULES.get(type(bare))
        values[id(layer.output)] = rule(bare, seed, *sources) if rule else bare(*sources)
    return values[id(model.outputs[0])]


def _without_pruning(layer: Any, training: bool) -> Any:
    """Do what a pruning wrapper does before each step; return the layer that it wraps, or any other layer itself."""
    if not isinstance(layer, pruning_wrapper.PruneLowMagnitude):
        return layer
    if training:
        layer.pruning_step.assign_add(1)
        layer.pruning_obj.conditional_mask_update()
    layer.pruning_obj.weight_mask_op()
    return layer.layer


def _convolution(layer: Any, _: Any, x: Value) -> Shards:
    assert layer.padding == "valid"  # no spotter's network pads here
    kernel = tf.reshape(layer.kernel, [-1, layer.filters])
    shards = x if isinstance(x, list) else _to_shards(x, layer.output_shape[2])
    result = [_pointwise(kernel, _patches(shard, layer)) for shard in shards]
    return [y + _per_channel(layer.bias) for y in result] if layer.use_bias else result


def _to_shards(x: tf.Tensor, columns: int) -> Shards:
    """Lay out [b, rows, columns, channels] for convolutions that put out this number of columns."""
    clips = x.shape[0]
    count = min(max(SHARDS, -(-columns * clips // WIDEST)), clips)
    sizes = [clips // count + (i < clips % count) for i in range(count)]
    return [tf.transpose(part, [1, 3, 2, 0]) for part in tf.split(x, sizes)]


def _patches(x: tf.Tensor, layer: Any) -> tf.Tensor:
    """Return [rows, kernel rows x kernel columns x channels, columns, clips]: the inputs of each output."""
    (height, width), (down, right) = layer.kernel_size, layer.strides
    rows, columns = layer.output_shape[1:3]
    parts = [x[i : i + down * (rows - 1) + 1 : down] for i in range(height)]
    if width == x.shape[2]:  # a filter as wide as the input: its columns become channels
        parts = [tf.reshape(tf.transpose(part, [0, 2, 1, 3]), [rows, -1, 1, x.shape[3]]) for part in parts]
    else:
        parts = [part[:, :, j : j + right * (columns - 1) + 1 : right] for part in parts for j in range(width)]
    return parts[0] if len(parts) == 1 else tf.concat(parts, 1)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _pointwise(kernel: tf.Tensor, x: tf.Tensor) -> Any:
    """Multiply each row [inputs, columns x clips] by a kernel [inputs, outputs]."""
    rows, inputs, columns, clips = x.shape
    flat = tf.reshape(x, [rows, inputs, -1])

    def per_row(matrix: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        matrices = tf.broadcast_to(matrix, [rows, *matrix.shape])
        return tf.reshape(_product(matrices, values), [rows, -1, columns, clips])

    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        dy = tf.reshape(dy, [rows, -1, columns * clips])
        return tf.reduce_sum(_product(flat, dy, transpose_b=True), 0), per_row(kernel, dy)

    return per_row(tf.transpose(kernel), flat), gradient  # once: the library transposes per row


def _product(a: tf.Tensor, b: tf.Tensor, transpose_a: bool = False, transpose_b: bool = False) -> tf.Tensor:
    """Multiply matrices, in parts of the inner dimension that the library does not cut."""
    axis_a, axis_b = -2 if transpose_a else -1, -1 if transpose_b else -2
    inner = a.shape[axis_a]
    sizes = [min(WIDEST, inner - start) for start in range(0, inner, WIDEST)]
    parts = zip(tf.split(a, sizes, axis_a), tf.split(b, sizes, axis_b), strict=True)
    return tf.add_n([tf.matmul(x, y, transpose_a, transpose_b) for x, y in parts])


def _depthwise(layer: Any, _: Any, shards: Shards) -> Shards:
    assert layer.strides == (1, 1) and not layer.use_bias and layer.depth_multiplier == 1  # as in all networks here
    kernel = layer.depthwise_kernel[..., 0]
    if layer.padding == "same":
        (top, bottom), (left, right) = (((size - 1) // 2, size // 2) for size in layer.kernel_size)
        shards = [tf.pad(x, [[top, bottom], [0, 0], [left, right], [0, 0]]) for x in shards]
    return [_correlate(kernel, x) for x in shards]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _correlate(kernel: tf.Tensor, x: tf.Tensor) -> Any:
    """Slide a kernel [height, width, channels] over the rows and columns of a shard, one filter per channel."""
    height, width = kernel.shape[:2]
    taps = [(i, j) for i in range(height) for j in range(width)]
    rows, columns = x.shape[0] - height + 1, x.shape[2] - width + 1

    def slide(kernel: tf.Tensor, x: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
        return tf.add_n([_per_channel(kernel[i, j]) * x[i : i + rows, :, j : j + columns] for i, j in taps])

    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        down, right = height - 1, width - 1
        around = tf.pad(dy, [[down, down], [0, 0], [right, right], [0, 0]])
        dtaps = [_sum(tf.multiply, x[i : i + rows, :, j : j + columns], dy) for i, j in taps]
        return tf.reshape(tf.stack(dtaps), kernel.shape), slide(kernel[::-1, ::-1], around, *x.shape[0:3:2])

    return slide(kernel, x, rows, columns), gradient


def _batch_norm(layer: Any, seed: Any, shards: Shards) -> Shards:
    scale = [layer.gamma, layer.beta]
    if seed is None:
        gain = layer.gamma * _inverse_root(layer.moving_variance + layer.epsilon)
        return [x * _per_channel(gain) + _per_channel(layer.beta - layer.moving_mean * gain) for x in shards]
    *result, mean, variance = _normalise(layer.epsilon, *map(tf.convert_to_tensor, scale), *shards)
    elements = _elements(shards)
    unbiased = variance * (elements / (elements - 1))  # as Keras' fused kernel keeps it
    for moving, new in (layer.moving_mean, mean), (layer.moving_variance, unbiased):
        moving.assign(moving * layer.momentum + new * (1 - layer.momentum))
    return list(result)


def _normalise(epsilon: float, gamma: tf.Tensor, beta: tf.Tensor, *shards: tf.Tensor) -> Any:
    """Normalise shards by the moments of them all (Ioffe and Szegedy, arXiv:1502.03167); return these too."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def normalise(gamma: tf.Tensor, beta: tf.Tensor, *shards: tf.Tensor) -> Any:
        elements = _elements(list(shards))
        mean = tf.add_n([_sum(tf.identity, x) for x in shards]) / elements
        centre = _per_channel(mean)
        variance = tf.add_n([_sum(lambda x: tf.square(x - centre), x) for x in shards]) / elements
        inverse = _inverse_root(variance + epsilon)
        gain = _per_channel(gamma * inverse)

        def gradient(*upstream: tf.Tensor) -> Any:
            dys = upstream[: len(shards)]  # nothing depends on the moments that are returned
            pairs = list(zip(shards, dys, strict=True))
            dbeta = tf.add_n([_sum(tf.identity, dy) for dy in dys])
            dgamma = tf.add_n([_sum(lambda x, dy: (x - centre) * dy, x, dy) for x, dy in pairs]) * inverse
            shift, slope = _per_channel(dbeta / elements), _per_channel(dgamma * inverse / elements)
            return dgamma, dbeta, *[gain * (dy - shift - (x - centre) * slope) for x, dy in pairs]

        shifted = _per_channel(beta)
        return (*[(x - centre) * gain + shifted for x in shards], mean, variance), gradient

    return normalise(gamma, beta, *shards)


def _relu(_: Any, __: Any, shards: Shards) -> Shards:
    return [_rectify(x) for x in shards]


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _rectify(x: tf.Tensor) -> Any:
    # XLA would compute what leads here again for each tap of a convolution that follows; a branch whose condition it
    # cannot know keeps the result in memory
    finite = x[0, 0, 0, 0] > -float("inf")
    y = tf.cond(finite, lambda: tf.maximum(x, 0.0), lambda: x)
    return y, lambda dy: tf.where(y > 0, dy, 0.0)


def _add(_: Any, __: Any, *inputs: Value) -> Value:
    if not isinstance(inputs[0], list):
        return tf.add_n(inputs)
    return [tf.add_n(parts) for parts in zip(*inputs, strict=True)]


def _max_pool(layer: Any, _: Any, shards: Shards) -> Shards:
    assert layer.pool_size == (2, 1) == layer.strides  # as in all networks here
    odd = shards[0].shape[0] % 2
    edge = [[0, odd], [0, 0], [0, 0], [0, 0]]
    padded = [tf.pad(x, edge, constant_values=-float("inf")) for x in shards]
    return [tf.maximum(x[0::2], x[1::2]) for x in padded]


def _average(_: Any, __: Any, shards: Shards) -> tf.Tensor:
    """Return the mean of each channel [b, channels]."""
    pooled = [tf.reduce_sum(tf.add_n(tf.unstack(x)), 1) / (x.shape[0] * x.shape[2]) for x in shards]
    return tf.transpose(tf.concat(pooled, 1))


def _dropout(layer: Any, seed: Any, x: tf.Tensor) -> tf.Tensor:
    if seed is None:
        return x
    kept = tf.random.stateless_uniform(x.shape, seed + 1) >= layer.rate  # the batch has drawn from the seed itself
    return tf.where(kept, x / (1 - layer.rate), 0.0)


def _flatten(_: Any, __: Any, x: tf.Tensor) -> tf.Tensor:
    return tf.reshape(x, [x.shape[0], -1])


def _dense(layer: Any, _: Any, x: tf.Tensor) -> tf.Tensor:
    y = _multiply(tf.convert_to_tensor(layer.kernel), x)
    return layer.activation(y + layer.bias if layer.use_bias else y)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _multiply(kernel: tf.Tensor, x: tf.Tensor) -> Any:
    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _product(x, dy, transpose_a=True), _product(dy, kernel, transpose_b=True)

    return _product(x, kernel), gradient


def _per_channel(values: tf.Tensor) -> tf.Tensor:
    """Give [channels] the shape of a shard."""
    return tf.reshape(values, [1, -1, 1, 1])


def _elements(shards: Shards) -> float:
    """Return the number of elements of one channel."""
    return float(sum(x.shape[0] * x.shape[2] * x.shape[3] for x in shards))


def _sum(function: Callable[..., tf.Tensor], *arrays: tf.Tensor) -> tf.Tensor:
    """Sum a function of shards over each channel.

    The sum is written out, in blocks of rows: XLA makes vector instructions of that, but not of a reduction.
    """
    rows = arrays[0].shape[0]
    block = -(-rows // TERMS)
    sizes = [block] * (rows // block) + [rows % block] * (rows % block > 0)
    blocks = [function(*parts) for parts in zip(*(tf.split(x, sizes) for x in arrays), strict=True)]
    whole = tf.reduce_sum(tf.add_n(blocks[: rows // block]), [0, 2, 3])
    return whole + tf.reduce_sum(blocks[-1], [0, 2, 3]) if rows % block else whole


def _inverse_root(x: tf.Tensor) -> tf.Tensor:
    # XLA turns 1 / sqrt into an instruction that each processor rounds in its own way; not if something is in between
    return 1 / tf.maximum(tf.sqrt(x), 1e-30)


_RULES: dict[type, Callable[..., Value]] = {
    L.Conv2D: _convolution,
    L.DepthwiseConv2D: _depthwise,
    L.BatchNormalization: _batch_norm,
    L.ReLU: _relu,
    L.Add: _add,
    L.MaxPooling2D: _max_pool,
    L.GlobalAveragePooling2D: _average,
    L.Dropout: _dropout,
    L.Flatten: _flatten,
    L.Dense: _dense,
}
