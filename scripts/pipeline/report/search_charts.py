"""Charts of searches: every trial, the finalists over seeds, what mattered, how the best grew."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from pipeline.metrics import KB, METRICS, TASK_METRICS
from pipeline.report import style
from pipeline.report.searches import RUNGS, Found, asked
from pipeline.report.style import OTHERS, OURS, REPORT, WIDTH, Chart, join_sentence, legend
from pipeline.store import limits_of, size_limit
from pipeline.study.results import Results

FINALIST = "tab:red"
COLOURS = (OTHERS, OURS, REPORT)  # of the rungs
SHOWN_PARAMETERS = 10
SHARE_SHOWN = 0.9  # of the trials; the worst would squeeze the others

Point = tuple[float, float]


def search_charts(results: Results) -> list[Chart]:
    """Draw each search: quality against bytes for each metric, what mattered, how the best grew."""
    charts = []
    for found in results.searches:
        if any(t["rungs"] for t in found["trials"]):
            names = TASK_METRICS[found["task"]]
            charts += [*(_front_chart(found, name) for name in names), *_importance_chart(found)]
            charts += [_growth_chart(found, name) for name in names]
    return charts


def _front_chart(found: Found, metric: str) -> Chart:
    front = pareto(_points(found, len(RUNGS) - 1, metric), METRICS[metric].more_is_better)
    shown = METRICS[metric]
    words = [f"{value:.{shown.digits}f} {shown.unit} in {size:,.0f} bytes" for size, value in front]
    drawn = style.svg((WIDTH, 4.6), partial(_front, found=found, metric=metric, front=front), inline=True)
    title = f"{asked(found)}: {shown.title} against bytes, on validation data"
    told = f"{len(found['trials'])} trials; on the Pareto front of those trained in full: "
    return Chart(title, told + join_sentence(words or ["none yet"]), drawn)


def _points(found: Found, rung: int, metric: str) -> list[Point]:
    """Return bytes and a metric of the trials that ended at a rung."""
    ended = [t["rungs"][-1] for t in found["trials"] if len(t["rungs"]) == rung + 1]
    return [(result["bytes"], result["validation"][metric]) for result in ended]


def pareto(points: Sequence[Point], more_is_better: bool) -> list[Point]:
    """Return the points of which no other has as few bytes and as good a value, the fewest bytes first."""
    front: list[Point] = []
    sign = 1 if more_is_better else -1
    for size, value in sorted(points, key=lambda p: (p[0], -sign * p[1])):
        if not front or sign * value > sign * front[-1][1]:
            front.append((size, value))
    return front


def _front(axis: Axes, found: Found, metric: str, front: list[Point]) -> None:
    for rung, (title, colour) in enumerate(zip(RUNGS, COLOURS, strict=True)):
        if points := _points(found, rung, metric):
            sizes, values = zip(*points, strict=True)
            axis.scatter(sizes, values, s=16, color=colour, label=title, zorder=3)
    if front:
        sizes, values = zip(*front, strict=True)
        axis.step(sizes, values, where="post", color=COLOURS[-1], linewidth=1, label="Pareto front")
    for number, finalist in enumerate(found["finalists"]):
        runs = [run for run in finalist["runs"].values() if "error" not in run]
        seeds = [run["bytes"] for run in runs], [run["validation"][metric] for run in runs]
        label = "finalists, each seed" if number == 0 else None
        axis.scatter(*seeds, s=14, marker="x", color=FINALIST, linewidths=0.8, label=label, zorder=4)
    limits = limits_of(found)
    if metric in limits:
        axis.axhline(limits[metric], color="grey", linewidth=0.9, linestyle="--", label="limits")
    if "size_kb" in limits:
        axis.axvline(KB * limits["size_kb"], color="grey", linewidth=0.9, linestyle="--")
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("bytes of the compressed file")
    _show_most(axis, found, metric)
    legend(axis, 0.15, 3)


def _show_most(axis: Axes, found: Found, metric: str) -> None:
    """Label the axis of a metric, and leave out the worst trials."""
    values = [t["rungs"][-1]["validation"][metric] for t in found["trials"] if t["rungs"]]
    shown = METRICS[metric]
    worst = float(np.quantile(values, 1 - SHARE_SHOWN if shown.more_is_better else SHARE_SHOWN))
    best = max(values) if shown.more_is_better else min(values)
    limit = limits_of(found).get(metric, best)
    low, high = min(worst, best, limit), max(worst, best, limit)
    room = 0.08 * (high - low) or 1.0
    axis.set_ylim(low - room, high + room)
    axis.set_ylabel(f"{shown.title} on validation data, {shown.unit}")


def _importance_chart(found: Found) -> list[Chart]:
    shares = list(found["importance"].items())[:SHOWN_PARAMETERS]
    if not shares:
        return []
    words = join_sentence([f"{name} {100 * share:.0f} %" for name, share in shares])
    drawn = style.svg((WIDTH, 3.4), partial(_importance, shares=shares), inline=True)
    title = f"{asked(found)}: which parameters mattered"
    return [Chart(title, f"Importance for a place in the best quarter: {words}", drawn)]


def _importance(axis: Axes, shares: Sequence[tuple[str, float]]) -> None:
    names, values = zip(*reversed(shares), strict=True)
    axis.barh([name.replace("_", " ") for name in names], [100 * v for v in values], color=OURS)
    axis.set_xlabel("importance for a place in the best quarter, %")


def _growth_chart(found: Found, metric: str) -> Chart:
    shown = METRICS[metric]
    steps = _growth(found, metric)
    words = [f"trial {number}: {value:.{shown.digits}f} {shown.unit}" for number, value in steps]
    drawn = style.svg((WIDTH, 3.4), partial(_growing, found=found, metric=metric, steps=steps), inline=True)
    told = "Best of those small enough, each better than those before: " + join_sentence(words or ["none yet"])
    return Chart(f"{asked(found)}: how the best {shown.title} grew", told, drawn)


def _growth(found: Found, metric: str) -> list[tuple[int, float]]:
    """Return the trials that were better than all before them, of those whose files are small enough."""
    most = KB * size_limit(found)
    small = [(t["number"], t["rungs"][-1]) for t in found["trials"] if t["rungs"] and t["rungs"][-1]["bytes"] < most]
    return [
        (int(number), value)
        for number, value in pareto([(n, r["validation"][metric]) for n, r in small], METRICS[metric].more_is_better)
    ]


def _growing(axis: Axes, found: Found, metric: str, steps: Sequence[tuple[int, float]]) -> None:
    for rung, (title, colour) in enumerate(zip(RUNGS, COLOURS, strict=True)):
        ended = [t for t in found["trials"] if len(t["rungs"]) == rung + 1]
        if ended:
            seen = [t["rungs"][-1]["validation"][metric] for t in ended]
            axis.scatter([t["number"] for t in ended], seen, s=12, color=colour, label=title, zorder=3)
    if steps:
        numbers, values = zip(*steps, strict=True)
        last = max(t["number"] for t in found["trials"])
        axis.step(
            [*numbers, last], [*values, values[-1]], where="post", color=FINALIST, linewidth=1.2, label="best so far"
        )
    axis.set_xlabel("trial")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _show_most(axis, found, metric)
    legend(axis, 0.18, 2)
