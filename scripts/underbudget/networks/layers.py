"""The networks' layers in training: the mathematics of Keras' layers, in a form that is fast and portable.

A batch of clips becomes an array [rows, channels, columns, clips]. Clips come last, so that vector instructions are
full whatever the number of channels is; each row is a matrix [channels, columns x clips], so that a 1x1 convolution is
one small matrix product per row. Sums over a channel are products with a vector of ones, which XLA computes fastest.

XLA compiles this for AVX2 and adds up in an order that no processor changes. Only products of two matrices that lie
side by side, the gradients of kernels, are library calls. The library cuts a long inner dimension into parts by the
processor, which changes the order of its sums: no inner dimension here is long enough to be cut (WIDEST). So a training
step gives the same bits on every x86-64 processor with AVX2, with any number of threads (`make portable` tests it).
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tf_keras as keras
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper

L = keras.layers
WIDEST = 256  # the inner dimension of a product that the library does not cut


def forward(model: keras.Model, inputs: tf.Tensor, seed: tf.Tensor | None = None) -> tf.Tensor:
    """Return a model's outputs [b, ...] for inputs [b, ...], in graph mode; spotters take [b, rows, columns, channels].

    Args:
        seed: two integers, from which dropout draws; given in training, where batch normalisation uses the batch's
            own moments and updates the moving ones; without it, the model does what it does at inference.

    A layer of a kind that has no rule here, such as Conv1D, does what Keras does.
    """
    values: dict[int, tf.Tensor] = {id(model.inputs[0]): _clips_last(inputs)}
    for layer in model.layers:
        if isinstance(layer, L.InputLayer):
            continue
        sources = [values[id(tensor)] for tensor in tf.nest.flatten(layer.input)]
        bare = _without_pruning(layer, seed is not None)
        rule = _RULES.get(type(bare))
        result = rule(bare, seed, *sources) if rule else _clips_last(bare(*map(_clips_first, sources)))
        values[id(layer.output)] = result
    return _clips_first(values[id(model.outputs[0])])


def _clips_last(x: tf.Tensor) -> tf.Tensor:
    """Return [b, rows, columns, channels] as [rows, channels, columns, b]; anything else as it is."""
    return tf.transpose(x, [1, 3, 2, 0]) if len(x.shape) == 4 else x


def _clips_first(x: tf.Tensor) -> tf.Tensor:
    """Undo `_clips_last`."""
    return tf.transpose(x, [3, 0, 2, 1]) if len(x.shape) == 4 else x


def _without_pruning(layer: Any, training: bool) -> Any:
    """Do what a pruning wrapper does before each step; return the layer that it wraps, or any other layer itself."""
    if not isinstance(layer, pruning_wrapper.PruneLowMagnitude):
        return layer
    if training:
        layer.pruning_step.assign_add(1)
        layer.pruning_obj.conditional_mask_update()
    layer.pruning_obj.weight_mask_op()
    return layer.layer


def _convolution(layer: Any, _: Any, x: tf.Tensor) -> tf.Tensor:
    """Convolve by products over patches of the input.

    Patches of a kernel's rows and columns copy the input as often as the kernel has elements. Where many channels come
    in, patches are of its columns alone: a product gives what each row adds to the outputs that it is part of.
    """
    assert layer.padding == "valid"  # no spotter's network pads here
    (height, width), (down, right) = layer.kernel_size, layer.strides
    rows, columns = layer.output_shape[1:3]
    if x.shape[1] == 1 or height == 1 or down > 1:
        parts = [x[i : i + down * (rows - 1) + 1 : down] for i in range(height)]
        y = _pointwise(tf.reshape(layer.kernel, [-1, layer.filters]), _patches(parts, width, right, columns))
    else:
        kernel = tf.reshape(tf.transpose(layer.kernel, [1, 2, 0, 3]), [-1, height * layer.filters])
        y = _add_rows(_pointwise(kernel, _patches([x], width, right, columns)), height)
    return y + _per_channel(layer.bias) if layer.use_bias else y


def _patches(rows: list[tf.Tensor], width: int, right: int, columns: int) -> tf.Tensor:
    """Return [rows, kernel rows x kernel columns x channels, columns, clips]: the inputs of each output."""
    if width == rows[0].shape[2]:  # a filter as wide as the input: its columns become channels
        parts = [tf.reshape(tf.transpose(part, [0, 2, 1, 3]), [part.shape[0], -1, 1, part.shape[3]]) for part in rows]
    else:
        parts = [part[:, :, j : j + right * (columns - 1) + 1 : right] for part in rows for j in range(width)]
    return parts[0] if len(parts) == 1 else tf.concat(parts, 1)


def _add_rows(z: tf.Tensor, height: int) -> tf.Tensor:
    """Add [rows, height x filters, columns, clips] up along rows: what each row gives to the output it is part of."""
    rows, filters = z.shape[0] - height + 1, z.shape[1] // height

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def added(z: tf.Tensor) -> Any:
        def gradient(dy: tf.Tensor) -> tf.Tensor:
            around = tf.pad(dy, [[height - 1, height - 1], [0, 0], [0, 0], [0, 0]])
            return tf.concat([around[height - 1 - i : height - 1 - i + z.shape[0]] for i in range(height)], 1)

        return tf.add_n([z[i : i + rows, i * filters : (i + 1) * filters] for i in range(height)]), gradient

    return added(z)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _pointwise(kernel: tf.Tensor, x: tf.Tensor) -> Any:
    """Multiply each row [inputs, columns x clips] by a kernel [inputs, outputs]."""
    rows, inputs, columns, clips = x.shape
    flat = tf.reshape(x, [rows, inputs, -1])

    def per_row(matrix: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
        matrices = tf.broadcast_to(matrix, [rows, *matrix.shape])
        return tf.reshape(tf.matmul(matrices, values), [rows, -1, columns, clips])

    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        dy = tf.reshape(dy, [rows, -1, columns * clips])
        return tf.reduce_sum(_outer(flat, dy), 0), per_row(kernel, dy)

    return per_row(tf.transpose(kernel), flat), gradient


def _outer(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """Multiply [..., m, inner] by [..., n, inner], transposed, in parts of the inner dimension that are not cut."""
    inner = a.shape[-1]
    sizes = [min(WIDEST, inner - start) for start in range(0, inner, WIDEST)]
    parts = zip(tf.split(a, sizes, -1), tf.split(b, sizes, -1), strict=True)
    return tf.add_n([tf.matmul(x, y, transpose_b=True) for x, y in parts])


def _depthwise(layer: Any, _: Any, x: tf.Tensor) -> tf.Tensor:
    assert layer.strides == (1, 1) and not layer.use_bias and layer.depth_multiplier == 1  # as in all networks here
    kernel = layer.depthwise_kernel[..., 0]
    if layer.padding == "same":
        (top, bottom), (left, right) = (((size - 1) // 2, size // 2) for size in layer.kernel_size)
        x = tf.pad(x, [[top, bottom], [0, 0], [left, right], [0, 0]])
    return _correlate(kernel, x)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _correlate(kernel: tf.Tensor, x: tf.Tensor) -> Any:
    """Slide a kernel [height, width, channels] over rows and columns, one filter per channel."""
    height, width = kernel.shape[:2]
    taps = [(i, j) for i in range(height) for j in range(width)]
    rows, columns = x.shape[0] - height + 1, x.shape[2] - width + 1

    def slide(kernel: tf.Tensor, x: tf.Tensor, rows: int, columns: int) -> tf.Tensor:
        return tf.add_n([_per_channel(kernel[i, j]) * x[i : i + rows, :, j : j + columns] for i, j in taps])

    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        down, right = height - 1, width - 1
        around = tf.pad(dy, [[down, down], [0, 0], [right, right], [0, 0]])
        dtaps = [_sum(x[i : i + rows, :, j : j + columns] * dy) for i, j in taps]
        return tf.reshape(tf.stack(dtaps), kernel.shape), slide(kernel[::-1, ::-1], around, *x.shape[0:3:2])

    return slide(kernel, x, rows, columns), gradient


def _batch_norm(layer: Any, seed: Any, x: tf.Tensor) -> tf.Tensor:
    if seed is None:
        gain = layer.gamma * _inverse_root(layer.moving_variance + layer.epsilon)
        return x * _per_channel(gain) + _per_channel(layer.beta - layer.moving_mean * gain)
    y, mean, variance = _normalise(layer.epsilon, x, *map(tf.convert_to_tensor, (layer.gamma, layer.beta)))
    elements = _elements(x)
    unbiased = variance * (elements / (elements - 1))  # as Keras' fused kernel keeps it
    for moving, new in (layer.moving_mean, mean), (layer.moving_variance, unbiased):
        moving.assign(moving * layer.momentum + new * (1 - layer.momentum))
    return y


def _normalise(epsilon: float, x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
    """Normalise by the batch's own moments (Ioffe and Szegedy, arXiv:1502.03167); return these too."""

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def normalise(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> Any:
        elements = _elements(x)
        mean = _sum(x) / elements
        centred = x - _per_channel(mean)
        variance = _sum(tf.square(centred)) / elements
        inverse = _inverse_root(variance + epsilon)
        gain = _per_channel(gamma * inverse)

        def gradient(dy: tf.Tensor, *_: Any) -> Any:  # nothing depends on the moments that are returned
            dbeta, dgamma = _sum(dy), _sum(centred * dy) * inverse
            shift, slope = _per_channel(dbeta / elements), _per_channel(dgamma * inverse / elements)
            return gain * (dy - shift - centred * slope), dgamma, dbeta

        return (centred * gain + _per_channel(beta), mean, variance), gradient

    return normalise(x, gamma, beta)


def _relu(_: Any, __: Any, x: tf.Tensor) -> tf.Tensor:
    return _rectify(x)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _rectify(x: tf.Tensor) -> Any:
    # XLA would compute what leads here again for each tap of a convolution that follows; a branch whose condition it
    # cannot know keeps the result in memory
    finite = x[0, 0, 0, 0] > -float("inf")
    y = tf.cond(finite, lambda: tf.maximum(x, 0.0), lambda: x)
    return y, lambda dy: tf.where(y > 0, dy, 0.0)


def _add(_: Any, __: Any, *inputs: tf.Tensor) -> tf.Tensor:
    return tf.add_n(inputs)


def _max_pool(layer: Any, _: Any, x: tf.Tensor) -> tf.Tensor:
    assert layer.pool_size == (2, 1) == layer.strides  # as in all networks here
    return _larger_of_two(x)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _larger_of_two(x: tf.Tensor) -> Any:
    """Return the larger of each two rows that follow one another; a last one alone is itself."""
    rows = x.shape[0]
    odd = rows % 2
    pairs = tf.reshape(x[: rows - odd], [-1, 2, *x.shape[1:]])
    first, second = pairs[:, 0], pairs[:, 1]

    def gradient(dy: tf.Tensor) -> tf.Tensor:
        dy, rest = tf.split(dy, [rows // 2, odd])
        larger = first >= second
        dx = tf.stack([tf.where(larger, dy, 0.0), tf.where(larger, 0.0, dy)], 1)
        return tf.concat([tf.reshape(dx, [-1, *x.shape[1:]]), rest], 0)

    return tf.concat([tf.maximum(first, second), x[rows - odd :]], 0), gradient


def _average(_: Any, __: Any, x: tf.Tensor) -> tf.Tensor:
    """Return the mean of each channel [b, channels]."""
    return tf.transpose(tf.reduce_sum(x, [0, 2]) / (x.shape[0] * x.shape[2]))


def _dropout(layer: Any, seed: Any, x: tf.Tensor) -> tf.Tensor:
    if seed is None:
        return x
    # seed + 1, since the batch draws from the seed itself; threefry, since XLA computes Philox again for each use
    kept = tf.random.stateless_uniform(x.shape, seed + 1, alg="threefry") >= layer.rate
    return tf.where(kept, x / (1 - layer.rate), 0.0)


def _flatten(_: Any, __: Any, x: tf.Tensor) -> tf.Tensor:
    x = _clips_first(x)
    return tf.reshape(x, [x.shape[0], -1])


def _dense(layer: Any, _: Any, x: tf.Tensor) -> tf.Tensor:
    y = _multiply(tf.convert_to_tensor(layer.kernel), x)
    return layer.activation(y + layer.bias if layer.use_bias else y)


@tf.custom_gradient  # type: ignore[untyped-decorator]
def _multiply(kernel: tf.Tensor, x: tf.Tensor) -> Any:
    def gradient(dy: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return _outer(tf.transpose(x), tf.transpose(dy)), _outer(dy, kernel)

    return tf.matmul(x, kernel), gradient


def _per_channel(values: tf.Tensor) -> tf.Tensor:
    """Give [channels] the shape of a value of four dimensions."""
    return tf.reshape(values, [1, -1, 1, 1])


def _elements(x: tf.Tensor) -> float:
    """Return the number of elements of one channel."""
    return float(x.shape[0] * x.shape[2] * x.shape[3])


def _sum(x: tf.Tensor) -> tf.Tensor:
    """Sum up each channel."""
    rows, channels, columns, clips = x.shape
    flat = tf.reshape(x, [rows * channels, columns * clips])
    return tf.reduce_sum(tf.reshape(tf.matmul(flat, tf.ones([columns * clips, 1])), [rows, channels]), 0)


def _inverse_root(x: tf.Tensor) -> tf.Tensor:
    # XLA turns 1 / sqrt into an instruction that each processor rounds in its own way; not if something is in between
    return 1 / tf.maximum(tf.sqrt(x), 1e-30)


_RULES: dict[type, Callable[..., tf.Tensor]] = {
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
