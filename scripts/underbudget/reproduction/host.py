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
IN_TURN = 5  # models whose passes take turns: 20 ms of rest come before each pass, 100 ms or more between a model's own


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
    models = {artifact.load_file(path)[0].sha256: path for path in paths}  # two paths may hold the same model
    missing = [path for sha256, path in models.items() if sha256 not in result.models]
    if not missing:
        return HOST_RESULT
    with progress_bar(None, "timing", "models", len(missing)) as progress:
        for first in range(0, len(missing), IN_TURN):
            for entry in run_here("underbudget.device.latency", missing[first : first + IN_TURN]):
                result.keep(entry["sha256"], entry)
                progress.update()
    return HOST_RESULT


def run_here(module: str, paths: Sequence[Path], *arguments: str) -> list[dict[str, Any]]:
    """Run a module of underbudget/device on models' files, in a process of its own; return what it prints of each.

    Raises:
        UserError: the module says so, or the runtime crashes on the model.
    """
    command = [sys.executable, "-m", module, *map(str, paths), *arguments]
    done = subprocess.run(command, cwd=files.ROOT / "scripts", capture_output=True, text=True, check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        if len(paths) > 1:  # one by one, so that the error is of the model that fails
            return [entry for path in paths for entry in run_here(module, [path], *arguments)]
        said = next(
            reversed(done.stderr.strip().splitlines()), f"{paths[0]}: the TFLite runtime crashes on it: make it again"
        )
        raise UserError(said.removeprefix("error: "))
    return [json.loads(line) for line in done.stdout.splitlines()]
