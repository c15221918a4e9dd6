"""Checks of what a file from elsewhere says: each value has a type and a range, and an error names the field.

A check is a function of a value as JSON gives it and of the field's name; it raises ValueError.
"""

import re
import reprlib
from collections.abc import Callable
from typing import Any

Check = Callable[[Any, str], None]


def number(low: float, high: float) -> Check:
    """Return a check for a finite number from `low` to `high`; true and false are none."""

    def check(value: Any, field: str) -> None:
        if type(value) not in (int, float) or not low <= value <= high:
            raise ValueError(f"{field} is {reprlib.repr(value)}, not a number from {low:g} to {high:g}")

    return check


def whole(low: int, high: int) -> Check:
    """Return a check for an integer from `low` to `high`; 640.0 is none."""

    def check(value: Any, field: str) -> None:
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{field} is {reprlib.repr(value)}, not a whole number from {low} to {high}")

    return check


def text(longest: int, pattern: str = ".+") -> Check:
    """Return a check for a text that matches `pattern` and can be printed: no line ends, no control characters."""

    def check(value: Any, field: str) -> None:
        fits = isinstance(value, str) and len(value) <= longest and re.fullmatch(pattern, value)
        if not fits or not re.sub("[\u200c\u200d]", "", value).isprintable():  # joiners, which some scripts need
            raise ValueError(f"{field} is {reprlib.repr(value)}, not a printable text of at most {longest} characters")

    return check


def one_of(*allowed: Any) -> Check:
    """Return a check for one of some values, of their very type."""

    def check(value: Any, field: str) -> None:
        if not any(type(value) is type(other) and value == other for other in allowed):
            raise ValueError(f"{field} is {reprlib.repr(value)}, not one of {', '.join(map(repr, allowed))}")

    return check


def optional(other: Check) -> Check:
    """Return a check that lets null pass, and anything else to another check."""
    return lambda value, field: None if value is None else other(value, field)


def each(other: Check, least: int, most: int) -> Check:
    """Return a check for a list of `least` to `most` members, each of which passes another check."""

    def check(value: Any, field: str) -> None:
        if not isinstance(value, list | tuple) or not least <= len(value) <= most:
            members = str(least) if least == most else f"{least} to {most}"
            raise ValueError(f"{field} is {reprlib.repr(value)}, not a list with {members} members")
        for place, member in enumerate(value):
            other(member, f"{field}[{place}]")

    return check


def record(**members: Check) -> Check:
    """Return a check for an object that has all these members; what else it has is not looked at."""

    def check(value: Any, field: str) -> None:
        if not isinstance(value, dict):
            raise ValueError(f"{field} is {reprlib.repr(value)}, not an object")
        for name, member in members.items():
            where = f"{field}.{name}" if field else name
            if name not in value:
                raise ValueError(f"it lacks {where}")
            member(value[name], where)

    return check
