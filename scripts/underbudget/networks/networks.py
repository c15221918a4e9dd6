"""The networks: the report's, those of the course that it was compared with, and ours, each with a width multiplier."""

from typing import Any

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.device.frontend import Mfcc
from underbudget.recipes import Recipe

L = keras.layers
Layers = list[Any]
Array = NDArray[np.float32]


def build(
    recipe: Recipe, input_shape: tuple[int, ...], output_shape: tuple[int, ...], folded: bool = False
) -> keras.Model:
    """Build the untrained network of a recipe.

    Args:
        folded: without batch normalisation and dropout, and with biases in their place.

    Raises:
        KeyError: an unknown architecture.
    """
    if recipe.architecture == "ds_tc_resnet":
        return _ds_tc_resnet(recipe, input_shape, output_shape, folded)
    if recipe.architecture == "residual_mlp":
        return _residual_mlp(recipe, input_shape, output_shape)
    if recipe.architecture in _NORMALISED:
        layers = _NORMALISED[recipe.architecture](recipe, output_shape, folded)
    else:
        layers = _PLAIN[recipe.architecture](recipe, output_shape)
    return keras.Sequential([keras.Input(input_shape), *layers])


def _mlp(recipe: Recipe, output_shape: tuple[int, ...]) -> Layers:
    units = int(128 * recipe.width)
    return [L.Flatten(), L.Dense(units, "relu"), L.Dense(units, "relu"), *_forecast(output_shape)]


def _cnn(recipe: Recipe, output_shape: tuple[int, ...]) -> Layers:
    units = int(64 * recipe.width)
    return [L.Conv1D(units, 3, activation="relu"), L.Flatten(), L.Dense(units, "relu"), *_forecast(output_shape)]


def _forecast(output_shape: tuple[int, ...]) -> Layers:
    steps, columns = output_shape
    return [L.Dense(steps * columns), L.Reshape(output_shape)]


def _spotting_mlp(recipe: Recipe, output_shape: tuple[int, ...]) -> Layers:
    """Return an MLP in the size that the course's groups published; the report does not give one."""
    return [L.Flatten(), *(L.Dense(int(256 * recipe.width), "relu") for _ in range(3)), L.Dense(output_shape[0])]


def _spotting_cnn(recipe: Recipe, output_shape: tuple[int, ...], folded: bool) -> Layers:
    """Return a CNN in the size that the course's groups published; the report does not give one."""
    filters = int(128 * recipe.width)
    layers = _convolution(filters, 3, folded, strides=_stride(recipe))
    for _ in range(2):
        layers += _convolution(filters, 3, folded)
    return [*layers, L.GlobalAveragePooling2D(), L.Dense(output_shape[0])]


def _ds_cnn(recipe: Recipe, output_shape: tuple[int, ...], folded: bool) -> Layers:
    """Build the DS-CNN of Zhang et al. (arXiv:1711.07128) in the course's size: no bias before batch normalisation."""
    filters = int(256 * recipe.width)
    layers = _convolution(filters, 3, folded, strides=_stride(recipe))
    for _ in range(2):
        layers += [L.DepthwiseConv2D(3, use_bias=False), *_convolution(filters, 1, folded)]
    return [*layers, L.GlobalAveragePooling2D(), L.Dense(output_shape[0])]


def _stride(recipe: Recipe) -> tuple[int, int]:
    return (2, 1) if isinstance(recipe.front_end, Mfcc) else (2, 2)  # ten coefficients are too few to skip any


def _convolution(filters: int, size: int, folded: bool, **options: Any) -> Layers:
    norm = [] if folded else [L.BatchNormalization(momentum=0.1)]
    return [L.Conv2D(filters, size, use_bias=folded, **options), *norm, L.ReLU()]


def _linear(recipe: Recipe, output_shape: tuple[int, ...]) -> Layers:
    return [L.Flatten(), L.Dense(int(np.prod(output_shape)), use_bias=False), L.Reshape(output_shape)]


# layers of the sequential networks without batch normalisation, and of those with it
_PLAIN = {"mlp": _mlp, "cnn": _cnn, "spotting_mlp": _spotting_mlp, "linear": _linear}
_NORMALISED = {"spotting_cnn": _spotting_cnn, "ds_cnn": _ds_cnn}


def _residual_mlp(recipe: Recipe, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> keras.Model:
    """Build a network that adds to the last reading what two hidden layers make of the readings before.

    Two fixed matrices frame them: one takes the differences from the last reading (which stays beside them, scaled),
    the other repeats the last reading for every step ahead.
    """
    units = int(16 * recipe.width)
    columns = input_shape[-1]
    size, outputs = int(np.prod(input_shape)), int(np.prod(output_shape))
    differences = np.eye(size, dtype=np.float32)
    differences[-columns:, :-columns] = -np.tile(np.eye(columns), (1, input_shape[0] - 1))
    differences[-columns:, -columns:] *= 1 / 32  # 0 to 100 % becomes 0 to 3
    repeat = np.zeros((size, outputs), np.float32)
    repeat[-columns:] = np.tile(np.eye(columns), (1, output_shape[0]))

    def fixed(matrix: Array, name: str) -> Any:
        start = keras.initializers.Constant(matrix)
        return L.Dense(matrix.shape[1], use_bias=False, trainable=False, kernel_initializer=start, name=name)

    readings = keras.Input(input_shape)
    flat = L.Flatten()(readings)
    hidden = fixed(differences, "differences")(flat)
    for _ in range(2):
        hidden = L.Dense(units, "relu")(hidden)
    forecast = L.Add()([fixed(repeat, "last")(flat), L.Dense(outputs, kernel_initializer="zeros")(hidden)])
    return keras.Model(readings, L.Reshape(output_shape)(forecast))


def _ds_tc_resnet(
    recipe: Recipe, input_shape: tuple[int, ...], output_shape: tuple[int, ...], folded: bool
) -> keras.Model:
    """Build a residual network of separable convolutions along time; frequencies are the channels of the first.

    After Choi et al., "Temporal Convolution for Real-time Keyword Spotting" (arXiv:1904.03814), with the depthwise
    convolutions of MatchboxNet (arXiv:2004.08531). With a stem, convolutions over time and frequency come first, as in
    BC-ResNet (Kim et al., arXiv:2106.04140): the same sound lies at higher frequencies in one voice than in another.
    """
    filters = int(64 * recipe.width)

    def normalised(x: Any) -> Any:
        return x if folded else L.BatchNormalization(momentum=0.95)(x)

    def pointwise(x: Any) -> Any:
        return normalised(L.Conv2D(filters, 1, use_bias=folded)(x))

    spectrum = keras.Input(input_shape)
    x = spectrum
    for channels in recipe.stem:
        x = L.ReLU()(normalised(L.Conv2D(channels, 3, strides=(1, 2), use_bias=folded)(x)))
    frames = 1 if recipe.stem else 3  # a stem has looked at the frames before and after
    first = L.Conv2D(filters, (frames, x.shape[2]), strides=(recipe.stride, 1), use_bias=folded)
    x = L.ReLU()(normalised(first(x)))
    for group, blocks in enumerate(recipe.blocks):
        if group:
            x = L.MaxPool2D((2, 1), padding="same")(x)
        for _ in range(blocks):
            branch = L.DepthwiseConv2D((recipe.kernel, 1), padding="same", use_bias=False)(x)
            x = L.ReLU()(L.Add()([pointwise(branch), x]))
    x = L.GlobalAveragePooling2D()(x)
    if recipe.dropout and not folded:
        x = L.Dropout(recipe.dropout)(x)
    return keras.Model(spectrum, L.Dense(output_shape[0])(x))


def fold_batch_norm(model: keras.Model, recipe: Recipe) -> keras.Model:
    """Return a trained network with each batch normalisation folded into the convolution before it.

    The converter would fold them, too, but by an approximate reciprocal root that each processor rounds in its own way:
    the same weights would give other files on other processors.

    If the weights go on a grid afterwards, each filter of a depthwise convolution gets a root mean square of 1, made up
    for in the pointwise one after it, so that one grid fits all filters. A network without batch normalisation is
    returned as it is.
    """
    norms = [layer for layer in model.layers if isinstance(layer, L.BatchNormalization)]
    if not norms:
        return model
    result = build(recipe, model.input_shape[1:], model.output_shape[1:], folded=True)
    scale: Array = np.ones(1, np.float32)
    for source, target in zip(_weighted(model), _weighted(result), strict=True):
        if isinstance(source, L.DepthwiseConv2D) and recipe.qat:
            kernel = source.get_weights()[0]
            scale = np.sqrt((kernel**2).mean(axis=(0, 1, 3))) + np.float32(1e-8)
            target.set_weights([kernel / scale[:, None]])
        elif isinstance(source, L.Conv2D):
            norm = norms.pop(0)
            gamma, beta, mean, variance = norm.get_weights()
            gain = gamma / np.sqrt(variance + norm.epsilon)
            target.set_weights([source.get_weights()[0] * scale[:, None] * gain, beta - mean * gain])
        else:
            target.set_weights(source.get_weights())
    return result


def _weighted(model: keras.Model) -> Layers:
    return [layer for layer in model.layers if isinstance(layer, L.Conv2D | L.DepthwiseConv2D | L.Dense)]
