"""A recipe as the text of a module for pipeline/versions."""

import textwrap
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from device.artifact import SPOTTING
from pipeline.metrics import Constraint
from pipeline.recipe import Recipe
from pipeline.search.limits import format_limits

WIDTH = 120  # columns
WHAT = {True: "eight spoken words", False: "temperature and humidity an hour ahead"}


def version_module(name: str, task: str, limits: Sequence[Constraint], recipe: Recipe, told: str) -> str:
    """Return the text of a module whose VERSION has this recipe as "improved", formatted as ruff does.

    Args:
        told: where the recipe comes from.
    """
    front_end = type(recipe.front_end).__name__ if recipe.front_end else None
    parts = sorted({type(part).__name__ for part in vars(recipe).values() if is_dataclass(part)} - {front_end})
    constant = "SPOTTING" if task == SPOTTING else "FORECASTING"
    each = [_source(limit) for limit in limits]
    shown = "(\n        " + ",\n        ".join(each) + ",\n    )" if len(each) > 1 else f"({each[0]},)"
    lines = [
        f'"""{name}: {WHAT[task == SPOTTING]}.',
        "",
        *textwrap.wrap(f"{format_limits(limits)}. {told}", WIDTH),
        '"""',
        "",
        f"from device.artifact import {constant}",
        *([f"from device.frontend import {front_end}"] if front_end else []),
        "from pipeline.metrics import Limit",
        f"from pipeline.recipe import {', '.join(sorted([*parts, 'Recipe', 'Version'], key=_import_order))}",
        "",
        "VERSION = Version(",
        f'    name="{name}",',
        f"    task={constant},",
        *f"    limits={shown},".splitlines(),
        "    recipes={",
        '        "improved": Recipe(',
        *(f"            {argument}," for argument in _arguments(recipe)),
        "        ),",
        "    },",
        ")",
    ]
    return "\n".join(lines) + "\n"


def _import_order(name: str) -> tuple[bool, str]:
    return not name.isupper(), name  # constants first


def _source(value: Any) -> str:
    if is_dataclass(value):
        return f"{type(value).__name__}({', '.join(_arguments(value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_source, value))}{',' if len(value) == 1 else ''})"
    return f'"{value}"' if isinstance(value, str) else repr(value)


def _arguments(value: Any) -> list[str]:
    """Return the arguments that make `value`, without those at their defaults; of a constraint without names."""
    changed = [(f.name, v) for f in fields(value) if (v := getattr(value, f.name)) != f.default]
    return [_source(v) if isinstance(value, Constraint) else f"{name}={_source(v)}" for name, v in changed]
