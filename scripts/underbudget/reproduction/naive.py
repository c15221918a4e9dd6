"""Forecasts that need no network: what any forecaster must beat to have learnt something."""

from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget import files
from underbudget.data.sources import Sources, load_weather
from underbudget.data.weather import Weather
from underbudget.store import ResultStore, store_of
from underbudget.tasks.forecasting import NO_SCALING, Forecasting

LAST_READING, LEAST_SQUARES = "last reading repeated", "least squares, 12 inputs and a constant"


def least_squares(weather: Weather, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Forecast [n, 6, 2] from readings [n, 6, 2] by the linear map that fits the train split best."""

    def rows(readings: NDArray[np.float32]) -> NDArray[np.float64]:
        return np.column_stack([readings.reshape(len(readings), -1), np.ones(len(readings))]).astype(np.float64)

    targets = weather.targets("train")
    fit, *_ = np.linalg.lstsq(rows(weather.inputs("train")), targets.reshape(len(targets), -1), rcond=None)
    return (rows(inputs) @ fit).reshape(-1, *targets.shape[1:]).astype(np.float32)


def write_naive_forecasts(sources: Sources) -> ResultStore:
    """Measure both on the test split, write them beside the runs of the studies, and return where that is.

    Raises:
        UserError: bad data, or none.
    """
    weather = load_weather(sources)
    task = Forecasting(weather, NO_SCALING)
    forecasts = {
        LAST_READING: weather.last_readings("test"),
        LEAST_SQUARES: least_squares(weather, weather.inputs("test")),
    }
    content: dict[str, Any] = {
        "made_with": "make baselines",
        "data": asdict(weather.identity),
        "forecasts": {name: task.metrics(outputs, "test") for name, outputs in forecasts.items()},
    }
    store = store_of(weather.identity)
    files.write_json(store.naive_path, content)
    return store
