"""Measure models on another machine: time them, verify what they say there, keep the results."""

import io
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from device import artifact, instructions, latency, verify
from device.errors import UserError
from pipeline import files
from pipeline.data.sources import Sources, load_speech, load_weather
from pipeline.data.weather import INPUT_STEPS
from pipeline.measure import emulator
from pipeline.measure.device import INSTALL_S, parsed, performance_governor, probe, ready
from pipeline.measure.host import EMULATED, EMULATED_RESULT, HOST_RESULT, PI, model_files, protocol, read_latency
from pipeline.measure.ssh import Connection
from pipeline.progress import progress_bar


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
    models_and_cards = [path for model in model_files() for path in (model, artifact.card_path(model))]
    with ready(host, command, wheels, models_and_cards) as there:
        device = {"kind": _kind(there.facts), **there.facts}
        result = HOST_RESULT.with_name(program.result or f"{_slug(device)}.json")
        under = {"device": device, "protocol": protocol(program.protocol)}
        before = read_latency(result)
        models = dict(before["models"]) if before["protocol"] == under["protocol"] else {}
        on_device = partial(there.run, environment=program.environment)

        def keep() -> None:
            files.write_json(result, {"made_with": program.made_with, **under, "models": models})

        with performance_governor(there.connection) as governor:
            device["governor_during"] = governor
            for path, sha256 in _each("measuring there", models, program.key):
                found = parsed(on_device(program.module, path), host)
                models[sha256] = {**models.get(sha256, {}), **found}
                keep()
        if check:
            inputs = test_inputs(check)
            upload_inputs(there.connection, there.folder, inputs)
            for path, sha256 in _each("verifying there", models, "verified"):
                models[sha256]["verified"] = compare(path, inputs, on_device)
                keep()
        device["after"] = probe(there.connection)
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
        io.BytesIO(on_device("device.verify", path, f"../{card.task}.npy")),
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
