"""Plots of the published results, as SVG that is the same whenever it is drawn from the same figures."""

import io
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from pipeline import study
from pipeline.place import PUBLISHED
from pipeline.recipe import METRICS, RECIPES
from pipeline.report import reference, reported

KB = 1024
STYLE = {"svg.hashsalt": "models-under-budget", "svg.fonttype": "path", "font.size": 9, "axes.grid": True}
STYLE |= {"grid.alpha": 0.3, "axes.spines.top": False, "axes.spines.right": False, "legend.frameon": False}
OURS = {"improved": ("o", "tab:red"), "smallest": ("D", "tab:purple")}


def frontiers() -> dict[str, str]:
    """Each plot's file name in results/ and its content: quality against bytes, of forecasters and of spotters."""
    return {"frontier-th.svg": _draw(_forecasters, 2), "frontier-kws.svg": _draw(_spotters, 1)}


def _draw(fill: Any, panels: int) -> str:
    with mpl.rc_context(STYLE):
        figure = Figure((8.5, 4.8), layout="constrained")
        axes = figure.subplots(1, panels, squeeze=False)[0]
        fill(axes)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
        return text.getvalue()


def _forecasters(axes: list[Axes]) -> None:
    report = reported()
    peers = reference()["peers"]["forecasting_same_task"]
    for axis, metric in zip(axes, ("t_mae_c", "rh_mae_pct"), strict=True):
        names = ("th_a", "th_b")
        _scatter(
            axis, "the report", "s", "tab:blue", [(report[n]["size_kb"] * KB, report[n][metric], n) for n in names]
        )
        _scatter(axis, "others", "x", "tab:orange", [(p["bytes"], p[metric], "") for p in peers if p["bytes"]])
        _own(axis, names, metric)
        _label(axis, f"{METRICS[metric].title} on test, {METRICS[metric].unit}")


def _spotters(axes: list[Axes]) -> None:
    (axis,) = axes
    report = reported()
    names = ("kws_a", "kws_b", "kws_c")
    _scatter(
        axis, "the report", "s", "tab:blue", [(report[n]["size_kb"] * KB, report[n]["accuracy_pct"], n) for n in names]
    )
    peers = reference()["peers"]
    for title, marker, colour, key in (
        ("others, same task", "x", "tab:orange", "keyword_spotting_same_task"),
        ("literature, another task: 12 words", "+", "tab:green", "keyword_spotting_literature_12_words"),
    ):
        _scatter(
            axis, title, marker, colour, [(p["bytes"], p["accuracy_pct"], "") for p in peers[key] if p.get("bytes")]
        )
    _own(axis, names, "accuracy_pct")
    axis.axhline(90, color="grey", linewidth=0.8, linestyle=":")
    _label(axis, "accuracy on test, %")


def _own(axis: Axes, names: tuple[str, ...], metric: str) -> None:
    cards = [card for name in names if (card := PUBLISHED.card("report", name))]
    points = [(c.content["file"]["compressed_bytes"], c.content["test"][metric], c.name) for c in cards]
    _scatter(axis, "the report's recipes, here, one seed", "v", "tab:cyan", points)
    for recipe in RECIPES[1:]:
        trials = PUBLISHED.trials(recipe)
        means = [study.summary(trials, name, metric) for name in names]
        points = [(s.bytes_mean, s.mean, name) for s, name in zip(means, names, strict=True) if s]
        _scatter(
            axis,
            f"ours, {recipe}: mean of {len({t['seed'] for t in trials})} seeds, 95 % interval",
            *OURS[recipe],
            points,
        )
        for s in filter(None, means):
            axis.vlines(s.bytes_mean, s.low, s.high, color=OURS[recipe][1], linewidth=1)


def _scatter(axis: Axes, label: str, marker: str, colour: str, points: list[tuple[float, float, str]]) -> None:
    if not points:
        return
    x, y, names = zip(*points, strict=True)
    axis.scatter(x, y, marker=marker, color=colour, label=label, s=28, zorder=3)
    for at_x, at_y, name in zip(x, y, names, strict=True):
        axis.annotate(name, (at_x, at_y), xytext=(4, 4), textcoords="offset points", fontsize=7)


def _label(axis: Axes, quality: str) -> None:
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda size, _: f"{size:,.0f}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlabel("bytes of the compressed file")
    axis.set_ylabel(quality)
    axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=2)
