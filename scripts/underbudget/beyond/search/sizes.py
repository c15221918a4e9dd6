"""How many bytes a recipe's file will take, told before it is trained."""

import math

import numpy as np
from scipy import stats

from underbudget.data.speech import LABELS
from underbudget.data.weather import INPUT_STEPS, OUTPUT_STEPS
from underbudget.recipes import QAT, Recipe

COLUMNS = 2  # of the weather data
# What each of `terms` takes, by least squares of relative errors over the 390 trainings of the published searches, and
# by how much, as a share, one file in forty is larger than that; a test holds both to these trainings.
TAKES: dict[str, tuple[float, ...]] = {
    "ds_tc_resnet": (537.0, 94.0, 2.4, 0.977),
    "residual_mlp": (550.0, 2.5, 0.952),
    "linear": (213.5, 10.1, 11.4),
}
SURE = {"ds_tc_resnet": 0.025, "residual_mlp": 0.025, "linear": 0.06}


def expected(recipe: Recipe) -> float:
    """Return the bytes that a recipe's file will take."""
    return float(np.dot(TAKES[recipe.architecture], terms(recipe)))


def at_most(recipe: Recipe) -> float:
    """Return the bytes that a recipe's file will most probably not exceed."""
    return expected(recipe) * (1 + SURE[recipe.architecture])


def terms(recipe: Recipe) -> tuple[float, ...]:
    """Return what the bytes of a file depend on, by architecture.

    Of networks on a grid: the structure (1), blocks ("ds_tc_resnet"; a convolution of its stem counts as half a block),
    biases, and the entropy of all weights, in bytes.
    Of "linear": 1, how little its bytes cost it, and that times how fine its grid is.
    """
    if recipe.rate_distortion is not None:
        cheap = -math.log10(recipe.rate_distortion.rate) - 3
        return 1.0, cheap, cheap * -math.log2(recipe.rate_distortion.step)
    assert recipe.qat is not None  # every recipe of the search is on a grid
    if recipe.architecture == "residual_mlp":
        units, inputs, outputs = int(16 * recipe.width), INPUT_STEPS * COLUMNS, OUTPUT_STEPS * COLUMNS
        weights, biases = units * (inputs + units + outputs), 2 * units + outputs
        return 1.0, float(biases), _packed(weights, recipe.qat)
    assert recipe.front_end
    filters, blocks, labels = int(64 * recipe.width), sum(recipe.blocks), len(LABELS) + (recipe.other > 0)
    frames, (_, rows, channels) = 1 if recipe.stem else 3, recipe.front_end.shape
    weights = 0
    for wider in recipe.stem:
        weights += 9 * channels * wider
        rows, channels = (rows - 1) // 2, wider
    weights += filters * (frames * rows * channels + blocks * (recipe.kernel + filters) + labels)
    biases = sum(recipe.stem) + filters * (blocks + 1) + labels
    # a block has two convolutions
    return 1.0, blocks + len(recipe.stem) / 2, float(biases), _packed(weights, recipe.qat)


def _packed(weights: int, qat: QAT) -> float:
    return weights * gaussian_entropy(qat.step) / 8


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
