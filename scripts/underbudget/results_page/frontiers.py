"""Plots of the results: quality against bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from underbudget.data.weather import OUTPUT_STEPS
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.metrics import KB, METRICS
from underbudget.reproduction.naive import LAST_READING
from underbudget.reproduction.reference import load_peers, load_reference, reported
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import card_size, summary
from underbudget.results_page.style import OTHERS, RECIPE_STYLE, REPORT, WIDTH, legend
from underbudget.versions.catalogue import COMPARED_RECIPES, FORECASTERS, SPOTTERS, VERSIONS

Point = tuple[float, float, str]  # bytes, quality, and a label or none


def forecaster_frontier(axis: Axes, metric: str, results: Results) -> None:
    """Draw error against bytes: the report, others, ours."""
    peers = [peer for peer in load_peers()[FORECASTING] if peer["steps"] == OUTPUT_STEPS]
    names = FORECASTERS
    _scatter(axis, "the report", "s", REPORT, _reported(names, metric))
    _others(axis, peers, metric)
    _own(axis, names, metric, results)
    if naive := results.naive_forecasts():
        axis.axhline(naive[LAST_READING][metric], color="grey", linestyle=":", label=LAST_READING)
    _label(axis, f"{METRICS[metric].title} on test, {METRICS[metric].unit}")


def spotter_frontier(axis: Axes, results: Results) -> None:
    """Draw accuracy against bytes: the report, others, the literature, ours."""
    names = SPOTTERS
    _scatter(axis, "the report", "s", REPORT, _reported(names, "accuracy_pct"))
    _others(axis, load_peers()[SPOTTING], "accuracy_pct")
    known: list[Point] = [(f["bytes"], f["accuracy_pct"], "") for f in load_reference()["literature"] if f.get("bytes")]
    _scatter(axis, "literature, another task: 12 words", "+", "tab:grey", known)
    _own(axis, names, "accuracy_pct", results)
    limit = VERSIONS[SPOTTERS[0]].limit("accuracy_pct") or 0
    axis.axhline(limit, color="grey", linewidth=0.8, linestyle=":", label="limit")
    _label(axis, "accuracy on test, %")


def _others(axis: Axes, peers: Sequence[Mapping[str, Any]], metric: str) -> None:
    """Draw other groups' files as published, and as they would be if they were stripped like ours."""
    _scatter(axis, "others, same task", "x", OTHERS, [(p["bytes"], p[metric], "") for p in peers])
    points: list[Point] = [(p["stripped_bytes"], p[metric], "") for p in peers]
    _scatter(axis, "the same, stripped like ours", ".", OTHERS, points)


def _reported(names: Sequence[str], metric: str) -> list[Point]:
    return [(reported(n)["size_kb"] * KB, reported(n)[metric], "") for n in names if reported(n)]


def _own(axis: Axes, names: Sequence[str], metric: str, results: Results) -> None:
    cards = [card for name in names if (card := results.card("report", name))]
    points: list[Point] = [(card_size("report", c), c.content["test"][metric], "") for c in cards]
    _scatter(axis, "the report's recipes, here, one seed", *RECIPE_STYLE["report"], points)
    for recipe in COMPARED_RECIPES[1:]:
        runs = results.study_runs(recipe)
        means = [summary(runs, name, metric) for name in names]
        points = [(s.bytes_mean, s.mean, name) for s, name in zip(means, names, strict=True) if s]
        seeds = len({t["seed"] for t in runs})
        _scatter(axis, f"ours, {recipe}: mean of {seeds} seeds (95 %)", *RECIPE_STYLE[recipe], points)
        for s in filter(None, means):
            axis.vlines(s.bytes_mean, s.low, s.high, color=RECIPE_STYLE[recipe][1], linewidth=1)


def _scatter(axis: Axes, label: str, marker: str, colour: str, points: list[Point]) -> None:
    if not points:
        return
    x, y, names = zip(*points, strict=True)
    axis.scatter(x, y, marker=marker, color=colour, label=label, s=28, zorder=3)
    for at_x, at_y, name in zip(x, y, names, strict=True):
        # the point of kws_a may lie close to that of kws_b
        side, align = (-5, "right") if name == "kws_a" else (5, "left")
        axis.annotate(name, (at_x, at_y), color=colour, xytext=(side, 5), textcoords="offset points", ha=align)


def _label(axis: Axes, quality: str) -> None:
    axis.margins(x=0.25)  # room for labels beside points
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size / 1000:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("thousand bytes of the compressed file")
    axis.set_ylabel(quality)
    figure = axis.get_figure(root=True)
    assert figure is not None  # the caller drew it there
    legend(axis, 0.15, 2 if 72 * figure.get_figwidth() > WIDTH else 1)
