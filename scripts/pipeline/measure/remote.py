"""Measure models on another machine: probe it, send what runs there, install the runtime, time, verify."""

import hashlib
import io
import json
import re
import shlex
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device import artifact, instructions, latency, verify
from device.errors import UserError
from pipeline import files
from pipeline.data.sources import Sources, load_speech, load_weather
from pipeline.data.weather import INPUT_STEPS
from pipeline.measure import emulator
from pipeline.measure.host import EMULATED, EMULATED_RESULT, HOST_RESULT, PI, model_files, protocol, read_latency
from pipeline.measure.ssh import Connection, private_folder
from pipeline.progress import progress_bar

FOLDER = ".cache/models-under-budget"  # on the device, under the home
NEEDED_MIB = 400
PER_MODEL_S = 600.0
INSTALL_S = 1800.0
# what pip calls the wheels of an architecture
PLATFORMS = [f"manylinux_2_{minor}_{{}}" for minor in (17, 27, 28, 34)] + ["manylinux2014_{}", "linux_{}"]
PIWHEELS = "https://www.piwheels.org/simple"  # where 32-bit Raspberry Pi OS gets numpy
GOVERNORS = "/sys/devices/system/cpu/cpu[0-9]*/cpufreq/scaling_governor"


@dataclass(frozen=True)
class DeviceJob:
    """What is run on a device for each model.

    Attributes:
        module: of scripts/device; it prints a JSON object.
        key: what its result has.
        protocol: how it measures.
        made_with: the command that leads here.
        environment: a command that it runs under.
        result: the name of the result file; by default the device's.
    """

    module: str
    key: str
    protocol: dict[str, Any]
    made_with: str
    environment: str = ""
    result: str | None = None


TIMING = DeviceJob("device.latency", "total_ms", latency.PROTOCOL, "make pi HOST=…")
COUNTING = DeviceJob(
    "device.instructions",
    "instructions",
    instructions.PROTOCOL,
    "make emulated",
    # all that would make counts differ from run to run: hash seeds, threads, the allocator's moods, addresses
    "env PYTHONHASHSEED=0 OPENBLAS_NUM_THREADS=1 MALLOC_MMAP_THRESHOLD_=33554432 MALLOC_TRIM_THRESHOLD_=67108864"
    " setarch -R",
    EMULATED_RESULT,
)


def count_emulated() -> Path:
    """Count every model's instructions on an emulated Cortex-A72; returns the path of the result.

    Raises:
        UserError: no QEMU here, or anything that measure_there raises.
    """
    missing = emulator.missing_tools()
    if missing:
        raise UserError(f"{', '.join(missing)}: not found (on Debian: apt install qemu-system-arm openssh-client)")
    with tempfile.TemporaryDirectory(prefix="guest") as folder:
        print("building and booting an emulated Pi", flush=True)
        emulator.build(Path(folder))
        with emulator.booted(Path(folder), counting=True) as config:
            return measure_there("pi", f"ssh -F {config}", COUNTING, wheels=True)


def measure_there(host: str, command: str, program: DeviceJob, wheels: bool, check: Sources | None = None) -> Path:
    """Measure every model on `host`; what was measured there before is kept. Returns the path of the result.

    Args:
        command: the ssh command.
        wheels: fetch the device's packages here and ship them.
        check: run the test split of these sources there too, and compare.

    Raises:
        UserError: anything that the user must fix, here or there; what was measured by then is kept.
    """
    with Connection(host, command) as connection:
        facts = probe(connection)
        check_fit(connection.host, facts)
        device = {"kind": _kind(facts), **facts}
        result = HOST_RESULT.with_name(program.result or f"{_slug(device)}.json")
        folder = private_folder(connection, FOLDER)
        python = f"{folder}/venv/bin/python"
        install(connection, folder, facts, wheels)
        upload(connection, folder, model_files())
        under = {"device": device, "protocol": protocol(program.protocol)}
        before = read_latency(result)
        models = dict(before["models"]) if before["protocol"] == under["protocol"] else {}

        def keep() -> None:
            files.write_json(result, {"made_with": program.made_with, **under, "models": models})

        def on_device(module: str, *arguments: str) -> bytes:
            rest = " ".join(map(shlex.quote, arguments))
            run = f"{program.environment} {python} -m {module} {rest}"
            return connection.run(f"cd {folder}/scripts && {run}", timeout=PER_MODEL_S)

        with performance_governor(connection) as governor:
            device["governor_during"] = governor
            for path, sha256 in _each("measuring there", models, program.key):
                found = json.loads(on_device(program.module, f"../{path.relative_to(files.ROOT)}"))
                models[sha256] = {**models.get(sha256, {}), **found}
                keep()
        if check:
            inputs = test_inputs(check)
            upload_inputs(connection, folder, inputs)
            for path, sha256 in _each("verifying there", models, "verified"):
                models[sha256]["verified"] = compare(path, inputs, on_device)
                keep()
        device["after"] = probe(connection)
        keep()
    return result


def _each(what: str, models: dict[str, Any], key: str) -> Iterator[tuple[Path, str]]:
    """Yield each model file, once, that has no result of the name `key` yet."""
    with progress_bar(model_files(), what, "models") as progress:
        for path in progress:
            sha256 = artifact.load_file(path)[0].sha256
            if key not in models.get(sha256, {}):
                progress.set_postfix_str(f"{path.parent.name}/{path.name}")
                yield path, sha256


def probe(connection: Connection) -> dict[str, Any]:
    """Return the device's facts.

    Raises:
        UserError: it has no Python 3.
    """
    host = connection.host
    source = (files.ROOT / "scripts" / "device" / "probe.py").read_bytes()
    said = connection.run("command -v python3 >/dev/null || { echo none; exit 0; }; python3 -", 60, source).decode()
    if said.strip() == "none":
        raise UserError(f"{host}: it has no Python: run there: sudo apt install python3 python3-venv")
    facts: dict[str, Any] = json.loads(said)
    return facts


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
    lists = [requirements, files.ROOT / "requirements.lock"]
    wanted = hashlib.sha256(b"".join(path.read_bytes() for path in lists)).hexdigest()[:16]
    stamp = f"{wanted}-{facts['python']}"
    if connection.run(f"cat {folder}/venv/installed 2>/dev/null || true", 60).decode().strip() == stamp:
        return
    if facts["free_mib"] < NEEDED_MIB:
        free = facts["free_mib"]
        raise UserError(f"{connection.host}: {free} MiB free, {NEEDED_MIB} are needed: free some space on it")
    print(f"{connection.host}: installing the runtime (some minutes)", flush=True)
    _send(connection, folder, {path.name: path for path in lists})
    source = ""
    if wheels:
        fetched = fetch_wheels(facts)
        connection.run(f"rm -rf {folder}/wheels", 60)
        _send(connection, folder, {f"wheels/{path.name}": path for path in fetched.glob("*.whl")})
        source = "--no-index --find-links wheels"
    pip = f"venv/bin/python -m pip install -q --disable-pip-version-check {source} -r {requirements.name}"
    script = f"cd {folder} && python3 -m venv --clear venv && {pip} && echo {stamp} > venv/installed"
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
        raise UserError(f"the device's wheels can't be fetched ({done.stderr.strip().splitlines()[-1]})")
    return folder


def _requirements(facts: dict[str, Any]) -> Path:
    return files.ROOT / ("requirements-pi-32bit.txt" if facts["bits"] == 32 else "requirements-pi.txt")


def upload(connection: Connection, folder: str, models: list[Path]) -> None:
    """Send the device side and the models with their cards."""
    code = sorted((files.ROOT / "scripts" / "device").glob("*.py"))
    cards = [path.with_name(path.name.partition(".")[0] + ".json") for path in models]
    connection.run(f"cd {folder} && rm -rf scripts models", 60)
    _send(connection, folder, {str(path.relative_to(files.ROOT)): path for path in (*code, *models, *cards)})


def _send(connection: Connection, folder: str, named: dict[str, Path]) -> None:
    """Send files by their names in `folder`."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, path in named.items():
            archive.add(path, name)
    connection.run(f"tar -x -f - -C {folder}", INSTALL_S, packed.getvalue())


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
    holder = connection.start(f"ls {GOVERNORS} > /dev/null 2>&1 && exec sudo -n sh -c {shlex.quote(hold)}")
    assert holder.stdin is not None and holder.stdout is not None
    try:
        held = holder.stdout.readline().decode().strip()
        now = connection.run(f"cat {GOVERNORS} 2>/dev/null | head -n 1", 60).decode().strip()
        yield held or now or "unknown"
    finally:
        holder.stdin.close()
        try:
            holder.wait(timeout=30)
        except subprocess.TimeoutExpired:
            holder.kill()


def upload_inputs(connection: Connection, folder: str, inputs: dict[str, Any]) -> None:
    """Send the test split as the device takes it."""
    for name, array in inputs.items():
        packed = io.BytesIO()
        np.save(packed, array)
        connection.run(f"cat > {folder}/{name}.npy", INSTALL_S, packed.getvalue())


def test_inputs(sources: Sources) -> dict[str, Any]:
    """Return test clips [n, 16000] int16, and readings [n, 6, 2] of every tenth test window."""
    speech, weather = load_speech(sources), load_weather(sources)
    rows = weather.windows("test")[::10, None] + np.arange(INPUT_STEPS)
    return {artifact.SPOTTING: speech.audio[speech.split == 2], artifact.FORECASTING: weather.values[rows]}


def compare(path: Path, test: dict[str, Any], on_device: Callable[..., bytes]) -> dict[str, Any]:
    """Compare a model's outputs there with those here."""
    card = artifact.load_file(path)[0]
    inputs = test[card.task]
    there = np.load(
        io.BytesIO(on_device("device.verify", f"../{path.relative_to(files.ROOT)}", f"../{card.task}.npy")),
        allow_pickle=False,
    )
    here = verify.outputs(path, inputs)
    result: dict[str, Any] = {"inputs": len(inputs), "largest_difference": round(float(np.abs(there - here).max()), 6)}
    if card.labels:
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
