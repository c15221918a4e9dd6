"""Time models on this machine, and read latency results: one file per device."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from device import artifact
from device.errors import UserError
from device.latency import PROTOCOL
from device.probe import probe
from pipeline import files, freshness
from pipeline.progress import progress_bar
from pipeline.store import LOCAL
from pipeline.versions.catalogue import QUANTISATION_STUDY, RECIPES

HOST_RESULT = LOCAL.latency / "host.json"
PI, EMULATED = "Raspberry Pi", "emulated"
EMULATED_RESULT = "emulated-cortex-a72.json"
NO_RESULT: dict[str, Any] = {"device": None, "protocol": None, "models": {}}
CHANGING = ("free_mib", "frequency_khz", "temperature_c", "throttled", "load")  # facts that do not tell devices apart


def model_files() -> list[Path]:
    """Return all models, the published ones first.

    Raises:
        UserError: there is none.
    """
    found = [
        path
        for folder in (*RECIPES, QUANTISATION_STUDY, "local/*", f"local/{QUANTISATION_STUDY}/*", "own/*", "synthetic/*")
        for path in sorted(files.MODELS.glob(f"{folder}/*.tflite.zlib"))
    ]
    if not found:
        raise UserError("models/: no model to measure: make one first (make th_a, or make all)")
    return found


def protocol(how: dict[str, Any] = PROTOCOL) -> dict[str, Any]:
    """Return what comparable results share: how they are measured, and the code that runs on the device."""
    return {**how, "code": freshness.code_digest((files.SCRIPTS / "device").glob("*.py"))}


def measure_here(paths: Sequence[Path]) -> Path:
    """Measure models on this machine unless they were measured here before; return the path of the result.

    Raises:
        UserError: a model does not match its card.
    """
    device = {"kind": "host", **probe()}  # never "Pi" unless it is one
    under = {"device": device, "protocol": protocol()}
    present = {artifact.load_file(path)[0].sha256 for path in model_files()}
    models = {sha256: entry for sha256, entry in _known(under).items() if sha256 in present}
    missing = [path for path in paths if artifact.load_file(path)[0].sha256 not in models]
    if not missing:
        return HOST_RESULT
    with progress_bar(missing, "timing", "models") as progress:
        for path in progress:
            card, _ = artifact.load_file(path)
            progress.set_postfix_str(f"{path.parent.name}/{card.name}")
            if card.sha256 not in models:  # two paths may hold the same model
                models[card.sha256] = run_here("device.latency", path)
                files.write_json(HOST_RESULT, {"made_with": "make measure", **under, "models": models})
    return HOST_RESULT


def _known(under: dict[str, Any]) -> dict[str, Any]:
    """Return what was measured before under the same protocol, by the same code, on the same device."""
    before = read_latency(HOST_RESULT)

    def lasting(device: dict[str, Any] | None) -> dict[str, Any]:
        return {key: value for key, value in (device or {}).items() if key not in CHANGING}

    same = before["protocol"] == under["protocol"] and lasting(before["device"]) == lasting(under["device"])
    return dict(before["models"]) if same else {}


def run_here(module: str, path: Path, *arguments: str) -> dict[str, Any]:
    """Run a module of scripts/device on a model's file, in a process of its own; return what it prints.

    Raises:
        UserError: the module says so, or the runtime crashes on the model.
    """
    command = [sys.executable, "-m", module, str(path), *arguments]
    done = subprocess.run(command, cwd=files.ROOT / "scripts", capture_output=True, text=True, check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        said = next(
            reversed(done.stderr.strip().splitlines()), f"{path}: the TFLite runtime crashes on it: make it again"
        )
        raise UserError(said.removeprefix("error: "))
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def read_latency(path: Path) -> dict[str, Any]:
    """Read a latency result, empty if there is none.

    Raises:
        UserError: the file is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {key: content[key] for key in ("device", "protocol", "models")}
    except FileNotFoundError:
        return dict(NO_RESULT)
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not a latency result: remove it and run make measure") from None
