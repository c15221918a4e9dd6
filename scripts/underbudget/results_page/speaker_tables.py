"""Spotters and the speakers they never heard: what another split changes, and what regularisation does."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import scipy  # which imports its parts as they are used

from underbudget.device.artifact import SPOTTING
from underbudget.intervals import Z95, mean_interval
from underbudget.metrics import METRICS
from underbudget.reproduction.reference import load_reference
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import (
    SPEAKER_SUFFIX,
    Run,
    arithmetics,
    format_mean,
    format_p,
    format_share,
    meets,
    metric_values,
    runs_of,
    summary,
)
from underbudget.results_page.markdown import markdown_table
from underbudget.versions.catalogue import COMPARED_RECIPES, RECIPES, VERSIONS

REGULARISED = {  # the study and the version that each of the plain ones is beside
    "kws_a_plain": ("improved", "kws_a"),
    "smallest_plain": ("smallest", "kws_a"),
    "kws_c_plain": ("improved", "kws_c"),
}
AIMS = {("improved", "kws_a"): (95.4, 8000), ("improved", "kws_c"): (96.5, 25_000), ("smallest", "kws_a"): (93.0, 2000)}


def splits(results: Results) -> str:
    """Tabulate the spotters with the course's split, which shares speakers, and with a speaker-independent one."""
    lines, stale, unknown = [], set(), False
    for recipe, name in product(RECIPES, VERSIONS):
        version = VERSIONS[name]
        sides = [runs_of(results.study_runs(study), name) for study in (recipe, recipe + SPEAKER_SUFFIX)]
        if version.task != SPOTTING or min(map(len, sides)) < 2:
            continue
        if len(arithmetics([*sides[0], *sides[1]])) > 1:
            stale.add(recipe)
        lost = np.mean(metric_values(sides[0], "accuracy_pct")) - np.mean(metric_values(sides[1], "accuracy_pct"))
        half = Z95 * np.sqrt(sum(map(_variance, sides)))
        unknown |= any(run.get("speakers_95") is None for side in sides for run in side)
        cells = [f"`{recipe}/{name}`"]
        for side in sides:
            passed = sum(meets(run, version.limits) for run in side)
            cells += [format_mean(side, "accuracy_pct"), format_share(passed, len(side))]
        clips = sides[1][0]["clips"]
        cells += [f"{lost:.2f} ({lost - half:.2f} to {lost + half:.2f})", f"{clips:,}"]
        lines.append(cells)
    header = ["spotter", "accuracy, the course's lists (95 %)", "runs that meet all limits"]
    header += ["accuracy, speaker-independent (95 %)", "runs that meet all limits", "difference, points (95 %)"]
    header += ["speaker-independent test clips"]
    notes = ""
    if stale:
        notes += (
            f"\nThe two studies of {', '.join(sorted(stale))} were made by different arithmetic: to be made again.\n"
        )
    if unknown:
        notes += "\nSome runs were made before speakers were drawn: their intervals are over seeds alone.\n"
    return markdown_table(header, lines) + notes


def _variance(runs: Sequence[Run]) -> float:
    """Return the variance of a mean over seeds: from the seeds, and from the speakers, who are the same for all."""
    seen = metric_values(runs, "accuracy_pct")
    halves = [(high - low) / 2 for low, high in (run.get("speakers_95") or (0, 0) for run in runs)]
    return float(np.var(seen, ddof=1) / len(seen) + (np.mean(halves) / Z95) ** 2)


def unknown_speakers(results: Results, recipe: str, name: str) -> str:
    """Format the accuracy of a recipe on speakers that are in no other split: the mean over its seeds."""
    runs = runs_of(results.study_runs(recipe + SPEAKER_SUFFIX), name)
    return f"{format_mean(runs, 'accuracy_pct')}, {len(runs)} seeds" if len(runs) > 1 else ""


def strangers(results: Results) -> str:
    """Say how much accuracy falls on people that spotters never heard: by our trainings, and by others' clips."""
    parts = []
    for recipe, name in product(COMPARED_RECIPES, ("kws_a",)):
        sides = [runs_of(results.study_runs(study), name) for study in (recipe + SPEAKER_SUFFIX, recipe)]
        if min(map(len, sides)) > 1:
            unknown, known = (f"{np.mean(metric_values(side, 'accuracy_pct')):.1f}" for side in sides)
            parts.append(f"`{recipe}/{name}` {unknown} % (by the course's split {known} %)")
    figures = load_reference()["strangers"]["accuracy_pct"]
    heard, unheard = (", ".join(f"{v[key]:.1f}" for v in figures.values()) for key in ("in_training", "others"))
    if not parts:
        return ""
    return (
        f"On people that it never heard, a spotter is right less often. Trained without them, over several seeds:"
        f" {', '.join(parts)}. Others tried our {', '.join(figures)} by the report's recipe on clips from outside: of"
        f" people in the course's training list {heard} % were right, of others {unheard} %.\n"
    )


def speaker_aims(results: Results) -> str:
    """Say which of our aims on unknown speakers are reached: a mean over seeds, within so many bytes."""
    parts = []
    for (recipe, name), (accuracy, most) in AIMS.items():
        found = summary(runs_of(results.study_runs(recipe + SPEAKER_SUFFIX), name), name, "accuracy_pct")
        if not found:
            continue
        mean = METRICS["accuracy_pct"].interval(found.mean, found.low, found.high)
        reached = "reached" if found.mean >= accuracy and found.bytes_most < most else "missed"
        parts.append(
            f"{accuracy:g} % in less than {most:,} bytes for `{recipe}/{name}` ({reached}: {mean} over {found.seeds}"
            f" seeds in at most {found.bytes_most:,} bytes)"
        )
    return f"Our aims on this split are means of {', '.join(parts)}.\n" if parts else ""


def regularisation(results: Results) -> str:
    """Tabulate what weight decay and masks of bands add for unknown speakers, seed by seed."""
    lines = []
    for plain, (recipe, name) in REGULARISED.items():
        without = {run["seed"]: run for run in runs_of(results.study_runs("regularisation"), plain)}
        added = {run["seed"]: run for run in runs_of(results.study_runs(recipe + SPEAKER_SUFFIX), name)}
        seeds = sorted(without.keys() & added.keys())
        if len(seeds) < 2 or len(arithmetics([*without.values(), *added.values()])) > 1:
            continue
        sides = [[side[seed] for seed in seeds] for side in (without, added)]
        cells = [f"`{recipe}/{name}`", str(len(seeds))]
        for part in ("validation", "test"):
            seen = np.array([[run[part]["accuracy_pct"] for run in side] for side in sides])
            gain, low, high = mean_interval(list(seen[1] - seen[0]))
            p = float(scipy.stats.ttest_1samp(seen[1] - seen[0], 0).pvalue)
            cells += [METRICS["accuracy_pct"].interval(*mean_interval(list(side))) for side in seen]
            cells.append(f"{gain:+.2f} ({low:+.2f} to {high:+.2f}), {format_p(p)}")
        lines.append([*cells, *(f"{np.mean([run['bytes'] for run in side]):,.0f}" for side in sides)])
    header = ["spotter", "seeds"]
    header += [f"{part}: {what}" for part in ("validation", "test") for what in ("without", "with", "points (95 %), p")]
    return markdown_table([*header, "bytes: without", "with"], lines)
