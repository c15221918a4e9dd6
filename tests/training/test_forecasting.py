"""The weather task: forecasts in other layouts, standardised ones, and the last reading said again."""

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import tf_keras as keras
from numpy.typing import NDArray

import underbudget as ub
from underbudget.data import synthetic
from underbudget.device.errors import UserError
from underbudget.device.runtime import Model
from underbudget.tasks.forecasting import Forecasting, cut_for

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
    assert "all temperatures, then all humidities" in layout
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


def last_reading(past: int, ahead: int) -> keras.Model:
    """A network that takes `past` readings, and repeats the last for `ahead` steps."""
    layers = [keras.layers.Flatten(), keras.layers.Dense(2 * ahead), keras.layers.Reshape((ahead, 2))]
    model = keras.Sequential([keras.Input((past, 2)), *layers])
    weights = np.zeros((2 * past, 2 * ahead), np.float32)
    weights[-2:] = np.tile(np.eye(2, dtype=np.float32), ahead)
    model.set_weights([weights, np.zeros(2 * ahead, np.float32)])
    return model


@pytest.mark.parametrize(("past", "ahead"), [(6, 6), (6, 3), (12, 6), (24, 1), (3, 12)])
def test_a_file_without_a_card_is_tested_on_windows_as_it_has_them(past: int, ahead: int) -> None:
    file = ub.shrink(last_reading(past, ahead), quantise=False).file
    result = ub.evaluate(file, WEATHER, normalisation=([0, 0], [1, 1]))
    values = WEATHER.values[WEATHER.split == 2].astype(np.float64)  # in one stretch, 10 minutes apart
    windows = [values[i : i + past + ahead] for i in range(len(values) - past - ahead + 1)]
    errors = np.mean([np.abs(window[past:] - window[past - 1]).mean(axis=0) for window in windows], axis=0)
    assert result.metrics["windows"] == len(windows)
    assert [result.metrics["t_mae_c"], result.metrics["rh_mae_pct"]] == pytest.approx(errors.tolist(), abs=1e-4)
    assert result.last_reading is not None and result.last_reading["t_mae_c"] == result.metrics["t_mae_c"]
    usual = [] if (past, ahead) == (6, 6) else [f"windows of {past} readings and the next {ahead}"]
    assert [remark.split(",")[0] for remark in result.remarks] == usual


@pytest.mark.parametrize(
    ("takes", "gives"), [((6, 1), (6, 1)), ((6,), (6,)), ((49, 10, 1), (8,)), ((6, 2), (6,)), ((6, 3), (6, 2))]
)
def test_a_model_of_other_quantities_is_refused_in_true_words(takes: tuple[int, ...], gives: tuple[int, ...]) -> None:
    model = cast(Model, SimpleNamespace(name="theirs", input_shape=takes, output_shape=gives))
    with pytest.raises(UserError, match=r"theirs: takes inputs of shape .* readings of °C and %"):
        cut_for(model, WEATHER)


@pytest.mark.parametrize("shape", [(6, 2), (2, 6), (12,), (1, 12), (6, 2, 1)])
def test_the_usual_windows_in_any_plain_shape(shape: tuple[int, ...]) -> None:
    assert cut_for(cast(Model, SimpleNamespace(name="", input_shape=shape, output_shape=shape)), WEATHER).windows(
        "test"
    ).tolist() == (WEATHER.windows("test").tolist())
