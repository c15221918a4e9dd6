"""The best recipes of a search with several seeds, judged by intervals; nothing here looks at the test split."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import optuna

from pipeline import files
from pipeline.engine.pool import Pool
from pipeline.intervals import mean_interval
from pipeline.metrics import KB, METRICS, Constraint
from pipeline.recipe import Recipe
from pipeline.search import space
from pipeline.search.driver import Train
from pipeline.search.journal import Entry, Result, entries
from pipeline.search.plan import Search, excesses, merit, rank, values_of

FINALISTS = 3
SEEDS = 5

Latency = dict[str, list[float]]  # milliseconds of passes, by metric


@dataclass(frozen=True)
class Finalist:
    """A recipe with what came of it under several seeds.

    Attributes:
        trial: its number.
        runs: figures on validation data, one by seed; one that failed has an "error".
        judged: each limit with the mean and the 95 % interval of its metric, and whether the whole interval keeps it.
    """

    trial: int
    recipe: Recipe
    runs: dict[int, Result]
    judged: tuple[dict[str, Any], ...]

    @property
    def kept(self) -> bool:
        """Whether it keeps all limits that were measured, with every seed that was trained."""
        return not self.failed and all(j["kept"] for j in self.judged)

    @property
    def failed(self) -> bool:
        return any("error" in run for run in self.runs.values())

    @property
    def merit(self) -> float:
        """The mean over seeds."""
        return mean_interval([merit(run["validation"]) for run in self.runs.values()])[0]

    @property
    def excess(self) -> float:
        """By how much the worse ends of the intervals break limits, together, as shares of them."""
        return sum(max(0.0, j["excess"]) for j in self.judged)

    @property
    def seed(self) -> int:
        """The seed whose model is kept: the best on validation data of those whose files are small enough."""
        sizes = [j["limit"] * KB for j in self.judged if j["metric"] == "size_kb"]
        small = {seed: run for seed, run in self.runs.items() if all(run["bytes"] < size for size in sizes)}
        return max(small or self.runs, key=lambda seed: merit(self.runs[seed]["validation"]))


def candidates(search: Search, known: Sequence[Entry]) -> list[Entry]:
    """Return the trials that go on: of those trained in full, the best on validation data that keep the limits.

    Where fewer keep them, those follow that break them least.
    """

    by_recipe: dict[Recipe, Entry] = {}
    for entry in sorted((e for e in known if e.state == "finished"), key=lambda e: rank(search, e.rungs[-1])):
        by_recipe.setdefault(space.recipe_of(entry.choices), entry)
    return list(by_recipe.values())[:FINALISTS]


def seeds(search: Search) -> range:
    """Return the seeds of the finalists: fresh ones, since a trial may have been lucky with its own."""
    return range(search.seed + 1, search.seed + 1 + SEEDS)


def run_seeds(
    search: Search, study: optuna.Study, pool: Pool, train: Train, data: object, notice: Callable[[int, int], None]
) -> None:
    """Train the candidates with each seed, unless that is done; results go to the journal, files beside it.

    Args:
        notice: is called with how many are done, and of how many, whenever one has ended.
    """
    runs = {
        run_key(entry.number, seed): (space.recipe_of(entry.choices), seed)
        for entry in candidates(search, entries(study))
        for seed in seeds(search)
    }
    waiting = [key for key in runs if key not in study.user_attrs]
    running = 0
    while waiting or running:
        while waiting and running < pool.slots:
            key = waiting.pop(0)
            pool.submit(key, train, *runs[key], data)
            running += 1
        for done in pool.wait():
            running -= 1
            if done.error is None:
                result, file = done.value
                with files.atomic_write(file_of(search, done.key)) as partial:
                    partial.write_bytes(file)
            study.set_user_attr(done.key, {"error": done.error} if done.error is not None else result)
        notice(len(runs) - len(waiting) - running, len(runs))


def run_key(trial: int, seed: int) -> str:
    """Return under which name the journal keeps a run of a candidate."""
    return f"trial {trial} seed {seed}"


def file_of(search: Search, key: str) -> Path:
    """Return where the file of a run is kept."""
    return search.folder / f"{key.replace(' ', '-')}.tflite.zlib"


def latency_key(search: Search, trial: int) -> str:
    """Return under which name the journal keeps the latencies of a candidate."""
    return f"latency of trial {trial}" + (f" on {search.host}" if search.host else "")


def finalists(search: Search, study: optuna.Study, known: Sequence[Entry]) -> list[Finalist]:
    """Return the candidates that were trained with all seeds, the best first."""
    kept = study.user_attrs
    found = []
    for entry in candidates(search, known):
        keys = {seed: run_key(entry.number, seed) for seed in seeds(search)}
        runs = {seed: kept[key] for seed, key in keys.items() if key in kept}
        if len(runs) == SEEDS:
            latency = kept.get(latency_key(search, entry.number), {})
            judged = [j for limit in search.limits if (j := _judge(limit, list(runs.values()), latency))]
            found.append(Finalist(entry.number, space.recipe_of(entry.choices), runs, tuple(judged)))
    return sorted(found, key=lambda f: (f.failed, not f.kept, f.excess, f.failed or -f.merit))


def _judge(limit: Constraint, runs: Sequence[Result], latency: Latency) -> dict[str, Any] | None:
    """Judge a limit by the 95 % interval over seeds, or over passes for a latency; None where nothing was measured."""
    whole = [values_of(run) for run in runs if "error" not in run]
    values = latency.get(limit.metric) or [v[limit.metric] for v in whole if limit.metric in v]
    if not values:
        return None
    mean, low, high = mean_interval(values)
    worse = low if METRICS[limit.metric].more_is_better else high
    over = excesses((limit,), {limit.metric: worse})[limit.metric]
    return {**asdict(limit), "mean": mean, "low": low, "high": high, "excess": over, "kept": limit.met_by(worse)}
