"""How long a model takes here, from sound to word, by the course's protocol."""

import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from device.artifact import Card
from device.audio import resample
from device.frontend import extractor
from device.runtime import Model

MICROPHONE_RATE = 48_000  # Hz
PROTOCOL = {"passes": 100, "warm_up_passes": 10, "pause_s": 0.1, "threads": 1}
STAGES = ("resample", "features", "set", "invoke", "get")
INFERENCE = ("invoke", "get")


def measure(card: Card, content: bytes, each: Callable[[], object] = lambda: None) -> dict[str, Any]:
    """Time each stage of PROTOCOL's passes over one second of random audio (spotters) or a random window.

    Args:
        each: called after every pass.

    Returns:
        Milliseconds (mean, median, p90, p99) of each stage, of inference (invoke and get) and of the total.
    """
    model = Model(content, card.name, threads=int(PROTOCOL["threads"]))
    rng = np.random.default_rng(0)
    extract = extractor(card.front_end) if card.front_end else None
    sound = rng.uniform(-1, 1, MICROPHONE_RATE).astype(np.float32)
    window = rng.normal(size=model.input_shape).astype(np.float32)
    times: list[list[float]] = []
    for _ in range(int(PROTOCOL["warm_up_passes"] + PROTOCOL["passes"])):
        ticks = [time.perf_counter()]
        audio = resample(sound, MICROPHONE_RATE) if extract else sound
        ticks.append(time.perf_counter())
        x = extract(audio) if extract else window
        ticks.append(time.perf_counter())
        model.set(x)
        ticks.append(time.perf_counter())
        model.invoke()
        ticks.append(time.perf_counter())
        model.get()
        ticks.append(time.perf_counter())
        times.append([1000 * (b - a) for a, b in pairwise(ticks)])
        each()
        time.sleep(PROTOCOL["pause_s"])
    stages = dict(zip(STAGES, np.array(times[int(PROTOCOL["warm_up_passes"]) :]).T, strict=True))
    if extract is None:
        stages = {name: stages[name] for name in STAGES[2:]}
    return {
        "stages_ms": {name: _summary(values) for name, values in stages.items()},
        "inference_ms": _summary(sum(stages[name] for name in INFERENCE)),
        "total_ms": _summary(sum(stages.values())),
    }


def _summary(milliseconds: Any) -> dict[str, float]:
    quantiles = zip(("median", "p90", "p99"), np.quantile(milliseconds, (0.5, 0.9, 0.99)), strict=True)
    return {"mean": round(float(np.mean(milliseconds)), 4)} | {k: round(float(v), 4) for k, v in quantiles}


def describe_device() -> dict[str, Any]:
    """What the figures were measured on."""
    try:
        runtime = version("ai-edge-litert")
    except PackageNotFoundError:
        runtime = "unknown"
    return {
        "kind": "host",  # never "Pi" unless it is one
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.platform(terse=True),
        "governor": _governor(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "ai_edge_litert": runtime,
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def _governor() -> str:
    path = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
    return path.read_text().strip() if path.exists() else "unknown"
