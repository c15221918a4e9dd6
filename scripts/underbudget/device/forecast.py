"""Forecast the next hour from sensor readings."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike

from underbudget.device.artifact import COLUMNS, STEPS, Card
from underbudget.device.errors import UserError
from underbudget.device.log import GAP, UNLIKELY, Notice, Reading
from underbudget.device.runtime import Array, open_model
from underbudget.device.sensor import A_RATIO, CADENCE, SATURATED
from underbudget.device.series import WAITING, Series

UNITS = {"temperature": "°C", "humidity": "%"}
COVERAGE = 0.9


@dataclass(frozen=True)
class Step:
    """A forecast value, in UNITS.

    Attributes:
        temperature_mae, humidity_mae: the model's mean absolute error at this step on its test split.
        temperature_within, humidity_within: so far off it was at most in COVERAGE of its forecasts of this step on its
            validation split; None if its card does not say so.
    """

    time: datetime
    temperature: float
    humidity: float
    temperature_mae: float
    humidity_mae: float
    temperature_within: float | None = None
    humidity_within: float | None = None


@dataclass(frozen=True)
class Forecast:
    """The hour after `time`, the last reading's, by a model such as improved/th_b."""

    time: datetime
    model: str = ""
    units: dict[str, str] = field(default_factory=lambda: UNITS)
    coverage: float = COVERAGE
    steps: tuple[Step, ...] = field(default=())


class Forecaster:
    """Forecasts from readings ten minutes apart: from some at once, or from a log as it comes.

    Raises:
        UserError: the model does not fit its card.
    """

    def __init__(self, card: Card, content: bytes) -> None:
        self.card = card
        self._model = open_model(card, content)
        self.name = f"{card.content['made_from']['recipe_name']}/{card.name}"
        test, validation = card.content["test"], card.content["validation"]
        unknown = [None] * STEPS
        within = (validation.get(f"{column}_90_by_step", unknown) for column in ("t_c", "rh_pct"))
        self._errors = list(zip(test["t_mae_c_by_step"], test["rh_mae_pct_by_step"], *within, strict=True))
        self._series = Series()
        self._recent: list[Reading] = []  # those in a row

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
        for said in self._series.take(row):
            if isinstance(said, Notice):
                self._recent = [] if said.kind == GAP else self._recent
                yield said
                continue
            self._recent = [*self._recent[1 - STEPS :], said]
            if len(self._recent) < STEPS:
                yield Notice(f"{said.time}: waiting: {len(self._recent)} of {STEPS} consecutive readings", WAITING)
            elif all(reading.humidity <= 1 for reading in self._recent):
                yield Notice(A_RATIO, UNLIKELY)
            else:
                yield Forecast(said.time, self.name, steps=tuple(self._steps(said.time)))

    def check(self, log: str, made: bool) -> None:
        """Check, at the end of a log of this name, that what was left out are single rows.

        Args:
            made: there is a forecast for its end; if not, the readings must not come too seldom.

        Raises:
            UserError: there is something wrong with the log as a whole.
        """
        self._series.check(log)
        if not made and (seldom := self.too_seldom()):
            raise UserError(f"{log}: {seldom}")

    def too_seldom(self) -> str | None:
        """Say so if readings come too seldom for a forecast."""
        return self._series.too_seldom()

    def _steps(self, last: datetime) -> Iterator[Step]:
        values = self.predict([reading.values for reading in self._recent])
        for i, (t, h) in enumerate(values.tolist()):
            yield Step(last + CADENCE * (i + 1), t, h, *self._errors[i])
