"""A card in a few lines for a terminal."""

from pathlib import Path
from typing import Any

from device.artifact import read_card
from pipeline import files
from pipeline.recipe import METRICS


def card_lines(path: Path) -> list[str]:
    """What a person wants to know first of a card."""
    content = read_card(path).content
    stand_in = content["made_from"]["data"]["source"] == "stand-in"
    size = content["file"]
    lines = [
        ("STAND-IN DATA: these figures say nothing about the report\n" if stand_in else "")
        + f"{content['name']}: {size['compressed_bytes']:,} bytes compressed, {size['slimmed_bytes']:,} slimmed, "
        f"{size['converted_bytes']:,} as converted; card: {path.relative_to(files.ROOT)}"
    ]
    return lines + [f"  {verdict(result, content['test'])}" for result in content["results"]]


def verdict(result: dict[str, Any], test: dict[str, Any]) -> str:
    """One constraint: value, interval, limit, and whether it is met."""
    metric = METRICS[result["metric"]]
    limit = f"{'>' if metric.more_is_better else '<'} {result['limit']:g} {metric.unit}"
    if result["value"] is None:
        return f"{metric.title}: {limit} asked; not measured yet (make measure)"
    interval = test.get(result["metric"] + "_95")
    spread = f" (95 %: {interval[0]:.{metric.digits}f} to {interval[1]:.{metric.digits}f})" if interval else ""
    met = "met" if result["met"] else "MISSED"
    return f"{metric.title}: {result['value']:.{metric.digits}f} {metric.unit}{spread}; {limit} asked: {met}"
