"""Make of a log's rows what forecasters learn from and are given: readings ten minutes apart."""

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from statistics import median

from underbudget.device.artifact import STEPS
from underbudget.device.errors import UserError
from underbudget.device.log import GAP, Notice, Reading
from underbudget.device.sensor import CADENCE, JUMPS

TOLERANCE = timedelta(minutes=2)  # the weather changes less in it than a sensor errs
NEAR = 3 * CADENCE  # what comes later after the last reading is doubted, until the next one comes
SUMMER_TIME = timedelta(hours=1)
STUCK = timedelta(hours=3)  # of both values; in eight years of weather they stay the same for an hour at most
STUCK_ALONE = timedelta(hours=24)  # of one value
NOT_AFTER, JUMP, TWICE = "rows that do not follow in time", "jumps that no weather makes", "rows of one time"
BETWEEN, LOST = "readings between those 10 minutes apart, not used", "lost readings, interpolated"
RESAMPLED, WAITING = "readings interpolated to stand 10 minutes apart", "too few consecutive readings"
STUCK_SENSOR = "sensors that seem stuck"


class Series:
    """Takes the rows of a log in; yields readings ten minutes apart, give or take two, and a GAP before a new start.

    Readings may come more often, and by any cadence up to ten minutes: what is needed between two of them is
    interpolated, and so is one lost reading in six. A row that can't follow the last, by its time or its values, is put
    aside: if the next one follows it, a new row begins there; else it is left out.

    Args:
        bridged: one lost reading is interpolated; else it is a gap.
    """

    def __init__(self, bridged: bool = True) -> None:
        self._bridged = bridged
        self._last: Reading | None = None
        self._aside: Reading | None = None
        self._due: datetime | None = None  # of the next that is wanted
        self._whole = STEPS  # readings since the last one that was lost
        self._spacing, self._bad = CADENCE, 0  # between rows; without a reading since the last
        self._taken, self._astray = 0, 0
        self._apart: deque[int] = deque(maxlen=12)  # minutes between one row and the next, of the last ones
        self._since = [datetime.min, datetime.min]  # when temperature and humidity last changed
        self._told = [False, False, False]

    @property
    def same_since(self) -> datetime:
        """When, in UTC, one of the values of the last reading was another for the last time: see STUCK."""
        return max(self._since)

    def take(self, row: Reading | Notice) -> Iterator[Reading | Notice]:
        """Take in a row: yield what follows in the series, and what is to be said."""
        last, aside = self._last, self._aside
        if isinstance(row, Notice):
            self._bad += 1
            at = row.utc or (last.utc + self._bad * self._spacing if last else datetime.max)
            yield replace(row, ends=last is None or at - last.utc > 2 * CADENCE - TOLERANCE)
            return
        if row in (last, aside):
            return  # a line that is there twice changes nothing
        self._bad = 0
        if last is None or _doubt(last, row) is None:
            if aside and last:
                yield self._left_out(last, aside)
            yield from self._place(row)
        elif aside is None:
            self._aside = row
            late = row.utc - last.utc > 2 * CADENCE - TOLERANCE
            if row.utc == last.utc:  # the one that came first is kept; an aside is for what may go on
                yield self._left_out(last, row)
            else:
                yield Notice(f"{row.time}: {_doubt(last, row)}; waiting for the next", WAITING, ends=late)
        elif _doubt(aside, row) is None or last.utc < aside.utc < row.utc:
            hint = _summer_time(last, aside, self._spacing) if self._taken > 1 else ""
            yield Notice(f"{aside.time}: {_doubt(last, aside)}{hint}; starting over from here", GAP)
            self._due, self._spacing = None, max(row.utc - aside.utc, timedelta(0)) or self._spacing
            yield from self._place(aside)
            yield from self.take(row)
        else:
            yield self._left_out(last, aside)
            self._aside = row

    def check(self, name: str) -> None:
        """Check, at the end, that what was left out are single rows.

        Raises:
            UserError: a third of the rows does not follow the others.
        """
        if 2 * self._astray >= self._taken and self._astray > 1:
            raise UserError(
                f"{name}: {self._astray:,} of {self._taken + self._astray:,} rows do not follow those before them: "
                "sort the file by time, and keep the rows of one sensor"
            )

    def too_seldom(self) -> str | None:
        """Say so if the last readings came too seldom for any to be used."""
        usual = median(self._apart) if self._apart else 0
        if timedelta(minutes=usual) <= CADENCE + TOLERANCE:
            return None
        return f"readings come every {usual:g} minutes: give some that come every 10, or more often"

    def _left_out(self, last: Reading, row: Reading) -> Notice:
        self._aside = None
        if (
            row.utc == last.utc
            and abs(row.temperature - last.temperature) < 1
            and abs(row.humidity - last.humidity) < 3
        ):
            return Notice(f"{row.time}: the time of the row before; left out", TWICE, ends=False)
        self._astray += 1
        jumps = last.utc < row.utc <= last.utc + NEAR
        return Notice(f"{row.time}: {_doubt(last, row)}; left out", JUMP if jumps else NOT_AFTER, ends=False)

    def _place(self, row: Reading) -> Iterator[Reading | Notice]:
        """Take in the next reading: yield those that are due until then."""
        before, self._last, self._aside = self._last, row, None
        if before:
            self._apart.append(round((row.utc - before.utc) / timedelta(minutes=1)))
        self._taken += 1
        if before is None or self._due is None:
            before = row
        apart = row.utc - before.utc
        usual, self._spacing = self._spacing, apart or self._spacing
        while self._due is not None and row.utc - self._due > TOLERANCE:
            lost = apart > CADENCE + TOLERANCE
            if apart > 2 * CADENCE + TOLERANCE or (lost and not (self._bridged and self._whole >= STEPS)):
                yield Notice(
                    f"{row.time}: {apart} after the last reading, not {CADENCE}{_summer_time(before, row, usual)}; "
                    "starting over from here",
                    GAP,
                )
                self._due = None
                break
            made = _between(before, row, self._due)
            yield Notice(f"{made.time}: from {before.time} and {row.time}", LOST if lost else RESAMPLED, ends=False)
            self._whole = 0 if lost else self._whole + 1
            self._due += CADENCE
            yield made
        yield from self._stuck(before, row)
        # a clock that wanders is followed, but slowly, so that readings nine minutes apart are not taken for ten
        off = row.utc - self._due if self._due else timedelta(0)
        if off < -min(TOLERANCE, apart / 2):  # the reading after this will be nearer
            yield Notice(f"{row.time}: readings come more often than every 10 minutes", BETWEEN, ends=False)
            return
        self._due = (self._due or row.utc) + CADENCE + off / 4
        self._whole += 1
        yield row

    def _stuck(self, before: Reading, row: Reading) -> Iterator[Notice]:
        """Say once when values have stayed the same for longer than the weather's do."""
        same = [before is not row and a == b for a, b in zip(before.values, row.values, strict=True)]
        for i, stays in enumerate(same):
            if not stays:
                self._since[i], self._told[i], self._told[2] = row.utc, False, False
        if not any(same):
            return
        values = (f"{row.temperature:g} °C", f"{row.humidity:g} %", f"{row.temperature:g} °C and {row.humidity:g} %")
        patience = (STUCK_ALONE, STUCK_ALONE, STUCK)
        for i, (since, value) in enumerate(zip((*self._since, max(self._since)), values, strict=True)):
            if not self._told[i] and row.utc - since >= patience[i]:
                self._told[i] = True
                text = (
                    f"{row.time}: {value} since {since + (row.time - row.utc)}, to the last digit: is the sensor stuck?"
                )
                yield Notice(text, STUCK_SENSOR, ends=False)


def _doubt(last: Reading, row: Reading) -> str | None:
    """Say why a row can't follow the last; None if it can."""
    apart = row.utc - last.utc
    if apart <= timedelta(0):
        return f"not after {last.time}"
    if apart > NEAR:
        return f"{apart} after the last reading, not {CADENCE}"
    if abs(row.temperature - last.temperature) > JUMPS[0]:
        return f"a jump from {last.temperature:g} to {row.temperature:g} °C in {apart}"
    if abs(row.humidity - last.humidity) > JUMPS[1]:
        return f"a jump from {last.humidity:g} to {row.humidity:g} % in {apart}"
    return None


def _summer_time(last: Reading, row: Reading, usual: timedelta) -> str:
    """Point out a gap, or a step back, of an hour, unless rows usually come as seldom."""
    off = abs(row.utc - last.utc - CADENCE)
    changed = abs(off - SUMMER_TIME) <= CADENCE and usual < SUMMER_TIME / 2
    return " (the clock changed by an hour: summer time?)" if changed else ""


def _between(before: Reading, after: Reading, utc: datetime) -> Reading:
    """Interpolate linearly between two readings."""
    share = (utc - before.utc) / (after.utc - before.utc)
    values = [a + share * (b - a) for a, b in zip(before.values, after.values, strict=True)]
    return replace(after, time=utc + after.ahead, temperature=values[0], humidity=values[1])
