"""Forecasts that need no network: by hand, and on the real test windows."""

import numpy as np
import pytest

from underbudget.data.identity import Identity
from underbudget.data.sources import Sources, load_weather
from underbudget.data.weather import Weather
from underbudget.reproduction.naive import LAST_READING, LEAST_SQUARES, least_squares
from underbudget.store import PUBLISHED
from underbudget.tasks.forecasting import NO_SCALING, Forecasting


def weather(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Weather:
    """Readings ten minutes apart, a third in each split."""
    n = len(values)
    time = np.datetime64("2026-01-01", "m") + np.timedelta64(10, "m") * np.arange(n)
    return Weather(time, values, np.repeat(np.arange(3, dtype=np.int8), n // 3), Identity("local", "x", "y", "z"))


def test_the_last_reading_is_repeated() -> None:
    forecast = weather(np.arange(90, dtype=np.float32).reshape(45, 2)).last_readings("train")
    assert forecast.shape == (4, 6, 2)  # of 15 rows, 12 in a window
    assert (forecast[0] == [10, 11]).all()
    assert (forecast[3] == [16, 17]).all()


def test_least_squares_finds_a_recurrence() -> None:
    """Each column of a sum of sines is a linear function of its last readings: the fit must be exact."""
    t = np.arange(300)
    values = np.stack([10 + np.sin(t / 5), 50 + 20 * np.cos(t / 7)], axis=1).astype(np.float32)
    readings = weather(values)
    error = least_squares(readings, readings.inputs("test")) - readings.targets("test")
    assert np.abs(error).max() < 0.01
    assert np.abs(readings.last_readings("test") - readings.targets("test")).mean() > 1


def test_the_published_figures_are_found_again(real_data: Sources) -> None:
    readings = load_weather(real_data)
    task, inputs = Forecasting(readings, NO_SCALING), readings.inputs("test")
    published = PUBLISHED.naive()["forecasts"]
    for name, outputs in (
        (LAST_READING, readings.last_readings("test")),
        (LEAST_SQUARES, least_squares(readings, inputs)),
    ):
        found = task.metrics(outputs, "test")
        for metric in ("t_mae_c", "rh_mae_pct"):
            assert found[metric] == pytest.approx(published[name][metric], abs=1e-4)
    # as measured by others on the same windows
    assert published[LAST_READING]["t_mae_c"] == pytest.approx(0.466, abs=1e-3)
    assert published[LAST_READING]["rh_mae_pct"] == pytest.approx(2.088, abs=1e-3)
