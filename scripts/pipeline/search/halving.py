"""Which trials are trained on: successive halving.

After Jamieson and Talwalkar (arXiv:1502.07943), in cohorts: each trial is trained for a ninth of its epochs; the best
third of a cohort for a third, the best third of these in full. Each rung is a training of its own with its whole
learning rate schedule: a short training that has cooled down ranks recipes far better than the middle of a long one.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from pipeline.recipe import Recipe

KEPT = 3  # one in so many goes on
RUNGS = (1 / 9, 1 / 3, 1.0)  # share of the epochs
LAST = len(RUNGS) - 1
COHORT = 9


@dataclass(frozen=True)
class Progress:
    """How far a trial has come.

    Attributes:
        number: of the trial.
        cohort: which trials it is compared with.
        merits: on validation after each rung that it has ended; more is better, and minus infinity never goes on.
        failed: it ended in an error.
        stopped: it is not trained on, or was trained in full.
    """

    number: int
    cohort: int
    merits: tuple[float, ...] = ()
    failed: bool = False
    stopped: bool = False


def shortened(recipe: Recipe, rung: int) -> Recipe:
    """Return a recipe with the epochs of a rung."""

    def share(epochs: int) -> int:
        return max(1, round(epochs * RUNGS[rung])) if epochs else 0

    qat = replace(recipe.qat, epochs=share(recipe.qat.epochs)) if recipe.qat else None
    return replace(recipe, epochs=share(recipe.epochs), qat=qat)


def cohort_of(trials: Sequence[Progress]) -> int:
    """Return the cohort that the next trial joins: the last one, unless that is full or was judged."""
    last = max((t.cohort for t in trials), default=0)
    members = [t for t in trials if t.cohort == last]
    full = len(members) == COHORT or any(t.stopped for t in members)
    return last + full


def to_run(trials: Sequence[Progress], asked_all: bool) -> list[tuple[int, int]]:
    """Return what is to be trained now, as trial and rung; the furthest first.

    Args:
        asked_all: no further trial will come, so that the last cohort is whole, however small.
    """
    wanted = []
    for cohort in _cohorts(trials):
        whole = _whole(trials, cohort, asked_all)
        for rung in range(len(RUNGS)):
            members = _members(cohort, rung, whole)
            wanted += [(t.number, rung) for t in members or () if len(t.merits) == rung and not t.failed]
    return sorted(wanted, key=lambda pair: (-pair[1], pair[0]))


def to_stop(trials: Sequence[Progress], asked_all: bool) -> list[int]:
    """Return the trials that are not trained on, or were trained in full, and not known as stopped yet."""
    found = []
    for cohort in _cohorts(trials):
        whole = _whole(trials, cohort, asked_all)
        for t in cohort:
            following = _members(cohort, len(t.merits), whole) if len(t.merits) <= LAST else ()
            open_still = t.merits and not (t.failed or t.stopped)
            if open_still and following is not None and t not in following:
                found.append(t.number)
    return found


def _cohorts(trials: Sequence[Progress]) -> list[list[Progress]]:
    return [[t for t in trials if t.cohort == cohort] for cohort in sorted({t.cohort for t in trials})]


def _whole(trials: Sequence[Progress], cohort: Sequence[Progress], asked_all: bool) -> bool:
    return asked_all or cohort_of(trials) != cohort[0].cohort


def _members(cohort: Sequence[Progress], rung: int, whole: bool) -> Collection[Progress] | None:
    """Return the trials of a cohort that are trained for a rung, None if that is not known yet."""
    if rung == 0:
        return cohort
    before = _members(cohort, rung - 1, whole) if whole else None
    if before is None:
        return None
    living = [t for t in before if not t.failed or len(t.merits) >= rung]
    if any(len(t.merits) < rung for t in living):
        return None
    ranked = sorted(living, key=lambda t: (-t.merits[rung - 1], t.number))
    return [t for t in ranked[: math.ceil(len(ranked) / KEPT)] if t.merits[rung - 1] > -math.inf]
