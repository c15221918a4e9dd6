"""The weather readings, and the windows that forecasters learn from and are tested on."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from underbudget.data.identity import SPLITS, Identity
from underbudget.device import sensor
from underbudget.device.artifact import STEPS
from underbudget.device.errors import UserError

INPUT_STEPS = OUTPUT_STEPS = STEPS
CADENCE = np.timedelta64(sensor.CADENCE, "m")
DAY = int(np.timedelta64(1, "D") / CADENCE)  # readings


@dataclass(frozen=True)
class Weather:
    """Readings in order of time: time [n] (minutes), values [n, 2] (degC, %), split [n] (index into SPLITS).

    Attributes:
        past, ahead: how many readings a window gives, and how many of the next are to be forecast.
    """

    time: NDArray[np.datetime64]
    values: NDArray[np.float32]
    split: NDArray[np.int8]
    identity: Identity
    past: int = INPUT_STEPS
    ahead: int = OUTPUT_STEPS

    def trained_on(self, year: int) -> "Weather":
        """Return these readings without the training data of other years."""
        kept = (self.split != SPLITS.index("train")) | (self.time.astype("datetime64[Y]") == np.datetime64(str(year)))
        return replace(self, time=self.time[kept], values=self.values[kept], split=self.split[kept])

    def starts(self, split: str) -> NDArray[np.int32]:
        """Return the row at which each window of a split starts; its rows are 10 minutes apart, all in the split."""
        broken = (np.diff(self.time) != CADENCE) | (np.diff(self.split) != 0)
        stretch = np.cumsum(np.concatenate([[0], broken]))
        last = self.past + self.ahead - 1
        starts = np.flatnonzero((stretch[last:] == stretch[:-last]) & (self.split[:-last] == SPLITS.index(split)))
        return starts.astype(np.int32)

    def windows(self, split: str) -> NDArray[np.int32]:
        """Return `starts`.

        Raises:
            UserError: there is none.
        """
        starts = self.starts(split)
        if len(starts):
            return starts
        edges, step = np.count_nonzero(np.diff(self.split)), np.median(np.diff(self.time).astype(int))
        if edges > 2 and edges * (self.past + self.ahead) > len(self.split):
            why = "the split changes from row to row: give it in stretches of days"
        elif step > CADENCE.astype(int):
            why = f"readings come every {step:g} minutes: give some that come every 10, or more often"
        else:
            why = "give a longer or a denser file"
        raise UserError(
            f"{self.identity.description}: the {split} split holds no {self.past + self.ahead} readings 10 minutes "
            f"apart: {why}"
        )

    def inputs(self, split: str) -> NDArray[np.float32]:
        """Return the readings [windows, past, 2] before each forecast, in °C and %."""
        return self.values[self.windows(split)[:, None] + np.arange(self.past)]

    def targets(self, split: str) -> NDArray[np.float32]:
        """Return the readings [windows, ahead, 2] to be forecast, in °C and %."""
        return self.values[self.windows(split)[:, None] + self.past + np.arange(self.ahead)]

    def now(self, split: str) -> NDArray[np.datetime64]:
        """Return when each forecast of a split is made [windows]: the time of the last reading that it is given."""
        return self.time[self.windows(split) + self.past - 1]

    def last_readings(self, split: str) -> NDArray[np.float32]:
        """Return the forecasts [windows, ahead, 2] that repeat the last reading: what any forecaster must beat."""
        return np.repeat(self.inputs(split)[:, -1:], self.ahead, axis=1)
