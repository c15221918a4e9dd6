"""The page's charts that set runs beside each other, each with the words that stand for it where it can't be seen."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from underbudget import metrics
from underbudget.metrics import METRICS, Limit
from underbudget.reproduction.reference import PEERS, REFERENCE, reported
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import card_size, metric_values, runs_of
from underbudget.results_page import frontiers
from underbudget.results_page.style import (
    IMPROVED,
    OURS,
    RECIPE_STYLE,
    REPORT,
    Chart,
    chart,
    join_sentence,
    legend,
)
from underbudget.versions.catalogue import COMPARED_RECIPES, FORECASTERS, SPOTTERS, VERSIONS

ChartRow = tuple[str, dict[str, float]]  # a title, and a value for each of who it is of


def frontier_charts(results: Results) -> list[Chart]:
    """Draw quality against bytes."""
    store = results.store
    data = [REFERENCE, PEERS, store.models / "report", store.study_path("improved")]
    charts = []
    for metric in ("t_mae_c", "rh_mae_pct"):
        words = _frontier_words(FORECASTERS, metric, results)
        fill = partial(frontiers.forecaster_frontier, metric=metric, results=results)
        title = f"{METRICS[metric].title} against bytes"
        charts.append(chart(title, words, [*data, store.naive_path], 400, fill))
    words = _frontier_words(SPOTTERS, "accuracy_pct", results)
    fill = partial(frontiers.spotter_frontier, results=results)
    return [*charts, chart("Accuracy against bytes", words, [*data, store.study_path("smallest")], 400, fill)]


def _frontier_words(names: Sequence[str], metric: str, results: Results) -> str:
    shown, parts = METRICS[metric], []
    for name in names:
        if theirs := reported(name):
            size = theirs["size_kb"] * metrics.KB
            parts.append(f"{name}, report: {theirs[metric]:g} {shown.unit} in {size:,.0f} bytes")
        for recipe in COMPARED_RECIPES:
            if card := results.card(recipe, name):
                size = card_size(recipe, card)
                figure = f"{card.content['test'][metric]:.{shown.digits}f} {shown.unit}"
                parts.append(f"{name}, {recipe} recipe here: {figure} in {size:,} bytes")
    return join_sentence(parts)


def limit_charts(results: Results) -> list[Chart]:
    """Draw each figure as a share of its limit."""
    rows: list[ChartRow] = []
    for name in VERSIONS:
        figures = {"the report": reported(name)}
        for recipe in ("report", "improved"):
            if card := results.card(recipe, name):
                own = {r["metric"]: r["value"] for r in card.content["results"]}
                figures[f"{recipe} recipe, here"] = own | {"size_kb": card_size(recipe, card) / metrics.KB}
        for limit in VERSIONS[name].limits:
            seen = {who: values.get(limit.metric) for who, values in figures.items()}
            shares = {who: _share(limit, value) for who, value in seen.items() if value is not None}
            rows.append((f"{name} {METRICS[limit.metric].title}", shares))
    parts = [f"{title}: " + ", ".join(f"{who} {share:.2f}" for who, share in shares.items()) for title, shares in rows]
    words = "Shares of the limit. " + join_sentence(parts)
    data = [REFERENCE, *(results.store.models / recipe for recipe in ("report", "improved"))]
    return [chart("How much of each limit is used", words, data, 400, partial(_limits, rows=rows))]


def _share(limit: Limit, value: float) -> float:
    """Return value / limit; for accuracy, error rate / allowed error rate."""
    if METRICS[limit.metric].more_is_better:
        return (100 - value) / (100 - limit.limit)
    return value / limit.limit


def _limits(axis: Axes, rows: Sequence[ChartRow]) -> None:
    for who, marker, colour in (
        ("the report", "s", REPORT),
        ("report recipe, here", "v", OURS),
        ("improved recipe, here", *RECIPE_STYLE["improved"]),
    ):
        points = [(shares[who], -at) for at, (_, shares) in enumerate(rows) if who in shares]
        if points:
            x, y = zip(*points, strict=True)
            axis.scatter(x, y, marker=marker, color=colour, label=who, s=28, zorder=3)
    axis.axvline(1, color="grey", linestyle=":")
    axis.set_yticks([-at for at in range(len(rows))], [title for title, _ in rows])
    axis.set_xlabel("share of the limit")
    axis.set_xlim(left=0)
    legend(axis, 0.14, 1)


def seed_charts(results: Results) -> list[Chart]:
    """Draw every run of the report's recipes, and of ours, as a dot."""
    charts = []
    data = [REFERENCE, *map(results.store.study_path, ("report", "improved"))]
    for metric, names in (("t_mae_c", FORECASTERS), ("rh_mae_pct", FORECASTERS), ("accuracy_pct", SPOTTERS)):
        shown = METRICS[metric]
        sides = [
            {name: metric_values(runs_of(results.study_runs(recipe), name), metric) for name in names}
            for recipe in ("report", "improved")
        ]
        words = [
            f"{name}, {recipe} recipe: {len(seen)} runs, {min(seen):.{shown.digits}f} to {max(seen):.{shown.digits}f}"
            for recipe, side in zip(("report", "improved"), sides, strict=True)
            for name, seen in side.items()
            if seen
        ]
        if words:
            limits = {n: VERSIONS[n].limit(metric) or 0 for n in names}
            fill = partial(_seeds, metric=metric, sides=sides, limits=limits)
            charts.append(chart(f"All seeds: {shown.title}", join_sentence(words), data, 300, fill))
    return charts


def _seeds(axis: Axes, metric: str, sides: Sequence[dict[str, list[float]]], limits: dict[str, float]) -> None:
    shown = METRICS[metric]
    places = np.arange(len(limits))
    axis.hlines(list(limits.values()), places - 0.4, places + 0.4, color="grey", linestyle=":", label="limit")
    theirs = [(place, reported(name)[metric]) for place, name in zip(places, limits, strict=True) if reported(name)]
    for number, (place, value) in enumerate(theirs):
        axis.hlines(value, place - 0.4, place + 0.4, color=REPORT, label="" if number else "the report")
    # runs that failed altogether are counted at the edge: they would flatten all others
    top = np.inf if shown.more_is_better else 1.25 * max(limits.values())
    for offset, side, colour, label in zip((-0.17, 0.17), sides, (OURS, IMPROVED), ("report", "improved"), strict=True):
        points = [p for at, name in zip(places, limits, strict=True) for p in _beside(side[name], at + offset)]
        inside = [p for p in points if p[1] <= top]
        if inside:
            x, y = zip(*inside, strict=True)
            axis.scatter(x, y, color=colour, s=14, label=f"{label} recipe, here", zorder=3)
        for at, name in zip(places, limits, strict=True):
            if above := sum(value > top for value in side[name]):
                axis.annotate(f"{above} ↑", (at + offset, top), ha="center", va="top")
    axis.set_xticks(places, list(limits))
    axis.set_ylabel(f"{shown.title} on test, {shown.unit}")
    if np.isfinite(top):
        axis.set_ylim(top=top)
    legend(axis, 0.1, 2)


def _beside(seen: Sequence[float], at: float) -> list[tuple[float, float]]:
    """Return points of values in order, side by side around `at`."""
    x = at + (np.linspace(-0.1, 0.1, len(seen)) if len(seen) > 1 else np.zeros(len(seen)))
    return list(zip(x.tolist(), sorted(seen), strict=True))
