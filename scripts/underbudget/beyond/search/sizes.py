"""Predict the bytes of a recipe's file before it is trained."""

import math

import numpy as np
from scipy import stats

from underbudget.data.speech import LABELS
from underbudget.data.weather import INPUT_STEPS, OUTPUT_STEPS
from underbudget.networks import Network
from underbudget.networks.dense import Linear, ResidualMlp
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import QAT, RateDistortion, Readings, Recipe

WEATHER_COLUMNS = 2  # of the weather data
# What each of `terms` takes, by least squares of relative errors over the 390 trainings of the published searches, and
# by how much, as a share, one file in forty is larger than that; a test holds both to these trainings.
COEFFICIENTS: dict[type[Network], tuple[float, ...]] = {
    DsTcResnet: (537.0, 94.0, 2.4, 0.977),
    ResidualMlp: (550.0, 2.5, 0.952),
    Linear: (213.5, 10.1, 11.4),
}
MARGIN: dict[type[Network], float] = {DsTcResnet: 0.025, ResidualMlp: 0.025, Linear: 0.06}


def expected(recipe: Recipe) -> float:
    """Return the bytes that a recipe's file will take."""
    return float(np.dot(COEFFICIENTS[type(recipe.network)], terms(recipe)))


def at_most(recipe: Recipe) -> float:
    """Return the bytes that a recipe's file will most probably not exceed."""
    return expected(recipe) * (1 + MARGIN[type(recipe.network)])


def terms(recipe: Recipe) -> tuple[float, ...]:
    """Return what the bytes of a file depend on, by network.

    Of networks on a grid: the structure (1), blocks (DsTcResnet; a convolution of its stem counts as half a block),
    biases, and the entropy of all weights, in bytes.
    Of Linear: 1, how little its bytes cost it, and that times how fine its grid is.
    """
    network = recipe.network
    if isinstance(recipe.fit, RateDistortion):
        cheap = -math.log10(recipe.fit.error_per_byte) - 3
        return 1.0, cheap, cheap * -math.log2(recipe.fit.step)
    assert recipe.qat is not None  # every recipe of the search is on a grid
    if isinstance(network, ResidualMlp):
        units, inputs, outputs = network.units, INPUT_STEPS * WEATHER_COLUMNS, OUTPUT_STEPS * WEATHER_COLUMNS
        weights, biases = units * (inputs + units + outputs), 2 * units + outputs
        return 1.0, float(biases), _packed(weights, recipe.qat)
    assert isinstance(network, DsTcResnet) and not isinstance(recipe.inputs, Readings)
    filters, blocks, labels = network.filters, sum(network.blocks), len(LABELS) + recipe.needs_other_sounds
    frames, (_, rows, channels) = 1 if network.stem else 3, recipe.inputs.shape
    weights = 0
    for wider in network.stem:
        weights += 9 * channels * wider
        rows, channels = (rows - 1) // 2, wider
    weights += filters * (frames * rows * channels + blocks * (network.kernel + filters) + labels)
    biases = sum(network.stem) + filters * (blocks + 1) + labels
    # a block has two convolutions
    return 1.0, blocks + len(network.stem) / 2, float(biases), _packed(weights, recipe.qat)


def _packed(weights: int, qat: QAT) -> float:
    return weights * gaussian_entropy(qat.relative_scale) / 8


def gaussian_entropy(step: float) -> float:
    """Return the entropy, in bits, of a standard normal variable rounded to multiples of `step`.

    -Σ p log2 p, where p is the probability between (k - 1/2) and (k + 1/2) steps; near log2(sqrt(2πe) / step) for fine
    grids (Cover and Thomas, Elements of Information Theory, 2006, theorem 8.3.1).
    """
    edge = (np.arange(math.ceil(8 / step) + 1) + 0.5) * step
    beyond = np.append(stats.norm.sf(edge), 0.0)
    p = np.append(1 - 2 * beyond[0], np.repeat(beyond[:-1] - beyond[1:], 2))  # 0, then both signs
    p = p[p > 0]
    return float(-(p * np.log2(p)).sum())
