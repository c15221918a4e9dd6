"""The whole way to a Pi, on an emulated one: real SSH, real aarch64 wheels, equal predictions, faults.

`make test-pi` runs it; without QEMU and OpenSSH it is skipped by name.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.measure import emulator
from pipeline.measure.device import FOLDER, sole_use
from pipeline.measure.ssh import Connection, private_folder

ROOT = Path(__file__).parents[2]
MODELS = ("th_b", "kws_b")


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    missing = emulator.missing_tools()
    if missing:
        pytest.skip(f"no emulated Pi: {', '.join(missing)} missing (apt install qemu-system-arm openssh-client)")
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


def error(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def changed(config: Path, name: str, old: str, new: str) -> Path:
    path = config.with_name(name)
    path.write_text(config.read_text().replace(old, new))
    return path


def test_a_full_disk_is_said_before_anything_is_installed(project: Path, config: Path) -> None:
    def on_guest(command: str) -> None:
        subprocess.run(["ssh", "-F", str(config), "pi", command], check=True, timeout=60)

    on_guest("fallocate -l 200M fill")
    assert "MiB free, 400 are needed: free some space on it" in error(measure(project, config, "--wheels"))
    on_guest("rm fill")


def test_measures_and_predicts_as_here(project: Path, config: Path) -> None:
    done = measure(project, config, "--wheels", "--verify")
    assert done.returncode == 0, done.stderr[-2000:]
    (path,) = (project / "results" / "local" / "latency").iterdir()
    result = json.loads(path.read_text())
    assert result["device"]["architecture"] == "aarch64"
    assert result["device"]["cpu_part"] == "0xd08"  # Cortex-A72
    assert result["device"]["kind"] == "emulated"
    assert {entry["name"] for entry in result["models"].values()} == set(MODELS)
    for entry in result["models"].values():
        assert set(entry["steady"]) == {"1", "2"}
        verified = entry["verified"]
        assert verified["inputs"] > 100
        assert verified["largest_difference"] < 1e-2
        assert verified.get("other_labels", []) == []
    before = path.read_text()
    again = measure(project, config, "--wheels", "--verify")
    assert again.returncode == 0
    assert "installing" not in again.stdout
    assert json.loads(path.read_text())["models"] == json.loads(before)["models"]  # nothing is measured twice


def test_two_runs_at_once(project: Path, config: Path) -> None:
    with (
        Connection("pi", f"ssh -F {config}") as connection,
        sole_use(connection, private_folder(connection, FOLDER)),
    ):
        assert "another run measures there" in error(measure(project, config, "--wheels"))


def test_unknown_host_key(project: Path, config: Path) -> None:
    unknown = changed(config, "unknown", "known_hosts", "no_hosts")
    assert "its host key is not known: run ssh pi once by hand" in error(measure(project, unknown))


def test_refused_login(project: Path, config: Path) -> None:
    stranger = config.with_name("stranger")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    refused = changed(config, "refused", "/key\n", "/stranger\n")
    assert "install your key with ssh-copy-id pi" in error(measure(project, refused))


def test_nobody_there(project: Path, config: Path) -> None:
    nobody = config.with_name("nobody")
    nobody.write_text("Host pi\n  HostName 127.0.0.1\n  Port 1\n")
    assert "enable SSH on it" in error(measure(project, nobody))


def test_a_connection_lost_in_the_middle_keeps_what_was_measured(project: Path, work: Path, config: Path) -> None:
    """Last, for it ends the guest: a model is measured, and the guest dies during the next."""
    path = next((project / "results" / "local" / "latency").iterdir())
    result = json.loads(path.read_text())
    kept = next(iter(result["models"]))
    result["models"] = {kept: result["models"][kept]}
    path.write_text(json.dumps(result))
    command = [sys.executable, str(project / "scripts" / "08_measure.py"), "--host", "pi", "--ssh", f"ssh -F {config}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        seen = ""
        while "measuring there" not in seen:
            read = process.stderr.read(1)
            assert read, f"it ended too early: {seen}"
            seen += read
        time.sleep(5)
        subprocess.run(["pkill", "-f", f"initrd {work}/initrd.cpio"], check=True)
        _, said = process.communicate(timeout=90)
    assert process.returncode == 1
    assert said.splitlines()[-1].startswith("error: pi: ")
    assert set(json.loads(path.read_text())["models"]) >= {kept}
