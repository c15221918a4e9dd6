"""Copy this machine's models and results to the published ones."""

import json
import shutil
from pathlib import Path

from underbudget import files
from underbudget.beyond.listening.measure import LISTENING_PROTOCOL, name_thresholds
from underbudget.data.sources import Sources
from underbudget.device import artifact
from underbudget.device.artifact import SPOTTING
from underbudget.device.errors import UserError
from underbudget.reproduction import host
from underbudget.reproduction.reference import PUBLISHED_SEED
from underbudget.reproduction.results import read_results
from underbudget.reproduction.runs import chosen
from underbudget.results_page.at_work import draw_at_work
from underbudget.store import LOCAL, PUBLISHED
from underbudget.versions.catalogue import QUANTISATION_STUDY, RECIPES, SEARCHED, VERSIONS


def publish_models() -> None:
    """Publish this machine's runs: the report's recipes at PUBLISHED_SEED, all studies, the seeds chosen of some.

    Chosen by validation are the runs of our own recipes, and the models with and without quantisation. Thresholds that
    were measured before are named on the cards.

    Raises:
        UserError: a version is missing, or was not made with the report's recipe and PUBLISHED_SEED.
    """
    check_versions()
    for name in VERSIONS:
        _copy_model(LOCAL.models / "report", PUBLISHED.models / "report", name)
    for path in LOCAL.runs.glob("*.jsonl"):
        study, runs = path.stem, LOCAL.study_runs(path.stem)
        _copy(path, PUBLISHED.study_path(study))
        for version in {run["version"] for run in runs} if study in (*RECIPES[1:], QUANTISATION_STUDY) else ():
            seed = chosen([run for run in runs if run["version"] == version])["seed"]
            _copy_model(LOCAL.models / study / f"seed-{seed}", PUBLISHED.models / study, version)
    if LOCAL.listening_path.exists():
        publish_listening()  # a copied card has no thresholds


def check_versions() -> None:
    """Check that all versions were made by the report's recipe with PUBLISHED_SEED.

    Raises:
        UserError: one was not.
    """
    for name in VERSIONS:
        card = LOCAL.card("report", name)
        if card is None:
            raise UserError(f"{LOCAL.models}/report/{name}.json: no such card: run make all DATA=real first")
        made = card.content["made_from"]
        if (made["recipe_name"], made["seed"]) != ("report", PUBLISHED_SEED):
            raise UserError(
                f"{name}: recipe {made['recipe_name']}, seed {made['seed']}: publish report, {PUBLISHED_SEED} only"
            )


def publish(sources: Sources) -> None:
    """Publish the models and what was measured of them, and draw a forecaster at work on the test split.

    Raises:
        UserError: as `publish_models`; something was not measured; bad data for the drawing.
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
    results = read_results(PUBLISHED)
    published = {card.sha256 for card in results.cards.values()}
    for path in LOCAL.latency.glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        result["models"] = {sha256: entry for sha256, entry in result["models"].items() if sha256 in published}
        files.write_json(PUBLISHED.latency / path.name, result)
    for path in (LOCAL.bench_path, LOCAL.naive_path):
        _copy(path, PUBLISHED.runs / path.name)
    publish_searches()
    draw_at_work(results, sources)


def publish_searches() -> None:
    """Publish what this machine's searches found; those on other data than the published models' are left out."""
    cards = (PUBLISHED.card("report", name) for name in VERSIONS)
    published = {card.content["made_from"]["data"]["digest"] for card in cards if card}
    for found in LOCAL.searches():
        name, model, data = found["name"], found["model"], found["made_from"]["data"]
        if data["digest"] not in published:
            print(f"{name}: left out: it was searched on {data['description']}")
            continue
        if model:
            _copy_model(LOCAL.models / SEARCHED, PUBLISHED.models / SEARCHED, name)
            card = PUBLISHED.models / SEARCHED / f"{name}.json"
            found = {**found, "model": {**model, "card": str(card.relative_to(PUBLISHED.models.parent))}}
        files.write_json(PUBLISHED.search_path(name), found)


def publish_listening() -> None:
    """Publish how well the published spotters listen, and name their thresholds on their cards."""
    measured, models = LOCAL.listening(), {}
    if measured["protocol"] != LISTENING_PROTOCOL:
        print("the listeners were measured in an earlier way: run make listening, then this again")
        return
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
    """Copy a model that anybody can make again: by scripts that are committed.

    Raises:
        UserError: it was made by others.
    """
    commit = json.loads((source / f"{name}.json").read_text(encoding="utf-8"))["commit"]
    if not commit or commit.endswith("+changes"):
        raise UserError(f"{files.shown(source / name)}.json: made by scripts that no commit has: commit, make it again")
    for suffix in (".tflite.zlib", ".json"):
        _copy(source / f"{name}{suffix}", target / f"{name}{suffix}")


def _copy(source: Path, target: Path) -> None:
    with files.atomic_write(target) as partial:
        shutil.copyfile(source, partial)
