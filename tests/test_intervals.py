"""Intervals and p-values against SciPy, printed tables, formulas done by hand, and what they promise of samples."""

import numpy as np
import pytest
import scipy.stats

from underbudget.intervals import (
    block_bootstrap,
    cluster_bootstrap,
    difference,
    holm,
    mean_interval,
    poisson_rate,
    prediction_p_value,
    wilson,
)


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (727, 800), (1, 3)])
def test_wilson_equals_scipy(successes: int, trials: int) -> None:
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(successes, trials), expected, atol=1e-12)


@pytest.mark.parametrize(  # Garwood's limits as tables print them
    ("events", "low", "high"), [(1, 0.0253, 5.572), (5, 1.623, 11.668), (10, 4.795, 18.390), (100, 81.364, 121.627)]
)
def test_poisson_intervals_are_those_of_tables(events: int, low: float, high: float) -> None:
    np.testing.assert_allclose(poisson_rate(events, 1.0), (low, high), atol=1e-3)
    np.testing.assert_allclose(poisson_rate(events, 0.25), (4 * low, 4 * high), atol=4e-3)


@pytest.mark.parametrize("events", [1, 3, 40])
def test_a_poisson_rate_at_its_limits_gives_such_counts_once_in_forty(events: int) -> None:
    low, high = poisson_rate(events, 2.0)
    assert scipy.stats.poisson.sf(events - 1, 2 * low) == pytest.approx(0.025)
    assert scipy.stats.poisson.cdf(events, 2 * high) == pytest.approx(0.025)


def test_of_no_events_three_over_the_time_is_said() -> None:
    low, high = poisson_rate(0, 0.5)
    assert low == 0
    assert high == pytest.approx(-np.log(0.05) / 0.5)
    assert high == pytest.approx(3 / 0.5, rel=0.01)


def test_bootstrap_of_independent_values_is_the_normal_interval() -> None:
    values = np.random.default_rng(1).normal(5, 2, 10_000)
    low, high = block_bootstrap(values, block=1)
    half = 1.96 * values.std() / 100
    np.testing.assert_allclose([low, high], [values.mean() - half, values.mean() + half], atol=0.01)


def test_bootstrap_is_wider_where_neighbours_are_alike() -> None:
    values = np.repeat(np.random.default_rng(1).normal(size=100), 144)
    low, high = block_bootstrap(values, block=144)
    naive_low, naive_high = block_bootstrap(values, block=1)
    assert high - low > 5 * (naive_high - naive_low)
    assert low < values.mean() < high


def test_clusters_need_not_lie_side_by_side() -> None:
    rng = np.random.default_rng(1)
    values, cluster = np.repeat(rng.normal(size=200), 6), np.repeat(np.arange(200), 6)
    order = rng.permutation(len(values))
    together = cluster_bootstrap(values[order], cluster[order])
    np.testing.assert_allclose(together, block_bootstrap(values, block=6), atol=1e-12)
    assert np.diff(together)[0] == pytest.approx(2 * 1.96 * values.std() / np.sqrt(200), rel=0.1)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


def test_the_interval_of_a_mean_is_students() -> None:
    values = [91.25, 92.5, 90.875, 93.0, 91.5]
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    np.testing.assert_allclose(mean_interval(values), (np.mean(values), *expected))
    assert mean_interval([3.0]) == (3.0, 3.0, 3.0)


VALUES = [90.5, 91.0, 89.25, 90.0, 92.0]


def test_a_figure_at_the_edge_of_the_prediction_interval_has_a_chance_of_one_in_twenty() -> None:
    n, mean, deviation = len(VALUES), np.mean(VALUES), np.std(VALUES, ddof=1)
    edge = scipy.stats.t.ppf(0.975, n - 1) * deviation * np.sqrt(1 + 1 / n)
    assert prediction_p_value(VALUES, float(mean + edge)) == pytest.approx(0.05)
    assert prediction_p_value(VALUES, float(mean - edge)) == pytest.approx(0.05)
    assert prediction_p_value(VALUES, float(mean)) == pytest.approx(1)
    assert prediction_p_value([90.0, 90.0], 91.0) == 0
    with pytest.raises(ValueError, match="two"):
        prediction_p_value([90.0], 90.0)


def test_the_chance_of_a_further_run_is_uniform_where_runs_are_alike() -> None:
    drawn = np.random.default_rng(0).normal(90, 1, (4000, 6))
    chances = [prediction_p_value(list(runs[:-1]), float(runs[-1])) for runs in drawn]
    assert scipy.stats.kstest(chances, "uniform").pvalue > 0.01


def test_difference_of_means_by_welchs_formula() -> None:
    left, right = VALUES, [88.0, 89.5, 88.75]
    parts = [np.var(side, ddof=1) / len(side) for side in (left, right)]
    error = np.sqrt(sum(parts))
    freedom = sum(parts) ** 2 / sum(p**2 / (len(side) - 1) for p, side in zip(parts, (left, right), strict=True))
    found = difference(left, right)
    value = np.mean(left) - np.mean(right)
    assert found.value == pytest.approx(value)
    assert found.high - found.value == pytest.approx(scipy.stats.t.ppf(0.975, freedom) * error)
    assert found.p == pytest.approx(2 * scipy.stats.t.sf(abs(value) / error, freedom))
    with pytest.raises(ValueError, match="two"):
        difference(left, [1.0])
