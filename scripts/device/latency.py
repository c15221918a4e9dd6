"""Time a model here, from sound to word; run as `python -m device.latency NAME.tflite.zlib`.

Prints one JSON object. A process a model, so that cold start and peak memory are the model's own.
"""

import json
import os
import sys
import time
from dataclasses import asdict
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from device import artifact
from device.cli import run
from device.frontend import extractor
from device.passes import COURSE, Milliseconds, TimingProtocol, latencies, passes, random_window
from device.runtime import open_model

MOST_THREADS = 4
STEADY = TimingProtocol(200, 20, 0.0)
PROTOCOL = {"course": {**asdict(COURSE), "threads": 1}, "steady": {**asdict(STEADY), "threads": f"1 to {MOST_THREADS}"}}


def measure(path: Path) -> dict[str, Any]:
    """Time the model in `path`, one second of random 48 kHz audio (spotters) or a random window a pass.

    Returns:
        Whether XNNPACK's kernels ran; milliseconds by the course's protocol: of each stage, of inference (invoke and
        get) and in total (all stages); the same in the steady state, without pauses, for each number of threads; the
        parts of a cold start; and the process's peak memory.

    Raises:
        UserError: a bad model or card.
    """
    ticks = [time.perf_counter()]
    card, content = artifact.load_file(path)
    ticks.append(time.perf_counter())
    model = open_model(card, content)
    ticks.append(time.perf_counter())
    window = random_window(model)
    ticks.append(time.perf_counter())
    model.predict(window[None])
    ticks.append(time.perf_counter())
    read, load, _, first = (round(1000 * (b - a), 3) for a, b in pairwise(ticks))
    extract = extractor(card.front_end) if card.front_end else None
    course = _summaries(passes(model, extract, window, COURSE))
    steady = {
        str(threads): _summaries(passes(open_model(card, content, threads), extract, window, STEADY))
        for threads in range(1, min(MOST_THREADS, os.cpu_count() or 1) + 1)
    }
    return {
        "name": card.name,
        "sha256": card.sha256,
        "xnnpack": model.xnnpack,
        **course,
        "steady": steady,
        "cold_start_ms": {"read_and_inflate": read, "load": load, "first_inference": first},
        "peak_memory_mib": peak_memory_mib(),
    }


def _summaries(stages: dict[str, Milliseconds]) -> dict[str, Any]:
    return {
        "stages_ms": {name: _summary(values) for name, values in stages.items()},
        **{name: _summary(values) for name, values in latencies(stages).items()},
    }


def _summary(milliseconds: Milliseconds) -> dict[str, float]:
    quantiles = zip(("median", "p90", "p99"), np.quantile(milliseconds, (0.5, 0.9, 0.99)), strict=True)
    return {"mean": round(float(milliseconds.mean()), 4)} | {k: round(float(v), 4) for k, v in quantiles}


def peak_memory_mib() -> int:
    """Return the peak memory of this process. (getrusage would count what its parent held when it started this one.)"""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


if __name__ == "__main__":
    run(lambda: print(json.dumps(measure(Path(sys.argv[1])))))
