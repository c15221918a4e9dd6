"""The weather task: forecasts in other layouts, standardised ones, and the last reading said again."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from underbudget.data import synthetic
from underbudget.device.errors import UserError
from underbudget.tasks.forecasting import Forecasting

WEATHER = synthetic.make_weather(3000)
TASK = Forecasting(WEATHER)
TRUTH = WEATHER.targets("test")
NEAR = TRUTH + np.float32(0.25)  # forecasts that are off by 0.25 °C and 0.25 %


def figures(outputs: NDArray[Any]) -> tuple[float, float]:
    metrics = TASK.metrics(outputs, "test")
    return metrics["t_mae_c"], metrics["rh_mae_pct"]


@pytest.mark.parametrize(
    "outputs", [NEAR, NEAR.reshape(-1, 12), NEAR[..., None], NEAR.swapaxes(1, 2), NEAR.swapaxes(1, 2)[..., None]]
)
def test_forecasts_in_any_plain_layout(outputs: NDArray[Any]) -> None:
    assert figures(outputs) == pytest.approx((0.25, 0.25), abs=1e-4)
    assert TASK.remarks(outputs, "test") == []


@pytest.mark.parametrize("shape", [(3, 4), (4, 3), (2, 2, 3), (6,), (6, 3)])
def test_other_outputs_are_no_forecasts(shape: tuple[int, ...]) -> None:
    for function in (TASK.metrics, TASK.remarks):
        with pytest.raises(UserError, match=r"a forecaster puts out \(6, 2\)"):
            function(np.zeros((len(TRUTH), *shape), np.float32), "test")


def test_six_temperatures_in_a_row_are_pointed_out() -> None:
    by_column = NEAR.swapaxes(1, 2).reshape(-1, 12)
    assert figures(by_column)[0] > 10
    far, layout = TASK.remarks(by_column, "test")
    assert "far worse than repeating the last reading" in far
    assert "six temperatures, then six humidities" in layout
    assert "0.250 °C and 0.250 %" in layout


def test_standardised_outputs_are_pointed_out() -> None:
    mean, std = (np.array(v, np.float32) for v in TASK.card()["normalisation"].values())
    standardised = (NEAR - mean) / std
    far, remark = TASK.remarks(standardised, "test")
    assert "far worse than repeating the last reading" in far
    assert "look standardised" in remark
    assert "0.250 °C and 0.250 %" in remark


def test_what_is_only_bad_is_only_said_to_be_bad() -> None:
    assert len(TASK.remarks(TRUTH + np.array([0, 30], np.float32), "test")) == 1
    assert TASK.remarks(WEATHER.last_readings("test"), "test") == []
