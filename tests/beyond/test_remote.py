"""The way to a Pi without one: a stand-in for ssh that runs commands here, or fails as OpenSSH does; a local sshd."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT, clean_environment

from underbudget.beyond import raspberry_pi
from underbudget.beyond.raspberry_pi import RemoteTask, device_facts, measure_there, run_there
from underbudget.data import array_cache, synthetic
from underbudget.device import instructions
from underbudget.device.errors import UserError
from underbudget.device.probe import probe

FACTS: dict[str, Any] = {**probe(), "architecture": "aarch64", "bits": 64, "python": "3.11.2", "governor": None}
TH_B = ROOT / "models" / "report" / "th_b.tflite.zlib"
SSH = """#!{python} -IS
import os, sys
{before}
os.execve({shell!r}, [{shell!r}, "-c", sys.argv[-1]], {variables!r})
"""


pytestmark = pytest.mark.slow


class Device:
    """A login shell, and the programs that it finds; `ssh` is the command that leads there, as sshd runs commands."""

    def __init__(self, folder: Path, shell: str = "sh", before: str = "") -> None:
        found = shutil.which(shell)
        if found is None:
            pytest.skip(f"no {shell} here (apt install {shell})")
        self.tools = folder / "tools"
        self.tools.mkdir()
        self.program("python3", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        variables = {"HOME": str(folder), "PATH": f"{self.tools}:/usr/bin:/bin"}
        script = SSH.format(python=sys.executable, before=before, shell=found, variables=variables)
        self.program("an ssh", script)
        self.ssh = f"'{self.tools}/an ssh' -p 22"

    def program(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)


def left_there() -> list[Path]:
    return list(Path("/var/tmp").glob("models-under-budget.*"))


def failing(tmp_path: Path, message: str) -> str:
    """An ssh that says something and fails."""
    return Device(tmp_path, before=f"print({message!r}, file=sys.stderr); sys.exit(255)").ssh


@pytest.mark.parametrize(
    ("message", "remedy"),
    [  # as OpenSSH 9 says them
        ("Host key verification failed.", "its host key is not known: run .* pi once by hand"),
        (
            "pi@10.0.0.9: Permission denied (publickey,password).",
            "the login of pi: .* install your key with ssh-copy-id, or, .* ssh-add",
        ),
        ("ssh: Could not resolve hostname pi: Name or service not known", "no such host: pi: check"),
        (
            "ssh: connect to host pi port 22: Connection refused",
            "no SSH server answers at port 22: enable SSH on it, or correct the port",
        ),
        ("ssh: connect to host pi port 22: Connection timed out", "does not answer"),
        ("ssh: connect to host pi port 22: No route to host", "does not answer"),
        ("Timeout, server 10.0.0.9 not responding.", "does not answer"),
        ("mktemp: failed to create directory: No space left on device", "its disk is full"),
        ("mktemp: failed to create directory: Permission denied", "failed to create directory: Permission denied"),
        ("sh: 1: exec: python3: not found", "it has no Python"),
        ("banner exchange: Connection to UNKNOWN port 65535: Broken pipe", "the way there by your SSH configuration"),
        ("something new", "pi: something new"),
    ],
)
def test_what_ssh_says_becomes_one_line_with_a_remedy(tmp_path: Path, message: str, remedy: str) -> None:
    with pytest.raises(UserError, match=remedy) as caught:
        device_facts("pi", failing(tmp_path, message))
    assert "\n" not in str(caught.value)


def test_a_host_is_never_an_option() -> None:
    with pytest.raises(UserError, match="not a host"):
        device_facts("-oProxyCommand=touch /tmp/x")


@pytest.mark.parametrize("command", ["", "ssh 'unclosed", "   "])
def test_an_ssh_command_that_is_none(command: str) -> None:
    with pytest.raises(UserError, match="not a command: give one such as"):
        device_facts("pi", command)


def test_no_openssh() -> None:
    with pytest.raises(UserError, match="install OpenSSH"):
        device_facts("pi", "no-such-ssh")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": "armv6l", "bits": 32}, "its system is armv6l, 32 bits: 64 bits are needed"),
        ({"bits": 32}, "its system is aarch64, 32 bits"),
        ({"python": "3.9.2"}, "Python 3.9.2 is not 3.10 to 3.13"),
        ({}, None),
    ],
)
def test_devices_that_do_not_fit(tmp_path: Path, change: dict[str, Any], message: str | None) -> None:
    target = Device(tmp_path)
    target.program("python3", f"#!/bin/sh\necho '{json.dumps({**FACTS, **change})}'\n")
    if message is None:
        assert device_facts("pi", target.ssh) == FACTS
    else:
        with pytest.raises(UserError, match=message):
            device_facts("pi", target.ssh)


def test_a_governor_that_slows_the_device_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = Device(tmp_path)
    target.program("python3", f"#!/bin/sh\necho '{json.dumps({**FACTS, 'governor': 'ondemand'})}'\n")
    device_facts("pi", target.ssh)
    assert "pi: the governor ondemand slows it at times" in capsys.readouterr().err


@pytest.mark.parametrize("says", ["Illegal instruction", "[1, 2"])
def test_a_python_that_does_not_work(tmp_path: Path, says: str) -> None:
    target = Device(tmp_path)
    target.program("python3", f"#!/bin/sh\necho '{says}'\n")
    with pytest.raises(UserError, match=r"pi: it answers .*: repair its Python"):
        device_facts("pi", target.ssh)


@pytest.mark.parametrize("shell", ["dash", "bash", "fish"])
def test_any_login_shell_and_its_greeting(tmp_path: Path, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    target = Device(tmp_path, shell, before='print("Welcome!\\n{}", end="", flush=True)')
    facts = device_facts("pi", target.ssh)
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    monkeypatch.setattr(raspberry_pi, "_fetch", lambda folder, _: folder.mkdir())  # this Python has the packages
    before = left_there()
    (result,) = run_there("pi", target.ssh, facts, [RemoteTask("underbudget.device.instructions", TH_B)])
    assert result["name"] == "th_b"
    assert left_there() == before


@pytest.mark.parametrize(
    ("before", "message"),
    [
        ("sys.exit('This account is currently not available.')", "pi: This account is currently not available."),
        ("print('This service allows sftp connections only.'); sys.exit(1)", "pi: This service allows sftp"),
        ("print('?'); sys.exit(0)", r"pi: \?"),  # runs no commands, and says that all is well
        ("sys.exit(255)", "pi: it runs no command"),
        ("import time; time.sleep(60)", "pi: it runs no command, or takes 1 s to begin"),
    ],
)
def test_a_device_that_runs_no_commands(
    tmp_path: Path, before: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(raspberry_pi, "BEGIN_S", 1.0)
    with pytest.raises(UserError, match=message):
        device_facts("pi", Device(tmp_path, before=before).ssh)


def test_counts_are_medians_of_nanoseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off an emulated machine the counts are nanoseconds; that they repeat is shown by two runs of make emulated."""
    stages = {"set": [0.003, 0.001, 0.002], "invoke": [0.5, 0.01, 0.02], "get": [0.004] * 3}  # milliseconds
    monkeypatch.setattr(instructions, "passes", lambda *_: [stages])
    assert instructions.count(TH_B)["instructions"] == {
        "stages": {"set": 2000, "invoke": 20_000, "get": 4000}, "inference": 24_000, "total": 26_000,
    }  # fmt: skip


def test_what_was_measured_before_the_connection_broke_off_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, breaks = Device(tmp_path), tmp_path / "breaks"
    python = f'case "$*" in *th_a*) test -e {breaks} && exit 255 ;; esac; exec {sys.executable} "$@"'
    target.program("python3", f"#!/bin/sh\n{python}\n")
    breaks.touch()
    monkeypatch.setattr(raspberry_pi, "_fetch", lambda folder, _: folder.mkdir())
    monkeypatch.setattr(raspberry_pi, "model_files", lambda: [TH_B, TH_B.with_name("th_a.tflite.zlib")])
    monkeypatch.setattr(raspberry_pi, "HOST_RESULT", tmp_path / "host.json")
    monkeypatch.setattr(raspberry_pi, "COUNT_ALIKE", "")
    before = left_there()
    with pytest.raises(UserError, match="pi: the connection broke off"):
        measure_there("pi", target.ssh, emulated=True)
    assert left_there() == before
    (path,) = tmp_path.glob("*.json")
    (kept,) = json.loads(path.read_text())["models"].values()
    breaks.unlink()
    measure_there("pi", target.ssh, emulated=True)
    found = json.loads(path.read_text())["models"].values()
    assert [entry["name"] for entry in found] == ["th_b", "th_a"]
    assert kept in found


def test_the_whole_way(tmp_path: Path) -> None:
    """Fetch and send the packages, time, verify; then there is nothing left to measure."""
    root = tmp_path / "project"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "requirements-pi.txt", root / "requirements-pi.txt")
    (root / "models" / "report").mkdir(parents=True)
    for name in ("th_b.json", "th_b.tflite.zlib"):
        shutil.copyfile(ROOT / "models" / "report" / name, root / "models" / "report" / name)
    for name, made in (("weather", synthetic.make_weather(3000)), ("speech", synthetic.make_speech(5))):
        array_cache.save(made, root / "data" / "synthetic" / f"{name}.npz", {"path": None, "own": False})
    command = [sys.executable, str(root / "scripts" / "08_measure.py"), "--host", "pi", "--ssh", Device(tmp_path).ssh]
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
    assert entry["verified"]["inputs"] == 29  # of 289 test windows one in ten
    assert entry["verified"]["largest_difference"] < 1e-3
    assert result["device"]["kind"] != "Raspberry Pi"
    assert "sending" not in measure().stdout
    assert json.loads(path.read_text()) == result


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with keys and a client's configuration of a server that runs on this machine."""
    server = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if server is None:
        pytest.skip("no sshd here (apt install openssh-server)")
    folder = tmp_path_factory.mktemp("sshd")
    for name, phrase in (("host", ""), ("key", ""), ("locked", "secret"), ("stranger", "")):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-f", str(folder / name)], check=True)
    (folder / "authorized").write_text((folder / "key.pub").read_text() + (folder / "locked.pub").read_text())
    for name, key in (("known", "host"), ("known_before", "stranger")):
        (folder / name).write_text(f"[127.0.0.1]:2222 {' '.join((folder / f'{key}.pub').read_text().split()[:2])}\n")
    (folder / "sshd_config").write_text(
        f"Port 2222\nListenAddress 127.0.0.1\nHostKey {folder}/host\nAuthorizedKeysFile {folder}/authorized\n"
        f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nPidFile none\n"
    )
    with subprocess.Popen([server, "-D", "-f", str(folder / "sshd_config")], stderr=subprocess.DEVNULL) as process:
        time.sleep(1)
        if process.poll() is not None:
            pytest.skip("sshd does not run here")
        yield folder
        process.terminate()


def client(sshd: Path, known: str = "known", key: str = "key", more: str = "") -> str:
    """The ssh command of a client with these files."""
    (sshd / "client").write_text(
        f"Host pi\n  HostName 127.0.0.1\n  Port 2222\n  IdentitiesOnly yes\n  UserKnownHostsFile {sshd}/{known}\n"
        f"  IdentityFile {sshd}/{key}\n  StrictHostKeyChecking yes\n{more}\n"
    )
    return f"ssh -F {sshd}/client"


@pytest.mark.parametrize("more", ["", "  RemoteCommand tmux new -A -s main\n  RequestTTY yes"])
def test_a_real_server(sshd: Path, more: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 120)
    long.mkdir()
    monkeypatch.setenv("TMPDIR", str(long))
    assert device_facts("pi", client(sshd, more=more))["architecture"] == probe()["architecture"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"key": "locked"}, "it refuses the login of .*run ssh-add first"),
        ({"known": "none"}, "its host key is not known: run ssh .* pi once by hand"),
        (
            {"known": "known_before"},
            r"its host key has changed: .*ssh-keygen -f '.*known_before' -R '\[127.0.0.1\]:2222'",
        ),
    ],
)
def test_a_real_server_that_is_not_entered(sshd: Path, change: dict[str, str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        device_facts("pi", client(sshd, **change))
