"""How many bytes a recipe's file will take, told before it is trained, and better with every file that was made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pipeline.data.speech import LABELS
from pipeline.data.weather import INPUT_STEPS, OUTPUT_STEPS
from pipeline.recipe import QAT, Recipe

COLUMNS = 2  # of the weather data
# What each term of `terms` takes: fitted once to some twenty files of other recipes than the published ones.
EXPECTED: dict[str, tuple[float, ...]] = {
    "ds_tc_resnet": (505.0, 95.0, 3.1, 0.97),
    "residual_mlp": (535.0, 2.9, 0.93),
    "linear": (212.0, 2.0, 11.3),
}
TRUST = 0.1  # the standard deviation of what a term takes from what is expected, as a share
NOISE = 0.02  # of a file's bytes about the model, likewise
FILES_BEFORE = 5  # so many files with an error of NOISE count before any has been seen
SURE = 2.0  # standard deviations: one file in forty is larger


@dataclass(frozen=True)
class BytesModel:
    """Bytes of compressed files: a sum of what each of `terms` takes.

    Attributes:
        error: the standard deviation of true bytes about the model, as a share.
    """

    takes: tuple[float, ...]
    error: float

    def expected(self, recipe: Recipe) -> float:
        """Return the bytes that a recipe's file will take."""
        return float(np.dot(self.takes, terms(recipe)))

    def at_most(self, recipe: Recipe) -> float:
        """Return the bytes that a recipe's file will most probably not exceed."""
        return self.expected(recipe) * (1 + SURE * self.error)


@dataclass(frozen=True)
class Sizes:
    """The models of bytes of all architectures, by name."""

    models: Mapping[str, BytesModel]

    def expected(self, recipe: Recipe) -> float:
        """Return the bytes that a recipe's file will take."""
        return self.models[recipe.architecture].expected(recipe)

    def at_most(self, recipe: Recipe) -> float:
        """Return the bytes that a recipe's file will most probably not exceed."""
        return self.models[recipe.architecture].at_most(recipe)


def learn(seen: Sequence[tuple[Recipe, int]]) -> Sizes:
    """Fit a model of bytes for each architecture to files that were made, by their recipes and bytes."""
    return Sizes({name: _learn(name, [(r, size) for r, size in seen if r.architecture == name]) for name in EXPECTED})


def _learn(architecture: str, seen: Sequence[tuple[Recipe, int]]) -> BytesModel:
    """Fit a model of bytes to files of one architecture.

    Least squares of relative errors, with what is expected as a normal prior (ridge regression: Hoerl and Kennard 1970,
    doi:10.1080/00401706.1970.10488634), so that no file, or one, is enough to start with.
    """
    expected = np.array(EXPECTED[architecture])
    rows: NDArray[np.float64] = np.array([terms(recipe) for recipe, _ in seen]).reshape(len(seen), len(expected))
    relative = rows / np.array([[size] for _, size in seen]).reshape(len(seen), 1)
    weight = NOISE / TRUST
    system = np.vstack([relative, np.diag(weight / expected)])
    takes = np.linalg.lstsq(system, np.append(np.ones(len(seen)), np.full(len(expected), weight)), rcond=None)[0]
    squares = float(np.square(relative @ takes - 1).sum()) + FILES_BEFORE * NOISE**2
    return BytesModel(tuple(map(float, takes)), math.sqrt(squares / (FILES_BEFORE + len(seen))))


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
