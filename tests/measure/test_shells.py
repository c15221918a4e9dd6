"""Devices of other kinds, without one: other login shells, homes, languages, full disks, two runs at once.

The stand-in for ssh does what sshd does with a command: it gives it to the login shell, in a home of its own. Another
one, for the device's python3, takes the part of venv and pip.
"""

import os
import shutil
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

from device.errors import UserError
from device.probe import probe
from pipeline.measure import device
from pipeline.measure.ssh import Connection, LostError, private_folder

FACTS: dict[str, Any] = {**probe(), "architecture": "aarch64", "bits": 64, "python": "3.11.2", "free_mib": 9999}
MODELS = [ROOT / "models" / "report" / name for name in ("th_b.tflite.zlib", "th_b.json")]
SSH = """#!{python} -IS
import os, sys
if "-O" in sys.argv:
    sys.exit()
{before}
os.chdir({home!r})
os.execve({shell!r}, [{shell!r}, "-c", sys.argv[-1]], {variables!r})
"""
PYTHON = """#!/bin/sh
case "$*" in
  "-m venv venv") mkdir -p venv/bin && cp "$0" venv/bin/python ;;
  "-m pip "*) echo "$TMPDIR" > pip-worked-in; echo x > "$TMPDIR/wheel" || exit 1; {pip} ;;
  "-c import numpy") ;;
  *) exec {python} "$@" ;;
esac
"""


class Device:
    """A home, a login shell, and the programs that it finds; `ssh` is the command that leads there."""

    def __init__(self, folder: Path, shell: str = "dash", home: str = "home", before: str = "", pip: str = ":") -> None:
        found = shutil.which(shell)
        if found is None:
            pytest.skip(f"no {shell} here (apt install {shell})")
        self.home, self.tools, self.temporary = folder / home, folder / "tools", folder / "tmp"
        for path in (self.home, self.tools, self.temporary):
            path.mkdir()
        self.program("python3", PYTHON.format(python=sys.executable, pip=pip))
        self.program("sudo", "#!/bin/sh\nexit 1\n")
        variables = {
            "HOME": str(self.home),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            "PATH": f"{self.tools}:{os.environ['PATH']}",
        }
        self.program(
            "an ssh",
            SSH.format(python=sys.executable, before=before, home=str(self.home), shell=found, variables=variables),
        )
        self.ssh = f"'{self.tools}/an ssh' -p 22"

    def program(self, name: str, text: str) -> None:
        (self.tools / name).write_text(text)
        (self.tools / name).chmod(0o755)

    def connect(self) -> Connection:
        return Connection("pi", self.ssh)

    @property
    def private(self) -> Path:
        return self.home / device.FOLDER

    def outside(self) -> set[Path]:
        """What lies in the home and among temporary files, outside the private folder."""
        everywhere = {*self.home.rglob("*"), *self.temporary.rglob("*")}
        return {p for p in everywhere if self.private not in (p, *p.parents)} - {self.private.parent}


def install(connection: Connection, **facts: Any) -> None:
    device.install(connection, private_folder(connection, device.FOLDER), {**FACTS, **facts}, wheels=False)


HOMES = ["home", "a home", "o'brien", 'x"y', "$(touch pwned)", "`touch pwned`", "a;b&c", "-rf", "häuser", "back\\slash"]


@pytest.mark.parametrize("home", HOMES)
@pytest.mark.parametrize("shell", ["dash", "bash", "fish"])
def test_any_login_shell_and_any_home(tmp_path: Path, shell: str, home: str) -> None:
    target = Device(tmp_path, shell, home)
    with target.connect() as connection:
        before = target.outside()  # fish has laid out its own settings
        assert device.probe(connection)["python"] == ".".join(map(str, sys.version_info[:3]))
        folder = private_folder(connection, device.FOLDER)
        with device.sole_use(connection, folder), device.performance_governor(connection) as governor:
            assert governor
            install(connection)
            device.upload(connection, folder, MODELS)
            said = connection.run(f"cd {folder}/scripts && {folder}/venv/bin/python -c 'print(\"a  'b'\")'", 60)
    assert said == b"a  b\n"
    code = "scripts/device/latency.py"
    assert (target.private / code).read_bytes() == (ROOT / code).read_bytes()
    assert (target.private / "models" / "report" / "th_b.json").exists()
    assert stat.S_IMODE(target.private.stat().st_mode) == 0o700
    assert target.outside() == before
    assert not list(tmp_path.rglob("pwned"))
    assert (target.private / "pip-worked-in").read_text().strip() == f"{target.private}/tmp"
    assert not (target.private / "tmp").exists()


@pytest.mark.parametrize("shell", ["dash", "bash", "fish"])
def test_what_a_login_shell_says_first_is_not_taken_for_an_answer(tmp_path: Path, shell: str) -> None:
    target = Device(tmp_path, shell, before='print("Welcome!\\n{}", end="", flush=True)')
    with target.connect() as connection:
        assert device.probe(connection)["bits"] == 64
        assert connection.run("printf 'a\\0b'", 10) == b"a\0b"
        with device.sole_use(connection, private_folder(connection, device.FOLDER)):
            pass


@pytest.mark.parametrize(
    ("before", "kind", "message"),
    [
        (
            "sys.exit('This account is currently not available.')",
            UserError,
            "pi: This account is currently not available.",
        ),
        ("print('This service allows sftp connections only.'); sys.exit(1)", UserError, "pi: This service allows sftp"),
        ("print('?'); sys.exit(0)", UserError, r"pi: \?"),  # runs no commands, and says that all is well
        ("sys.exit(255)", LostError, "pi: no message"),
    ],
)
def test_a_device_that_runs_no_commands(tmp_path: Path, before: str, kind: type[UserError], message: str) -> None:
    with pytest.raises(kind, match=message), Device(tmp_path, before=before).connect():
        pass


def test_two_runs_at_once_do_not_meet(tmp_path: Path) -> None:
    target = Device(tmp_path)
    with target.connect() as one, target.connect() as other:
        folder = private_folder(one, device.FOLDER)
        with (
            device.sole_use(one, folder),
            pytest.raises(UserError, match="pi: another run measures there"),
            device.sole_use(other, folder),
        ):
            pytest.fail("both have it")
        with device.sole_use(other, folder):
            pass


def test_the_lock_goes_with_the_run_that_held_it(tmp_path: Path) -> None:
    target = Device(tmp_path)
    with target.connect() as connection:
        folder = private_folder(connection, device.FOLDER)
        with pytest.raises(KeyboardInterrupt), device.sole_use(connection, folder):
            raise KeyboardInterrupt
        with device.sole_use(connection, folder):
            pass


def spoil_nothing(private: Path) -> None:
    pass


def lose_python(private: Path) -> None:
    (private / "venv" / "bin" / "python").unlink()
    (private / "venv" / "bin" / "python").symlink_to("/usr/bin/python3.4")


def lose_stamp(private: Path) -> None:
    (private / "venv" / "installed").write_bytes(b"\xff\xfe")


def point_elsewhere(private: Path) -> None:
    shutil.rmtree(private / "venv")
    (private / "venv").symlink_to(private.parents[1] / "documents")


@pytest.mark.parametrize(
    ("spoil", "python", "again"),
    [
        (spoil_nothing, "3.11.2", False),
        (spoil_nothing, "3.12.1", True),  # the system was upgraded
        (lose_python, "3.11.2", True),
        (lose_stamp, "3.11.2", True),
        (point_elsewhere, "3.11.2", True),
    ],
)
def test_a_venv_left_there_is_used_or_made_again(
    tmp_path: Path, spoil: Callable[[Path], None], python: str, again: bool
) -> None:
    target = Device(tmp_path)
    (target.home / "documents").mkdir()
    (target.home / "documents" / "thesis").write_text("years of work")
    with target.connect() as connection:
        install(connection)
        spoil(target.private)
        (target.private / "pip-worked-in").unlink()
        install(connection, python=python)
        assert (target.private / "pip-worked-in").exists() == again
        assert (target.private / "venv" / "installed").read_text().strip().endswith(python)
    assert (target.home / "documents" / "thesis").read_text() == "years of work"


@pytest.mark.parametrize(
    ("pip", "message"),
    [
        ("echo 'ERROR: [Errno 28] No space left on device' >&2; exit 1", "pi: its disk is full"),
        ("echo 'ssl: certificate is not yet valid' >&2; exit 1", "pi: its clock is wrong"),
        ("echo 'ERROR: no matching distribution' >&2; exit 1", "pi: ERROR: no matching distribution .*add --wheels"),
    ],
)
def test_an_installation_that_fails_is_one_line_and_leaves_nothing_half_made(
    tmp_path: Path, pip: str, message: str
) -> None:
    target = Device(tmp_path, pip=pip)
    with target.connect() as connection, pytest.raises(UserError, match=message) as caught:
        install(connection)
    assert "\n" not in str(caught.value)
    assert not (target.private / "venv" / "installed").exists()  # so the next run makes it again
    assert not (target.private / "tmp").exists()
    assert target.outside() == set()


def test_a_full_place_for_temporary_files_is_not_used(tmp_path: Path) -> None:
    target = Device(tmp_path)
    target.temporary.rmdir()
    target.temporary.symlink_to("/proc/no/such/place")
    with target.connect() as connection:
        install(connection)
    assert (target.private / "venv" / "installed").exists()


def test_too_little_disk_is_said_before_anything_is_installed(tmp_path: Path) -> None:
    target = Device(tmp_path)
    with target.connect() as connection, pytest.raises(UserError, match="pi: 12 MiB free, 400 are needed"):
        install(connection, free_mib=12)
    assert not (target.private / "venv").exists()


def test_a_device_speaks_english_to_us(tmp_path: Path) -> None:
    target = Device(tmp_path)
    target.program(
        "tar",
        '#!/bin/sh\ncase "$LC_ALL" in C) echo "tar: x: No space left on device" ;;'
        ' *) echo "tar: x: Auf dem Gerät ist kein Speicherplatz mehr verfügbar" ;; esac >&2\nexit 2\n',
    )
    with target.connect() as connection, pytest.raises(UserError, match="pi: its disk is full"):
        device.upload(connection, private_folder(connection, device.FOLDER), MODELS)


def test_a_home_that_cannot_be_written_is_not_a_refused_login(tmp_path: Path) -> None:
    target = Device(tmp_path)
    (target.home / ".cache").write_text("in the way")
    with target.connect() as connection, pytest.raises(UserError, match=r"pi: mkdir: .*\.cache") as caught:
        private_folder(connection, device.FOLDER)
    assert "ssh-copy-id" not in str(caught.value)
    with target.connect() as connection, pytest.raises(UserError, match="pi: mkdir: x: Permission denied"):
        connection.run("echo 'mkdir: x: Permission denied' >&2; exit 1", 10)


@pytest.mark.parametrize("says", ["", "Illegal instruction", "[1, 2"])
def test_a_python_that_does_not_work(tmp_path: Path, says: str) -> None:
    target = Device(tmp_path)
    target.program("python3", f"#!/bin/sh\necho '{says}'\n")
    with target.connect() as connection, pytest.raises(UserError, match="pi: its Python answers"):
        device.probe(connection)


@pytest.mark.parametrize("command", ["", "ssh 'unclosed", "   "])
def test_an_ssh_command_that_is_none(command: str) -> None:
    with pytest.raises(UserError, match="not a command: give one such as"):
        Connection("pi", command)
