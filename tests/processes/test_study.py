"""Studies through a pool: the same bytes as one by one, killed and resumed, and a run that fails."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from helpers import SYNTHETIC, clean_environment

from underbudget import store
from underbudget.data import array_cache, synthetic
from underbudget.data.sources import Sources
from underbudget.device.errors import UserError
from underbudget.networks.dense import Mlp
from underbudget.reproduction import run_studies
from underbudget.store import ResultStore
from underbudget.versions.catalogue import VERSIONS

STUDY = ("14_seeds.py", "improved", "--versions", "th_b", "--seeds", "3")


pytestmark = pytest.mark.slow


def start(root: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(root / "scripts" / STUDY[0]), *STUDY[1:], *options, *SYNTHETIC]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, env=clean_environment(), start_new_session=True)


def made(root: Path) -> tuple[dict[str, bytes], list[str]]:
    """The models of the study, and what its result says of them."""
    models = root / "models" / "synthetic" / "improved"
    lines = (root / "results" / "synthetic" / "runs" / "improved.jsonl").read_text().splitlines()
    names = {str(path.relative_to(models)): path.read_bytes() for path in models.rglob("*.zlib")}
    return names, [json.loads(line)["sha256"] for line in lines]


def test_a_study_killed_and_resumed_on_many_gives_the_same_bytes_as_one_by_one(project: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: python3 scripts/00_setup.py --search")
    one, many = (Path(shutil.copytree(project, tmp_path / name)) for name in ("one", "many"))
    with start(one) as process:
        assert process.wait(timeout=300) == 0
    first = many / "results" / "synthetic" / "runs" / "improved.jsonl"
    with start(many, "--jobs", "2") as process:
        while not first.exists():
            assert process.poll() is None
            time.sleep(0.01)
        os.killpg(process.pid, signal.SIGKILL)
    cards = {path: path.stat().st_mtime_ns for path in (many / "models" / "synthetic").rglob("*.json")}
    assert cards
    with start(many, "--jobs", "2") as process:
        assert process.wait(timeout=300) == 0
    assert made(one) == made(many)
    assert len(made(one)[1]) == 3
    assert {path: path.stat().st_mtime_ns for path in cards} == cards  # what was finished is not done again


def test_a_run_that_fails_is_told_and_the_others_are_kept(
    data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array_cache.save(
        synthetic.make_weather(8000), data_folder / "synthetic" / "weather.npz", {"path": None, "own": False}
    )
    there = ResultStore(tmp_path / "models", tmp_path / "results")
    monkeypatch.setattr(store, "SYNTHETIC", there)
    monkeypatch.setattr(run_studies, "SYNTHETIC", there)
    good = VERSIONS["th_b"]
    wrong = replace(good.recipes["improved"], network=Mlp())  # whose weights are not one matrix
    bad = replace(good, name="bad", recipes={"improved": wrong})
    (path,), failed = run_studies.run("some", (bad, good), "improved", [1], Sources(data="synthetic"), jobs=1)
    assert [json.loads(line)["version"] for line in path.read_text().splitlines()] == ["th_b"]
    (line,) = failed
    assert line.startswith("some: bad, seed 1: ")
    with pytest.raises(UserError, match=r"^1 of the runs failed, the others are saved: some: bad, seed 1: "):
        run_studies.report_failures(failed)
    run_studies.report_failures([])
