"""Spotters and the speakers they never heard: what another split changes, and what regularisation does."""

from collections.abc import Sequence
from itertools import product

import numpy as np
import scipy  # which imports its parts as they are used

from underbudget.device.artifact import SPOTTING
from underbudget.intervals import Z95, mean_interval
from underbudget.metrics import METRICS
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import (
    SPEAKER_SUFFIX,
    Run,
    arithmetics,
    format_p,
    format_share,
    meets,
    metric_values,
    runs_of,
    size,
)
from underbudget.results_page.markdown import markdown_table
from underbudget.versions.catalogue import COMPARED_RECIPES, RECIPES, REGULARISATION_STUDY, SPOTTERS, VERSIONS

REGULARISED = {  # the study and the version that each of the plain ones is beside
    "kws_a_plain": ("improved", "kws_a"),
    "smallest_plain": ("smallest", "kws_a"),
    "kws_c_plain": ("improved", "kws_c"),
}
AIMS = {("improved", "kws_a"): (95.4, 8000), ("improved", "kws_c"): (96.5, 25_000), ("smallest", "kws_a"): (93.0, 2000)}


def splits(results: Results) -> str:
    """Tabulate the spotters with the course's split, which shares speakers, and with a speaker-independent one."""
    lines, stale, undrawn = [], [], False
    for recipe, name in product(RECIPES, VERSIONS):
        version = VERSIONS[name]
        sides = [runs_of(results.study_runs(study), name) for study in (recipe, recipe + SPEAKER_SUFFIX)]
        if version.task != SPOTTING or min(map(len, sides)) < 2:
            continue
        cells = [f"`{recipe}/{name}`"]
        for side in sides:
            passed = sum(meets(run, version.limits) for run in side)
            cells += [format_over_speakers(side), format_share(passed, len(side))]
        if len(arithmetics([*sides[0], *sides[1]])) > 1:
            stale.append(f"`{recipe}/{name}`")
            lost = "–"
        elif all(run.get("speakers_95") for side in sides for run in side):
            lost = "{:.2f} ({:.2f} to {:.2f})".format(*_difference(*sides))
        else:
            undrawn = True
            lost = f"{_difference(*sides)[0]:.2f}"
        lines.append([*cells, lost, f"{sides[1][0]['clips']:,}"])
    header = ["spotter", "accuracy, the course's lists (95 %, seeds and speakers)", "runs that meet all limits"]
    header += [
        "accuracy, speaker-independent (95 %, seeds and speakers)",
        "runs that meet all limits",
        "difference, points (95 %)",
    ]
    header += ["speaker-independent test clips"]
    notes = ""
    if stale:
        notes += f"\nNot to be subtracted, since the two sides are of different code or recipes: {', '.join(stale)}.\n"
    if undrawn:
        notes += "\nA difference without an interval is of runs that say nothing of the spread over speakers.\n"
    return markdown_table(header, lines) + notes


def _difference(left: Sequence[Run], right: Sequence[Run]) -> tuple[float, float, float]:
    """Return the difference of two means with its 95 % interval."""
    means = [float(np.mean(metric_values(side, "accuracy_pct"))) for side in (left, right)]
    return _interval(means[0] - means[1], left, right)


def _interval(value: float, *sides: Sequence[Run]) -> tuple[float, float, float]:
    """Return a mean, or a difference, with its 95 % interval: from the seeds, and from the speakers of each side.

    The speakers are the same for all seeds of a side. Degrees of freedom after Welch and Satterthwaite.
    """
    variances, free = [], []
    for runs in sides:
        seen = metric_values(runs, "accuracy_pct")
        variances.append(float(np.var(seen, ddof=1)) / len(seen))
        free.append(variances[-1] ** 2 / (len(seen) - 1))
        halves = [(high - low) / 2 for low, high in (run.get("speakers_95") or (0, 0) for run in runs)]
        variances.append(float(np.mean(halves) / Z95) ** 2)
    quantile = scipy.stats.t.ppf(0.975, sum(variances) ** 2 / sum(free)) if sum(free) else Z95
    half = float(quantile * np.sqrt(sum(variances)))
    return value, value - half, value + half


def format_over_speakers(runs: Sequence[Run]) -> str:
    """Format the mean accuracy with its 95 % interval, over seeds and speakers, or say that it is over seeds alone."""
    text = METRICS["accuracy_pct"].interval(*_mean(runs))
    return text if all(run.get("speakers_95") for run in runs) else f"{text}, over seeds alone"


def _mean(runs: Sequence[Run]) -> tuple[float, float, float]:
    """Return the mean accuracy with its 95 % interval, which ends at 100 %."""
    mean, low, high = _interval(float(np.mean(metric_values(runs, "accuracy_pct"))), runs)
    return mean, low, min(high, 100.0)


def unknown_speakers(results: Results, recipe: str, name: str, mean_alone: bool = False) -> str:
    """Format the accuracy of a recipe on speakers that are in no other split: the mean over its seeds.

    Where those runs and the ones on the course's split differ in recipe or code, it says so.
    """
    if name not in SPOTTERS or recipe not in COMPARED_RECIPES:
        return ""
    runs = runs_of(results.study_runs(recipe + SPEAKER_SUFFIX), name)
    same = len(arithmetics([*runs, *runs_of(results.study_runs(recipe), name)])) == 1
    if len(runs) < 2:
        return "not measured yet"
    if mean_alone:
        figure = f"{np.mean(metric_values(runs, 'accuracy_pct')):.2f}"
    else:
        figure = f"{format_over_speakers(runs)}, {len(runs)} seeds"
    return figure if same else f"{figure}, earlier code"


def strangers(results: Results) -> str:
    """Say how much accuracy falls on people that spotters never heard, and whether that is clear."""
    parts, lost = [], []
    for who, recipes in (("the report's recipes", ("report",)), ("ours", COMPARED_RECIPES[1:])):
        known, unknown = [], []
        for recipe, name in product(recipes, SPOTTERS):
            sides = [runs_of(results.study_runs(study), name) for study in (recipe, recipe + SPEAKER_SUFFIX)]
            if min(map(len, sides)) > 1 and len(arithmetics([*sides[0], *sides[1]])) == 1:
                known.append(float(np.mean(metric_values(sides[0], "accuracy_pct"))))
                unknown.append(float(np.mean(metric_values(sides[1], "accuracy_pct"))))
                lost.append(_difference(*sides))
        if known:
            parts.append(
                f"{min(unknown):.1f} to {max(unknown):.1f} % by {who} (by the course's split"
                f" {min(known):.1f} to {max(known):.1f} %)"
            )
    if not parts:
        return ""
    lower, clear = sum(value > 0 for value, *_ in lost), sum(low > 0 for _, low, _ in lost)
    return (
        f"Trained without the people of the test, spotters have an accuracy of {', '.join(parts)}. {lower} of"
        f" {len(lost)} recipes are less accurate so, by up to {max(value for value, *_ in lost):.1f} points, but on"
        f" other test clips: taken alone, {clear or 'none'} of these differences {'are' if clear > 1 else 'is'}"
        " clear.\n"
    )


def speaker_aims(results: Results) -> str:
    """Say which of our aims on unknown speakers are reached: a mean over seeds, within so many bytes."""
    parts = []
    for (recipe, name), (accuracy, most) in AIMS.items():
        runs = runs_of(results.study_runs(recipe + SPEAKER_SUFFIX), name)
        if len(runs) < 2:
            continue
        (mean, low, high), largest = _mean(runs), max(map(size, runs))
        clear = low >= accuracy or high < accuracy or largest >= most
        reached = mean >= accuracy and largest < most
        text = "reached" if reached else "missed"
        if not clear:
            below, above = "reaches it, its interval begins below", "misses it, its interval ends above"
            text = f"the mean {below if reached else above}"
        parts.append(
            f"{accuracy:g} % in less than {most:,} bytes for `{recipe}/{name}` ({text}: {format_over_speakers(runs)}"
            f" over {len(runs)} seeds in at most {largest:,} bytes)"
        )
    return f"Our aims on this split are means of {', '.join(parts)}.\n" if parts else ""


def regularisation(results: Results) -> str:
    """Tabulate what weight decay and masks of bands add for unknown speakers, seed by seed."""
    lines = []
    for plain, (recipe, name) in REGULARISED.items():
        without = {run["seed"]: run for run in runs_of(results.study_runs(REGULARISATION_STUDY), plain)}
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
