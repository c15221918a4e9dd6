"""The weather readings, and the windows that forecasters learn from and are tested on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.artifact import FORECASTING
from device.errors import UserError
from pipeline.data.identity import Identity
from pipeline.metrics import TASK_METRICS

SPLITS = ("train", "validation", "test")
INPUT_STEPS = OUTPUT_STEPS = 6
CADENCE = np.timedelta64(10, "m")


@dataclass(frozen=True)
class Weather:
    """Readings in order of time: time [n] (minutes), values [n, 2] (degC, %), split [n] (index into SPLITS)."""

    time: NDArray[np.datetime64]
    values: NDArray[np.float32]
    split: NDArray[np.int8]
    identity: Identity

    def windows(self, split: str) -> NDArray[np.int32]:
        """Return the row at which each window of a split starts; its 12 rows are 10 minutes apart, all in the split.

        Raises:
            UserError: there is none.
        """
        broken = (np.diff(self.time) != CADENCE) | (np.diff(self.split) != 0)
        stretch = np.cumsum(np.concatenate([[0], broken]))
        last = INPUT_STEPS + OUTPUT_STEPS - 1
        starts = np.flatnonzero((stretch[last:] == stretch[:-last]) & (self.split[:-last] == SPLITS.index(split)))
        if not len(starts):
            raise UserError(
                f"{self.identity.description}: the {split} split holds no {last + 1} readings 10 minutes apart: "
                "give a longer or a denser file"
            )
        return starts.astype(np.int32)

    def inputs(self, split: str) -> NDArray[np.float32]:
        """Return the readings [windows, 6, 2] before each forecast, in °C and %."""
        return self.values[self.windows(split)[:, None] + np.arange(INPUT_STEPS)]

    def targets(self, split: str) -> NDArray[np.float32]:
        """Return the readings [windows, 6, 2] to be forecast, in °C and %."""
        return self.values[self.windows(split)[:, None] + INPUT_STEPS + np.arange(OUTPUT_STEPS)]


def last_reading_errors(weather: Weather, split: str) -> dict[str, Any]:
    """Compute the MAE of a forecast that says the last reading six times: what any forecaster must be better than.

    Returns:
        As on cards: `t_mae_c` and `rh_mae_pct`, over all windows and steps, and each `_by_step`.

    Raises:
        UserError: the split has no windows.
    """
    errors = np.abs(weather.targets(split) - weather.inputs(split)[:, -1:]).mean(axis=0, dtype=np.float64)
    result: dict[str, Any] = {}
    for column, metric in enumerate(TASK_METRICS[FORECASTING]):
        result[metric] = round(float(errors[:, column].mean()), 5)
        result[metric + "_by_step"] = [round(float(error), 5) for error in errors[:, column]]
    return result
