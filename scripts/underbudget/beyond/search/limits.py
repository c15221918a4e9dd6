"""Limits as a user writes them, such as "size_kb<8 accuracy_pct>94 total_ms<10"."""

import difflib
import math
import re
from collections.abc import Sequence

from underbudget.device.errors import UserError
from underbudget.metrics import KB, METRICS, TASK_METRICS, Limit

LIMIT = re.compile(r"([A-Za-z_]+)\s*([<>]=?|[=≤≥])\s*([^\s,;<>=]+)")
SHARE = {"accuracy_pct": 1, "rh_mae_pct": 0.1}  # in %: what lies below is a share of 1
LARGEST_KB = 1000  # what is above is meant in bytes: no search makes such a file
HIGHEST = {"accuracy_pct": 100.0}  # what no value can lie above


def metrics_of(task: str) -> tuple[str, ...]:
    """Return the metrics that a limit on a model of this task can name."""
    shared = tuple(name for name in METRICS if not any(name in names for names in TASK_METRICS.values()))
    return (*TASK_METRICS[task], *shared)


def parse_limits(text: str, task: str) -> tuple[Limit, ...]:
    """Read limits, in any order, apart by blanks, commas or semicolons.

    Raises:
        UserError: no limit, one that can't be read, names no metric of the task, or that no model, or any, can meet.
    """
    limits: dict[str, Limit] = {}
    if comma := re.search(r"[0-9]+,[0-9]+", text):
        raise UserError(f"limits {text!r}: {comma[0]!r}: write {comma[0].replace(',', '.')}, or a blank between limits")
    rest = LIMIT.sub("", text).strip(" ,;")
    if rest or not text.strip(" ,;"):
        raise UserError(f"limits {text!r}: {rest or 'nothing'!r} is no limit: write them as {_example(task)!r}")
    for name, sign, number in LIMIT.findall(text):
        name = name.lower()
        limit = _read(name, sign, number, task)
        if name in limits and limits[name] != limit:
            raise UserError(f"limits {text!r}: two on {name}: keep one of them")
        limits[name] = limit
    return tuple(limits.values())


def _read(name: str, sign: str, number: str, task: str) -> Limit:
    if name not in metrics_of(task):
        others = [other for other, names in TASK_METRICS.items() if name in names]
        near = difflib.get_close_matches(name, metrics_of(task), 1)
        meant = f"{name}: do you mean {near[0]}?" if near else f"{name}: no metric of {task}:"
        of = f"{name} is of {others[0]}: TASK={others[0]}, or" if others else meant
        raise UserError(f"{of} limit one of {', '.join(metrics_of(task))}")
    try:
        limit = Limit(name, float(number))
    except ValueError:
        unit = METRICS[name].unit
        raise UserError(
            f"{name}{sign}{number}: {number!r} is no number, in {unit}: write it as {_example(task)!r}"
        ) from None
    metric = METRICS[name]
    if not math.isfinite(limit.limit):
        raise UserError(f"{name}{sign}{number}: too large a number: write it as {_example(task)!r}")
    better, right = ("more", ">") if metric.more_is_better else ("less", "<")
    if sign in {f"{right}=", "=", "≤≥"["<>".index(right)]}:
        raise UserError(f"{name}{sign}{number}: limits are strict: write {name}{right}{number}")
    if sign != right:
        raise UserError(f"{name}{sign}{number}: of {metric.title} {better} is better: write {name}{right}{number}")
    nothing = limit.limit >= HIGHEST.get(name, math.inf) if metric.more_is_better else limit.limit <= 0
    if nothing:
        raise UserError(f"{name}{sign}{number}: no model can meet that: {metric.title} goes to {_end(name)}")
    if name == "accuracy_pct" and limit.limit <= 0:
        raise UserError(f"{name}{sign}{number}: every model meets that: write it as {_example(task)!r}")
    if limit.limit < SHARE.get(name, 0):
        raise UserError(f"{name}{sign}{number}: that is {number} %: do you mean {100 * limit.limit:g}?")
    if name == "size_kb" and limit.limit >= LARGEST_KB:
        raise UserError(
            f"{name}{sign}{number}: a limit in kB: do you mean {name}<{limit.limit / KB:.3g}, in bytes {number}?"
        )
    return limit


def _end(name: str) -> str:
    metric = METRICS[name]
    return f"{HIGHEST[name]:g} {metric.unit}" if metric.more_is_better else f"0 {metric.unit}"


def _example(task: str) -> str:
    quality = {"accuracy_pct": 94, "t_mae_c": 0.5, "rh_mae_pct": 1.8}
    return format_limits([Limit("size_kb", 8), *(Limit(name, quality[name]) for name in TASK_METRICS[task])])


def format_limits(limits: Sequence[Limit]) -> str:
    """Write limits as `parse_limits` reads them."""
    signs = {True: ">", False: "<"}
    return " ".join(
        f"{c.metric}{signs[METRICS[c.metric].more_is_better]}{repr(c.limit).removesuffix('.0')}" for c in limits
    )
