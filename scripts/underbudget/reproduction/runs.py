"""The runs of a study: values over seeds, their mean with its interval, and the run that validation chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from underbudget import files
from underbudget.device.artifact import FORECASTING, Card
from underbudget.intervals import mean_interval, prediction_p_value, wilson
from underbudget.metrics import KB, METRICS, TASK_METRICS, Limit, all_met, score
from underbudget.store import NO_VERDICT, SYNTHETIC
from underbudget.versions.catalogue import RECIPES, REGULARISATION_STUDY, VERSIONS

Run = dict[str, Any]
ERRORS = TASK_METRICS[FORECASTING]
FAR = 2  # times the median error of a study's runs: a training that is so far off has failed
SPEAKER_SUFFIX = "-by-speaker"  # ends the names of studies in which no speaker is in two splits


def runs_of(runs: Sequence[Run], version: str) -> list[Run]:
    """Return the runs of one version."""
    return [run for run in runs if run["version"] == version]


def as_authors_batch(runs: Sequence[Run], name: str) -> list[Run]:
    """Return the runs of a version, of the study "batches", whose batches are drawn as the authors' script does."""
    return [run for how in ("neighbours", "fixed") for run in runs_of(runs, f"{name}_{how}")]


def size(run: Run) -> int:
    """Return the bytes of a run's compressed file: as converted, as the report's are, but for those of our own recipes.

    Slimming files is ours. A changed recipe is the user's own.
    """
    own = run["recipe"] in (*RECIPES[1:], REGULARISATION_STUDY) or "/" in run["recipe"]
    found: int = run["bytes" if own else "converted_bytes"]
    return found


def card_size(recipe: str, card: Card) -> int:
    """Return the bytes of a model's compressed file by the same rule."""
    found: int = card.content["file"]["compressed_bytes" if recipe in RECIPES[1:] else "converted_compressed_bytes"]
    return found


def metric_values(runs: Sequence[Run], metric: str) -> list[float]:
    """Return a metric of each run on the test split; size in kB of 1024 bytes."""
    return [size(run) / KB if metric == "size_kb" else run["test"][metric] for run in runs]


def failed(runs: Sequence[Run]) -> list[Run]:
    """Return the runs that did not learn: an error is FAR times the median of all runs or more."""
    errors = [metric for metric in ERRORS if all(metric in run["test"] for run in runs)]
    usual = {metric: float(np.median(metric_values(runs, metric))) for metric in errors} if runs else {}
    return [run for run in runs if any(run["test"][metric] >= FAR * usual[metric] for metric in usual)]


def learnt(runs: Sequence[Run]) -> list[Run]:
    """Return the other runs: those that means are computed from."""
    lost = failed(runs)
    return [run for run in runs if run not in lost]


def comparable(runs: Sequence[Run], metric: str, figure: float) -> list[Run]:
    """Return the runs that a figure is compared with: those that learnt; all, if it is as far off itself."""
    far = metric in ERRORS and figure >= FAR * np.median(metric_values(runs, metric))
    return list(runs) if far else learnt(runs)


def p_of(runs: Sequence[Run], metric: str, figure: float) -> float:
    """Return how likely a further run lies as far from the mean of the comparable ones as a figure, or farther."""
    return prediction_p_value(metric_values(comparable(runs, metric, figure), metric), figure)


def format_range(runs: Sequence[Run], metric: str) -> str:
    """Format the median over seeds with the range."""
    seen, shown = metric_values(runs, metric), METRICS[metric]
    low, middle, high = (f"{value:.{shown.digits}f}" for value in (min(seen), float(np.median(seen)), max(seen)))
    return f"median {middle} ({low} to {high}) {shown.unit}"


def meets(run: Run, limits: Sequence[Limit]) -> bool:
    """Return whether a run meets all limits but those on latency, which no run measures."""
    return all_met(limits, {**run["test"], "size_kb": size(run) / KB})


def format_share(count: int, runs: int) -> str:
    """Format a count of runs with the 95 % interval of their share."""
    low, high = wilson(count, runs)
    return f"{count} of {runs} runs ({100 * low:.0f}–{100 * high:.0f} %)"


def format_mean(runs: Sequence[Run], metric: str) -> str:
    """Format the mean over seeds with its 95 % interval."""
    return METRICS[metric].interval(*mean_interval(metric_values(runs, metric)))


def format_p(p: float) -> str:
    """Format a probability."""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def arithmetics(runs: Sequence[Run]) -> set[int]:
    """Return the arithmetics that the runs were made by; see underbudget.recipes."""
    return {run["arithmetic"] for run in runs}


def chosen(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the run that does best on validation data."""
    return max(runs, key=lambda run: score(run["validation"]))


@dataclass(frozen=True)
class Summary:
    """The mean of a test metric over all seeds of a version with its 95 % interval, and bytes."""

    seeds: int
    mean: float
    low: float
    high: float
    bytes_mean: float
    bytes_least: int
    bytes_most: int


def summary(runs: Sequence[dict[str, Any]], version: str, metric: str) -> Summary | None:
    """Summarise a metric over the seeds of a version; None where it has no runs."""
    own = runs_of(runs, version)
    if not own:
        return None
    sizes = [size(run) for run in own]
    return Summary(
        len(own), *mean_interval(metric_values(own, metric)), sum(sizes) / len(sizes), min(sizes), max(sizes)
    )


def summary_lines(path: Path) -> list[str]:
    """Format a study for a terminal: one line per version and metric, and how many runs meet a version's limits."""
    synthetic = SYNTHETIC.results in path.parents
    lines = [NO_VERDICT] if synthetic else []
    runs = files.read_json_lines(path)
    for name in dict.fromkeys(t["version"] for t in runs):
        for metric in next((t["test"] for t in runs if t["version"] == name), ()):
            found = summary(runs, name, metric)
            assert found is not None  # there is a run of it
            spread = (found.low, found.high) if found.seeds > 1 else ()
            text = METRICS[metric].interval(found.mean, *spread)
            size = f"{found.bytes_least:,} to {found.bytes_most:,} bytes"
            seeds = "1 seed" if found.seeds == 1 else f"{found.seeds} seeds"
            lines.append(f"{name}: {METRICS[metric].title} {text} over {seeds}, {size}")
        if name in VERSIONS and not synthetic:
            version, own = VERSIONS[name], runs_of(runs, name)
            share = format_share(sum(meets(run, version.offline_limits) for run in own), len(own))
            lines.append(f"{name}: {share} meet all limits{version.but_latency}")
    return [*lines, f"in full: {path.relative_to(files.ROOT)}"]
