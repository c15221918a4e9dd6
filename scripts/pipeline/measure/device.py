"""Another machine made ready to measure on: its facts, the runtime, what is sent to it, its governor."""

import hashlib
import io
import json
import shlex
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device.errors import UserError
from pipeline import files
from pipeline.measure.ssh import Connection, private_folder

FOLDER = ".cache/models-under-budget"  # on the device, under the home
PER_MODEL_S = 600.0
NEEDED_MIB = 400
INSTALL_S = 1800.0
# what pip calls the wheels of an architecture
PLATFORMS = [f"manylinux_2_{minor}_{{}}" for minor in (17, 27, 28, 34)] + ["manylinux2014_{}", "linux_{}"]
PIWHEELS = "https://www.piwheels.org/simple"  # where 32-bit Raspberry Pi OS gets numpy
SENT = ("scripts", "models", "results")  # what the paths of sent files begin with
GOVERNORS = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"


@dataclass(frozen=True)
class Device:
    """A device that is ready: nobody else uses it, and the runtime is installed.

    Attributes:
        facts: what `probe` found.
        folder: ours on it, quoted for a shell.
    """

    connection: Connection
    facts: dict[str, Any]
    folder: str

    def run(self, module: str, path: Path, *arguments: str, environment: str = "") -> bytes:
        """Run a module of scripts/device there on a file that was sent; return what it prints.

        Args:
            environment: a command that it runs under.
        """
        rest = " ".join(map(shlex.quote, (f"../{path.relative_to(files.ROOT)}", *arguments)))
        run = f"{environment} {self.folder}/venv/bin/python -m {module} {rest}"
        # LC_ALL is ours, not the device's
        return self.connection.run(f"unset LC_ALL; cd {self.folder}/scripts && {run}", timeout=PER_MODEL_S)


@contextmanager
def reached(host: str, command: str = "ssh") -> Iterator[tuple[Connection, dict[str, Any]]]:
    """Connect to a device on which models can be measured; yield the connection and the device's facts.

    Args:
        command: the ssh command.

    Raises:
        UserError: it can't be reached, or the runtime can't be used there.
    """
    with Connection(host, command) as connection:
        facts = probe(connection)
        check_fit(connection.host, facts)
        yield connection, facts


@contextmanager
def ready(host: str, command: str, wheels: bool, paths: Sequence[Path]) -> Iterator[Device]:
    """Make a device ready and send it our code and files, by their paths under the project's root.

    Args:
        command: the ssh command.
        wheels: fetch the device's packages here and ship them.

    Raises:
        UserError: anything that the user must fix, here or there.
    """
    with reached(host, command) as (connection, facts):
        folder = private_folder(connection, FOLDER)
        with sole_use(connection, folder):
            install(connection, folder, facts, wheels)
            upload(connection, folder, paths)
            yield Device(connection, facts, folder)


def probe(connection: Connection) -> dict[str, Any]:
    """Return the device's facts.

    Raises:
        UserError: it has no Python 3 that works.
    """
    host = connection.host
    source = (files.ROOT / "scripts" / "device" / "probe.py").read_bytes()
    said = connection.run("command -v python3 >/dev/null || { echo none; exit 0; }; python3 -", 60, source).decode()
    if said.strip() == "none":
        raise UserError(f"{host}: it has no Python: run there: sudo apt install python3 python3-venv")
    return parsed(said, host)


def parsed(said: bytes | str, host: str) -> dict[str, Any]:
    """Return the JSON object that a program there printed.

    Raises:
        UserError: it printed something else.
    """
    try:
        content: dict[str, Any] = json.loads(said)
    except ValueError:
        shown = said if isinstance(said, str) else said.decode(errors="replace")
        raise UserError(f"{host}: its Python answers {shown[:60]!r}: repair it there and run again") from None
    return content


def check_fit(host: str, facts: dict[str, Any]) -> None:
    """Check that the runtime can be installed and used on a device.

    Raises:
        UserError: no wheels for its Python or its architecture, or no venv module.
    """
    if facts["architecture"] not in ("aarch64", "armv7l", "x86_64"):
        raise UserError(f"{host}: no runtime wheel for {facts['architecture']}: a Pi 2 or newer is needed")
    oldest, newest = ((3, 11), (3, 11)) if facts["bits"] == 32 else ((3, 10), (3, 13))
    if not oldest <= tuple(map(int, facts["python"].split(".")[:2])) <= newest:
        wanted = "3.11, for which a 32-bit runtime exists" if facts["bits"] == 32 else "3.10 to 3.13"
        raise UserError(f"{host}: Python {facts['python']} is not {wanted}: install a 64-bit Raspberry Pi OS of today")
    if not facts["venv"]:
        raise UserError(f"{host}: its Python has no venv module: run there: sudo apt install python3-venv")


def install(connection: Connection, folder: str, facts: dict[str, Any], wheels: bool) -> None:
    """Install the pinned packages in a venv there, unless they are installed.

    Raises:
        UserError: too little disk, or the packages are not available.
    """
    requirements = _requirements(facts)
    wanted = hashlib.sha256(requirements.read_bytes()).hexdigest()[:16]
    stamp = f"{wanted}-{facts['python']}"
    # the stamp alone does not tell: after an upgrade of the system, a venv may lead to a Python that is gone
    works = f"cd {folder} && venv/bin/python -c 'import numpy' >/dev/null 2>&1 && cat venv/installed || true"
    if connection.run(works, 60).decode(errors="replace").strip() == stamp:
        return
    if facts["free_mib"] < NEEDED_MIB:
        free = facts["free_mib"]
        raise UserError(f"{connection.host}: {free} MiB free, {NEEDED_MIB} are needed: free some space on it")
    print(f"{connection.host}: installing the runtime (some minutes)", flush=True)
    _send(connection, folder, {requirements.name: requirements})
    source = ""
    if wheels:
        fetched = fetch_wheels(facts)
        connection.run(f"rm -rf {folder}/wheels", 60)
        _send(connection, folder, {f"wheels/{path.name}": path for path in fetched.glob("*.whl")})
        source = "--no-index --find-links wheels"
    pip = "venv/bin/python -m pip install -q --disable-pip-version-check --no-cache-dir"
    # with its temporary files in the folder, too: elsewhere there may be no space, and nothing is ours
    script = (
        f"cd {folder} && trap 'rm -rf tmp' EXIT && rm -rf venv tmp && mkdir tmp && TMPDIR=$PWD/tmp && export TMPDIR"
        f" && python3 -m venv venv && {pip} {source} -r {requirements.name} && echo {stamp} > venv/installed"
    )
    try:
        connection.run(script, INSTALL_S)
    except UserError as error:
        raise UserError(f"{error} (without internet there, add --wheels)") from None


def fetch_wheels(facts: dict[str, Any]) -> Path:
    """Fetch the device's wheels into a folder here.

    Raises:
        UserError: pip finds none.
    """
    version = ".".join(facts["python"].split(".")[:2])
    architecture = "armv7l" if facts["bits"] == 32 else facts["architecture"]  # 32 bits may lie on a 64-bit kernel
    folder = files.DATA / "downloads" / f"wheels-{architecture}-{version}"
    platforms = [part for name in PLATFORMS for part in ("--platform", name.format(architecture))]
    command = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--only-binary=:all:"]
    command += [*platforms, "--python-version", version, "--implementation", "cp", "-d", str(folder)]
    if facts["bits"] == 32:
        command += ["--extra-index-url", PIWHEELS]
    done = subprocess.run([*command, "-r", str(_requirements(facts))], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().rpartition("\n")[2] or "no message"
        raise UserError(f"the device's wheels can't be fetched ({said})")
    return folder


def _requirements(facts: dict[str, Any]) -> Path:
    return files.ROOT / ("requirements-pi-32bit.txt" if facts["bits"] == 32 else "requirements-pi.txt")


def upload(connection: Connection, folder: str, paths: Sequence[Path]) -> None:
    """Send the device side and files, in place of those that were sent before."""
    code = sorted((files.ROOT / "scripts" / "device").glob("*.py"))
    connection.run(f"cd {folder} && rm -rf {' '.join(SENT)}", 60)
    _send(connection, folder, {str(path.relative_to(files.ROOT)): path for path in (*code, *paths)})


def _send(connection: Connection, folder: str, named: dict[str, Path]) -> None:
    """Send files by their names in `folder`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, path in named.items():
            item = tarfile.TarInfo(name)  # without owner and time: they are those of another machine
            item.size = path.stat().st_size
            with path.open("rb") as file:
                archive.addfile(item, file)
    connection.run(f"tar -x -o -m -f - -C {folder}", INSTALL_S, packed.getvalue())


@contextmanager
def sole_use(connection: Connection, folder: str) -> Iterator[None]:
    """Keep other runs off the device while the block runs: they would replace its files and disturb its times.

    A process there holds a lock until its input ends, as in `performance_governor`.

    Raises:
        UserError: another run has it.
    """
    lock = (
        'import fcntl, sys; file = open("lock", "a"); fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB);'
        ' print("held", flush=True); sys.stdin.read()'
    )
    with _held(connection.start(f"cd {folder} && exec python3 -c {shlex.quote(lock)}")) as said:
        if said != "held":
            raise UserError(
                f"{connection.host}: another run measures there, or one that was cut off has not ended yet:"
                " wait for it, or restart the device"
            )
        yield


@contextmanager
def _held(holder: "subprocess.Popen[bytes]") -> Iterator[str]:
    """Yield the first line that a process says; its input is closed at the end of the block."""
    assert holder.stdin is not None and holder.stdout is not None
    try:
        yield holder.stdout.readline().decode(errors="replace").strip()
    finally:
        with suppress(BrokenPipeError):
            holder.stdin.close()
        try:
            holder.wait(timeout=30)
        except subprocess.TimeoutExpired:
            holder.kill()
        holder.stdout.close()


@contextmanager
def performance_governor(connection: Connection) -> Iterator[str]:
    """Hold the performance governor while the block runs, if that is allowed; yield the governor in force.

    A process there holds it and puts the old one back when its input ends: at the end of the block, but also when
    this program is killed or the connection is lost.
    """
    hold = (
        f"old=$(for g in {GOVERNORS}; do echo $g=$(cat $g); done);"
        f" for g in {GOVERNORS}; do echo performance > $g; done; cat {GOVERNORS} | head -n 1; cat > /dev/null;"
        " for pair in $old; do echo ${pair#*=} > ${pair%%=*}; done"
    )
    start = f"ls {GOVERNORS} > /dev/null 2>&1 && exec sudo -n sh -c {shlex.quote(hold)}"
    with _held(connection.start(start)) as held:
        now = connection.run(f"cat {GOVERNORS} 2>/dev/null | head -n 1", 60).decode().strip()
        yield held or now or "unknown"
