"""What is in git: the published models found again from their files, the README in step, no data."""

import subprocess

import pytest
from conftest import files_root

from device import artifact
from pipeline import readme
from pipeline.data import Sources
from pipeline.recipe import VERSIONS
from pipeline.task import prepare_for
from pipeline.version import evaluate

PUBLISHED = files_root / "models" / "report"


@pytest.mark.parametrize("name", VERSIONS)
def test_published_figures_are_found_again(name: str, real_data: Sources) -> None:
    card, content = artifact.load(PUBLISHED, name)
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
    made_from = artifact.load(PUBLISHED, name)[0].content["made_from"]
    assert made_from["data"]["source"] in ("official", "local")
    assert (made_from["recipe_name"], made_from["seed"]) == ("report", 22)


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
        n for n in names if n.startswith(("models/local", "models/standin", "results/local", "results/standin"))
    ]
    assert not [n for n in names if n.endswith((".wav", ".npz", ".npy", ".xz", ".zip"))]
