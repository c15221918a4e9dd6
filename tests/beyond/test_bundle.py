"""`make bundle`: an archive is unpacked, installed and run in empty folders; docs/raspberry-pi.md to the letter."""

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from helpers import ROOT, clean_environment

from underbudget.beyond.bundle import bundle
from underbudget.device.artifact import model_path
from underbudget.device.errors import UserError
from underbudget.store import LOCAL

pytestmark = pytest.mark.slow

# a python3 that has the packages, so that an environment of it takes no pip; $FAKE is run before its own code
PYTHON = f"""#!/bin/sh
case "$*" in
  "-m venv .venv") mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
  *"-m pip"*) cp .venv/bin/python .venv/partly; eval "$PIP" ;;
  "-c "*) PYTHONPATH=$PYTHONPATH exec {sys.executable} -c "import sys; $FAKE; exec(sys.argv[1])" "$2" ;;
  *) exec {sys.executable} "$@" ;;
esac
"""


def program(folder: Path, name: str, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Of a user of a device, with programs of its own in bin."""
    program(tmp_path / "bin", "python3", PYTHON)
    folder = tmp_path / "home of pi"
    folder.mkdir()
    return folder


def there(home: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command on the device; the programs of its own come first."""
    environment = {**clean_environment(), "HOME": str(home), "PATH": f"{home.parent}/bin:/usr/bin:/bin"}
    return subprocess.run(
        command, cwd=home, env={**environment, "FAKE": "pass", "PIP": ":", **variables}, capture_output=True, text=True
    )


@pytest.fixture
def packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where archives go."""
    monkeypatch.setattr("underbudget.beyond.bundle.LOCAL", type(LOCAL)(tmp_path / "models", tmp_path / "results"))
    return tmp_path / "results" / "bundles"


def unpack(name: str, home: Path) -> Path:
    """Pack a model, unpack it on the device."""
    archive = bundle(model_path(name))
    with tarfile.open(archive) as tar:
        tar.extractall(home, filter="data")
    return home / archive.name.removesuffix(".tar.gz")


def words(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [line.split()[2] for line in done.stdout.splitlines()]


@pytest.mark.parametrize("name", ["live/kws_a", "improved/th_a"])
def test_unpack_install_run_with_packages_of_its_own(name: str, packed: Path, home: Path) -> None:
    folder = unpack(name, home)
    (home.parent / "bin" / "python3").unlink()
    own = {**clean_environment(), "PYTHON": sys.executable, "PYTHONPATH": "/nowhere"}
    done = subprocess.run(["sh", folder / "install.sh"], cwd="/", env=own, capture_output=True, text=True)
    if "check the network" in done.stderr:
        pytest.skip("no package index answers")
    assert done.returncode == 0, done.stderr
    has = subprocess.run([folder / ".venv/bin/python", "-Ic", "import ai_edge_litert, sys; print(sys.prefix)"],
                         capture_output=True, text=True, check=True)  # fmt: skip
    assert has.stdout == f"{folder / '.venv'}\n"
    if name == "live/kws_a":
        heard = there(home, str(folder / "run"), "--wav", str(ROOT / "examples" / "yes.wav"))
        assert words(heard) == ["yes"]
    else:
        done = there(home, str(folder / "run"), str(ROOT / "examples" / "sensor.csv"), "--json")
        command = [sys.executable, "scripts/11_forecast.py", "examples/sensor.csv", "--json"]
        here = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        for got, expected in zip(json.loads(done.stdout)["steps"], json.loads(here.stdout)["steps"], strict=True):
            assert got == pytest.approx(expected)


def test_the_same_bytes_for_the_same_content_and_own_names_are_harmless(tmp_path: Path, packed: Path) -> None:
    own = tmp_path / "a 'b' $(c) & %d"
    own.mkdir()
    for suffix in (".json", ".tflite.zlib"):
        shutil.copy(ROOT / "models" / "report" / f"th_b{suffix}", own / f"w x{suffix}")
    os.utime(own / "w x.json", (0, 0))
    archive = bundle(own / "w x.tflite.zlib")
    assert archive == packed / "a__b____c_____d-w_x.tar.gz"
    first = archive.read_bytes()
    (own / "w x.json").touch(mode=0o600)
    assert bundle(own / "w x.tflite.zlib").read_bytes() == first
    assert len(first) < 200_000
    with tarfile.open(archive) as tar:
        members = tar.getmembers()
        names = [member.name.partition("/")[2] for member in members]
        assert names == sorted(names)
        assert {(m.mtime, m.uid, m.gid, m.uname, m.mode) for m in members} == {(0, 0, 0, "", m) for m in (0o644, 0o755)}
        assert [member.name.rpartition("/")[2] for member in members if member.mode == 0o755] == ["install.sh", "run"]
        text = {name: tar.extractfile(m).read().decode("latin-1") for name, m in zip(names, members, strict=True)}  # type: ignore[union-attr]
    assert text["README"].count("\n") <= 10
    assert not [name for name in names if re.search("@[A-Z]+@", text[name]) and not name.startswith("models")]
    pinned = re.findall(r"^([\w.-]+==\S+)", (ROOT / "requirements-pi.txt").read_text(), re.M)
    packages = re.findall(r"^(\S+) \\\n((?:    --hash=sha256:\w{64}.*\n)+)", text["requirements-pi.txt"], re.M)
    assert [package for package, _ in packages] == [pin.replace("s.s", "s-s") for pin in pinned]
    with pytest.raises(UserError, match=r"improved/kws_z: no such model .*improved/kws_a"):
        bundle(model_path("improved/kws_z"))


OLD = "sys.version_info = (3, 9, 2)"
NARROW = "sys.maxsize = 2**31 - 1; sys.version_info = (3, %d, 0)"


@pytest.mark.parametrize(
    ("variables", "line"),
    [
        ({"PYTHON": "python0"}, "python0: not found: sudo apt install python3 python3-venv"),
        (
            {"FAKE": OLD},
            r"no TFLite runtime for Python 3.9, 64 bits, on \w+: it needs 3.10 to 3.13 of 64 bits, or 3.11",
        ),
        ({"FAKE": OLD.replace("9", "14")}, "no TFLite runtime for Python 3.14, 64 bits"),
        ({"FAKE": NARROW % 13}, "no TFLite runtime for Python 3.13, 32 bits"),
        ({"FAKE": "sys.modules['ensurepip'] = None"}, "this Python has no venv: sudo apt install python3-venv"),
        ({"PIP": "echo WARNING: Retrying; exit 1"}, "no package index answers: check the network"),
        ({"PIP": "echo ERROR: No space; exit 1"}, "pip can't install the packages: ERROR: No space"),
        ({"PIP": "echo exit 3 > .venv/bin/python"}, "the packages are installed, but the model does not load"),
        (
            {"PIP": "(echo echo libopenblas.so.0; echo exit 1) > .venv/bin/python"},
            "numpy needs a library: sudo apt install libopenblas0",
        ),
    ],
)
def test_what_keeps_it_from_being_installed_is_one_line_and_nothing_stays(
    variables: dict[str, str], line: str, packed: Path, home: Path
) -> None:
    folder = unpack("report/th_b", home)
    before = sorted(folder.iterdir())
    done = there(home, "sh", str(folder / "install.sh"), **variables)
    assert done.returncode == 1
    assert re.match(f"error: {line}.*\n$", done.stderr), done.stderr
    assert sorted(folder.iterdir()) == before
    done = there(home, str(folder / "run"), "log.csv")
    assert (done.returncode, done.stderr) == (1, f"error: not installed yet: run sh '{folder}/install.sh'\n")


def test_a_narrow_python_gets_the_packages_that_it_has(packed: Path, home: Path) -> None:
    folder = unpack("report/th_b", home)
    done = there(home, "sh", str(folder / "install.sh"), FAKE=NARROW % 11)
    assert "requirements-pi-32bit.txt" in done.stdout


def test_twice_does_nothing_and_what_is_broken_is_made_again(packed: Path, home: Path) -> None:
    folder = unpack("report/th_b", home)
    install = str(folder / "install.sh")
    assert "installing" in there(home, "sh", install).stdout
    inode = (folder / ".venv").stat().st_ino
    again = there(home, "sh", install)
    assert (again.stderr, again.stdout) == ("", f"installed. To run it: cd '{folder}' && ./run LOG --follow\n")
    assert (folder / ".venv").stat().st_ino == inode
    (folder / ".venv" / "bin" / "python").unlink()  # as a new system leaves it
    assert "installing" in there(home, "sh", install).stdout
    (folder / ".venv" / "installed").write_text("numpy==1\n")  # of an older archive
    assert "installing" in there(home, "sh", install).stdout
    stale = folder / "scripts" / "underbudget" / "__pycache__" / "x.pyc"
    stale.parent.mkdir(exist_ok=True)
    stale.touch()
    log = home / "log.csv"
    for arguments, said in ((("--service",), "say sh install.sh"), (("--service", "none.csv"), "none.csv: can't be")):
        assert said in there(home, "sh", install, *arguments).stderr
    shutil.copy(ROOT / "examples" / "sensor.csv", log)
    (home.parent / "bin" / "forecast").symlink_to(folder / "run")
    assert "13:50" in there(home, "forecast", "log.csv").stdout
    assert there(home, "sh", install).returncode == 0 and not stale.exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stop_leaves_nothing_half_made(packed: Path, home: Path, number: signal.Signals) -> None:
    folder = unpack("report/th_b", home)
    pip = "touch .venv/begun; sleep 60"
    # a shell in the background ignores Ctrl-C, and hands that down
    code = "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execvp('sh', ['sh', sys.argv[1]])"
    environment = {**clean_environment(), "PATH": f"{home.parent}/bin:/usr/bin:/bin", "FAKE": "pass", "PIP": pip}
    command = [sys.executable, "-c", code, str(folder / "install.sh")]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as run:
        while not (folder / ".venv" / "begun").exists():
            assert run.poll() is None
        other = there(home, "sh", str(folder / "install.sh"))
        os.killpg(run.pid, number)
        assert run.communicate()[1].splitlines()[-1] == "error: stopped: run it again"  # dash says "Terminated" too
    assert other.stderr == "error: install.sh runs here already: wait for it\n"
    assert not (folder / ".venv").exists()


# The page

STAND_INS = {
    "ssh": '#!/bin/sh\nfor last; do :; done\ncd "$PI" && HOME="$PI" exec sh -c "$last"\n',
    "scp": '#!/bin/sh\ntest "$2" = pi@raspberrypi.local: && exec cp "$1" "$PI"\n',
    "sudo": '#!/bin/sh\ncase "$1" in\n  tee) exec cat > "$PI/$(basename "$2")" ;;\n  *) exec "$@" ;;\nesac\n',
    "id": '#!/bin/sh\ncase "$1" in\n  -u) echo 1000 ;;\n  -un) echo root ;;\nesac\n',  # root would need no sudo
    "systemctl": '#!/bin/sh\necho "systemctl $*" >> "$PI/said"\n',
    "journalctl": '#!/bin/sh\necho "journalctl $*" >> "$PI/said"\n',
    "arecord": '#!/bin/sh\ntest "$*" = "-q -f S16_LE -r 16000 -c 1 -t raw" && exec tail -c +45 "$PI/recording.wav"\n',
}


def first_lines(count: int, command: list[str], folder: str | Path, environment: dict[str, str]) -> str:
    """What a command that goes on prints first."""
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        said = "".join(process.stdout.readline() for _ in range(count))
        os.killpg(process.pid, signal.SIGTERM)
    return said


def test_the_page_is_followed_to_the_letter(project: Path, tmp_path: Path, home: Path) -> None:
    """On a copy of the project with few models; ssh, scp, sudo, systemctl and arecord act in a folder."""
    copy = tmp_path / "project"
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("local", "own", "report"))
    for suffix in (".json", ".tflite.zlib"):  # of one, since measuring takes long
        (copy / "models" / "report").mkdir(exist_ok=True)
        shutil.copy(ROOT / "models" / "report" / f"th_b{suffix}", copy / "models" / "report")
    for name in ("Makefile", "requirements.lock", "requirements-pi.txt", "requirements-pi-32bit.txt"):
        shutil.copy(ROOT / name, copy / name)
    (copy / "scripts" / "00_setup.py").write_text("")
    program(copy / ".venv" / "bin", "python", f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    for name, text in STAND_INS.items():
        program(tmp_path / "bin", name, text)
    shutil.copy(ROOT / "examples" / "sensor.csv", home)
    shutil.copy(ROOT / "examples" / "yes.wav", home / "recording.wav")
    environment = {**clean_environment(), "PI": str(home), "PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}
    environment |= {"FAKE": "pass", "PIP": ":"}

    def follow(block: str, folder: Path, user: Path) -> dict[str, str]:
        """Type the commands of a block; return what each prints, or prints first."""
        said = {}
        for line in block.splitlines():
            command = line.partition("  #")[0].rstrip()
            if command.startswith("cd ~/"):
                folder = user / command[5:]
                continue
            typed, variables = ["bash", "-c", command], {**environment, "HOME": str(user)}
            if "--follow" in command:
                said[command] = first_lines(7, typed, folder, variables)
                continue
            done = subprocess.run(typed, cwd=folder, env=variables, capture_output=True, text=True)
            if "packages can't be fetched" in done.stderr:
                pytest.skip("no package index answers")
            assert done.returncode == 0, f"{command}: {done.stderr}"
            said[command] = done.stdout
        return said

    page = (ROOT / "docs" / "raspberry-pi.md").read_text()
    timing, packing, spotter, forecaster = re.findall(r"```\n(.*?)```", page, re.S)
    own_home = Path(os.environ["HOME"])
    shown = follow(timing, copy, own_home)
    assert "th_b: inference " in shown["make pi HOST=pi@raspberrypi.local"]
    assert "'inputs': " in shown["make pi HOST=pi@raspberrypi.local"]
    for recipe in ("live", "improved"):
        shutil.copytree(ROOT / "models" / recipe, copy / "models" / recipe)
    follow(packing, copy, own_home)
    heard = follow(spotter, home, home)
    for command, said in heard.items():
        if "run" in command:
            assert [line.split()[2] for line in said.splitlines()] == ["yes"], command
    follow(packing.replace("live", "improved").replace("kws_a", "th_a"), copy, own_home)
    forecasts = follow(forecaster, home, home)
    assert "13:50   20." in forecasts["./run ~/sensor.csv"]
    assert "13:50   20." in forecasts["./run ~/sensor.csv --follow"]
    assert {"systemctl enable live-kws_a", "systemctl restart improved-th_a", "journalctl -u live-kws_a -f"} <= set(
        (home / "said").read_text().splitlines()
    )
    for name, expected in (("live-kws_a", '"word": "yes"'), ("improved-th_a", '"2026-06-01 13:50:00"')):
        unit = dict(line.split("=", 1) for line in (home / f"{name}.service").read_text().splitlines() if "=" in line)
        assert (unit["WorkingDirectory"], unit["User"]) == (str(home / name), "root")
        assert expected in first_lines(1, shlex.split(unit["ExecStart"]), unit["WorkingDirectory"], environment)
        if analyze := shutil.which("systemd-analyze"):
            checked = subprocess.run([analyze, "verify", home / f"{name}.service"], capture_output=True, text=True)
            assert name not in checked.stderr, checked.stderr
