"""What the studies found: over seeds, beside the report's own study, by split; as tables."""

from collections.abc import Sequence
from itertools import product
from typing import Any

import numpy as np

from device.artifact import SPOTTING
from pipeline.place import PUBLISHED, Place
from pipeline.recipe import METRICS, RECIPES, VERSIONS, Constraint, load_version
from pipeline.report import markdown_table, reference, reported
from pipeline.statistics import difference, further_run, mean_interval, wilson
from pipeline.study import BY_SPEAKER, row_name

Trial = dict[str, Any]
KB = 1024


def of(trials: Sequence[Trial], version: str) -> list[Trial]:
    """The trials of one version."""
    return [trial for trial in trials if trial["version"] == version]


def values(trials: Sequence[Trial], metric: str) -> list[float]:
    """A metric of each trial on the test split; size in kB of 1024 bytes."""
    return [trial["bytes"] / KB if metric == "size_kb" else trial["test"][metric] for trial in trials]


def meets(trial: Trial, constraints: Sequence[Constraint]) -> bool:
    """Whether a trial keeps all constraints but those on latency, which no trial measures."""
    return all(c.met_by(values([trial], c.metric)[0]) for c in constraints if not c.metric.endswith("_ms"))


def share(count: int, runs: int) -> str:
    """A count of runs, with the 95 % interval of their share."""
    low, high = wilson(count, runs)
    return f"{count} of {runs} runs ({100 * low:.0f}–{100 * high:.0f} %)"


def mean_of(trials: Sequence[Trial], metric: str) -> str:
    """The mean over seeds with its 95 % interval."""
    return METRICS[metric].interval(*mean_interval(values(trials, metric)))


def seeds_markdown(place: Place = PUBLISHED) -> str:
    """The report's recipes over seeds: mean and spread, the report's one figure among them, the constraints."""
    lines = []
    trials = place.trials("report")
    for name in VERSIONS:
        own = of(trials, name)
        if len(own) < 2:
            continue
        constraints = load_version(name).constraints
        for constraint in constraints:
            metric = constraint.metric
            if metric.endswith("_ms"):
                continue
            seen, shown = values(own, metric), METRICS[metric]
            theirs = reported()[name][metric]
            sign = ">" if shown.more_is_better else "<"
            met = sum(meets(trial, [constraint]) for trial in own)
            lines.append(
                [
                    f"`{name}`",
                    f"{shown.title}, {shown.unit}",
                    f"{np.mean(seen):.{shown.digits}f} ± {np.std(seen, ddof=1):.{shown.digits}f}",
                    f"{np.median(seen):.{shown.digits}f} ({min(seen):.{shown.digits}f}–{max(seen):.{shown.digits}f})",
                    f"{theirs:g}",
                    f"{sum(Constraint(metric, theirs).met_by(value) for value in seen)} of {len(seen)}",
                    _chance(further_run(seen, theirs)),
                    f"{sign} {constraint.limit:g}: {share(met, len(own))}",
                ]
            )
        met = sum(meets(trial, constraints) for trial in own)
        lines.append([f"`{name}`", "all of these (latency apart)", "", "", "", "", "", share(met, len(own))])
    header = ["version", "", "mean ± deviation", "median (range)", "report", "runs better than it"]
    return markdown_table([*header, "chance of a run as far off", "constraint met by (95 %)"], lines)


def _chance(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def study_markdown(network: str, place: Place = PUBLISHED) -> str:
    """The report's study of one network, theirs beside ours: medians and ranges over seeds, mean sizes."""
    trials = place.trials("forecasters")
    lines = []
    for technique, *theirs in reference()["ablation"][network]:
        own = of(trials, row_name(network, technique))
        if not own:
            continue
        cells = [technique]
        for metric, figure in zip(("t_mae_c", "rh_mae_pct"), theirs, strict=False):
            seen = values(own, metric)
            cells += [f"{figure:.2f}", f"{np.median(seen):.2f} ({min(seen):.2f}–{max(seen):.2f})"]
        converted = np.mean([trial["converted_bytes"] for trial in own]) / KB
        cells += [f"{theirs[-1]:.2f}", f"{np.mean(values(own, 'size_kb')):.2f}", f"{converted:.2f}"]
        lines.append(cells)
    header = [network.upper(), "T MAE, °C: report", "ours", "Rh MAE, %: report", "ours", "kB: report", "ours"]
    return markdown_table([*header, "ours, not slimmed"], lines)


def spotters_markdown(place: Place = PUBLISHED) -> str:
    """The unoptimised spotters."""
    trials = place.trials("spotters")
    lines = []
    for name in dict.fromkeys(trial["version"] for trial in trials):
        own = of(trials, name)
        network, features = name.rsplit("_", 1)
        size = f"{np.mean(values(own, 'size_kb')):,.0f}"
        seconds = f"{np.mean([t['seconds'] for t in own]):.0f}"
        title = network.upper().replace("_", "-")
        lines.append([title, features.upper(), mean_of(own, "accuracy_pct"), size, str(len(own)), seconds])
    header = ["network", "features", "accuracy, mean over seeds (95 %)", "kB", "seeds", "seconds a run"]
    return markdown_table(header, lines)


def splits_markdown(place: Place = PUBLISHED) -> str:
    """The spotters by the course's lists, and with no speaker in two splits."""
    lines = []
    for recipe, name in product(RECIPES, VERSIONS):
        version = load_version(name)
        sides = [of(place.trials(study), name) for study in (recipe, recipe + BY_SPEAKER)]
        if version.task != SPOTTING or min(map(len, sides)) < 2:
            continue
        lost = difference(*(values(side, "accuracy_pct") for side in sides))
        cells = [f"`{recipe}/{name}`"]
        for side in sides:
            passed = sum(meets(trial, version.constraints) for trial in side)
            cells += [mean_of(side, "accuracy_pct"), share(passed, len(side))]
        clips = sides[1][0]["clips"]
        cells += [f"{lost.value:.2f} ({lost.low:.2f} to {lost.high:.2f})", f"{clips:,}"]
        lines.append(cells)
    header = ["", "accuracy, the course's lists (95 %)", "all limits kept by"]
    header += ["unknown speakers (95 %)", "all limits kept by", "points lost (95 %)", "unknown speakers' test clips"]
    return markdown_table(header, lines)
