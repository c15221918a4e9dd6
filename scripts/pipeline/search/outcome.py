"""What a search tells: the line of its progress, its table, its result file."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from pipeline.intervals import mean_interval
from pipeline.metrics import METRICS, TASK_METRICS
from pipeline.search.finalists import FINALISTS, SEEDS, Finalist, seeds
from pipeline.search.halving import KEPT, LAST, RUNGS
from pipeline.search.journal import Entry, Result
from pipeline.search.limits import format_limits
from pipeline.search.plan import Search, broken, merit, rank, values_of

LEAST_FOR_IMPORTANCE = 20  # trials: of fewer, which parameters mattered can't be told
BEST = 0.25  # of the trials


def progress_line(search: Search, known: Sequence[Entry], running: int) -> str:
    """Say how far the trials are: tried, in full, running, keeping the limits, the best."""
    tried = [e for e in known if e.rungs or e.error]
    full = sum(len(e.rungs) > LAST for e in known)
    failed = sum(e.state == "failed" for e in known)
    keeping = sum(bool(e.rungs) and broken(search, e.rungs[-1]) == 0 for e in known)
    parts = [f"{len(tried)} of {max(search.trials, len(known))} trials tried, {full} in full", f"{running} running"]
    parts += [f"{failed} failed"] if failed else []
    text = ", ".join([*parts, f"{keeping} keep the limits"])
    if found := best(search, known):
        text += f"; best: trial {found.number}, {describe(search, found.rungs[-1])}"
        text += "" if broken(search, found.rungs[-1]) == 0 else " (breaks a limit)"
    return text


def best(search: Search, known: Sequence[Entry]) -> Entry | None:
    """Return the trial that does best on validation data of those that keep the limits, or else breaks them least."""
    return min((e for e in known if e.rungs), key=lambda e: rank(search, e.rungs[-1]), default=None)


def describe(search: Search, result: Result) -> str:
    """Format a training's figures on validation data, and its size."""
    values = values_of(result)
    names = (*TASK_METRICS[search.task], "size_kb")
    return ", ".join(f"{values[name]:.{METRICS[name].digits}f} {METRICS[name].unit}" for name in names)


def time_left(search: Search, known: Sequence[Entry], slots: int) -> str:
    """Estimate the time left, finalists included; nothing before any training has ended.

    Args:
        slots: trainings at once.
    """
    times = [
        [e.rungs[r]["seconds"] for e in known if len(e.rungs) > r and e.rungs[r]["seconds"]] for r in range(LAST + 1)
    ]
    if not times[0]:
        return ""
    usual: list[float] = []  # seconds of a training for each rung: as it took, or longer than the last by its epochs
    for rung, seen in enumerate(times):
        usual.append(float(np.mean(seen)) if seen else usual[-1] * RUNGS[rung] / RUNGS[rung - 1])
    planned = [search.trials / KEPT**rung for rung in range(LAST + 1)]
    missing = [max(0.0, count - sum(len(e.rungs) > rung for e in known)) for rung, count in enumerate(planned)]
    missing[LAST] += min(FINALISTS, math.ceil(planned[LAST])) * SEEDS + 1
    return f"; about {duration(float(np.dot(usual, missing)) / slots)} left"


def duration(seconds: float) -> str:
    """Format seconds for a reader: "50 s", "12 min", "3.5 h"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def result_of(
    search: Search,
    study: optuna.Study,
    known: Sequence[Entry],
    found: Sequence[Finalist],
    model: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Return the content of the result file.

    Args:
        model: of the model that was made at the end: its path, bytes, seed and figures on the test split.
    """
    return {
        "name": search.name,
        "task": search.task,
        "limits": [asdict(c) for c in search.limits],
        "trials_asked": search.trials,
        "seed": search.seed,
        "trials": [
            {
                "number": e.number,
                "state": e.state,
                "choices": e.choices,
                "expected_bytes": e.expected_bytes,
                "rungs": list(e.rungs),
                **({"error": e.error} if e.error else {}),
            }
            for e in known
        ],
        "size_error_pct": size_error_pct(known),
        "importance": importance(study),
        "seeds": list(seeds(search)),
        "finalists": [
            {
                "trial": f.trial,
                "recipe": f.recipe.to_dict(),
                "kept": f.kept,
                "limits": list(f.judged),
                "runs": {str(seed): run for seed, run in f.runs.items()},
            }
            for f in found
        ],
        "model": model,
        "made_from": search.made_from,
        "made_with": search.made_with,
    }


def size_error_pct(known: Sequence[Entry]) -> float | None:
    """Return how far files were from what was expected of them before: the root mean square, in %."""
    wrong = [e.rungs[-1]["bytes"] / e.expected_bytes - 1 for e in known if e.rungs]
    return round(100 * float(np.sqrt(np.mean(np.square(wrong)))), 2) if wrong else None


def importance(study: optuna.Study) -> dict[str, float]:
    """Return how much each parameter mattered for quality, most first: PED-ANOVA (arXiv:2304.10255).

    Shares of 1; after the first rung, where all trials have had the same epochs, and for a place in the best quarter.
    """
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    if len(complete) < LEAST_FOR_IMPORTANCE:
        return {}
    evaluator = PedAnovaImportanceEvaluator(target_quantile=BEST)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it recalls that less has to be better, as minus the merit is
        shares = get_param_importances(study, evaluator=evaluator, target=_first_error)
    return {name: round(float(share), 4) for name, share in shares.items()}


def _first_error(trial: FrozenTrial) -> float:
    return -merit(trial.user_attrs["rung 0"]["validation"])


def table(search: Search, found: Sequence[Finalist]) -> list[str]:
    """Tabulate the finalists for a terminal, the best first."""
    limits = format_limits(search.limits)
    lines = [f"finalists for {limits}: mean and 95 % interval over {SEEDS} seeds on validation data"]
    for f in found:
        lines.append(f"  trial {f.trial}: {'keeps all limits' if f.kept else 'does not keep all limits'}")
        if f.failed:
            (error, *_) = [run["error"] for run in f.runs.values() if "error" in run]
            lines.append(f"    failed with a seed: {error}")
            continue
        judged = {j["metric"]: j for j in f.judged}
        for name in (*TASK_METRICS[search.task], "size_kb", *(m for m in judged if METRICS[m].is_latency)):
            if j := judged.get(name):
                interval = METRICS[name].interval(j["mean"], j["low"], j["high"])
                verdict = "kept" if j["kept"] else "MISSED"
                lines.append(
                    f"    {METRICS[name].title}: {interval}; {METRICS[name].limit(j['limit'])} asked: {verdict}"
                )
            else:
                values = [values_of(run)[name] for run in f.runs.values()]
                lines.append(f"    {METRICS[name].title}: {METRICS[name].interval(*mean_interval(values))}")
    return lines


def model_line(model: Mapping[str, Any], trials: int) -> str:
    """Say what the model is, on the test split; and of how many trials it is the best."""
    figures = []
    for name, metric in METRICS.items():
        if name in model["test"]:
            low, high = model["test"][f"{name}_95"]
            figures.append(f"{metric.title} {metric.interval(model['test'][name], low, high)}")
    size = f"{model['bytes']:,} bytes; card: {model['card']}"
    return f"the best of {trials} trials, on the test split: {', '.join(figures)}; {size}"
