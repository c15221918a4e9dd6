"""Forecast the next hour from sensor readings; gaps are reported, never filled in."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike

from underbudget.device.artifact import COLUMNS, STEPS, Card
from underbudget.device.errors import UserError
from underbudget.device.log import BETWEEN, GAP, NOT_AFTER, UNLIKELY, WAITING, Notice, Raster, Reading
from underbudget.device.runtime import Array, open_model
from underbudget.device.sensor import A_RATIO, CADENCE, SATURATED


@dataclass(frozen=True)
class Step:
    """A forecast value with the mean absolute error that the model showed at this step on its test split."""

    time: datetime
    temperature: float
    humidity: float
    temperature_mae: float
    humidity_mae: float


@dataclass(frozen=True)
class Forecast:
    """The hour after `time`, the last reading's."""

    time: datetime
    steps: tuple[Step, ...] = field(default=())


class Forecaster:
    """Forecasts from readings ten minutes apart: from some at once, or from a log as it comes.

    Raises:
        UserError: the model does not fit its card.
    """

    def __init__(self, card: Card, content: bytes) -> None:
        self.card = card
        self._model = open_model(card, content)
        test = card.content["test"]
        self._errors = list(zip(test["t_mae_c_by_step"], test["rh_mae_pct_by_step"], strict=True))
        self._raster = Raster()
        self._recent: list[Reading] = []  # those in a row
        self._last: Reading | None = None

    def predict(self, readings: ArrayLike) -> Array:
        """Return the readings [6, 2] of the next hour, in °C and %, one every ten minutes.

        No humidity lies beyond 0 to 100 %, where the model knows no bounds.

        Args:
            readings: [n, 2] in °C and %, ten minutes apart; the last six are used.

        Raises:
            UserError: fewer than six, or one that is no finite number.
        """
        window = np.asarray(readings, np.float32)
        if window.ndim != 2 or window.shape[1] != COLUMNS or len(window) < STEPS or not np.isfinite(window).all():
            raise UserError(
                f"a forecast takes at least {STEPS} finite readings [n, {COLUMNS}] in °C and %, not {window.shape}"
            )
        forecast = self._model.predict(self.card.standardise(window[-STEPS:])[None])[0].reshape(STEPS, COLUMNS)
        forecast[:, 1] = forecast[:, 1].clip(0, SATURATED)
        return forecast

    def read(self, row: Reading | Notice) -> Iterator[Forecast | Notice]:
        """Take in a row: yield a forecast after six consecutive readings, else a notice that says why there is none."""
        if isinstance(row, Notice):
            yield replace(row, ends=row.utc is None or not self._raster.is_early(row.utc))
            return
        if row == self._last:
            return  # a line that is there twice changes nothing
        if self._last is not None and row.utc <= self._last.utc:
            yield Notice(f"{row.time}: not after {self._last.time}; left out", NOT_AFTER)
            return
        self._last = row
        place = self._raster.place(row.utc)
        if place == "between":
            yield Notice(f"{row.time}: readings come more often than every 10 minutes", BETWEEN, ends=False)
            return
        if place == "first" and self._recent:
            apart = row.utc - self._recent[-1].utc
            yield Notice(f"{row.time}: {apart} after the last reading, not {CADENCE}; starting over from here", GAP)
            self._recent = []
        self._recent = [*self._recent[1 - STEPS :], row]
        if len(self._recent) < STEPS:
            yield Notice(f"{row.time}: waiting: {len(self._recent)} of {STEPS} consecutive readings", WAITING)
        elif all(reading.humidity <= 1 for reading in self._recent):
            yield Notice(f"{row.time}: {A_RATIO}", UNLIKELY)
        else:
            yield Forecast(row.time, tuple(self._steps(row.time)))

    def _steps(self, last: datetime) -> Iterator[Step]:
        values = self.predict([(reading.temperature, reading.humidity) for reading in self._recent])
        for i, (t, h) in enumerate(values.tolist()):
            yield Step(last + CADENCE * (i + 1), t, h, *self._errors[i])
