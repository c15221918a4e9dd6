"""Forecasts that need no network: what any forecaster must beat to have learnt something."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget import files
from underbudget.data.sources import Sources, load_weather
from underbudget.data.weather import CADENCE, DAY, INPUT_STEPS, OUTPUT_STEPS, Weather
from underbudget.store import ResultStore, store_of
from underbudget.tasks.forecasting import NO_SCALING, Forecasting

Array = NDArray[np.float32]
LAST_READING, LEAST_SQUARES = "last reading repeated", "least squares, 12 inputs and a constant"
YESTERDAY, CLOCK = "last reading and yesterday's change", "last reading and the usual change at this month and time"


def yesterdays_change(weather: Weather, split: str) -> Array:
    """Add to the last reading what changed from this time of yesterday on; without such readings, repeat the last."""
    now = weather.windows(split) + INPUT_STEPS - 1
    rows = now[:, None] - DAY + np.arange(OUTPUT_STEPS + 1)
    there = rows[:, 0] >= 0
    rows = np.maximum(rows, 0)
    expected = weather.time[now][:, None] - np.timedelta64(1, "D") + CADENCE * np.arange(OUTPUT_STEPS + 1)
    there &= (weather.time[rows] == expected).all(axis=1)
    before = weather.values[rows]
    return weather.last_readings(split) + (before[:, 1:] - before[:, :1]) * there[:, None, None]


def usual_change(weather: Weather, split: str) -> Array:
    """Add to the last reading the mean change of the train split in the same month at the same time of day."""

    def cell(split: str) -> NDArray[np.int64]:
        now = weather.now(split)
        months = now.astype("datetime64[M]").astype(int) % 12
        return months * DAY + (now - now.astype("datetime64[D]")).astype(int) // CADENCE.astype(int)

    change = np.zeros((12 * DAY, OUTPUT_STEPS, 2))
    learnt = cell("train")
    np.add.at(change, learnt, weather.targets("train") - weather.last_readings("train"))
    change /= np.maximum(np.bincount(learnt, minlength=len(change)), 1)[:, None, None]
    return (weather.last_readings(split) + change[cell(split)]).astype(np.float32)


def least_squares(weather: Weather, split: str) -> Array:
    """Apply the linear map from the readings that fits the train split best."""

    def rows(split: str) -> NDArray[np.float64]:
        readings = weather.inputs(split)
        return np.column_stack([readings.reshape(len(readings), -1), np.ones(len(readings))]).astype(np.float64)

    targets = weather.targets("train")
    fit, *_ = np.linalg.lstsq(rows("train"), targets.reshape(len(targets), -1), rcond=None)
    return (rows(split) @ fit).reshape(-1, *targets.shape[1:]).astype(np.float32)


FORECASTS: dict[str, Callable[[Weather, str], Array]] = {  # each returns forecasts [windows, 6, 2] of a split
    LAST_READING: Weather.last_readings,
    YESTERDAY: yesterdays_change,
    CLOCK: usual_change,
    LEAST_SQUARES: least_squares,
}


def write_naive_forecasts(sources: Sources) -> ResultStore:
    """Measure all on the test split, write them beside the runs of the studies, and return where that is.

    Raises:
        UserError: bad data, or none.
    """
    weather = load_weather(sources)
    task = Forecasting(weather, NO_SCALING)
    content: dict[str, Any] = {
        "made_with": "make baselines",
        "data": asdict(weather.identity),
        "forecasts": {name: task.metrics(forecast(weather, "test"), "test") for name, forecast in FORECASTS.items()},
    }
    store = store_of(weather.identity)
    files.write_json(store.naive_path, content)
    return store
