"""What is in git: the published models found again from their files, the README in step, no data."""

import subprocess
from pathlib import Path

import pytest
from conftest import files_root

from device import artifact
from pipeline.build import evaluate
from pipeline.data.sources import Sources
from pipeline.report import readme
from pipeline.store import PUBLISHED
from pipeline.train.task import prepare_for
from pipeline.versions.catalogue import RECIPES, VERSIONS

ALL = [path for recipe in RECIPES for path in sorted((files_root / "models" / recipe).glob("*.tflite.zlib"))]


@pytest.mark.parametrize("path", ALL, ids=lambda path: f"{path.parent.name}-{path.name.partition('.')[0]}")
def test_published_figures_are_found_again(path: Path, real_data: Sources) -> None:
    card, content = artifact.load_file(path)
    name = card.name
    task = prepare_for(card, real_data)
    made_from = card.content["made_from"]
    assert made_from["data"]["digest"] == task.identity.digest
    found = evaluate(name, content, task)
    for key, value in card.content["test"].items():
        if isinstance(value, int) or key == "confusion":
            assert found[key] == value, key
        else:  # the last printed digit may differ between processors
            assert found[key] == pytest.approx(value, abs=1e-4), key


@pytest.mark.parametrize("name", VERSIONS)
def test_published_models_are_the_reports_recipes_on_real_data(name: str) -> None:
    made_from = artifact.load(PUBLISHED.models / "report", name)[0].content["made_from"]
    assert made_from["data"]["source"] in ("official", "local")
    assert (made_from["recipe_name"], made_from["seed"]) == ("report", 22)


@pytest.mark.parametrize("recipe", RECIPES[1:])
def test_published_trials_are_chosen_by_validation_among_five(recipe: str) -> None:
    trials = PUBLISHED.trials(recipe)
    for path in (path for path in ALL if path.parent.name == recipe):
        card = artifact.load_file(path)[0]
        own = [trial for trial in trials if trial["version"] == card.name]
        assert len(own) >= 5
        assert chosen(own)["sha256"] == card.sha256
        for trial in own:
            if trial["sha256"] == card.sha256:
                assert all(card.content["test"][metric] == value for metric, value in trial["test"].items())


def test_readme_is_in_step_with_the_published_results() -> None:
    text = readme.README.read_text(encoding="utf-8")
    assert readme.filled(text) == text, "run make readme"


def test_no_data_in_git() -> None:
    if not (files_root / ".git").exists():
        pytest.skip("not a git checkout")
    tracked = subprocess.run(["git", "ls-files"], cwd=files_root, capture_output=True, text=True, check=True)
    names = tracked.stdout.splitlines()
    assert [n for n in names if n.startswith("data/")] == ["data/README.md"]
    assert not [
        n for n in names if n.startswith(("models/local", "models/synthetic", "results/local", "results/synthetic"))
    ]
    assert not [n for n in names if n.endswith((".wav", ".npz", ".npy", ".xz", ".zip"))]
