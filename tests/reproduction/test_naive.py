"""Forecasts that need no network: by hand, and on the real test windows."""

import numpy as np
import pytest

from underbudget.data.identity import Identity
from underbudget.data.sources import Sources, load_weather
from underbudget.data.weather import Weather
from underbudget.reproduction.naive import (
    CLOCK,
    FORECASTS,
    LAST_READING,
    LEAST_SQUARES,
    least_squares,
    usual_change,
    yesterdays_change,
)
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
    error = least_squares(readings, "test") - readings.targets("test")
    assert np.abs(error).max() < 0.01
    assert np.abs(readings.last_readings("test") - readings.targets("test")).mean() > 1


def test_yesterdays_change_is_added_where_there_was_a_yesterday() -> None:
    """A ramp by day that is the same each day: the forecast is exact from the second day on."""
    n = 3 * 300
    day = np.arange(n) % 144
    readings = weather(np.stack([day, 50 - day], axis=1).astype(np.float32))
    error = np.abs(yesterdays_change(readings, "train") - readings.targets("train")).max(axis=(1, 2))
    first = 144 - 5  # the first window whose last reading has one a day before it
    assert (error[first:] == 0).all()
    assert (error[:first] > 0).all()


def test_the_usual_change_is_the_mean_by_month_and_time_of_day() -> None:
    rng = np.random.default_rng(0)
    readings = weather(np.cumsum(rng.normal(size=(3 * 432, 2)), axis=0).astype(np.float32))
    found = usual_change(readings, "test") - readings.last_readings("test")
    now, learnt = readings.now("test"), readings.now("train")
    changes = readings.targets("train") - readings.last_readings("train")
    for window in (0, 100, 300):
        of_day = (now[window] - learnt) % np.timedelta64(1, "D") == np.timedelta64(0, "m")
        assert of_day.any()  # all in January
        np.testing.assert_allclose(found[window], changes[of_day].mean(axis=0), atol=1e-5)


def test_the_published_figures_are_found_again(real_data: Sources) -> None:
    readings = load_weather(real_data)
    task = Forecasting(readings, NO_SCALING)
    published = PUBLISHED.naive()["forecasts"]
    for name, forecast in FORECASTS.items():
        found = task.metrics(forecast(readings, "test"), "test")
        for metric in ("t_mae_c", "rh_mae_pct"):
            assert found[metric] == pytest.approx(published[name][metric], abs=1e-4)
    # as measured by others on the same windows
    assert published[LAST_READING]["t_mae_c"] == pytest.approx(0.466, abs=1e-3)
    assert published[LAST_READING]["rh_mae_pct"] == pytest.approx(2.088, abs=1e-3)
    assert published[CLOCK]["t_mae_c"] == pytest.approx(0.356, abs=1e-3)
    assert published[CLOCK]["rh_mae_pct"] == pytest.approx(1.769, abs=2e-3)
    assert published[LEAST_SQUARES]["t_mae_c"] == pytest.approx(0.359, abs=1e-3)
