import numpy as np
import pytest
import scipy.stats

from pipeline.statistics import block_bootstrap, mean_interval, wilson


@pytest.mark.parametrize(("successes", "trials"), [(0, 10), (10, 10), (727, 800), (1, 3)])
def test_wilson_equals_scipy(successes: int, trials: int) -> None:
    expected = scipy.stats.binomtest(successes, trials).proportion_ci(method="wilson")
    np.testing.assert_allclose(wilson(successes, trials), expected, atol=1e-12)


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


def test_the_interval_of_a_mean_is_students() -> None:
    values = [91.25, 92.5, 90.875, 93.0, 91.5]
    expected = scipy.stats.ttest_1samp(values, 0).confidence_interval()
    np.testing.assert_allclose(mean_interval(values), (np.mean(values), *expected))
    assert mean_interval([3.0]) == (3.0, 3.0, 3.0)
