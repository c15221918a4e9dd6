"""Read times in the forms of loggers, spreadsheets and databases, whatever the order of day and month."""

import re
from datetime import datetime, timedelta

YEARS = range(1900, 2200)  # of a clock that was ever set
TIME_FORMS = "2016-12-31 23:50:00 or 31.12.2016 23:50:00"
DAY, NO_TIME = timedelta(days=1), timedelta(0)
_ZONE = r"(?: ?(?P<zone>[A-Z]{1,5}))?(?: ?(?P<hours>[+-]\d\d?)(?::?(?P<minutes>\d\d))?)?(?: ?\[?[A-Z]\w+/[\w/]+\]?)?"
_CLOCK = (
    r"(?:,? +|,|T|_)(?P<hour>\d\d?)(?P<sep>[:.]?)(?P<minute>\d\d)(?:(?P=sep)(?P<second>\d\d)(?:[.,]\d+)?)?"
    rf"(?: ?(?P<half>[AaPp])\.?[Mm]\.?)?{_ZONE}"
)
_DATES = (  # the most usual first
    r"(?P<y>\d{4})[-/.](?P<m>\d\d?)[-/.](?P<d>\d\d?)",
    r"(?P<d>\d\d?)\.(?P<m>\d\d?)\.(?P<y>\d{4}|\d\d)",
    r"(?P<a>\d\d?)([-/])(?P<b>\d\d?)\2(?P<c>\d{4}|\d\d)",
    r"(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)",
    r"(?P<y>\d{4})-?W(?P<week>\d\d)-?(?P<d>[1-7])",
    r"(?:[^\W\d]{2,10}\.?,? )?(?P<d>\d\d?)(?:\. ?|[- /])(?P<name>[^\W\d]{3,10})\.?[-, /]+(?P<y>\d{4}|\d\d)",
    r"(?:[^\W\d]{2,10}\.?,? )?(?P<name>[^\W\d]{3,10})\.? (?P<d>\d\d?),? (?P<y>\d{4})",
)
_FORMS = [re.compile(date + _CLOCK, re.ASCII if "name" not in date else 0) for date in _DATES]
_DIGITS = re.compile(r"(\d{8})(\d{4}(?:\d\d)?)")
_SINCE_1970 = re.compile(r"(\d{10})(?:\d{3}){0,3}(?:[.,]\d+)?")  # in s, ms, µs or ns
_LATEST = 2_150_000_000  # s, the year 2038: greater numbers of ten digits are dates, of whatever kind
_SERIAL = re.compile(r"([2-6]\d{4})[.,]\d+|[2-6]\d{4}")  # a spreadsheet's days since the end of 1899
_OPEN = re.compile(r"\d\d?([-/])\d\d?\1\d\d")
_MONTHS = {
    name: number
    for number, names in enumerate(
        ("jan gen", "feb fev fév", "mar mär mrz", "apr avr", "may mai mag", "jun giu juin", "jul lug juil",
         "aug ago aoû", "sep set", "oct okt ott", "nov", "dec dez dic déc"), 1)
    for name in names.split()
}  # fmt: skip
_AHEAD = {  # hours; what counts is how they change within a log
    "WET": 0, "WEST": 1, "BST": 1, "CET": 1, "MEZ": 1, "CEST": 2, "MESZ": 2, "EET": 2, "EEST": 3, "EST": -5, "EDT": -4,
    "CST": -6, "CDT": -5, "MST": -7, "MDT": -6, "PST": -8, "PDT": -7, "AEST": 10, "AEDT": 11, "NZST": 12, "NZDT": 13,
}  # fmt: skip
Time = tuple[datetime, timedelta]  # what a clock showed, and how far it was ahead of UTC


class Clock:
    """Reads the times of one log. In which order 06/01/2026 is meant, other dates of the log tell."""

    def __init__(self) -> None:
        self._orders: tuple[str, ...] = ("dmy", "mdy", "ymd")  # those that are possible
        self._last: dict[str, datetime] = {}  # the date learnt last, by each of them
        self._form = _FORMS[0]

    def read(self, text: str) -> Time | None:
        """Return the time that a text means; None if no clock can show it, or if it may mean two."""
        usual = _usual(text)
        if usual:
            return usual, NO_TIME
        return None if self.is_open(text) else self._read(text, self._orders[0])

    def is_open(self, text: str) -> bool:
        """Tell whether the date may mean two days, by what was learnt until now."""
        return len(self._orders) > 1 and _OPEN.match(text) is not None

    def learn(self, text: str) -> None:
        """Leave out the orders in which a date is none, or more than a day from the one before it in the log."""
        found = {order: time[0] for order in self._orders for time in [self._read(text, order)] if time}
        near = {o: when for o, when in found.items() if abs(when - self._last.get(o, datetime.min)) <= DAY}
        if found:
            self._last = near or found
            self._orders = tuple(self._last)

    def _read(self, text: str, order: str) -> Time | None:
        match = self._form.fullmatch(text)  # that of the row before
        if match is None:
            for form in _FORMS:
                match = form.fullmatch(text)
                if match:
                    self._form = form
                    break
            else:
                return _count(text)
        try:
            time = _time(match.groupdict(), order)
        except ValueError:
            return None
        return time if time and time[0].year in YEARS else None


def _usual(text: str) -> datetime | None:
    """Return the time of the two most usual forms, several times faster than by an expression."""
    if text[2:3] == text[5:6] == ".":
        text = f"{text[6:10]}-{text[3:5]}-{text[:2]}{text[10:]}"
    if len(text) not in (16, 19) or not text.isascii() or text[10] not in " T" or text[13] != ":":
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return None
    return when if when.tzinfo is None and when.year in YEARS else None


def _time(found: dict[str, str | None], order: str) -> Time | None:
    """Return the time of a match, or raise ValueError."""
    if "a" in found:
        parts = {letter: found[place] or "" for letter, place in zip(order, "abc", strict=True)}
        if len(parts["d"]) > 2 or len(parts["m"]) > 2:
            return None
    else:
        parts = {letter: found.get(letter) or "" for letter in "ymd"}
        name = (found.get("name") or "").casefold()
        if name:
            parts["m"] = str(_MONTHS.get(name[:4]) or _MONTHS.get(name[:3], 0))
    year = int(parts["y"]) + (2000 if len(parts["y"]) < 3 else 0)
    if found.get("week"):
        day = datetime.fromisocalendar(year, int(found["week"] or 0), int(parts["d"]))
    else:
        day = datetime(year, int(parts["m"]), int(parts["d"]))
    hour, minute, second = (int(found[part] or 0) for part in ("hour", "minute", "second"))
    if found["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if found["half"] in "Pp" else 0)
    if hour == 24 and not minute and not second:
        day, hour = day + DAY, 0
    zone, hours, minutes = found["zone"], found["hours"], found["minutes"]
    ahead = timedelta(hours=_AHEAD.get(zone or "", 0))
    if hours:
        ahead += timedelta(hours=int(hours), minutes=int(hours[0] + (minutes or "0")))
    return day.replace(hour=hour, minute=minute, second=second), ahead


def _count(text: str) -> Time | None:
    """Return the time that a number stands for: seconds since 1970, a spreadsheet's days, or digits of a date."""
    digits, since, serial = _DIGITS.fullmatch(text), _SINCE_1970.fullmatch(text), _SERIAL.fullmatch(text)
    try:
        if digits:
            when = datetime.strptime(digits[1] + digits[2].ljust(6, "0"), "%Y%m%d%H%M%S")
        elif since and int(since[1]) < _LATEST:
            when = datetime(1970, 1, 1) + timedelta(seconds=int(since[1]))
        elif serial:
            seconds = round(float(text.replace(",", ".")) * DAY.total_seconds())
            when = datetime(1899, 12, 30) + timedelta(seconds=seconds)
        else:
            return None
    except ValueError:
        return None
    return (when, timedelta(0)) if when.year in YEARS else None
