"""Forecast the next hour from sensor readings; gaps are reported, never filled in."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from underbudget.device.artifact import STEPS, Card
from underbudget.device.log import BETWEEN, GAP, NOT_AFTER, UNLIKELY, WAITING, Notice, Raster, Reading
from underbudget.device.runtime import open_model
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
    """Forecasts from readings ten minutes apart, as they come."""

    def __init__(self, card: Card, content: bytes) -> None:
        self._model = open_model(card, content)
        self._standardise = card.standardise
        test = card.content["test"]
        self._errors = list(zip(test["t_mae_c_by_step"], test["rh_mae_pct_by_step"], strict=True))
        self._raster = Raster()
        self._recent: list[Reading] = []  # those in a row
        self._last: Reading | None = None

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
        """Yield the forecast; no humidity lies beyond 0 to 100 %, where the model knows no bounds."""
        window = [(reading.temperature, reading.humidity) for reading in self._recent]
        values = self._model.predict(self._standardise(window)[None])[0].reshape(-1, 2)
        for i, (t, h) in enumerate(values):
            yield Step(last + CADENCE * (i + 1), float(t), min(max(float(h), 0.0), SATURATED), *self._errors[i])
