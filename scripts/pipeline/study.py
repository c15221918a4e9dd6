"""What several seeds of a recipe give: a line a trial, and their mean with its interval."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from device.artifact import read_card
from pipeline import files
from pipeline.data import Sources
from pipeline.recipe import METRICS, VERSIONS, Version
from pipeline.statistics import mean_interval

BY_SPEAKER = "-by-speaker"  # ends the names of studies in which no speaker is in two splits
QUALITY = ("t_mae_c", "rh_mae_pct", "accuracy_pct")


def run(study: str, versions: Sequence[Version], recipe: str, seeds: Sequence[int], sources: Sources) -> Path:
    """Make each version with each seed, but for the runs that stand; returns the path of the result.

    Several may run side by side, each for versions of its own.

    Raises:
        UserError: bad data, or a model that does not survive its conversion.
    """
    from pipeline.version import make  # TensorFlow: who only reads results does without it

    for number, (seed, version) in enumerate(product(seeds, versions), 1):
        print(f"{study}: run {number} of {len(seeds) * len(versions)}", flush=True)
        card = make(version, recipe, seed, sources, study)
        path = write_trials(card.parent.parent)
    return path


def write_trials(folder: Path) -> Path:
    """Gather the cards of all trials in models/local/STUDY; returns the path of the result, a JSON line a trial."""
    trials = [trial(path) for path in sorted(folder.glob("seed-*/*.json"))]
    order = {name: place for place, name in enumerate(VERSIONS)}
    trials.sort(key=lambda t: (order.get(t["version"], len(order)), t["version"], t["seed"]))
    path = files.RESULTS / folder.parent.name / f"seeds-{folder.name}.jsonl"
    files.write_text(path, "".join(json.dumps(t) + "\n" for t in trials))
    return path


def row_name(network: str, technique: str) -> str:
    """What a row of the report's study is called here: "mlp-width-0.5-sparsity-0.8"."""
    return "-".join([network, *technique.replace(" + ", " ").split(" ")])


def trial(card_path: Path) -> dict[str, Any]:
    """What a study keeps of a card."""
    card = read_card(card_path).content
    made = card["made_from"]
    return {
        "version": card["name"],
        "recipe": made["recipe_name"],
        "seed": made["seed"],
        "split": made["data"]["split"],
        "bytes": card["file"]["compressed_bytes"],
        "converted_bytes": card["file"]["converted_compressed_bytes"],
        "sha256": card["file"]["sha256"],
        **{
            split: {metric: card[split][metric] for metric in QUALITY if metric in card[split]}
            for split in ("validation", "test")
        },
        "clips": card["test"].get("clips"),
        "seconds": card["wall_seconds"],
        "code": made["code"],
        "made_with": card["made_with"],
    }


def chosen(trials: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The trial that does best on validation data: the highest accuracy, or the lowest sum of relative errors."""

    def merit(t: dict[str, Any]) -> float:
        seen = t["validation"]
        if "accuracy_pct" in seen:
            return float(seen["accuracy_pct"])
        best = {m: min(other["validation"][m] for other in trials) for m in seen}
        return -sum(seen[m] / best[m] for m in seen)

    return max(trials, key=merit)


@dataclass(frozen=True)
class Summary:
    """Of all seeds of a version: the mean of a test metric with its 95 % interval, and bytes."""

    seeds: int
    mean: float
    low: float
    high: float
    bytes_mean: float
    bytes_least: int
    bytes_most: int


def summary(trials: Sequence[dict[str, Any]], version: str, metric: str) -> Summary | None:
    """None where the version has no trials."""
    own = [t for t in trials if t["version"] == version]
    if not own:
        return None
    sizes = [t["bytes"] for t in own]
    values = [t["test"][metric] for t in own]
    return Summary(len(own), *mean_interval(values), sum(sizes) / len(sizes), min(sizes), max(sizes))


def summary_lines(path: Path) -> list[str]:
    """For a terminal: a line a version and metric of a result."""
    lines = []
    trials = files.read_json_lines(path)
    for name in dict.fromkeys(t["version"] for t in trials):
        for metric in next((t["test"] for t in trials if t["version"] == name), ()):
            found = summary(trials, name, metric)
            assert found is not None  # there is a trial of it
            text = METRICS[metric].interval(found.mean, found.low, found.high)
            size = f"{found.bytes_least:,} to {found.bytes_most:,} bytes"
            lines.append(f"{name}: {METRICS[metric].title} {text} over {found.seeds} seeds, {size}")
    return [*lines, f"in full: {path.relative_to(files.ROOT)}"]
