"""The way to a Pi without one: a fake ssh that runs commands here, or fails as OpenSSH does."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, clean_environment

from device.errors import UserError
from device.probe import probe
from pipeline.data import kept, synthetic
from pipeline.measure.device import check_fit
from pipeline.measure.ssh import Connection, LostError


@pytest.fixture
def fake_ssh(tmp_path: Path) -> str:
    """Runs the last argument in a home of its own; `-O exit` and the like do nothing."""
    script = tmp_path / "fake-ssh"
    script.write_text(
        f'#!/bin/sh\ncase "$*" in *"-O exit"*) exit 0;; esac\nfor last; do :; done\nexport HOME={tmp_path}/home\n'
        f'mkdir -p "$HOME"\nexec sh -c "$last"\n'
    )
    script.chmod(0o755)
    return str(script)


def failing_ssh(tmp_path: Path, message: str, status: int = 255) -> str:
    script = tmp_path / "failing-ssh"
    script.write_text(f"#!/bin/sh\necho '{message}' >&2\nexit {status}\n")
    script.chmod(0o755)
    return str(script)


@pytest.mark.parametrize(
    ("message", "remedy"),
    [  # as OpenSSH 9 says them
        ("Host key verification failed.", "its host key is not known: run ssh pi once by hand"),
        (
            "pi@10.0.0.9: Permission denied (publickey,password).",
            "refuses the login: install your key with ssh-copy-id",
        ),
        ("ssh: Could not resolve hostname pi: Name or service not known", "no such host"),
        ("ssh: connect to host pi port 22: Connection refused", "enable SSH on it"),
        ("ssh: connect to host pi port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host pi port 22: No route to host", "does not answer"),
        ("something new", "pi: something new"),
    ],
)
def test_what_ssh_says_becomes_one_line_with_a_remedy(tmp_path: Path, message: str, remedy: str) -> None:
    with pytest.raises(LostError, match=remedy) as caught, Connection("pi", failing_ssh(tmp_path, message)):
        pass
    assert "\n" not in str(caught.value)


def test_a_host_is_never_an_option() -> None:
    with pytest.raises(UserError, match="not a host"):
        Connection("-oProxyCommand=touch /tmp/x")


def test_no_openssh() -> None:
    with pytest.raises(UserError, match="install OpenSSH"):
        Connection("pi", "no-such-ssh")


def test_a_command_that_hangs_is_given_up(fake_ssh: str) -> None:
    with Connection("pi", fake_ssh) as connection, pytest.raises(LostError, match="no end after"):
        connection.run("sleep 30", timeout=0.5)


def test_a_failing_command_is_not_a_lost_connection(fake_ssh: str) -> None:
    with Connection("pi", fake_ssh) as connection, pytest.raises(UserError, match="pi: its disk is full") as caught:
        connection.run("echo 'tar: x: No space left on device' >&2; exit 2", timeout=10)
    assert not isinstance(caught.value, LostError)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "armv6l", "bits": 32}, "no runtime wheel for armv6l"),
        ({"architecture": "aarch64", "bits": 32, "python": "3.13.1"}, "Python 3.13.1 is not 3.11, for which a 32-bit"),
        ({"python": "3.9.2"}, "Python 3.9.2 is not 3.10 to 3.13"),
        ({"venv": False}, "apt install python3-venv"),
    ],
)
def test_devices_that_do_not_fit(change: dict[str, object], message: str) -> None:
    facts = {**probe(), "architecture": "aarch64", "bits": 64, "python": "3.11.2", "venv": True}
    check_fit("pi", facts)
    with pytest.raises(UserError, match=message):
        check_fit("pi", {**facts, **change})


def test_a_32_bit_system_fits_with_its_own_runtime() -> None:
    check_fit("pi", {**probe(), "architecture": "aarch64", "bits": 32, "python": "3.11.2", "venv": True})


@pytest.mark.parametrize(("name", "stages"), [("th_b", 3), ("kws_b", 5)])
def test_counts_add_up(name: str, stages: int) -> None:
    """Off an emulated machine the counts are nanoseconds; that they repeat is shown by two runs of make emulated."""
    command = [sys.executable, "-m", "device.instructions", str(ROOT / "models" / "report" / f"{name}.tflite.zlib")]
    done = subprocess.run(command, cwd=ROOT / "scripts", capture_output=True, text=True, check=True)
    counts = json.loads(done.stdout)["instructions"]
    assert len(counts["stages"]) == stages
    assert all(isinstance(n, int) and n > 0 for n in counts["stages"].values())
    assert counts["total"] == sum(counts["stages"].values())
    assert counts["inference"] == counts["stages"]["invoke"] + counts["stages"]["get"]


def test_the_whole_flow(fake_ssh: str, tmp_path: Path) -> None:
    """Probe, ship, install, time, verify, keep; a second run takes up what the first one left."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("requirements-pi.txt", "requirements-pi-32bit.txt"):
        shutil.copyfile(ROOT / name, root / name)
    (root / "models" / "report").mkdir(parents=True)
    for name in ("th_b.json", "th_b.tflite.zlib"):
        shutil.copyfile(ROOT / "models" / "report" / name, root / "models" / "report" / name)
    for name, made in (("weather", synthetic.make_weather(3000)), ("speech", synthetic.make_speech(5))):
        kept.save(made, root / "data" / "synthetic" / f"{name}.npz", {"path": None, "own": False})
    command = [sys.executable, str(root / "scripts" / "08_measure.py"), "--host", "pi", "--ssh", fake_ssh]
    command += ["--verify", "--data", "synthetic"]

    def measure() -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, capture_output=True, text=True, env=clean_environment(), timeout=300)

    done = measure()
    assert done.returncode == 0, done.stderr
    (path,) = (root / "results" / "local" / "latency").iterdir()
    result = json.loads(path.read_text())
    (entry,) = result["models"].values()
    assert entry["name"] == "th_b"
    assert entry["total_ms"]["median"] >= entry["inference_ms"]["median"] > 0
    assert set(entry["steady"]) >= {"1"}
    assert entry["verified"]["inputs"] == 29  # of 289 test windows one in ten
    assert entry["verified"]["largest_difference"] < 1e-3
    assert result["device"]["kind"] != "Raspberry Pi"
    assert result["device"]["after"]["python"] == result["device"]["python"]
    private = tmp_path / "home" / ".cache" / "models-under-budget"
    assert private.stat().st_mode & 0o777 == 0o700
    assert sorted(p.name for p in (private / "scripts").iterdir()) == ["device"]
    again = measure()
    assert "installing" not in again.stdout
    assert json.loads(path.read_text())["models"] == result["models"]
