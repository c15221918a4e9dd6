"""Latency of every model that stands in models/, kept per device."""

import json
from pathlib import Path
from typing import Any

from device import artifact, latency
from device.errors import UserError
from pipeline import files
from pipeline.progress import bar

LOCAL = files.RESULTS / "local" / "latency" / "host.json"
PUBLISHED = files.RESULTS / "latency" / "host.json"


def model_folders() -> list[Path]:
    """The folders that hold models, published ones first."""
    return [files.MODELS / name for name in ("report", "local", "standin") if (files.MODELS / name).is_dir()]


def measure_here() -> Path:
    """Measure each model on this machine unless it was measured here before; returns the path of the result.

    Raises:
        UserError: there is no model, or one does not match its card.
    """
    code = files.code_digest((files.ROOT / "scripts" / "device").glob("*.py"))
    under = {"device": latency.describe_device(), "protocol": {**latency.PROTOCOL, "code": code}}
    before = read_latency(LOCAL)
    known = before["models"] if {key: before[key] for key in under} == under else {}
    found = [(folder, path.stem) for folder in model_folders() for path in sorted(folder.glob("*.json"))]
    if not found:
        raise UserError("models/: no model to measure: make one first (make th_a, or make all)")
    measured: dict[str, Any] = {}
    for folder, name in found:
        card, content = artifact.load(folder, name)
        if card.sha256 in known or card.sha256 in measured:
            measured[card.sha256] = known.get(card.sha256) or measured[card.sha256]
            continue
        passes = int(latency.PROTOCOL["passes"] + latency.PROTOCOL["warm_up_passes"])
        with bar(None, f"timing {folder.name}/{name}", "passes", passes) as progress:
            measured[card.sha256] = {"name": name, **latency.measure(card, content, progress.update)}
        files.write_json(LOCAL, {"made_with": "make measure", **under, "models": {**known, **measured}})
    files.write_json(LOCAL, {"made_with": "make measure", **under, "models": measured})
    return LOCAL


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
