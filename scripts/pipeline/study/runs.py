"""Build several versions with several seeds: a study. Its result file has one JSON line per run."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any

from device.artifact import read_card
from pipeline import files
from pipeline.build import plan, produce, write
from pipeline.data.sources import DataSets, Sources, load_data
from pipeline.metrics import TASK_METRICS
from pipeline.recipe import Version
from pipeline.store import LOCAL, SYNTHETIC
from pipeline.versions.baselines import STUDIES
from pipeline.versions.catalogue import VERSIONS

SEEDS = (1, 10_000)  # the fewest and the most that a study can have


def run(study: str, versions: Sequence[Version], recipe: str, seeds: Sequence[int], sources: Sources) -> Path:
    """Build each version with each seed, except those that are up to date; return the path of the result.

    Several calls may run side by side, each for its own versions.

    Raises:
        UserError: bad data, or a model that does not survive its conversion.
    """
    for number, (seed, version) in enumerate(product(seeds, versions), 1):
        print(f"{study}: run {number} of {len(seeds) * len(versions)}", flush=True)
        _forget_models()
        load = partial(_load, version, recipe, sources)
        ordered = plan(version, recipe, seed, load(), made_with(study, version.name, seed), study)
        if ordered.is_up_to_date():
            print(f"{version.name}: {ordered.card_path.relative_to(files.ROOT)} is up to date")
        else:
            print(ordered, flush=True)
            write(ordered, *produce(ordered, load))
        path = write_trials(ordered.folder.parent)
    return path


def _load(version: Version, recipe: str, sources: Sources) -> DataSets:
    return load_data(version.task, sources, version.recipes[recipe].other > 0)


def _forget_models() -> None:
    """Have Keras number its layers from the start, so that a run does not depend on those before it in this process.

    The converted file holds the names: `dense_1` in place of `dense` is a few bytes more of it.
    """
    if keras := sys.modules.get("tf_keras"):  # where no run was needed yet, it is not there, and takes seconds
        keras.backend.clear_session()


def made_with(study: str, version: str, seed: int) -> str:
    """Return the command that builds a run of a study again."""
    script = "02_baselines.py" if study in STUDIES else "14_seeds.py"
    return f"python scripts/{script} {study} --seeds {seed} --versions {version}"


def write_trials(folder: Path) -> Path:
    """Gather the cards of all runs in models/local/STUDY; return the path of the result, with one JSON line per run."""
    trials = [trial_of_card(path) for path in sorted(folder.glob("seed-*/*.json"))]
    order = {name: place for place, name in enumerate(VERSIONS)}
    trials.sort(key=lambda t: (order.get(t["version"], len(order)), t["version"], t["seed"]))
    store = SYNTHETIC if folder.parent == SYNTHETIC.models else LOCAL
    path = store.trials_path(folder.name)
    files.write_text(path, "".join(json.dumps(t) + "\n" for t in trials))
    return path


def trial_of_card(card_path: Path) -> dict[str, Any]:
    """Return what a study keeps of a card."""
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
            split: {metric: card[split][metric] for metric in TASK_METRICS[card["task"]]}
            for split in ("validation", "test")
        },
        "clips": card["test"].get("clips"),
        "seconds": card["wall_seconds"],
        "code": made["code"],
        "made_with": card["made_with"],
    }
