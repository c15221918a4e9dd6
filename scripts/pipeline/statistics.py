"""Intervals for the figures that are reported."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Z95 = 1.959963984540054  # the normal quantile for 95 %


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    share, z2 = successes / trials, Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return centre - half, centre + half


def block_bootstrap(values: NDArray[np.float64], block: int, resamples: int = 2000) -> tuple[float, float]:
    """95 % interval of the mean of a time series, whose neighbours are alike: whole blocks are drawn again.

    Künsch 1989 (doi:10.1214/aos/1176347265), with blocks that do not overlap and a fixed seed.

    Args:
        values: [n] in order of time.
        block: how many neighbours stay together.
    """
    starts = np.arange(0, len(values), block)
    sums = np.add.reduceat(values, starts)
    counts = np.diff(np.append(starts, len(values)))
    drawn = np.random.default_rng(0).integers(0, len(starts), (resamples, len(starts)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Mean and its 95 % interval, by Student's t; the mean alone, thrice, of a single value."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    half = float(stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half
