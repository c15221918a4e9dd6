"""The best recipes of a search with several seeds, judged by intervals; nothing here looks at the test split."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial

from underbudget import files
from underbudget.beyond.search.plan import Result, Search, rank, values_of
from underbudget.beyond.search.trials import RESUMES, Train, begun, recipe_of, rungs_of
from underbudget.device.errors import UserError
from underbudget.intervals import mean_interval
from underbudget.metrics import KB, METRICS, Limit, score, violation
from underbudget.processes import Workers
from underbudget.recipes import Recipe

FINALISTS = 3
FINALIST_SEEDS = 5

Latency = dict[str, list[float]]  # milliseconds of passes, by metric


@dataclass(frozen=True)
class Finalist:
    """A recipe with what came of it under several seeds.

    Attributes:
        trial: its number.
        runs: figures on validation data, one by seed; one that failed has an "error".
        judged: each limit with the mean and the 95 % interval of its metric, and whether the whole interval meets it.
    """

    trial: int
    recipe: Recipe
    runs: dict[int, Result]
    judged: tuple[dict[str, Any], ...]

    @property
    def meets_limits(self) -> bool:
        """Whether it meets all limits that were measured, with every seed that was trained."""
        return not self.failed and all(j["met"] for j in self.judged)

    @property
    def failed(self) -> bool:
        return any("error" in run for run in self.runs.values())

    @property
    def score(self) -> float:
        """The mean over seeds."""
        return mean_interval([score(run["validation"]) for run in self.runs.values()])[0]

    @property
    def violation(self) -> float:
        """By how much the worse ends of the intervals break limits, together, as shares of them."""
        return sum(violation([Limit(j["metric"], j["limit"])], {j["metric"]: _worse_end(j)}) for j in self.judged)

    @property
    def seed(self) -> int:
        """The seed whose model is published: the best on validation data of those whose files are small enough."""
        sizes = [j["limit"] * KB for j in self.judged if j["metric"] == "size_kb"]
        small = {seed: run for seed, run in self.runs.items() if all(run["bytes"] < size for size in sizes)}
        return max(small or self.runs, key=lambda seed: score(self.runs[seed]["validation"]))


def candidates(search: Search, study: optuna.Study) -> list[FrozenTrial]:
    """Return the trials that go on: those trained longest, of these the best on validation data that meet the limits.

    Where fewer meet them, those follow that break them least.
    """
    trained = [t for t in begun(study) if rungs_of(t) and "error" not in rungs_of(t)[-1]]
    small = [t for t in trained if rungs_of(t)[-1]["bytes"] < search.most_bytes]
    by_recipe: dict[Recipe, FrozenTrial] = {}
    for trial in sorted(small or trained, key=lambda t: (-len(rungs_of(t)), *rank(search, rungs_of(t)[-1]))):
        by_recipe.setdefault(recipe_of(trial), trial)
    return list(by_recipe.values())[:FINALISTS]


def seeds(search: Search) -> range:
    """Return the seeds of the finalists: fresh ones, since a trial may have been lucky with its own."""
    return range(search.seed + 1, search.seed + 1 + FINALIST_SEEDS)


def run_seeds(
    search: Search, study: optuna.Study, workers: Workers, train: Train, data: object, notice: Callable[[], None]
) -> None:
    """Train the candidates with each seed, unless that is done; results are saved with the trials, files beside them.

    Raises:
        UserError: the machine failed a training.
    """
    missing = (
        (key, train, recipe_of(trial), seed, data)
        for key, (trial, seed) in runs_of(search, study).items()
        if key not in study.user_attrs
    )
    for done in workers.run(lambda: next(missing, None)):
        if done.error:
            raise UserError(f"a finalist's training was lost: {done.error}; {RESUMES}")
        result, file = done.value
        if file:
            with files.atomic_write(file_of(search, int(done.key.split()[1]))) as partial:
                partial.write_bytes(file)
        study.set_user_attr(done.key, result)
        notice()


def runs_of(search: Search, study: optuna.Study) -> dict[str, tuple[FrozenTrial, int]]:
    """Return all runs of the candidates, as trial and seed, by the name under which the study keeps them."""
    pairs = product(candidates(search, study), seeds(search))
    return {f"trial {trial.number} seed {seed}": (trial, seed) for trial, seed in pairs}


def file_of(search: Search, trial: int) -> Path:
    """Return where a file of a candidate is saved, with whichever seed: all take the same time."""
    return search.folder / f"trial-{trial}.tflite.zlib"


def latency_key(search: Search, trial: int) -> str:
    """Return under which name the study keeps the latencies of a candidate."""
    return f"latency of trial {trial}" + (f" on {search.host}" if search.host else "")


def finalists(search: Search, study: optuna.Study) -> list[Finalist]:
    """Return the candidates that were trained with all seeds, the best first."""
    saved = study.user_attrs
    found = []
    for trial in candidates(search, study):
        keys = {seed: key for key, (of, seed) in runs_of(search, study).items() if of.number == trial.number}
        runs = {seed: saved[key] for seed, key in keys.items() if key in saved}
        if len(runs) == FINALIST_SEEDS:
            latency = saved.get(latency_key(search, trial.number), {})
            judged = [j for limit in search.limits if (j := _judge(limit, list(runs.values()), latency))]
            found.append(Finalist(trial.number, recipe_of(trial), runs, tuple(judged)))
    return sorted(found, key=lambda f: (f.failed, not f.meets_limits, f.violation, f.failed or -f.score))


def _judge(limit: Limit, runs: Sequence[Result], latency: Latency) -> dict[str, Any] | None:
    """Judge a limit by the 95 % interval over seeds, or over passes for a latency; None where nothing was measured."""
    whole = [values_of(run) for run in runs if "error" not in run]
    values = latency.get(limit.metric) or [v[limit.metric] for v in whole if limit.metric in v]
    if not values:
        return None
    mean, low, high = mean_interval(values)
    judged = {**asdict(limit), "mean": mean, "low": low, "high": high}
    return {**judged, "met": limit.met_by(_worse_end(judged))}


def _worse_end(judged: dict[str, Any]) -> float:
    end: float = judged["low" if METRICS[judged["metric"]].more_is_better else "high"]
    return end
