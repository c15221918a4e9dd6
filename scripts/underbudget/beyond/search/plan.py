"""A search: what is asked for, and how results are compared."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underbudget.beyond.search import space
from underbudget.beyond.search.limits import format_limits
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.errors import UserError
from underbudget.metrics import KB, METRICS, Limit, score, violation

SHORT_TASK = {SPOTTING: "kws", FORECASTING: "th"}

Result = dict[str, Any]  # of a training: "validation", its metrics; "bytes"; "seconds"; or the "error" of its recipe


@dataclass(frozen=True)
class Search:
    """What is asked for.

    Attributes:
        name: of its folder and of the model it ends with.
        trials: how many recipes are tried.
        seed: of all randomness.
        given: choices that are the same in all trials, beside the task and its limits.
        made_from: what decides the results of trials, by name.
        results: where all results of this machine are for these data.
        host: the device on which finalists are timed, as ssh knows it; None: this machine.
    """

    name: str
    task: str
    limits: tuple[Limit, ...]
    trials: int
    seed: int
    given: Mapping[str, Any]
    made_from: dict[str, Any]
    results: Path
    host: str | None = None

    @property
    def folder(self) -> Path:
        return self.results / "search" / self.name

    @property
    def most_bytes(self) -> float:
        """What a file must stay below."""
        return KB * next((c.limit for c in self.limits if c.metric == "size_kb"), space.MOST_KB)

    @property
    def limits_latency(self) -> bool:
        return any(METRICS[c.metric].is_latency for c in self.limits)

    @property
    def made_with(self) -> str:
        """The command that leads here."""
        command = f'make search LIMITS="{format_limits(self.limits)}" TASK={self.task} TRIALS={self.trials}'
        split = " SPLIT=speaker" if self.given.get("by_speaker") else ""
        named = f" SEARCH={self.name}" if self.name != usual_name(self.task, self.limits) else ""
        there = f" HOST={self.host}" if self.host else ""
        return f"{command} SEED={self.seed}{split}{named}{there}"


def usual_name(task: str, limits: tuple[Limit, ...]) -> str:
    """Return the name of a search that is given none, such as "kws_size_kb_8_accuracy_pct_94"."""
    return re.sub(r"\W+", "_", f"{SHORT_TASK[task]} {format_limits(limits)}")


def check_size(task: str, limits: tuple[Limit, ...]) -> None:
    """Check that the search has recipes of that size.

    Raises:
        UserError: it has none.
    """
    least = space.least_bytes(task) / KB
    for limit in limits:
        if limit.metric == "size_kb" and limit.limit <= least:
            raise UserError(
                f"size_kb<{limit.limit:g}: no file of {task} is that small: the smallest takes {KB * least:,.0f} bytes:"
                f" ask for {math.ceil(least * 100 + 1) / 100:g} or more"
            )


def values_of(result: Result) -> dict[str, float]:
    """Return a training's figures by metric, its size in kB among them."""
    return {**result["validation"], "size_kb": result["bytes"] / KB}


def rank(search: Search, result: Result) -> tuple[float, float]:
    """Return what orders trainings, the best first: those that break limits least, then by their score."""
    return violation(search.limits, values_of(result)), -score(result["validation"])
