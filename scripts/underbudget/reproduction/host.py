"""Time models on this machine. Latencies are saved in one file per device."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.latency import PROTOCOL
from underbudget.device.probe import probe
from underbudget.progress import progress_bar
from underbudget.reproduction.measured_models import MeasuredModels
from underbudget.store import LOCAL
from underbudget.versions.catalogue import QUANTISATION_STUDY, RECIPES

HOST_RESULT = LOCAL.latency / "host.json"
PI, EMULATED = "Raspberry Pi", "emulated"
EMULATED_RESULT = "emulated-cortex-a72.json"


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


def measure_here(paths: Sequence[Path]) -> Path:
    """Measure models on this machine unless they were measured here before; return the path of the result.

    Raises:
        UserError: a model does not match its card.
    """
    device = {"kind": "host", **probe()}  # never "Pi" unless it is one
    result = MeasuredModels(HOST_RESULT, made_with="make measure", device=device, protocol=PROTOCOL)
    present = {artifact.load_file(path)[0].sha256 for path in model_files()}
    result.models = {sha256: entry for sha256, entry in result.models.items() if sha256 in present}
    missing = [path for path in paths if artifact.load_file(path)[0].sha256 not in result.models]
    if not missing:
        return HOST_RESULT
    with progress_bar(missing, "timing", "models") as progress:
        for path in progress:
            card, _ = artifact.load_file(path)
            progress.set_postfix_str(f"{path.parent.name}/{card.name}")
            if card.sha256 not in result.models:  # two paths may hold the same model
                result.keep(card.sha256, run_here("underbudget.device.latency", path))
    return HOST_RESULT


def run_here(module: str, path: Path, *arguments: str) -> dict[str, Any]:
    """Run a module of underbudget/device on a model's file, in a process of its own; return what it prints.

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
