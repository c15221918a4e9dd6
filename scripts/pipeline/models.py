"""The report's three architectures, with a width multiplier."""

from typing import Any

import tf_keras as keras

from device.frontend import Mfcc
from pipeline.recipe import Recipe

L = keras.layers
Layers = list[Any]


def build(recipe: Recipe, input_shape: tuple[int, ...], output_shape: tuple[int, ...]) -> keras.Model:
    """The untrained network.

    Raises:
        KeyError: an unknown architecture.
    """
    layers = {"mlp": _mlp, "cnn": _cnn, "ds_cnn": _ds_cnn}[recipe.architecture](recipe, output_shape)
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


def _ds_cnn(recipe: Recipe, output_shape: tuple[int, ...]) -> Layers:
    """Zhang et al., "Hello Edge" (arXiv:1711.07128), in the course's size: no bias before a batch norm."""
    filters = int(256 * recipe.width)
    stride = (2, 1) if isinstance(recipe.front_end, Mfcc) else (2, 2)  # ten coefficients are too few to skip any

    def normalised() -> Layers:
        return [L.BatchNormalization(momentum=0.1), L.ReLU()]

    layers = [L.Conv2D(filters, 3, strides=stride, use_bias=False), *normalised()]
    for _ in range(2):
        layers += [L.DepthwiseConv2D(3, use_bias=False), L.Conv2D(filters, 1, use_bias=False), *normalised()]
    return [*layers, L.GlobalAveragePooling2D(), L.Dense(output_shape[0])]
