"""Latency of every model that stands in models/, a result file a device."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from device import artifact
from device.errors import UserError
from device.latency import PROTOCOL
from device.probe import probe
from pipeline import files
from pipeline.place import HERE
from pipeline.progress import bar
from pipeline.recipe import RECIPES

LOCAL = HERE.latency / "host.json"
TWINS = "quantisation"  # the study whose models are published too: PTQ is judged by their latency
PI, EMULATED = "Raspberry Pi", "emulated"
EMULATED_RESULT = "emulated-cortex-a72.json"
PAIRS = {  # of each spotter, the quantised model and the one in float
    "kws_a": ("kws_a", "kws_a_float"),
    "kws_b": ("kws_b_int8", "kws_b"),
    "kws_c": ("kws_c", "kws_c_float"),
}
CHANGING = ("free_mib", "frequency_khz", "temperature_c", "throttled", "load")  # facts that do not tell devices apart


def model_files() -> list[Path]:
    """All models, published ones first.

    Raises:
        UserError: there is none.
    """
    found = [
        path
        for folder in (*RECIPES, TWINS, "local/*", f"local/{TWINS}/*", "standin/*")
        for path in sorted(files.MODELS.glob(f"{folder}/*.tflite.zlib"))
    ]
    if not found:
        raise UserError("models/: no model to measure: make one first (make th_a, or make all)")
    return found


def protocol(how: dict[str, Any] = PROTOCOL) -> dict[str, Any]:
    """What results must share to be comparable: how it is measured, and the code that runs on the device."""
    return {**how, "code": files.code_digest((files.ROOT / "scripts" / "device").glob("*.py"))}


def measure_here() -> Path:
    """Measure each model on this machine unless it was measured here before; returns the path of the result.

    Raises:
        UserError: there is no model, or one does not match its card.
    """
    device = {"kind": "host", **probe()}  # never "Pi" unless it is one
    under = {"device": device, "protocol": protocol()}
    known = _known(under)
    measured: dict[str, Any] = {}
    with bar(model_files(), "timing", "models") as progress:
        for path in progress:
            card, _ = artifact.load_file(path)
            progress.set_postfix_str(f"{path.parent.name}/{card.name}")
            measured[card.sha256] = known.get(card.sha256) or measured.get(card.sha256) or _run_here(path)
            files.write_json(LOCAL, {"made_with": "make measure", **under, "models": {**known, **measured}})
    files.write_json(LOCAL, {"made_with": "make measure", **under, "models": measured})
    return LOCAL


def _known(under: dict[str, Any]) -> dict[str, Any]:
    """What was measured before under the same protocol, by the same code, on the same device."""
    before = read_latency(LOCAL)

    def lasting(device: dict[str, Any] | None) -> dict[str, Any]:
        return {key: value for key, value in (device or {}).items() if key not in CHANGING}

    same = before["protocol"] == under["protocol"] and lasting(before["device"]) == lasting(under["device"])
    return dict(before["models"]) if same else {}


def _run_here(path: Path) -> dict[str, Any]:
    command = [sys.executable, "-m", "device.latency", str(path)]
    done = subprocess.run(command, cwd=files.ROOT / "scripts", capture_output=True, text=True, check=False)
    if done.returncode == 130:
        raise KeyboardInterrupt
    if done.returncode:
        raise UserError(done.stderr.strip().splitlines()[-1].removeprefix("error: "))
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def timed(folder: Path, sha256: str) -> tuple[str, dict[str, Any]] | None:
    """The kind of device and the result of a model among the latency results in `folder`; a Raspberry Pi's first.

    An emulated device's times are not times, and are passed over.
    """
    results = [read_latency(path) for path in sorted(folder.glob("*.json"))]
    found = [(r["device"]["kind"], r["models"][sha256]) for r in results if sha256 in r["models"]]
    real = [(kind, entry) for kind, entry in found if kind != EMULATED]
    return min(real, key=lambda pair: pair[0] != PI, default=None)


def counted(folder: Path, sha256: str) -> dict[str, Any] | None:
    """Instructions of a model on the emulated Cortex-A72, by the result in `folder`."""
    entry = read_latency(folder / EMULATED_RESULT)["models"].get(sha256)
    return entry["instructions"] if entry else None


def read_latency(path: Path) -> dict[str, Any]:
    """A latency result, empty if there is none.

    Raises:
        UserError: the file is damaged.
    """
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {key: content[key] for key in ("device", "protocol", "models")}
    except FileNotFoundError:
        return {"device": None, "protocol": None, "models": {}}
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path}: not a latency result: remove it and run make measure") from None
