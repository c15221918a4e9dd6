"""Copy this machine's models and results to the published ones, and derive what is computed from them."""

import json
import shutil
from pathlib import Path
from typing import Any

from device import artifact
from device.artifact import SPOTTING
from device.errors import UserError
from pipeline import files
from pipeline.data.sources import Sources
from pipeline.measure import host
from pipeline.measure.listeners import name_thresholds
from pipeline.reference import SEED
from pipeline.report.examples import write_examples
from pipeline.report.versions import write_rows
from pipeline.store import LOCAL, PUBLISHED
from pipeline.study.claims import write_claims
from pipeline.study.results import read_results
from pipeline.study.trials import chosen
from pipeline.versions.catalogue import QUANTISATION_STUDY, RECIPES, SEARCHED, VERSIONS


def publish_models() -> None:
    """Publish this machine's runs: the report's recipes at SEED, the chosen seeds of our recipes, all studies.

    Thresholds that were measured before are named on the cards.

    Raises:
        UserError: a version is missing, or was not made with the report's recipe and SEED.
    """
    check_versions()
    for name in VERSIONS:
        _copy_model(LOCAL.models / "report", PUBLISHED.models / "report", name)
    publish_studies()
    if LOCAL.listening_path.exists():
        publish_listening()  # a copied card has no thresholds


def check_versions() -> None:
    """Check that all five versions were made by the report's recipe with SEED.

    Raises:
        UserError: one was not.
    """
    for name in VERSIONS:
        card = LOCAL.card("report", name)
        if card is None:
            raise UserError(f"{LOCAL.models}/report/{name}.json: no such card: run make all DATA=real first")
        made = card.content["made_from"]
        if (made["recipe_name"], made["seed"]) != ("report", SEED):
            raise UserError(f"{name}: recipe {made['recipe_name']}, seed {made['seed']}: publish report, {SEED} only")


def publish(sources: Sources) -> None:
    """Publish the models, what was measured of them, and what is computed from all.

    Raises:
        UserError: as `publish_models`; something was not measured; bad data for the examples.
    """
    check_versions()
    for path, target in (
        (host.HOST_RESULT, "make measure"),
        (LOCAL.latency / host.EMULATED_RESULT, "make emulated"),
        (LOCAL.bench_path, "make bench"),
        (LOCAL.naive_path, "make baselines"),
        (LOCAL.listening_path, "make listening"),
    ):
        if not path.exists():
            raise UserError(f"{path}: no such result: run {target} first")
    publish_models()
    published = {
        artifact.load_file(path)[0].sha256
        for recipe in (*RECIPES, QUANTISATION_STUDY)
        for path in (PUBLISHED.models / recipe).glob("*.zlib")
    }
    for path in LOCAL.latency.glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        result["models"] = {sha256: entry for sha256, entry in result["models"].items() if sha256 in published}
        files.write_json(PUBLISHED.latency / path.name, result)
    _copy(LOCAL.bench_path, PUBLISHED.bench_path)
    _copy(LOCAL.naive_path, PUBLISHED.naive_path)
    publish_searches()
    results = read_results(PUBLISHED)
    write_rows(results)
    write_claims(results)
    write_examples(results, sources)


def publish_studies() -> None:
    """Publish the runs of all studies, and some of their models.

    These are the runs of our own recipes that validation chooses, and the models with and without quantisation.
    """
    for path in LOCAL.runs.glob("*.jsonl"):
        study_name = path.stem
        trials = LOCAL.trials(study_name)
        _copy(path, PUBLISHED.trials_path(study_name))
        if study_name not in (*RECIPES[1:], QUANTISATION_STUDY):
            continue
        for version in {trial["version"] for trial in trials}:
            seed = chosen([trial for trial in trials if trial["version"] == version])["seed"]
            _copy_model(LOCAL.models / study_name / f"seed-{seed}", PUBLISHED.models / study_name, version)


def publish_searches() -> None:
    """Publish what this machine's searches found; those on other data than the published models' are left out."""
    cards = (PUBLISHED.card("report", name) for name in VERSIONS)
    published = {card.content["made_from"]["data"]["digest"] for card in cards if card}
    for found in LOCAL.searches():
        data = found["made_from"]["data"]
        if data["digest"] in published:
            _publish_search(found)
        else:
            print(f"{found['name']}: left out: it was searched on {data['description']}")


def _publish_search(found: dict[str, Any]) -> None:
    name, model = found["name"], found["model"]
    if model:
        _copy_model(LOCAL.models / SEARCHED, PUBLISHED.models / SEARCHED, name)
        card = PUBLISHED.models / SEARCHED / f"{name}.json"
        found = {**found, "model": {**model, "card": str(card.relative_to(PUBLISHED.models.parent))}}
    files.write_json(PUBLISHED.search_path(name), found)


def publish_listening() -> None:
    """Publish how well the published spotters listen, and name their thresholds on their cards."""
    measured, models = LOCAL.listening(), {}
    for recipe in RECIPES:
        for path in sorted((PUBLISHED.models / recipe).glob("*.tflite.zlib")):
            card, _ = artifact.load_file(path)
            if card.task != SPOTTING:
                continue
            if entry := measured["models"].get(card.sha256):
                models[card.sha256] = {**entry, "model": f"{recipe}/{card.name}"}
                name_thresholds(path, entry)
            else:
                print(f"{recipe}/{card.name}: its listener was not measured: run make listening, then this again")
    files.write_json(PUBLISHED.listening_path, {**measured, "models": models})


def _copy_model(source: Path, target: Path, name: str) -> None:
    for suffix in (".tflite.zlib", ".json"):
        _copy(source / f"{name}{suffix}", target / f"{name}{suffix}")


def _copy(source: Path, target: Path) -> None:
    with files.atomic_write(target) as partial:
        shutil.copyfile(source, partial)
