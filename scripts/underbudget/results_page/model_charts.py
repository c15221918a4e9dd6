"""The page's charts of single models: error by step, confused words, latency by stage, bytes by part."""

from datetime import timedelta
from functools import partial

import numpy as np
from matplotlib.axes import Axes

from underbudget.device.artifact import Card
from underbudget.device.sensor import CADENCE
from underbudget.metrics import METRICS
from underbudget.reproduction.results import Results
from underbudget.results_page.style import RECIPE_STYLE, WIDTH, Chart, chart, join_sentence
from underbudget.versions.catalogue import FORECASTERS, SPOTTERS

PARTS = {"weights": "tab:blue", "scales": "tab:red", "structure": "tab:grey"}
STAGE_COLOURS = {"resample": "tab:grey", "features": "tab:blue", "inference": "tab:red"}
Bars = dict[str, dict[str, float]]  # of each bar, its parts


def _cards(results: Results, names: tuple[str, ...]) -> dict[str, Card]:
    """Return the cards by the report's recipes and by ours, named "recipe/version"."""
    found = {f"{recipe}/{name}": results.card(recipe, name) for recipe in ("report", "improved") for name in names}
    return {title: card for title, card in found.items() if card}


def error_charts(results: Results) -> list[Chart]:
    """Draw the error by forecast step, and which word was detected for which."""
    return [*_step_charts(results), *_confusion_charts(results)]


def _step_charts(results: Results) -> list[Chart]:
    cards = _cards(results, FORECASTERS)
    if not cards:
        return []
    words = []
    for title, card in cards.items():
        first, last = (
            f"{card.content['test']['t_mae_c_by_step'][at]:.2f} °C and "
            f"{card.content['test']['rh_mae_pct_by_step'][at]:.2f} %"
            for at in (0, -1)
        )
        words.append(f"{title}: {first} at the first step, {last} at the last")
    fills = [partial(_steps, cards=cards, metric=metric) for metric in ("t_mae_c", "rh_mae_pct")]
    return [chart("Error by forecast step", join_sentence(words), (WIDTH, 2.9), *fills)]


def _steps(axis: Axes, cards: dict[str, Card], metric: str) -> None:
    for title, card in cards.items():
        seen = card.content["test"][f"{metric}_by_step"]
        line = "-" if card.name == FORECASTERS[0] else "--"
        colour = RECIPE_STYLE[title.partition("/")[0]][1]
        minutes = [CADENCE / timedelta(minutes=1) * (step + 1) for step in range(len(seen))]
        axis.plot(minutes, seen, line, marker="o", markersize=3, color=colour, label=title)
    axis.set_xlabel("minutes ahead")
    axis.set_ylabel(f"{METRICS[metric].title}, {METRICS[metric].unit}")
    axis.set_ylim(bottom=0)
    if metric == "t_mae_c":
        axis.legend(fontsize=7)


def _confusion_charts(results: Results) -> list[Chart]:
    return [confusion_chart(title, card) for title, card in _cards(results, SPOTTERS).items()]


def confusion_chart(title: str, card: Card) -> Chart:
    """Draw which word of the test clips a spotter took for which."""
    matrix = np.array(card.content["test"]["confusion"])
    wrong = [(int(matrix[i, j]), card.labels[i], card.labels[j]) for i, j in np.ndindex(matrix.shape) if i != j]
    most = [f"{said} taken for {predicted} {count} times" for count, said, predicted in sorted(wrong, reverse=True)[:3]]
    words = f"{np.trace(matrix)} of {matrix.sum()} clips right; most often wrong: {', '.join(most)}."
    fill = partial(_confusion, matrix=matrix, labels=card.labels)
    return chart(f"{title}: word said and word detected", words, (3.8, 3.6), fill)


def _confusion(axis: Axes, matrix: np.ndarray[tuple[int, ...], np.dtype[np.int64]], labels: tuple[str, ...]) -> None:
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)  # a label may have no clips
    axis.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for said, predicted in zip(*np.nonzero(matrix), strict=True):
        colour = "white" if share[said, predicted] > 0.5 else "black"
        axis.text(predicted, said, str(matrix[said, predicted]), ha="center", va="center", fontsize=8, color=colour)
    axis.set_xticks(range(len(labels)), labels, fontsize=8)
    axis.set_yticks(range(len(labels)), labels, fontsize=8)
    axis.set_xlabel("detected")
    axis.set_ylabel("said")
    axis.grid(visible=False)


def latency_charts(results: Results) -> list[Chart]:
    """Draw sound to word by stage: milliseconds on this host, instructions on the emulated Cortex-A72."""
    times: Bars = {}
    counts: Bars = {}
    for title, card in _cards(results, SPOTTERS).items():
        if timed := results.timed(card.sha256):
            times[title] = _stages({stage: value["median"] for stage, value in timed[1]["stages_ms"].items()})
        if counted := results.counted(card.sha256):
            counts[title] = _stages({stage: n / 1e6 for stage, n in counted["stages"].items()})
    return [
        _bar_chart(title, bars, STAGE_COLOURS, unit)
        for bars, title, unit in (
            (times, "Sound to word on the host", "ms, medians"),
            (counts, "Sound to word on an emulated Raspberry Pi 4's core", "million instructions"),
        )
        if bars
    ]


def _stages(stages: dict[str, float]) -> dict[str, float]:
    return {
        "resample": stages["resample"],
        "features": stages["features"],
        "inference": stages["invoke"] + stages["get"],
    }


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
            charts.append(bytes_chart(title, bars))
    return charts


def bytes_chart(title: str, bars: Bars) -> Chart:
    """Draw what files are made of, one bar for each."""
    return _bar_chart(f"Bytes by part, {title}", bars, PARTS, "bytes before compression")


def _bar_chart(title: str, bars: Bars, colours: dict[str, str], unit: str) -> Chart:
    words = [f"{bar}: " + ", ".join(f"{part} {_short(n)}" for part, n in parts.items()) for bar, parts in bars.items()]
    fill = partial(_stacked, bars=bars, colours=colours, unit=unit)
    return chart(title, f"In {unit}. {join_sentence(words)}", (WIDTH, 1.3 + 0.25 * len(bars)), fill)


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
    axis.legend(fontsize=7, loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3)
