"""The trials of a search: ask Optuna for recipes, have them trained rung by rung, keep what comes of them."""

import math
import zlib
from collections.abc import Callable
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from pipeline.engine.pool import Done, Pool
from pipeline.recipe import Recipe
from pipeline.search import halving, journal, space
from pipeline.search.halving import Progress
from pipeline.search.journal import Entry, Result
from pipeline.search.plan import Search, excesses, merit, values_of
from pipeline.search.sizes import Sizes, learn

Train = Callable[..., tuple[Result, bytes]]  # pipeline.search.trial.train; a test may give another
Notice = Callable[[optuna.Study, int], None]


class Driver:
    """Runs the trials of a search on a pool. What is known is in the journal, so that it goes on from there.

    Args:
        train: of a recipe, a seed and `data`.
        notice: is called with the study and the number of running trainings whenever one has ended
            and the next have begun.
    """

    def __init__(
        self, search: Search, study: optuna.Study, pool: Pool, train: Train, data: object, notice: Notice
    ) -> None:
        self._search, self._study, self._pool = search, study, pool
        self._train, self._data, self._notice = train, data, notice
        self._study.sampler = _Sampler(search.seed)
        self._running: set[tuple[int, int]] = set()

    def run(self) -> None:
        """Run until all trials have ended."""
        self._fill()
        while self._running:
            for done in self._pool.wait():
                self._keep(done)
            self._fill()
            self._notice(self._study, len(self._running))

    def _fill(self) -> None:
        while len(self._running) < self._pool.slots and self._start_one():
            pass

    def _start_one(self) -> bool:
        """Start a training; return whether there was one to start."""
        while True:
            known = journal.entries(self._study)
            asked = [entry for entry in known if entry.choices]
            for entry in known:
                if entry.state == "running" and not entry.choices:
                    self._choose(entry.number, asked)
                    break
            else:
                progress = [_progress(self._search, entry) for entry in known]
                asked_all = len(known) >= self._search.trials
                self._stop(known, halving.to_stop(progress, asked_all))
                waiting = [pair for pair in halving.to_run(progress, asked_all) if pair not in self._running]
                if not waiting and asked_all:
                    return False
                if not waiting:
                    self._ask(len(known))
                elif self._submit(known, *waiting[0]):
                    return True

    def _ask(self, number: int) -> None:
        start = space.START[self._search.task]
        if number < len(start):
            self._study.enqueue_trial(start[number], skip_if_exists=True)
        self._study.ask()

    def _choose(self, number: int, before: list[Entry]) -> None:
        trial = journal.live(self._study, number)
        sizes = sizes_of(before)
        chosen = space.suggest(trial, self._search.task, self._search.given)
        choices = space.fitted(chosen, self._search.most_bytes, sizes.at_most)
        progress = [_progress(self._search, entry) for entry in before]
        trial.set_user_attr("cohort", halving.cohort_of(progress))
        trial.set_user_attr("expected_bytes", round(sizes.expected(space.recipe_of(choices))))
        trial.set_user_attr("choices", choices)

    def _submit(self, known: list[Entry], number: int, rung: int) -> bool:
        """Start a training, unless it is known what comes of it; return whether it was started."""
        recipe = halving.shortened(space.recipe_of(known[number].choices), rung)
        if (same := _results(known).get(recipe)) is not None:
            journal.keep_result(self._study, number, rung, {**same, "seconds": 0.0})
            return False
        self._pool.submit(f"{number}/{rung}", self._train, recipe, self._search.seed, self._data)
        self._running.add((number, rung))
        return True

    def _keep(self, done: Done) -> None:
        number, rung = map(int, done.key.split("/"))
        self._running.remove((number, rung))
        if done.error is not None:
            journal.keep_failure(self._study, number, done.error)
        else:
            journal.keep_result(self._study, number, rung, done.value[0])

    def _stop(self, known: list[Entry], numbers: list[int]) -> None:
        for number in numbers:
            result = known[number].rungs[-1]
            trial = journal.live(self._study, number)
            for metric, excess in excesses(self._search.limits, values_of(result)).items():
                trial.set_constraint(metric, excess)
            self._study.tell(trial, [result["bytes"], merit(result["validation"])])


class _Sampler(optuna.samplers.BaseSampler):
    """Optuna's TPE sampler, seeded for each parameter of each trial.

    So a search that was stopped anywhere, even between two parameters, goes on as if it had not been.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def infer_relative_search_space(self, study: optuna.Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: optuna.Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        seed = zlib.crc32(f"{self._seed} {trial.number} {param_name}".encode())
        return optuna.samplers.TPESampler(seed=seed).sample_independent(study, trial, param_name, param_distribution)


def sizes_of(known: list[Entry]) -> Sizes:
    """Return the model of bytes that has learned from all trials; of each, the longest training counts."""
    return learn([(space.recipe_of(e.choices), e.rungs[-1]["bytes"]) for e in known if e.rungs])


def _progress(search: Search, entry: Entry) -> Progress:
    too_large = [result["bytes"] >= search.most_bytes for result in entry.rungs]
    merits = [-math.inf if large else merit(r["validation"]) for large, r in zip(too_large, entry.rungs, strict=True)]
    stopped = entry.state in ("stopped", "finished")
    return Progress(entry.number, entry.cohort, tuple(merits), entry.state == "failed", stopped)


def _results(known: list[Entry]) -> dict[Recipe, Result]:
    """Return what came of all trainings, by their recipes."""
    return {
        halving.shortened(space.recipe_of(entry.choices), rung): result
        for entry in known
        for rung, result in enumerate(entry.rungs)
    }
