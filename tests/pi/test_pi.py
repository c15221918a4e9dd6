"""The whole way to a Pi, on an emulated one: real SSH, real aarch64 wheels, equal predictions, faults.

`make test-pi` runs it; without QEMU and OpenSSH it is skipped by name.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from underbudget.beyond import emulator

ROOT = Path(__file__).parents[2]
MODELS = ("th_b", "kws_b")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = emulator.missing_tools()
    if missing:
        pytest.skip(f"no emulated Pi: {', '.join(missing)} missing (apt install {emulator.DEBIAN_PACKAGES})")
    folder = tmp_path_factory.mktemp("guest")
    try:
        emulator.build(folder)
    except subprocess.CalledProcessError as failed:
        if "apt-get" in failed.cmd:
            pytest.skip("no emulated Pi: Debian's arm64 packages can't be fetched")
        raise
    return folder


@pytest.fixture(scope="module")
def config(work: Path) -> Iterator[Path]:
    """A booted guest, called `pi` in this OpenSSH configuration."""
    with emulator.booted(work) as config:
        yield config


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with two models, its data (synthetic data where there are no others) and no results."""
    root = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "requirements-pi.txt", root / "requirements-pi.txt")
    (root / "models" / "report").mkdir(parents=True)
    for name in MODELS:
        for suffix in (".json", ".tflite.zlib"):
            shutil.copyfile(
                ROOT / "models" / "report" / f"{name}{suffix}", root / "models" / "report" / f"{name}{suffix}"
            )
    if (ROOT / "data").is_dir():
        (root / "data").symlink_to(ROOT / "data")
    return root


def measure(project: Path, config: Path, *arguments: str, timeout: float = 400) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(project / "scripts" / "08_measure.py"), "--host", "pi"]
    command += ["--ssh", f"ssh -F {config}", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=timeout)


def test_measures_and_predicts_as_here(project: Path, config: Path) -> None:
    done = measure(project, config, "--verify")
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = (project / "results" / "local" / "latency").iterdir()
    result = json.loads(path.read_text())
    assert (result["device"]["architecture"], result["device"]["kind"]) == ("aarch64", "emulated")
    assert {entry["name"] for entry in result["models"].values()} == set(MODELS)
    for entry in result["models"].values():
        verified = entry["verified"]
        assert verified["inputs"] > 100
        assert verified["largest_difference"] < 1e-2
        assert verified.get("other_labels", []) == []


def test_a_guest_that_dies_is_no_traceback(project: Path, config: Path) -> None:
    """Last, for it ends the guest."""
    shutil.rmtree(project / "results")
    command = [sys.executable, str(project / "scripts" / "08_measure.py"), "--host", "pi", "--ssh", f"ssh -F {config}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "sending" in process.stdout.readline()
        time.sleep(30)
        subprocess.run(["pkill", "--parent", str(os.getpid()), "qemu"], check=True)  # a child of this process
        _, said = process.communicate(timeout=90)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("error: pi: ")
