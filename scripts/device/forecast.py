"""Forecast the next hour from sensor readings; gaps are reported, never filled in."""

import csv
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np

from device.artifact import Card
from device.errors import UserError
from device.runtime import open_model

COLUMNS = ("Date Time", "T (degC)", "rh (%)")
TIME_FORMAT = "%d.%m.%Y %H:%M:%S"
CADENCE = timedelta(minutes=10)
TOLERANCE = timedelta(seconds=30)
READINGS = 6


@dataclass(frozen=True)
class Reading:
    """A sensor's reading: degC and %."""

    time: datetime
    temperature: float
    humidity: float


@dataclass(frozen=True)
class Notice:
    """What keeps a reading from being used, or a forecast from being made."""

    text: str


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


def readings(lines: Iterable[str], name: str) -> Iterator[Reading | Notice]:
    """Yield the readings of a CSV with COLUMNS, line by line.

    Raises:
        UserError: the header lacks a column.
    """
    rows = csv.reader(lines)
    header = [cell.strip() for cell in next(rows, [])]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise UserError(f"{name}: column {', '.join(map(repr, missing))} is missing: the first line must name it")
    places = [header.index(column) for column in COLUMNS]
    for number, row in enumerate(rows, 2):
        cells = [row[place].strip() if place < len(row) else "" for place in places]
        try:
            time = datetime.strptime(cells[0], TIME_FORMAT)
        except ValueError:
            yield Notice(f"row {number}: {cells[0]!r} is no time of the form 31.12.2016 23:50:00; left out")
            continue
        values = [_number(cell) for cell in cells[1:]]
        bad = [
            f"{column} is {cell!r}" for column, cell, v in zip(COLUMNS[1:], cells[1:], values, strict=True) if v is None
        ]
        if bad:
            yield Notice(f"row {number}, {cells[0]}: {' and '.join(bad)}; left out")
            continue
        temperature, humidity = (value for value in values if value is not None)
        yield Reading(time, temperature, humidity)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


class Forecaster:
    """Forecasts from readings ten minutes apart, as they come."""

    def __init__(self, card: Card, content: bytes) -> None:
        self._model = open_model(card, content)
        self._mean, self._std = np.array(card.mean, np.float32), np.array(card.std, np.float32)
        test = card.content["test"]
        self._errors = list(zip(test["t_mae_c_by_step"], test["rh_mae_pct_by_step"], strict=True))
        self._recent: list[Reading] = []

    def read(self, reading: Reading) -> Iterator[Forecast | Notice]:
        """Take in a reading: a notice if it does not follow the last, a forecast once six stand in a row."""
        if self._recent:
            apart = reading.time - self._recent[-1].time
            if apart <= timedelta(0):
                yield Notice(f"{reading.time}: not after {self._recent[-1].time}; left out")
                return
            if abs(apart - CADENCE) > TOLERANCE:
                yield Notice(f"{reading.time}: {apart} after the last reading, not {CADENCE}; starting over from here")
                self._recent = []
        self._recent = [*self._recent[1 - READINGS :], reading]
        if len(self._recent) < READINGS:
            yield Notice(
                f"{reading.time}: {len(self._recent)} of the {READINGS} readings in a row that a forecast needs"
            )
            return
        window = np.array([(r.temperature, r.humidity) for r in self._recent], np.float32)
        values = self._model.predict(((window - self._mean) / self._std)[None])[0].reshape(-1, 2)
        steps = [
            Step(reading.time + CADENCE * (i + 1), float(t), float(h), *self._errors[i])
            for i, (t, h) in enumerate(values)
        ]
        yield Forecast(reading.time, tuple(steps))
