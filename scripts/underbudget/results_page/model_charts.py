"""The page's charts of single models: error by step, confused words, instructions by stage, bytes by part."""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from underbudget.device.artifact import FORECASTING, Card
from underbudget.device.sensor import CADENCE
from underbudget.metrics import METRICS, TASK_METRICS
from underbudget.reproduction.host import EMULATED_RESULT
from underbudget.reproduction.naive import LAST_READING, LEAST_SQUARES
from underbudget.reproduction.results import Results
from underbudget.results_page.style import INK, RECIPE_STYLE, REPORT, Chart, chart, join_sentence, legend
from underbudget.versions.catalogue import FORECASTERS, RECIPES, SPOTTERS

PARTS = {"weights": "tab:blue", "scales": "tab:red", "structure": "tab:grey"}
STAGE_COLOURS = {"resample": "tab:grey", "features": "tab:blue", "inference": "tab:red"}
Bars = dict[str, dict[str, float]]  # of each bar, its parts


def _cards(
    results: Results, names: tuple[str, ...], recipes: Sequence[str] = ("report", "improved")
) -> dict[str, Card]:
    """Return the cards by some recipes, named "recipe/version"."""
    found = {f"{recipe}/{name}": results.card(recipe, name) for recipe in recipes for name in names}
    return {title: card for title, card in found.items() if card}


def step_charts(results: Results) -> list[Chart]:
    """Draw the error by forecast step, with a network and without."""
    figures = {title: card.content["test"] for title, card in _cards(results, FORECASTERS).items()}
    if not figures:
        return []
    naive = results.naive_forecasts()
    figures = {name: naive[name] for name in (LAST_READING, LEAST_SQUARES) if name in naive} | figures
    data = [results.store.naive_path, *(results.store.models / recipe for recipe in ("report", "improved"))]
    charts = []
    for metric in TASK_METRICS[FORECASTING]:
        shown = METRICS[metric]
        steps = {title: found[f"{metric}_by_step"] for title, found in figures.items()}
        words = [
            f"{title}: {seen[0]:.2f} {shown.unit} at the first step, {seen[-1]:.2f} {shown.unit} at the last"
            for title, seen in steps.items()
        ]
        fill = partial(_steps, steps=steps, quality=f"{shown.title}, {shown.unit}")
        charts.append(chart(f"{shown.title} by forecast step", join_sentence(words), data, 400, fill))
    return charts


def _steps(axis: Axes, steps: dict[str, list[float]], quality: str) -> None:
    for title, seen in steps.items():
        recipe, _, name = title.partition("/")
        colour = RECIPE_STYLE[recipe][1] if name else "grey"
        line = "--" if name == FORECASTERS[-1] or title == LEAST_SQUARES else "-"
        minutes = [CADENCE / timedelta(minutes=1) * (step + 1) for step in range(len(seen))]
        axis.plot(minutes, seen, line, color=colour, label=title)
    axis.set_xlabel("minutes ahead")
    axis.set_ylabel(quality)
    axis.set_ylim(bottom=0)
    legend(axis, 0.15, 1)


def confusion_charts(results: Results) -> list[Chart]:
    """Draw for each published spotter which word it took for which."""
    return [
        confusion_chart(title, card, results.store.models / f"{title}.json")
        for title, card in _cards(results, SPOTTERS, RECIPES).items()
    ]


def confusion_chart(title: str, card: Card, *data: Path) -> Chart:
    """Draw which word of the test clips a spotter took for which."""
    matrix = np.array(card.content["test"]["confusion"])
    wrong = [(int(matrix[i, j]), card.labels[i], card.labels[j]) for i, j in np.ndindex(matrix.shape) if i != j]
    most = [f"{said} taken for {predicted} {count} times" for count, said, predicted in sorted(wrong, reverse=True)[:3]]
    words = f"{np.trace(matrix)} of {matrix.sum()} clips right; most often wrong: {', '.join(most)}."
    fill = partial(_confusion, matrix=matrix, labels=card.labels)
    return chart(f"Confusion of {title}", words, data, 320, fill)


def _confusion(axis: Axes, matrix: np.ndarray[tuple[int, ...], np.dtype[np.int64]], labels: tuple[str, ...]) -> None:
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)  # a label may have no clips
    # the page shines through, be it light or dark
    axis.imshow(np.dstack([np.full((*share.shape, 3), to_rgb(REPORT)), share]))
    for said, predicted in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if share[said, predicted] > 0.5 else INK
        axis.text(predicted, said, str(matrix[said, predicted]), ha="center", va="center", color=colour)
    axis.set_xticks(range(len(labels)), labels, rotation=45, ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(labels)), labels)
    axis.set_xlabel("detected")
    axis.set_ylabel("said")
    axis.grid(visible=False)


def latency_charts(results: Results) -> list[Chart]:
    """Draw the instructions from sound to word by stage, on the emulated Cortex-A72."""
    bars: Bars = {}
    for title, card in _cards(results, SPOTTERS).items():
        if counted := results.counted(card.sha256):
            stages = {stage: n / 1e6 for stage, n in counted["stages"].items()}
            own = {"inference": stages["invoke"] + stages["get"]}
            bars[title] = {stage: stages[stage] for stage in ("resample", "features")} | own
    data = [results.store.latency / EMULATED_RESULT]
    title = "Sound to word, emulated Raspberry Pi 4"
    return [_bar_chart(title, bars, STAGE_COLOURS, "million instructions", data)] if bars else []


def bytes_charts(results: Results) -> list[Chart]:
    """Draw what each file is made of, as converted and slimmed, before compression."""
    charts = []
    for title, names in (("forecasters", FORECASTERS), ("spotters", SPOTTERS)):
        bars: Bars = {}
        for name in names:
            card = results.card("report", name)
            for when in ("converted", "slimmed"):
                if card and (parts := card.content["file"].get(f"{when}_parts_bytes")):
                    bars[f"{name} {when}"] = parts
        if bars:
            charts.append(bytes_chart(title, bars, results.store.models / "report"))
    return charts


def bytes_chart(title: str, bars: Bars, *data: Path) -> Chart:
    """Draw what files are made of, one bar for each."""
    return _bar_chart(f"Bytes by part, {title}", bars, PARTS, "bytes before compression", data)


def _bar_chart(title: str, bars: Bars, colours: dict[str, str], unit: str, data: Sequence[Path]) -> Chart:
    words = [f"{bar}: " + ", ".join(f"{part} {_short(n)}" for part, n in parts.items()) for bar, parts in bars.items()]
    fill = partial(_stacked, bars=bars, colours=colours, unit=unit)
    return chart(title, f"In {unit}. {join_sentence(words)}", data, 90 + 24 * len(bars), fill)


def _short(value: float) -> str:
    return f"{value:.3g}" if value < 100 else f"{value:,.0f}"


def _stacked(axis: Axes, bars: Bars, colours: dict[str, str], unit: str) -> None:
    left = np.zeros(len(bars))
    for part, colour in colours.items():
        widths = np.array([parts.get(part, 0) for parts in bars.values()])
        axis.barh(range(len(bars)), widths, left=left, color=colour, label=part, height=0.65)
        left += widths
    axis.set_yticks(range(len(bars)), list(bars))
    axis.invert_yaxis()
    axis.set_xlabel(unit)
    axis.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3, handlelength=1)
