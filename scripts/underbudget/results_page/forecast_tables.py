"""Forecasts with and without a network, side by side: how far ahead of the last reading, when, and in what sense."""

from itertools import product
from typing import Any

from underbudget.device.artifact import FORECASTING
from underbudget.metrics import METRICS, TASK_METRICS
from underbudget.reproduction.naive import LAST_READING
from underbudget.reproduction.results import Results
from underbudget.results_page.markdown import markdown_table
from underbudget.tasks.forecasting import QUARTERS, SEASONS
from underbudget.versions.catalogue import FORECASTERS, RECIPES


def forecasts(results: Results) -> str:
    """Tabulate the error of each forecast, its skill, its bias, and its error by season and by time of day."""
    naive = results.naive_forecasts()
    if not naive:
        return ""
    figures = {f"*{name}*": found for name, found in naive.items()} | _of_models(results)
    return "\n".join(_table(metric, figures, naive[LAST_READING][metric]) for metric in TASK_METRICS[FORECASTING])


def _of_models(results: Results) -> dict[str, dict[str, Any]]:
    cards = {f"`{recipe}/{name}`": results.card(recipe, name) for recipe, name in product(RECIPES, FORECASTERS)}
    return {title: card.content["test"] for title, card in cards.items() if card}


def _table(metric: str, figures: dict[str, dict[str, Any]], last_reading: float) -> str:
    shown, bias = METRICS[metric], metric.replace("mae", "bias")
    lines = []
    for title, found in figures.items():
        parts = [*found[f"{metric}_by_season"], *found[f"{metric}_by_quarter"]]
        cells = [title, shown.interval(found[metric], *(found[f"{metric}_95"] or ()))]
        cells += [f"{round(100 * (1 - found[metric] / last_reading))} %"]
        cells += [f"{round(found[bias], shown.digits) + 0:+.{shown.digits}f}"]  # no -0.000
        lines.append(cells + ["–" if part is None else f"{part:.{shown.digits - 1}f}" for part in parts])
    header = [f"{shown.title} (95 %)", "skill", f"bias, {shown.unit}", *SEASONS, *QUARTERS]
    return markdown_table(["forecast", *header], lines)
