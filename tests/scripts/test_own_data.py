"""A user's own station beside the real data: nothing of either takes the other's place."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from helpers import clean_environment


def station(path: Path, rows: int, seed: int) -> Path:
    rng = np.random.default_rng(seed)
    times = pd.date_range("2020-01-01", periods=rows, freq="10min")
    day = 2 * np.pi * np.arange(rows) / 144
    table = pd.DataFrame(
        {
            "Date Time": times.strftime("%d.%m.%Y %H:%M:%S"),
            "T (degC)": (12 + 6 * np.sin(day) + rng.normal(0, 0.3, rows)).round(2),
            "rh (%)": (60 - 20 * np.sin(day) + rng.normal(0, 1, rows)).round(2),
        }
    )
    table.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def root(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project of its own, with a mirror and an own station beside it."""
    folder = tmp_path_factory.mktemp("own")
    (folder / "mirror").mkdir()
    station(folder / "mirror" / "jena_station_10min.csv.xz", 3000, 0)
    station(folder / "own.csv", 1100, 1)
    return Path(shutil.copytree(project, folder / "project", ignore=shutil.ignore_patterns("synthetic", "local")))


def run(root: Path, script: str, *arguments: str) -> str:
    command = [sys.executable, str(root / "scripts" / script), *arguments]
    environment = {**clean_environment(), "https_proxy": "http://127.0.0.1:9"}  # nothing answers there
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=root.parent, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def card(root: Path, store: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((root / "models" / store / "improved" / "th_b.json").read_text())
    return content


def test_a_run_on_own_data_leaves_that_on_the_real_ones(root: Path) -> None:
    build = ("04_th_b.py", "--recipe", "improved")
    assert "3,000 rows" in run(root, *build, "--mirror", "mirror")
    real = card(root, "local")
    assert "card: models/own/improved/th_b.json" in run(root, *build, "--jena", "own.csv")
    assert card(root, "own")["made_from"]["data"]["source"] == "own"
    assert card(root, "own")["made_with"] == "make th_b RECIPE=improved SEED=22 JENA=own.csv"
    again = run(root, *build)  # neither mirror nor network
    assert "models/local/improved/th_b.json is up to date" in again
    assert "SYNTHETIC" not in again
    assert card(root, "local") == real
    mine = card(root, "own")
    station(root.parent / "garden.csv", 1000, 3)
    aside = f"models/own/improved/own-{mine['made_from']['data']['digest'][:8]}"
    assert f"th_b: the model of own.csv was moved to {aside}" in run(root, *build, "--jena", "garden.csv")
    assert json.loads((root / aside / "th_b.json").read_text()) == mine
    assert card(root, "own")["made_with"] == mine["made_with"].replace("own.csv", "garden.csv")


def test_a_study_on_own_data_is_a_study_of_its_own(root: Path) -> None:
    study = ("14_seeds.py", "improved", "--versions", "th_b")
    run(root, *study, "--seeds", "2", "--mirror", "mirror")
    station(root.parent / "other.csv", 1000, 2)
    written = []
    for name in ("own", "other"):
        said = run(root, *study, "--seeds", "1", "--jena", f"{name}.csv")
        content = json.loads(next(root.glob(f"models/own/improved/{name}-*/seed-1/th_b.json")).read_text())
        path = f"results/own/runs/improved/{name}-{content['made_from']['data']['digest'][:8]}.jsonl"
        assert "over 1 seed," in said and path in said
        written.append((root / path).read_text())
        (mine,) = map(json.loads, written[-1].splitlines())
        assert mine["made_with"] == f"JENA={name}.csv python scripts/14_seeds.py improved --seeds 1 --versions th_b"
    assert "1 of 1 runs are up to date" in run(root, *study, "--seeds", "1", "--jena", "own.csv")
    assert [path.read_text() for path in sorted(root.glob("results/own/runs/improved/*"), reverse=True)] == written
    assert len((root / "results" / "local" / "runs" / "improved.jsonl").read_text().splitlines()) == 2


def test_the_table_shows_the_run_on_the_data_that_are_named(root: Path) -> None:
    for data in (("--mirror", "mirror"), ("--jena", "own.csv")):  # another process may have run the tests above
        run(root, "04_th_b.py", "--recipe", "improved", *data)
    for store in ("local", "own"):
        shutil.copytree(root / "models" / store / "improved", root / "models" / store / "report")
    real, own = (run(root, "09_results.py", *named) for named in ((), ("--jena", "own.csv")))
    assert f"{card(root, 'local')['test']['t_mae_c']:.3f}" in real and "results/local/page" in real
    assert f"{card(root, 'own')['test']['t_mae_c']:.3f}" in own and "results/own/page" in own
    assert "(host)" in run(root, "08_measure.py", "--versions", "--jena", "own.csv")
