"""What is in git: the published models found again from their files, the README in step, no data."""

import json
import subprocess
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

from underbudget.beyond.search.trials import train
from underbudget.data.sources import Sources, load_data
from underbudget.device import artifact
from underbudget.evaluation import load_for, outputs_for, prepare_for
from underbudget.export.costs import costs
from underbudget.processes import open_workers
from underbudget.reproduction.runs import chosen
from underbudget.reproduction.studies import STUDIES
from underbudget.store import PUBLISHED
from underbudget.version_script import published_seed
from underbudget.versions.catalogue import QUANTISATION_STUDY, RECIPES, SEARCHED, VERSIONS

ALL = [path for folder in (*RECIPES, SEARCHED) for path in sorted((ROOT / "models" / folder).glob("*.tflite.zlib"))]


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.name.partition('.')[0]}")
def test_published_figures_are_found_again(path: Path, real_data: Sources) -> None:
    card, content = artifact.load_file(path)
    name = card.name
    task = prepare_for(card, load_for(card, real_data))
    made_from = card.content["made_from"]
    assert made_from["data"]["digest"] == task.identity.digest
    assert card.content["use"] == task.card()["use"]
    found = task.metrics(outputs_for(name, content, task, "test"), "test")
    for key, value in card.content["test"].items():
        if isinstance(value, int) or key == "confusion":
            assert found[key] == value, key
        else:  # the last printed digit may differ between processors
            assert found[key] == pytest.approx(value, abs=1e-4), key


@pytest.mark.parametrize(("recipe", "name"), [("report", "th_a"), ("improved", "th_b")])  # spotters take minutes
def test_a_published_file_is_made_again(recipe: str, name: str, real_data: Sources) -> None:
    version = VERSIONS[name]
    data = load_data(real_data, *version.data_of(recipe))
    tasks = iter([(name, train, version.recipes[recipe], published_seed(version, recipe), data)])
    with open_workers(1) as workers:
        (done,) = workers.run(lambda: next(tasks, None))
    assert done.error is None
    assert done.value[1] == (PUBLISHED.models / recipe / f"{name}.tflite.zlib").read_bytes()


@pytest.mark.parametrize("name", VERSIONS)
def test_published_models_are_the_reports_recipes_on_real_data(name: str) -> None:
    made_from = artifact.load(PUBLISHED.models / "report", name)[0].content["made_from"]
    assert made_from["data"]["source"] in ("official", "local")
    assert (made_from["recipe_name"], made_from["seed"]) == ("report", 22)


@pytest.mark.parametrize("recipe", RECIPES[1:])
def test_published_trials_are_chosen_by_validation_among_five(recipe: str) -> None:
    runs = PUBLISHED.study_runs(recipe)
    for path in (path for path in ALL if path.parent.name == recipe):
        card = artifact.load_file(path)[0]
        own = [run for run in runs if run["version"] == card.name]
        assert len(own) >= (1 if recipe == "live" else 5)  # of a listener, one run was trained: nothing was chosen
        assert chosen(own)["sha256"] == card.sha256
        for run in own:
            if run["sha256"] == card.sha256:
                assert all(card.content["test"][metric] == value for metric, value in run["test"].items())


@pytest.mark.parametrize(
    "path",
    [path for folder in (*RECIPES, QUANTISATION_STUDY) for path in sorted((ROOT / "models" / folder).glob("*.json"))],
    ids=lambda p: f"{p.parent.name}-{p.stem}",
)
def test_published_recipes_are_those_of_today(path: Path) -> None:
    card = json.loads(path.read_text(encoding="utf-8"))
    made_from = card["made_from"]
    studied = (version for members, _ in STUDIES.values() for version in members)
    version = VERSIONS.get(card["name"]) or next(v for v in studied if v.name == card["name"])
    assert version.recipes[made_from["recipe_name"]].to_dict() == made_from["recipe"]
    content = zlib.decompress(path.with_name(f"{card['name']}.tflite.zlib").read_bytes())
    assert asdict(costs(content)) == card["costs"]


@pytest.mark.parametrize("found", PUBLISHED.searches(), ids=lambda found: found["name"])
def test_what_a_search_found_is_published(found: dict[str, Any]) -> None:
    model = found["model"]
    card, content = artifact.load_file(ROOT / model["card"].replace(".json", ".tflite.zlib"))
    (best,) = [f for f in found["finalists"] if f["trial"] == model["trial"]]
    assert card.content["made_from"]["recipe"] == best["recipe"]
    assert card.content["made_from"]["seed"] == model["seed"]
    assert card.content["file"]["compressed_bytes"] == model["bytes"] == best["runs"][str(model["seed"])]["bytes"]
    assert all(card.content["test"][name] == value for name, value in model["test"].items())
    assert asdict(costs(content)) == card.content["costs"]


def test_no_data_in_git() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    names = tracked.stdout.splitlines()
    assert [n for n in names if n.startswith("data/")] == ["data/README.md"]
    mine = tuple(f"{folder}/{store}/" for folder in ("models", "results") for store in ("local", "own", "synthetic"))
    assert not [n for n in names if n.startswith(mine)]
    found = [n for n in names if n.endswith((".wav", ".npz", ".npy", ".xz", ".zip"))]
    assert found == ["examples/yes.wav"]  # which espeak-ng spoke
