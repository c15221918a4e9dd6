"""Intervals for the figures that are reported."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy  # which imports its parts as they are used: scipy.stats takes a second, and few need it
from numpy.typing import NDArray

Z95 = 1.959963984540054  # the normal quantile for 95 %


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """Compute the 95 % Wilson score interval of a share (Wilson 1927, doi:10.1080/01621459.1927.10502953)."""
    share, z2 = successes / trials, Z95**2
    centre = (share + z2 / (2 * trials)) / (1 + z2 / trials)
    half = Z95 / (1 + z2 / trials) * math.sqrt(share * (1 - share) / trials + z2 / (4 * trials**2))
    return max(0.0, centre - half), min(1.0, centre + half)  # a rounding may lie beyond


def poisson_rate(events: int, exposure: float) -> tuple[float, float]:
    """Compute the exact 95 % interval of the rate of events that come by chance (Garwood 1936, doi:10.2307/2333958).

    With no events in T hours there is only a one-sided upper bound, -ln(0.05) / T, known as the rule of three, 3 / T.

    Args:
        events: how many were counted.
        exposure: the time, or whatever they were counted in.
    """
    if events == 0:
        return 0.0, float(scipy.stats.chi2.ppf(0.95, 2)) / 2 / exposure
    low, high = scipy.stats.chi2.ppf(0.025, 2 * events), scipy.stats.chi2.ppf(0.975, 2 * events + 2)
    return float(low) / 2 / exposure, float(high) / 2 / exposure


def block_bootstrap(values: NDArray[np.float64], block: int, resamples: int = 2000) -> tuple[float, float]:
    """Compute the block-bootstrap 95 % interval of the mean of an autocorrelated series.

    Künsch 1989 (doi:10.1214/aos/1176347265), with blocks that do not overlap and a fixed seed.

    Args:
        values: [n] in order of time.
        block: how many neighbours stay together.
    """
    return cluster_bootstrap(values, np.arange(len(values)) // block, resamples)


def cluster_bootstrap(
    values: NDArray[Any], cluster: NDArray[Any], resamples: int = 2000, weights: NDArray[Any] | None = None
) -> tuple[float, float]:
    """Compute the bootstrap 95 % interval of the mean of values that come in clusters, with a fixed seed.

    Whole clusters are drawn (Davison and Hinkley, Bootstrap Methods and their Application, 1997, section 3.8).

    Args:
        values: [n].
        cluster: [n] the cluster of each: equal ones stay together.
        weights: [n] what the sum of the values is divided by (default: their number), such as the hours of a rate.
    """
    _, place = np.unique(cluster, return_inverse=True)
    sums, counts = np.bincount(place, values), np.bincount(place, weights)
    drawn = np.random.default_rng(0).integers(0, len(counts), (resamples, len(counts)))
    low, high = np.quantile(sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1), [0.025, 0.975])
    return float(low), float(high)


def mean_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Compute the mean and its 95 % interval by Student's t; of a single value, the value three times."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return mean, mean, mean
    half = float(scipy.stats.t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / np.sqrt(len(values)))
    return mean, mean - half, mean + half


def prediction_p_value(values: Sequence[float], figure: float) -> float:
    """Compute the probability that a further run lies at least as far from the mean of these as `figure` does.

    Student's t of a single new value (a two-sided prediction interval turned round: Hahn and Meeker, Statistical
    Intervals, 1991), with runs taken as normal.

    Raises:
        ValueError: fewer than two values.
    """
    n = len(values)
    if n < 2:
        raise ValueError("a spread takes two values")
    deviation = float(np.std(values, ddof=1)) * math.sqrt(1 + 1 / n)
    distance = abs(figure - float(np.mean(values)))
    return float(2 * scipy.stats.t.sf(distance / deviation, n - 1)) if deviation else float(distance == 0)


def holm(probabilities: Sequence[float]) -> list[float]:
    """Correct the p values of several tests for their number (Holm 1979, Scandinavian Journal of Statistics 6, 65)."""
    order = np.argsort(probabilities)
    steps = np.asarray(probabilities, float)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return [float(p) for p in corrected]


@dataclass(frozen=True)
class Difference:
    """Between two means, with its 95 % interval and the probability of one as large by chance."""

    value: float
    low: float
    high: float
    p: float


def difference(left: Sequence[float], right: Sequence[float]) -> Difference:
    """Compare mean `left` with mean `right` by Welch's test (1947, doi:10.1093/biomet/34.1-2.28).

    Raises:
        ValueError: fewer than two values on a side.
    """
    if min(len(left), len(right)) < 2:
        raise ValueError("a spread takes two values")
    test = scipy.stats.ttest_ind(left, right, equal_var=False)
    low, high = test.confidence_interval()
    return Difference(float(np.mean(left) - np.mean(right)), float(low), float(high), float(test.pvalue))
