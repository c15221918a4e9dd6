"""How the published models were trained: the loss of each epoch."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator

from underbudget.device.artifact import Card
from underbudget.reproduction.results import Results
from underbudget.results_page.style import Chart, chart, join_sentence
from underbudget.versions.catalogue import RECIPES, VERSIONS

Curves = dict[str, list[float]]
WIDE = 10  # times the least loss: a chart of more is logarithmic


def curve_charts(results: Results) -> list[Chart]:
    """Draw the loss of each epoch, one chart per recipe."""
    charts = []
    for recipe in RECIPES:
        cards = {name: card for name in VERSIONS if (card := results.card(recipe, name))}
        charts += curve_chart(recipe, cards, results.store.models / recipe)
    return charts


def curve_chart(title: str, cards: Mapping[str, Card], *data: Path) -> list[Chart]:
    """Draw the loss of each epoch of some models, if one knows it; in quantisation-aware training it goes on."""
    found = {name: card.content.get("curve", {}) for name, card in cards.items()}
    curves = {name: curve["loss"] + curve.get("quantised_loss", []) for name, curve in found.items() if curve}
    words = [
        f"{name}: {losses[0]:.3g} after the first epoch, {losses[-1]:.3g} after {len(losses)}"
        for name, losses in curves.items()
    ]
    if not curves:
        return []
    title = f"Training loss by epoch: {title}"
    return [chart(title, join_sentence(words), data, 250, partial(_losses, curves=curves))]


def _losses(axis: Axes, curves: Curves) -> None:
    for name, losses in curves.items():
        axis.plot(range(1, len(losses) + 1), losses, label=name)
    if max(map(max, curves.values())) > WIDE * min(map(min, curves.values())):
        axis.set_yscale("log")
        axis.yaxis.set_major_locator(LogLocator(subs=(1, 3)))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter("{x:g}")
    axis.set_xlabel("epoch")
    axis.set_ylabel("training loss")
    axis.legend()
