"""Read a log of readings as loggers write it: the one reader of sensor logs and of weather for training.

Columns are parted by commas, semicolons or tabs and found by their names; numbers have a point or a comma, times are
ISO 8601 or 31.12.2016 23:50:00. Each line is read by itself, so that no damage goes beyond it.
"""

import codecs
import csv
import io
import math
import re
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from underbudget.device.errors import UserError
from underbudget.device.sensor import CADENCE, COLUMNS, RANGES, RANGES_TEXT, SATURATED, TIME, columns_of, to_celsius

CADENCE_TOLERANCE = timedelta(minutes=2)  # the weather changes less in it than a sensor errs
YEARS = range(1900, 2200)  # of a clock that was ever set
LONGEST_LINE = 100_000  # characters; the rest of a longer one need not be kept
SEPARATORS = (",", ";", "\t")
ENDS = ("\n", "\r")
CODES = 3  # as many impossible values may mean "missing"; a wrong unit makes more
POLL_S = 1.0  # seconds between looks at a growing file
TIME_FORMS = "2016-12-31 23:50:00 or 31.12.2016 23:50:00"
_TIME = re.compile(
    r"(?:(\d{4})[-/.](\d\d?)[-/.](\d\d?)|(\d\d?)\.(\d\d?)\.(\d{4}))(?: +|T)(\d\d?):(\d\d)(?::(\d\d)(?:[.,]\d+)?)?"
    r" ?(?:Z|UTC|([+-]\d\d):?(\d\d)?)?",
    re.ASCII,
)
NO_READING, GAP = "rows that hold no reading", "gaps"
NOT_AFTER, BETWEEN = "rows that do not follow in time", "readings between those 10 minutes apart, not used"
WAITING, UNLIKELY = "too few consecutive readings", "forecasts left out"


@dataclass(frozen=True, slots=True)
class Reading:
    """A sensor's reading: the time by its clock, degC and %, and how far it is ahead of UTC if that is stated."""

    time: datetime
    temperature: float
    humidity: float
    ahead: timedelta = timedelta(0)

    @property
    def utc(self) -> datetime:
        return self.time - self.ahead


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
    """Sums up notices, in one line per kind."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, notice: Notice) -> None:
        self.counts[notice.kind] += 1
        self.first.setdefault(notice.kind, notice.text)

    def lines(self) -> list[str]:
        return [f"{kind}: {self.counts[kind]:,}, the first: {text}" for kind, text in self.first.items()]


def lines(stream: io.BufferedReader, wait: bool = False) -> Iterator[str]:
    """Yield the lines of UTF-8, UTF-16 (by its mark) or Latin-1 with their ends, of one that is too long a part that is
    too long. The last may lack its end; with `wait`, it is waited for, and for more.
    """
    marks = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    encoding = "utf-16" if stream.peek(2).startswith(marks) else "utf-8-sig"
    file = io.TextIOWrapper(stream, encoding, errors="latin-1", newline="")
    part = ""
    while True:
        more = file.readline(LONGEST_LINE)
        part = (part + more)[: LONGEST_LINE + 1]
        if more.endswith(ENDS) or (part and not more and not wait):
            yield part
            part = ""
        elif not more:
            if not wait:
                return
            time.sleep(POLL_S)


def _as_latin_1(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("latin-1", _as_latin_1)


class Log:
    """The rows of a log: a possible reading each, or a notice. Blank lines, comments and further headers are no rows.

    Attributes:
        names: of the columns.
        row, cells: the number of the line that was read last, from 1, and what is in it.
        cut: what is said of a last line that lacks its end; it may be cut off within a number, and is no row.
    """

    def __init__(self, lines: Iterable[str], name: str) -> None:
        """Read on to the header.

        Raises:
            UserError: it lacks a column, or more than one can be meant.
        """
        self._lines, self._name = enumerate(lines, 1), name
        self.row, self.cells, self.cut = 0, [""], ""
        line, self._separator, self.names = "", SEPARATORS[0], [""]
        for number, line in self._lines:
            self.row = number
            if line.strip() and not line.strip(' "').lower().startswith("sep="):
                self._separator, self.names = _split_header(line)
                if not line.startswith("#") or all(columns_of(self.names)):
                    break
        found = dict(zip((TIME, *COLUMNS), columns_of(self.names), strict=True))
        missing = [column for column, places in found.items() if not places]
        if not self.row:  # not even a line
            raise UserError(f"{name}: the file is empty: give one with readings")
        if missing:
            are = "column {} is" if len(missing) == 1 else "columns {} are"
            raise UserError(
                f"{name}: {are.format(', '.join(map(repr, missing)))} missing: the header, line {self.row}, is "
                f"{_short(line.strip(), 80)}: name the columns {TIME}, {COLUMNS[0]} and {COLUMNS[1]}"
            )
        for column, places in found.items():
            if len({self.names[place] for (place, *_) in places}) < len(places):
                raise UserError(f"{name}: there are two columns {column!r}: rename the one that is not meant")
            if len(places) > 1:
                several = ", ".join(_short(self.names[place]) for (place, *_) in places[:4])
                raise UserError(
                    f"{name}: column {column!r} can be any of {several}: name the one that is meant {column}, no other"
                )
        (self._time,), ((self._temperature,),), ((self._humidity,),) = found.values()
        self._to_celsius = to_celsius(self.names[self._temperature])
        self._has_ends = line.endswith(ENDS)
        self._rows = 0
        self._impossible: Counter[str] = Counter()

    def __iter__(self) -> Iterator[Reading | Notice]:
        for number, line in self._lines:
            self.row = number
            if self._has_ends and len(line) <= LONGEST_LINE and line.strip() and not line.endswith(ENDS):
                self.cut = f"row {self.row}: the last line has no end: it may be cut off, and is left out"
                return
            cells = _split(line, self._separator)
            if cells is None:
                self._rows += 1
                yield Notice(f"row {self.row}: no line of a CSV, or longer than {LONGEST_LINE:,} characters; left out")
            elif any(cells) and cells[: len(self.names)] != self.names and not cells[0].startswith("#"):
                self._rows += 1
                self.cells = cells
                yield self._read(cells)

    def check(self) -> None:
        """Check, at the end, that what was left out are single readings.

        Raises:
            UserError: a third of the rows hold numbers that can't be right, and no mere code for "missing".
        """
        bad = self._impossible.total()
        if 3 * bad >= self._rows and len(self._impossible) > CODES:
            raise UserError(
                f"{self._name}: {bad:,} of {self._rows:,} rows hold what can't be right, such as "
                f"{next(iter(self._impossible))}: the unit, the column or the sign for decimals is probably wrong"
            )

    def _read(self, cells: list[str]) -> Reading | Notice:
        extra = len(cells) - len(self.names)
        if extra > 0 and any(cells[-extra:]):
            self._impossible[_short(",".join(cells))] += 1
            return Notice(
                f"row {self.row}: {len(cells)} cells below {len(self.names)} names: decimal commas? Then part "
                "the cells by semicolons; left out"
            )
        cells += [""] * -extra
        text = " ".join(cells[place] for place in self._time)
        clock = _clock(text)
        if clock is None:
            return Notice(f"row {self.row}: {_short(text)} is no time of the form {TIME_FORMS}; left out")
        when, ahead = clock
        temperature = self._to_celsius(_number(cells[self._temperature]))
        humidity = _number(cells[self._humidity])
        (coldest, hottest), (driest, wettest) = RANGES
        if coldest <= temperature <= hottest and driest <= humidity <= wettest:
            return Reading(when, temperature, min(humidity, SATURATED), ahead)
        bad, impossible = [], []
        for place, value, (low, high) in zip(
            (self._temperature, self._humidity), (temperature, humidity), RANGES, strict=True
        ):
            if not low <= value <= high:
                bad.append(f"{self.names[place][:40]} is {_short(cells[place])}")
                impossible += [] if math.isnan(value) else [bad[-1]]
        self._impossible.update(impossible[:1])
        what = f"{' and '.join(bad)}, not a number within {RANGES_TEXT}"
        return Notice(f"row {self.row}, {text}: {what}; left out", utc=when - ahead)


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
    if '"' not in line:  # several times faster
        return [cell.strip() for cell in line.split(separator)]
    try:
        return [cell.strip() for cell in next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])]
    except csv.Error:
        return None


def _clock(text: str) -> tuple[datetime, timedelta] | None:
    """Return what a clock showed and how far it is ahead of UTC; None if no clock can show it."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day, day_first, month_second, year_last, hour, minute, second, hours, minutes = match.groups()
    date = (year, month, day) if year else (year_last, month_second, day_first)
    try:
        when = datetime(int(date[0]), int(date[1]), int(date[2]), int(hour), int(minute), int(second or 0))
    except ValueError:
        return None
    ahead = timedelta(hours=int(hours), minutes=int(hours[0] + (minutes or "0"))) if hours else timedelta(0)
    return (when, ahead) if when.year in YEARS else None


def _number(text: str) -> float:
    """Return a number with a point or a comma, or NaN; `1_0` is Python's way to write one, and no sensor's."""
    try:
        return math.nan if "_" in text else float(text.replace(",", "."))
    except ValueError:
        return math.nan


def _short(cell: str, length: int = 40) -> str:
    return repr(cell if len(cell) <= length else cell[:length] + "…")


class Raster:
    """Tells which readings stand ten minutes apart, give or take two; they may come more often.

    It follows a clock that wanders, but slowly, so that readings nine minutes apart are not taken for ten.
    """

    def __init__(self) -> None:
        self._due = self._last = datetime.min

    def is_early(self, utc: datetime) -> bool:
        """Tell whether the next reading is not due yet."""
        return self._due - utc > CADENCE_TOLERANCE

    def place(self, utc: datetime) -> Literal["first", "next", "between"]:
        """Take in the time of a reading, after the last: the first of a row, the next in it, or one between these."""
        spacing, self._last = utc - self._last, utc
        off = utc - self._due
        if off > CADENCE_TOLERANCE:
            self._due = utc + CADENCE
            return "first"
        if off < -min(CADENCE_TOLERANCE, spacing / 2):  # the reading after this will be nearer
            return "between"
        self._due += CADENCE + off / 4
        return "next"
