"""Time a model here, from sound to word; run as `python -m device.latency NAME.tflite.zlib`.

Prints one JSON object. A process a model, so that cold start and peak memory are the model's own.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device import artifact
from device.audio import resampler
from device.cli import run
from device.frontend import extractor
from device.runtime import Model, open_model

MICROPHONE_RATE = 48_000  # Hz
MOST_THREADS = 4


@dataclass(frozen=True)
class TimingProtocol:
    """Timing protocol: number of passes, of warm-up passes before them, and seconds between passes."""

    passes: int
    warm_up_passes: int
    pause_s: float


COURSE, STEADY = TimingProtocol(100, 10, 0.1), TimingProtocol(200, 20, 0.0)
PROTOCOL = {"course": {**asdict(COURSE), "threads": 1}, "steady": {**asdict(STEADY), "threads": f"1 to {MOST_THREADS}"}}
STAGES = ("resample", "features", "set", "invoke", "get")

Milliseconds = NDArray[np.float64]


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
    window = np.random.default_rng(0).normal(size=model.input_shape).astype(np.float32)
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


def passes(
    model: Model,
    extract: Callable[[Any], Any] | None,
    window: NDArray[np.float32],
    protocol: TimingProtocol,
) -> dict[str, Milliseconds]:
    """Time passes: milliseconds [passes] of each stage: resample and features (spotters), set, invoke, get."""
    sound = np.random.default_rng(1).uniform(-1, 1, MICROPHONE_RATE).astype(np.float32)
    resample = resampler(MICROPHONE_RATE, len(sound))
    times = np.empty((protocol.warm_up_passes + protocol.passes, len(STAGES)))
    for row in times:
        ticks = [time.perf_counter()]
        audio = resample(sound) if extract else sound
        ticks.append(time.perf_counter())
        x = extract(audio) if extract else window
        ticks.append(time.perf_counter())
        model.set(x)
        ticks.append(time.perf_counter())
        model.invoke()
        ticks.append(time.perf_counter())
        model.get()
        ticks.append(time.perf_counter())
        row[:] = [1000 * (b - a) for a, b in pairwise(ticks)]
        time.sleep(protocol.pause_s)
    first = 0 if extract else STAGES.index("set")
    return {name: times[protocol.warm_up_passes :, i] for i, name in enumerate(STAGES) if i >= first}


def _summaries(stages: dict[str, Milliseconds]) -> dict[str, Any]:
    return {
        "stages_ms": {name: _summary(values) for name, values in stages.items()},
        "inference_ms": _summary(stages["invoke"] + stages["get"]),
        "total_ms": _summary(np.sum(list(stages.values()), axis=0)),
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
