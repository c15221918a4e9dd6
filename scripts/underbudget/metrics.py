"""The metrics that models are judged by, and limits on them."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from underbudget.device.artifact import FORECASTING
from underbudget.device.artifact import TASK_METRICS as TASK_METRICS  # with the names on a card, for all that judge

KB = 1024  # bytes, as in the report


@dataclass(frozen=True)
class Metric:
    """How a figure is named, shown and judged."""

    title: str
    unit: str
    digits: int
    more_is_better: bool = False
    is_latency: bool = False

    def interval(self, value: float, low: float | None = None, high: float | None = None) -> str:
        """Format a value with its interval, if it has one."""
        interval = "" if low is None or high is None else f" ({low:.{self.digits}f}–{high:.{self.digits}f})"
        return f"{value:.{self.digits}f}{interval} {self.unit}"

    def limit(self, limit: float) -> str:
        """Format a strict limit, such as "< 2 kB"."""
        return f"{'>' if self.more_is_better else '<'} {limit:g} {self.unit}"


METRICS = {
    "t_mae_c": Metric("T MAE", "°C", 3),
    "rh_mae_pct": Metric("Rh MAE", "%", 3),
    "accuracy_pct": Metric("accuracy", "%", 2, more_is_better=True),
    "size_kb": Metric("size", "kB", 2),
    "inference_ms": Metric("inference", "ms", 3, is_latency=True),
    "total_ms": Metric("total latency", "ms", 3, is_latency=True),
}
USUAL_ERRORS = {"t_mae_c": 0.5, "rh_mae_pct": 1.8}  # th_a's limits: so much of each error counts the same


def in_words(name: str, figures: Mapping[str, Any], last: Mapping[str, Any] | None = None) -> str:
    """Say one of METRICS; in brackets, where there are such figures, its interval and what to compare it with."""
    metric, interval = METRICS[name], figures.get(f"{name}_95")
    said = [f"95 %: {interval[0]:.{metric.digits}f} to {interval[1]:.{metric.digits}f}"] if interval else []
    said += [f"last reading repeated: {last[name]:.{metric.digits}f}"] if last and name in last else []
    if name == "accuracy_pct" and "among_words_pct" in figures:
        said.append(f"if it must choose one of the words: {figures['among_words_pct']:.{metric.digits}f}")
    beside = f" ({'; '.join(said)})" if said else ""
    return f"{metric.title} {figures[name]:.{metric.digits}f} {metric.unit}{beside}"


@dataclass(frozen=True)
class Limit:
    """A strict limit on one of METRICS; a size in kB of 1024 bytes, as in the report."""

    metric: str
    limit: float

    def met_by(self, value: float) -> bool:
        """Return whether a value meets the limit."""
        return value > self.limit if METRICS[self.metric].more_is_better else value < self.limit


def all_met(limits: Iterable[Limit], values: Mapping[str, float]) -> bool:
    """Return whether values meet all limits on them; limits on other metrics are ignored."""
    return violation(limits, values) == 0


def violation(limits: Iterable[Limit], values: Mapping[str, float]) -> float:
    """Return by how much values miss the limits on them, together, as shares of the limits; 0 where they meet all."""
    missed = [c for c in limits if c.metric in values and not c.met_by(values[c.metric])]
    # a value that equals its limit does not meet it
    return sum(abs(values[c.metric] / c.limit - 1) or math.ulp(0) for c in missed)


def score(validation: Mapping[str, float]) -> float:
    """Return how good figures on validation data are, in one number: more is better.

    The accuracy in %; of a forecaster, minus the mean of its errors, each in units of th_a's limit on it.
    """
    if "accuracy_pct" in validation:
        return validation["accuracy_pct"]
    names = TASK_METRICS[FORECASTING]
    return -sum(validation[name] / USUAL_ERRORS[name] for name in names) / len(names)
