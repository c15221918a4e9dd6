"""Measure models on another machine by the user's own OpenSSH: all that is needed is sent, and nothing stays there."""

import io
import json
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import numpy as np

from underbudget import files
from underbudget.beyond import emulator
from underbudget.data.sources import Sources, load_speech, load_weather
from underbudget.data.weather import INPUT_STEPS
from underbudget.device import artifact, instructions, latency, verify
from underbudget.device.errors import UserError
from underbudget.progress import progress_bar
from underbudget.reproduction.host import EMULATED, EMULATED_RESULT, HOST_RESULT, PI, model_files
from underbudget.reproduction.measured_models import MeasuredModels

OPTIONS = {
    "BatchMode": "yes",  # never ask for a password
    "ConnectTimeout": "15",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
    "RemoteCommand": "none",  # of the user's configuration, such as tmux
}
BEGIN_S = 60.0  # a command that has not begun there by then is given up
BEGIN = "models-under-budget: begin"  # what the start-up files of a login shell may print comes before this line
REMEDIES = {  # by what ssh, or a command there, says; the first that matches
    r"Offending \S+ key in (?P<file>[^\n]+):\d+(?s:.*)Host key for (?P<key>\S+) has changed": "its host key has"
    " changed: if its card was written anew, run ssh-keygen -f '{file}' -R '{key}', and {ssh} once by hand",
    r"Host key verification failed": "its host key is not known: run {ssh} once by hand",
    r"(?P<user>\S+)@\S+ Permission denied \(": "it refuses the login of {user}: correct the user, install your key"
    " with ssh-copy-id, or, if {ssh} asks for the passphrase of your key, run ssh-add first",
    r"Could not resolve hostname (?P<name>\S+?):": "no such host: {name}: check the name, or use its address",
    r"port (?P<port>\d+): [Cc]onnection refused": "no SSH server answers at port {port}: enable SSH on it, or correct"
    " the port",
    r"to UNKNOWN port|closed by UNKNOWN": "the way there by your SSH configuration (ProxyJump, ProxyCommand) fails: run"
    " {ssh} by hand, which shows why",
    r"timed out|Timeout, server|No route to host|Network is unreachable": "it does not answer: check its power,"
    " network and address",
    r"No space left on device|Disk quota exceeded": "its disk is full: free 300 MB on it and run again",
    r"python3: (command )?not found": "it has no Python: run there: sudo apt install python3",
}
# a folder on disk, where /tmp may be memory; what a power cut leaves in it, the system removes after a month
UNPACK = (
    'd=$(mktemp -d /var/tmp/models-under-budget.XXXXXX) && trap "rm -rf $d" EXIT && tar -x -z -o -m -C $d && cd $d'
    " && sh run.sh"
)
COUNT_ALIKE = (  # all that would make counts differ from run to run: hash seeds, the allocator's moods, addresses
    "env PYTHONHASHSEED=0 MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=67108864 setarch -R"
)
DEVICE = files.SCRIPTS / "underbudget" / "device"
DEVICE_FILES = [DEVICE.parent / "__init__.py", *sorted(DEVICE.glob("*.py"))]  # what runs there


@dataclass(frozen=True)
class RemoteTask:
    """A module of underbudget/device to run on a model's file; it prints one line of JSON."""

    module: str
    path: Path
    arguments: tuple[str, ...] = ()


def measure_there(host: str, command: str = "ssh", check: Sources | None = None, emulated: bool = False) -> Path:
    """Measure every model on `host`; what was measured there before is kept. Returns the path of the result.

    Args:
        host: any destination that ssh takes, such as pi@raspberrypi.local or a name from ~/.ssh/config.
        command: the ssh command, with options if need be.
        check: run the test split of these sources there too, and compare.
        emulated: count instructions: the host is the emulated machine.

    Raises:
        UserError: anything that the user must fix, here or there; what was measured by then is kept.
    """
    facts = device_facts(host, command)
    device = {"kind": _kind(facts), **facts}
    program: ModuleType = instructions if emulated else latency
    made_with = "make emulated" if emulated else "make pi HOST=…"
    name = EMULATED_RESULT if emulated else f"{_slug(device)}.json"
    path = HOST_RESULT.with_name(name)
    result = MeasuredModels(path, made_with=made_with, device=device, protocol=program.PROTOCOL)
    models = {artifact.load_file(path)[0].sha256: path for path in model_files()}
    tasks = [RemoteTask(program.__name__, path) for sha256, path in models.items() if sha256 not in result.models]
    inputs = test_inputs(check) if check else {}
    for sha256, path in models.items() if check else ():
        if "verified" not in result.models.get(sha256, {}):
            tasks.append(RemoteTask(verify.__name__, path, (f"../{artifact.load_file(path)[0].task}.npy",)))
    if tasks:
        answers = run_there(host, command, facts, tasks, inputs, COUNT_ALIKE if emulated else "")
        with progress_bar(tasks, "measuring there", "models") as progress:
            for task, answer in zip(progress, answers, strict=True):
                card, _ = artifact.load_file(task.path)
                progress.set_postfix_str(f"{task.path.parent.name}/{card.name}")
                if task.module == verify.__name__:
                    answer = {**result.models[card.sha256], "verified": compare(task.path, inputs[card.task], answer)}
                result.keep(card.sha256, answer)
    return result.path


def count_emulated() -> Path:
    """Count every model's instructions on an emulated Cortex-A72; returns the path of the result.

    Raises:
        UserError: no QEMU here, or anything that measure_there raises.
    """
    missing = emulator.missing_tools()
    if missing:
        raise UserError(f"{', '.join(missing)}: not found (on Debian: apt install {emulator.DEBIAN_PACKAGES})")
    with tempfile.TemporaryDirectory(prefix="guest") as folder:
        print("building and booting an emulated Pi", flush=True)
        emulator.build(Path(folder))
        with emulator.booted(Path(folder), counting=True) as config:
            return measure_there("pi", f"ssh -F {config}", emulated=True)


def device_facts(host: str, command: str = "ssh") -> dict[str, Any]:
    """Return the facts of a device (see underbudget/device/probe.py) on which models can be measured.

    Raises:
        UserError: it can't be reached, or no runtime is made for it.
    """
    with (DEVICE / "probe.py").open("rb") as program:
        facts: dict[str, Any] = next(_answers(host, command, "exec python3 -", program))
    if facts["bits"] == 32 or facts["architecture"] not in ("aarch64", "x86_64"):
        raise UserError(f"{host}: its system is {facts['architecture']}, {facts['bits']} bits: 64 bits are needed")
    if not (3, 10) <= tuple(map(int, facts["python"].split(".")[:2])) <= (3, 13):
        raise UserError(f"{host}: Python {facts['python']} is not 3.10 to 3.13: install a Raspberry Pi OS of today")
    if facts["governor"] not in (None, "performance"):
        print(
            f"{host}: the governor {facts['governor']} slows it at times; to measure its full speed, run there before:"
            " echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/scaling_governor",
            file=sys.stderr,
        )
    return facts


def run_there(
    host: str,
    command: str,
    facts: dict[str, Any],
    tasks: Sequence[RemoteTask],
    inputs: dict[str, Any] | None = None,
    prefix: str = "",
) -> Iterator[Any]:
    """Run tasks there, one after the other, and yield what each prints.

    Args:
        facts: of the device.
        inputs: arrays to be sent, to ../NAME.npy as seen by the tasks.
        prefix: a command that each task runs under.

    Raises:
        UserError: the packages can't be fetched, the connection broke off, or a task failed.
    """
    run = ["set -e", "cd scripts", "export PYTHONPATH=../packages OPENBLAS_NUM_THREADS=1"]
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as packed:
        print(f"{host}: sending the runtime (40 MB) and {len(tasks)} tasks", flush=True)
        packages = Path(folder) / "packages"
        _fetch(packages, facts)
        with tarfile.open(fileobj=packed, mode="w:gz", compresslevel=1) as archive:
            archive.add(packages, "packages")
            for path in DEVICE_FILES:
                archive.add(path, path.relative_to(DEVICE.parents[2]))
            for task in tasks:
                path = task.path.relative_to(files.ROOT)
                for needed in {task.path, artifact.card_path(task.path)}:
                    if needed.exists():
                        archive.add(needed, needed.relative_to(files.ROOT))
                run.append(f"{prefix} python3 -m {task.module} {shlex.join((f'../{path}', *task.arguments))}")
            for name, array in (inputs or {}).items():
                content = io.BytesIO()
                np.save(content, array)
                add_file(archive, f"{name}.npy", content.getvalue())
            add_file(archive, "run.sh", "\n".join(run).encode())
        packed.seek(0)
        yield from _answers(host, command, UNPACK, packed)


def add_file(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    """Add a file of nobody's, without a time."""
    item = tarfile.TarInfo(name)
    item.size, item.mode = len(content), mode
    archive.addfile(item, io.BytesIO(content))


def _fetch(folder: Path, facts: dict[str, Any]) -> None:
    """Fetch the packages that the device needs into a folder."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-deps", "--no-compile"]
    pip += ["--only-binary=:all:", "--implementation", "cp", "--python-version", facts["python"].rpartition(".")[0]]
    for libc in ("_2_17", "_2_27", "_2_28", "_2_34", "2014"):
        pip += ["--platform", f"manylinux{libc}_{facts['architecture']}"]
    pip += ["--target", str(folder), "-r", str(files.ROOT / "requirements-pi.txt")]
    done = subprocess.run(pip, capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"the device's packages can't be fetched ({done.stderr.strip().rpartition(chr(10))[2]})")


def _answers(host: str, command: str, script: str, sent: IO[bytes]) -> Iterator[Any]:
    """Run a POSIX shell script there, whatever the login shell is; yield each line that it prints, read as JSON.

    Args:
        script: without ' and \\, which login shells read in different ways.
        sent: its standard input.

    Raises:
        UserError: no connection, or it broke off; the script failed.
    """
    ssh = [*_ssh(host, command), f"exec sh -c 'echo {BEGIN}; {script}'"]
    with (
        tempfile.TemporaryFile() as errors,
        subprocess.Popen(ssh, stdin=sent, stdout=subprocess.PIPE, stderr=errors) as process,
    ):
        assert process.stdout is not None
        late = threading.Timer(BEGIN_S, process.kill)
        late.start()
        before, begun = b"", False
        try:
            for line in process.stdout:
                if begun:
                    yield json.loads(line)
                elif line.rstrip().endswith(BEGIN.encode()):
                    begun = True
                    late.cancel()
                else:
                    before = line
            status = process.wait()
        except ValueError:
            process.kill()
            raise UserError(f"{host}: it answers {line[:60]!r}: repair its Python and run again") from None
        except BaseException:
            process.kill()
            raise
        finally:
            late.cancel()
        errors.seek(0)
        said = (errors.read().strip() or before.strip()).decode(errors="replace")
    if status or not begun:
        silent = "the connection broke off" if begun else f"it runs no command, or takes {BEGIN_S:.0f} s to begin"
        raise UserError(f"{host}: {_remedy(said or silent, f'{command} {host}')}")


def _ssh(host: str, command: str) -> list[str]:
    """Return the ssh command with our options, up to the host."""
    if host.startswith("-"):
        raise UserError(f"{host}: not a host: give one such as pi@raspberrypi.local")
    try:
        program, *arguments = shlex.split(command)
    except ValueError:  # nothing, or a quote that is not closed
        raise UserError(f"{command!r}: not a command: give one such as 'ssh -p 2222'") from None
    if shutil.which(program) is None:
        raise UserError(f"{program}: not found: install OpenSSH (on Debian and Ubuntu: apt install openssh-client)")
    return [program, *arguments, "-T", *(part for k, v in OPTIONS.items() for part in ("-o", f"{k}={v}")), host]


def _remedy(said: str, by_hand: str) -> str:
    """Turn what ssh or a command there says into what to do; without a remedy, its last line.

    Args:
        by_hand: the command to connect.
    """
    for pattern, remedy in REMEDIES.items():
        if found := re.search(pattern, said):
            return remedy.format(ssh=by_hand, **found.groupdict())
    return said.rpartition("\n")[2].removeprefix("error: ")


def test_inputs(sources: Sources) -> dict[str, Any]:
    """Return test clips [n, 16000] int16, and readings [n, 6, 2] of every tenth test window."""
    speech, weather = load_speech(sources), load_weather(sources)
    rows = weather.windows("test")[::10, None] + np.arange(INPUT_STEPS)
    return {artifact.SPOTTING: speech.audio[speech.split == 2], artifact.FORECASTING: weather.values[rows]}


def compare(path: Path, inputs: Any, answer: Any) -> dict[str, Any]:
    """Compare a model's outputs here with those there, [n, ...]."""
    here, there = verify.outputs(path, inputs), np.asarray(answer, np.float32)
    result: dict[str, Any] = {"inputs": len(inputs), "largest_difference": round(float(np.abs(there - here).max()), 6)}
    if artifact.load_file(path)[0].labels:
        result["other_labels"] = np.flatnonzero(there.argmax(axis=1) != here.argmax(axis=1)).tolist()
    return result


def _slug(device: dict[str, Any]) -> str:
    """Return a file name for a device: its model and its own name, since there may be several of one model."""
    return re.sub(r"[^a-z0-9]+", "-", f"{device['model']} {device['name']}".lower()).strip("-")


def _kind(facts: dict[str, Any]) -> str:
    """Return what a table may call the device."""
    if facts["model"].startswith(PI):
        return PI
    return EMULATED if "virt" in facts["model"] else "other"
