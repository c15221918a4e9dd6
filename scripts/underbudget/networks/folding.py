"""Batch normalisation, folded into the convolutions before it once a network is trained."""

from typing import Any

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.networks import Network

L = keras.layers


def fold_batch_norm(model: keras.Model, network: Network, for_grid: bool) -> keras.Model:
    """Return a trained network with each batch normalisation folded into the convolution before it.

    The converter would fold them, too, but by an approximate reciprocal root that each processor rounds in its own way:
    the same weights would give other files on other processors.

    Args:
        network: what created `model`. If that has no batch normalisation, it is returned as it is.
        for_grid: the weights will go on a grid: each filter of a depthwise convolution gets a root mean square of 1,
            made up for in the pointwise one after it, so that one grid fits all filters.
    """
    norms = [layer for layer in model.layers if isinstance(layer, L.BatchNormalization)]
    if not norms:
        return model
    result = network.create(model.input_shape[1:], model.output_shape[1:], folded=True)
    scale: NDArray[np.float32] = np.ones(1, np.float32)
    for source, target in zip(_weighted(model), _weighted(result), strict=True):
        if isinstance(source, L.DepthwiseConv2D) and for_grid:
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


def _weighted(model: keras.Model) -> list[Any]:
    return [layer for layer in model.layers if isinstance(layer, L.Conv2D | L.DepthwiseConv2D | L.Dense)]
