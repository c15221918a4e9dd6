"""Read a log of readings as loggers write it: the one reader of sensor logs and of weather for training.

Columns are parted by commas, semicolons, tabs, bars or spaces and found by their names; numbers have a point or a
comma. Each line is read by itself, so that no damage goes beyond it.
"""

import codecs
import csv
import io
import math
import os
import re
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain, islice, pairwise
from pathlib import Path

from underbudget.device.clock import TIME_FORMS, Clock
from underbudget.device.errors import UserError
from underbudget.device.sensor import (
    COLUMNS,
    RANGES,
    RANGES_TEXT,
    SATURATED,
    SENSORS,
    TIME,
    UNITS,
    VALUES,
    columns_of,
    plain_name,
    probable_unit,
    to_celsius,
    words,
)

LONGEST_LINE = 100_000  # characters; the rest of a longer one need not be kept
SPACES, SPACE = "  ", " "
SEPARATORS = (",", ";", "\t", "|", SPACES, SPACE)
ENDS = ("\n", "\r")
CODES = 3  # as many impossible values may mean "missing"; a wrong unit makes more
PREAMBLE = 50  # lines that a logger may write before the header
BEGINNING = 24  # rows that show whether the newest is the first
POLL_S = 1.0  # seconds between looks at a growing file
_VALUE = re.compile(r"([+-]?\d[\d.,]*(?:[eE][+-]?\d+)?|[+-]?[.,]\d+) ?((?:° ?|º ?|deg ?)?[cCfFkK]|%.{0,5}|°|º)?")
NO_READING, GAP, OTHERS = "rows that hold no reading", "gaps", "rows of other sensors"
UNLIKELY = "forecasts left out"


@dataclass(frozen=True, slots=True)
class Reading:
    """A sensor's reading.

    Attributes:
        time: by its clock.
        temperature, humidity: in degC and %.
        ahead: how far the clock is ahead of UTC, if that is stated.
        split: what a column of that name says, if the log has one.
    """

    time: datetime
    temperature: float
    humidity: float
    ahead: timedelta = timedelta(0)
    split: str = field(default="", compare=False)

    @property
    def utc(self) -> datetime:
        return self.time - self.ahead

    @property
    def values(self) -> tuple[float, float]:
        return self.temperature, self.humidity


@dataclass(frozen=True)
class Notice:
    """What keeps a reading from being used, or a forecast from being made.

    Attributes:
        kind: what notices are summed up by.
        utc: the time of a row that is known though it holds no reading.
        ends: no forecast that was made before holds any more.
    """

    text: str
    kind: str = NO_READING
    utc: datetime | None = None
    ends: bool = True


@dataclass
class Tally:
    """Sums up notices."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, notice: Notice) -> None:
        self.counts[notice.kind] += 1
        self.first.setdefault(notice.kind, notice.text)

    def pop(self, kind: str) -> int:
        """Forget the notices of a kind; return how many there were."""
        self.first.pop(kind, None)
        return self.counts.pop(kind, 0)

    def __str__(self) -> str:
        """Return how many there are of each kind, and the first of each, in one line."""
        return "; ".join(f"{kind}: {self.counts[kind]:,}, the first: {text}" for kind, text in self.first.items())


def lines(stream: io.BufferedReader) -> Iterator[str]:
    """Yield the lines of UTF-8, UTF-16 or Latin-1 with their ends, of one that is too long a part that is too long.

    The last may lack its end.
    """
    file = _decoded(stream)
    part = file.readline(LONGEST_LINE)
    while part:
        rest = part
        while rest and not rest.endswith(ENDS):
            rest = file.readline(LONGEST_LINE)
            part = (part + rest)[: LONGEST_LINE + 1]
        yield part
        part = file.readline(LONGEST_LINE)


def follow(path: Path, say: Callable[[str], None]) -> Iterator[str]:
    """Yield the whole lines of a file as they come, for ever, and "" when none is there yet.

    The file may not be there yet, be renamed, deleted, begun anew, or replaced: it is the name that is followed.

    Args:
        say: is told, in a line, that the file is waited for or begun anew.
    """
    waited = False
    while True:
        try:
            stream = path.open("rb")
        except FileNotFoundError:
            if not waited:
                say(f"{path}: no such file yet; waiting for it")
            waited = True
            yield ""
            time.sleep(POLL_S)
            continue
        with stream:
            part = ""
            while not stream.peek(1) and not _is_replaced(path, stream):
                yield ""
                time.sleep(POLL_S)
            file = _decoded(stream)
            while True:
                line = file.readline(LONGEST_LINE)
                part = (part + line)[: LONGEST_LINE + 1]
                if part.endswith(ENDS):
                    yield part
                    part = ""
                elif not line:
                    if _is_replaced(path, stream):
                        break
                    yield ""
                    time.sleep(POLL_S)
        say(f"{path}: the file was begun anew, or is another one: going on from its start")
        waited = True


def _is_replaced(path: Path, stream: io.BufferedReader) -> bool:
    """Tell whether a name leads to another file than the one that is open and read to its end, or to less of it."""
    there = os.fstat(stream.fileno())
    try:
        named = path.stat()
    except FileNotFoundError:
        return there.st_nlink == 0  # deleted; one that was renamed may still be written to
    return (named.st_dev, named.st_ino) != (there.st_dev, there.st_ino) or there.st_size < stream.tell()


def _decoded(stream: io.BufferedReader) -> io.TextIOWrapper:
    """Return the text of a stream: UTF-16 by its mark or its first zero byte, else UTF-8 or Latin-1."""
    head = stream.peek(2)[:2]
    if head in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        encoding = "utf-16"
    else:
        encoding = {b"\0": "utf-16-le"}.get(head[1:], "utf-8-sig") if head[:1] != b"\0" else "utf-16-be"
    return io.TextIOWrapper(stream, encoding, errors="latin-1", newline="")


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin-1", _as_latin_1)


class Log:
    """The rows of a log: a possible reading each, or a notice. Blank lines, comments and further headers are no rows.

    Attributes:
        names: of the columns.
        row: the number of the line that was read last, from 1.
        cut: what is said of a last line that lacks its end; it may be cut off within a number, and is no row.
    """

    def __init__(self, lines: Iterable[str], name: str) -> None:
        """Read on to the header.

        Raises:
            UserError: it lacks a column, or more than one can be meant.
        """
        self._lines, self._name, self._ahead = iter(lines), name, deque[str]()
        self._clock = Clock()
        self.row, self.cut = 0, ""
        self._rows = 0
        self._impossible: Counter[str] = Counter()
        self._units: Counter[str] = Counter()
        self._sensors: Counter[str] = Counter()
        self._has_ends = self._find_header().endswith(ENDS)

    def __iter__(self) -> Iterator[Reading | Notice]:
        while True:
            line = self._next()
            if line is None:
                return
            if self._has_ends and len(line) <= LONGEST_LINE and line.strip() and not line.endswith(ENDS):
                self.cut = f"row {self.row}: the last line has no end: it may be cut off, and is left out"
                return
            cells = _split(line, self._separator)
            if cells is None:
                self._rows += 1
                yield Notice(f"row {self.row}: no line of a CSV, or longer than {LONGEST_LINE:,} characters; left out")
            elif any(cells) and cells[: len(self.names)] != self.names and not cells[0].startswith("#"):
                self._rows += 1
                yield self._read(cells)

    def _next(self) -> str | None:
        """Return the next line; None after the last."""
        while True:
            line = self._ahead.popleft() if self._ahead else next(self._lines, None)
            if line != "":  # nothing there yet
                self.row += line is not None
                return line

    def _find_header(self) -> str:
        """Find the first line that names all columns; loggers write of themselves before it."""
        first = None
        for _ in range(PREAMBLE):
            line = self._next()
            if line is None:
                break
            if not line.strip() or line.strip(' "').lower().startswith("sep="):
                continue
            separator, names = _split_header(line)
            if all(columns_of(names)):
                self._use(separator, names)
                return line
            if first is None and not line.startswith("#"):
                first = self.row, line, names
            if any(map(self._clock.read, names)) and sum(not math.isnan(_number(cell)) for cell in names) > 1:
                break  # a row of readings: no header will come
        if not self.row:
            raise UserError(f"{self._name}: the file is empty: give one with readings")
        raise self._missing(*first or (self.row, "", [""]))

    def _use(self, separator: str, names: list[str]) -> None:
        """Take the columns from a header.

        Raises:
            UserError: more than one can be meant.
        """
        self._separator, self.names = separator, names
        found = dict(zip((TIME, *COLUMNS), columns_of(names), strict=True))
        for column, places in found.items():
            if len({names[place] for (place, *_) in places}) < len(places):
                raise UserError(f"{self._name}: there are two columns {column!r}: rename the one that is not meant")
            if len(places) > 1:
                several = ", ".join(_short(names[place]) for (place, *_) in places[:4])
                raise UserError(
                    f"{self._name}: column {column!r} can be any of {several}: name the one that is meant {column}, no "
                    "other"
                )
        (self._time,), ((self._temperature,),), ((self._humidity,),) = found.values()
        self._to_celsius = to_celsius(names[self._temperature])
        plain = [plain_name(name) for name in names]
        self._split_place = plain.index("split") if "split" in plain else None
        sensors = [place for place, name in enumerate(plain) if name in SENSORS and place not in self._time]
        self._sensor = sensors[0] if sensors else None

    def _missing(self, row: int, line: str, names: list[str]) -> UserError:
        """Return what is to be said of the first line, as it is no header."""
        plain = [plain_name(name) for name in names]
        if any(name in VALUES for name in plain) and any(name in SENSORS for name in plain):
            return UserError(
                f"{self._name}: each row holds one value (columns {', '.join(map(repr, names[:6]))}): make a "
                f"table with a row for each time, and the columns {TIME}, {COLUMNS[0]} and {COLUMNS[1]}"
            )
        missing = [column for column, places in zip((TIME, *COLUMNS), columns_of(names), strict=True) if not places]
        are = "column {} is" if len(missing) == 1 else "columns {} are"
        return UserError(
            f"{self._name}: {are.format(', '.join(map(repr, missing)))} missing: the header, line {row}, is "
            f"{_short(line.strip(), 80)}: name the columns {TIME}, {COLUMNS[0]} and {COLUMNS[1]}"
        )

    def check(self) -> None:
        """Check, at the end, that what was left out are single readings.

        Raises:
            UserError: a third of the rows hold numbers that can't be right, and no mere code for "missing"; or the rows
                are of several sensors.
        """
        bad = self._impossible.total()
        if 3 * bad >= self._rows and len(self._impossible) > CODES:
            unit, times = max(self._units.items(), key=lambda item: item[1], default=("", 0))
            probably = (
                f"is the temperature in {unit}? Then name its column T ({unit})"
                if 2 * times > bad
                else ("the unit, the column or the sign for decimals is probably wrong")
            )
            raise UserError(
                f"{self._name}: {bad:,} of {self._rows:,} rows hold what can't be right, such as "
                f"{next(iter(self._impossible))}: {probably}"
            )
        first, others = next(iter(self._sensors.values()), 0), len(self._sensors) - 1
        if others > 0 and 10 * (self._sensors.total() - first) >= self._rows:
            several = ", ".join(_short(name) for name in islice(self._sensors, 3))
            raise UserError(
                f"{self._name}: the rows are of several sensors (column {self.names[self._sensor or 0]!r}: {several}): "
                "keep those of one"
            )

    def _read(self, cells: list[str]) -> Reading | Notice:
        extra = len(cells) - len(self.names)
        text = self._time_of(cells)
        if self._clock.is_open(text):
            self._look_ahead(text)
        clock = self._clock.read(text)
        if clock is None and extra == 1 and cells[0].isdigit() and self._clock.read(self._time_of(cells[1:])):
            cells, extra = cells[1:], 0  # a number in front, for which the header has no name
            text = self._time_of(cells)
            clock = self._clock.read(text)
        if extra > 0 and any(cells[-extra:]):
            self._impossible[_short(",".join(cells))] += 1
            return Notice(
                f"row {self.row}: {len(cells)} cells below {len(self.names)} names: decimal commas? Then part "
                "the cells by semicolons; left out"
            )
        cells += [""] * -extra
        if clock is None:
            if self._clock.is_open(text):
                return Notice(f"row {self.row}: {_short(text)} can mean two days: write 2016-12-31; left out")
            if all(columns_of(cells)):
                self._use(self._separator, cells)
                return Notice(f"row {self.row}: a header with other columns: read by it from here", utc=datetime.min)
            units = cells[self._temperature]
            if words(units) and not plain_name(units, UNITS[1]):  # of the columns, in a row below their names
                self._to_celsius = to_celsius(units)
            return Notice(f"row {self.row}: {_short(text)} is no time of the form {TIME_FORMS}; left out")
        when, ahead = clock
        if self._sensor is not None and not cells[self._sensor].isdigit():
            sensor = cells[self._sensor]
            self._sensors[sensor] += 1
            first = next(iter(self._sensors))
            if sensor != first:
                what = f"{_short(sensor)}, not {_short(first)}"
                return Notice(f"row {self.row}, {text}: {what}; left out", OTHERS, utc=datetime.min)
        temperature = _number(cells[self._temperature], self._to_celsius)
        humidity = _number(cells[self._humidity])
        (coldest, hottest), (driest, wettest) = RANGES
        if coldest <= temperature <= hottest and driest <= humidity <= wettest:
            split = "" if self._split_place is None else cells[self._split_place]
            return Reading(when, temperature, min(humidity, SATURATED), ahead, split)
        bad, impossible = [], []
        for place, value, (low, high) in zip(
            (self._temperature, self._humidity), (temperature, humidity), RANGES, strict=True
        ):
            if not low <= value <= high:
                bad.append(f"{self.names[place][:40]} is {_short(cells[place])}")
                impossible += [] if math.isnan(value) else [bad[-1]]
        self._impossible.update(impossible[:1])
        self._units.update(filter(None, [probable_unit(temperature)]))
        what = f"{' and '.join(bad)}, not a number within {RANGES_TEXT}"
        return Notice(f"row {self.row}, {text}: {what}; left out", utc=when - ahead)

    def _time_of(self, cells: list[str]) -> str:
        return " ".join(cells[place] for place in self._time if place < len(cells))

    def _look_ahead(self, text: str) -> None:
        """Read on, as far as lines are there, until the dates tell in which order day and month are."""
        self._clock.learn(text)
        while self._clock.is_open(text):
            line = next(self._lines, "")
            if not line:
                return
            self._ahead.append(line)
            self._clock.learn(self._time_of(_split(line, self._separator) or []))


def oldest_first(rows: Iterable[Reading | Notice]) -> Iterator[Reading | Notice]:
    """Yield rows from the oldest on, also of a log whose newest is its first, which takes the memory of all."""
    rows = iter(rows)
    beginning = list(islice(rows, BEGINNING))
    times = [row.utc for row in beginning if isinstance(row, Reading)]
    back = sum(a > b for a, b in pairwise(times))
    rows = chain(beginning, rows)
    return reversed(list(rows)) if 2 * back > len(times) else rows


def _split_header(line: str) -> tuple[str, list[str]]:
    """Return the separator by which most columns have a known name, and the names, to the last that is not empty."""
    split = [
        (separator, _split(line.lstrip("# ").rstrip(separator + "\r\n"), separator) or [""]) for separator in SEPARATORS
    ]
    return max(split, key=lambda each: sum(map(bool, columns_of(each[1]))))


def _split(line: str, separator: str) -> list[str] | None:
    """Split a line by itself, so that a quote that is never closed takes no other line with it; None if it can't be."""
    if len(line) > LONGEST_LINE:
        return None
    if separator == SPACES:
        line = re.sub(r"\s\s+", "\t", line.strip())
        separator = "\t"
    elif separator == SPACE:
        line = " ".join(line.split())
    if '"' not in line:  # several times faster
        return [cell.strip() for cell in line.split(separator)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:
        return None


def _number(text: str, to_unit: Callable[[float], float] = float) -> float:
    """Return a number with a point or a comma, and perhaps its unit, or NaN; `1_0` is Python's, and no sensor's.

    Args:
        to_unit: converts it, unless its own unit says otherwise.
    """
    try:
        if text[-1:].isdigit() and "_" not in text:
            return to_unit(float(text.replace(",", ".").replace("−", "-")))
        match = _VALUE.fullmatch(text.replace("−", "-"))
        if match is None:
            return math.nan
        value = float(match[1].replace(",", "."))
        return to_celsius(match[2])(value) if match[2] and match[2][-1] in "CcFfKk" else to_unit(value)
    except ValueError:
        return math.nan


def _short(cell: str, length: int = 40) -> str:
    return repr(cell if len(cell) <= length else cell[:length] + "…")
