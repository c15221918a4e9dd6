"""Build several versions with several seeds: a study. Its result file has one JSON line per run."""

import json
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.build import Made, Plan, plan, produce, write
from underbudget.data.sources import DataSets, Sources, load_data
from underbudget.device.artifact import Card, read_card
from underbudget.device.errors import UserError
from underbudget.export.compress import zlib_compress
from underbudget.metrics import TASK_METRICS
from underbudget.overrides import build_command
from underbudget.processes import open_workers
from underbudget.recipes import Version
from underbudget.reproduction.kernels import path_in_float
from underbudget.reproduction.studies import STUDIES
from underbudget.store import LOCAL, OWN, SYNTHETIC
from underbudget.versions.catalogue import VERSIONS

SEED_RANGE = (1, 10_000)  # the fewest and the most that a study can have


def run(
    study: str, versions: Sequence[Version], recipe: str, seeds: Sequence[int], sources: Sources, jobs: int
) -> tuple[list[Path], list[str]]:
    """Build each version with each seed, except those that are up to date.

    Several calls may run side by side, each for its own versions.

    Args:
        jobs: how many at once; see underbudget.processes.

    Returns:
        The paths of the results, one for each kind of data (real, own, synthetic), and a line for each run that failed.

    Raises:
        UserError: bad data, or a cluster that can't be used.
    """
    kinds = {version.name: version.data_of(recipe) for version in versions}  # those of one kind share their data
    data = {kind: load_data(sources, *kind) for kind in dict.fromkeys(kinds.values())}
    plans = {
        f"{version.name}, seed {seed}": plan(
            version, recipe, seed, data[kinds[version.name]], made_with(study, version, seed, sources), study
        )
        for seed, version in product(seeds, versions)
    }
    stale = {key: planned for key, planned in plans.items() if not planned.is_up_to_date()}
    print(f"{study}: {len(plans) - len(stale)} of {len(plans)} runs are up to date", flush=True)
    made_from = {planned.version.name: planned.made_from for planned in plans.values()}
    failed = []
    if stale:
        with open_workers(jobs) as workers:
            shared = {kind: workers.share(data.pop(kind)) for kind in list(data)}
            tasks = ((key, _produce, one, shared[kinds[one.version.name]]) for key, one in stale.items())
            for number, done in enumerate(workers.run(lambda: next(tasks, None)), 1):
                print(f"{study}: {done.key}: {done.error or 'built'}, {number} of {len(stale)}", flush=True)
                if done.error:
                    failed.append(f"{study}: {done.key}: {done.error}")
                else:
                    _write(stale[done.key], *done.value)
                    write_runs(stale[done.key].folder.parent, made_from)
    folders = dict.fromkeys(planned.folder.parent for planned in plans.values())
    return [write_runs(folder, made_from) for folder in folders], failed


def _produce(planned: Plan, data: DataSets) -> tuple[Made, dict[str, Any]]:
    print(planned, flush=True)
    return produce(planned, lambda: data)


def _write(planned: Plan, made: Made, card: dict[str, Any]) -> None:
    """Write a run; where its weights were quantised, also the file before that, which kernels.py tests."""
    if planned.recipe.export.int8_weights:
        with files.atomic_write(path_in_float(planned.folder, planned.version.name)) as partial:
            partial.write_bytes(zlib_compress(made.in_float))
    write(planned, made, card)


def report_failures(failed: Sequence[str]) -> None:
    """End a script whose runs did not all succeed.

    Raises:
        UserError: there are failures.
    """
    if failed:
        raise UserError(f"{len(failed)} of the runs failed, the others are saved: {'; '.join(failed)}")


def made_with(study: str, version: Version, seed: int, sources: Sources) -> str:
    """Return the command that builds a run of a study again; that of a changed recipe is the one of a single model."""
    if "/" in study:
        return build_command(version, study, seed, sources)
    script = "02_baselines.py" if study in STUDIES else "14_seeds.py"
    command = f"python scripts/{script} {study} --seeds {seed} --versions {version.name}"
    return f"{sources.variables(version.task)} {command}".strip()


def write_runs(folder: Path, made_from: Mapping[str, Mapping[str, Any]]) -> Path:
    """Gather the cards of a study's runs, in models/local/STUDY; return the path of the result, one JSON line per run.

    Of a version, only those runs are gathered that differ in nothing but their seed: a mean over other data, recipes or
    code would be of nothing. Others stay where they are.

    Args:
        made_from: what the versions of a call are made from. Of other versions, the run with the first seed decides.
    """
    cards = [read_card(path) for path in folder.glob("seed-*/*.json")]
    cards.sort(key=lambda card: card.content["made_from"]["seed"])
    first = {card.name: card.content["made_from"] for card in reversed(cards)}
    asked = {name: {**made, "seed": None} for name, made in {**first, **made_from}.items()}
    runs = [run_of_card(card) for card in cards if {**card.content["made_from"], "seed": None} == asked[card.name]]
    order = {name: place for place, name in enumerate(VERSIONS)}
    runs.sort(key=lambda t: (order.get(t["version"], len(order)), t["version"], t["seed"]))
    store = next(store for store in (LOCAL, OWN, SYNTHETIC) if folder.is_relative_to(store.models))
    path = store.study_path(str(folder.relative_to(store.models)))
    files.write_text(path, "".join(json.dumps(t) + "\n" for t in runs))
    return path


def run_of_card(of: Card) -> dict[str, Any]:
    """Return the part of a card that a study saves."""
    card = of.content
    made = card["made_from"]
    return {
        "version": card["name"],
        "recipe": made["recipe_name"],
        "seed": made["seed"],
        "split": made["data"]["split"],
        "bytes": card["file"]["compressed_bytes"],
        "converted_bytes": card["file"]["converted_compressed_bytes"],
        "macs": card["costs"]["macs"],
        "sha256": card["file"]["sha256"],
        **{
            split: {metric: card[split][metric] for metric in TASK_METRICS[card["task"]]}
            for split in ("validation", "test")
        },
        "clips": card["test"].get("clips"),
        "speakers_95": card["test"].get("accuracy_pct_95_speakers"),
        "seconds": card["wall_seconds"],
        "arithmetic": made["arithmetic"],
        "made_with": card["made_with"],
    }
