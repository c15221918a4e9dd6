"""The linear forecaster that is fitted for error and bytes together."""

from typing import Any

import numpy as np
import pytest

from underbudget.data.weather import INPUT_STEPS, OUTPUT_STEPS
from underbudget.recipes import RateDistortion
from underbudget.training import rate_distortion


def straight_lines(n: int, noise: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    time = np.arange(INPUT_STEPS + OUTPUT_STEPS)[:, None]
    lines = rng.normal(size=(n, 1, 2)) * 10 + rng.normal(size=(n, 1, 2)) * time
    lines += noise * rng.normal(size=lines.shape)
    return lines[:, :INPUT_STEPS].astype(np.float32), lines[:, INPUT_STEPS:].astype(np.float32)


@pytest.mark.parametrize("step", [1 / 4, 1 / 16])
def test_the_linear_forecaster_extends_lines_and_moves_with_the_readings(step: float) -> None:
    inputs, targets = straight_lines(4000, noise=0.05)
    weights = rate_distortion.fit_rate_distortion(inputs, targets, RateDistortion(step, error_per_byte=1e-5), seed=0)
    np.testing.assert_array_equal(weights / step, np.round(weights / step))
    own = np.arange(12)[:, None] % 2 == np.arange(12) % 2
    np.testing.assert_allclose((weights * own).sum(axis=0), 1)  # of its own column
    np.testing.assert_allclose((weights * ~own).sum(axis=0), 0, atol=1e-6)  # of the other one
    found = inputs.reshape(-1, 12) @ weights
    last = np.abs(inputs[:, -1:] - targets).mean()
    assert np.abs(found - targets.reshape(-1, 12)).mean() < 0.2 * last


def test_bytes_are_traded_for_error() -> None:
    inputs, targets = straight_lines(2000, noise=0.5)
    cheap, good = (
        rate_distortion.fit_rate_distortion(inputs, targets, RateDistortion(1 / 8, rate), seed=0)
        for rate in (3e-3, 1e-6)
    )

    def error(weights: Any) -> float:
        return float(np.abs(inputs.reshape(-1, 12) @ weights - targets.reshape(-1, 12)).mean())

    assert rate_distortion.compressed_bytes(cheap) < rate_distortion.compressed_bytes(good)
    assert error(good) < error(cheap)
