"""Time single passes of a model, from sound to word; run as `python -m underbudget.device.passes FILE FRONT_END`.

FILE needs no card; FRONT_END is a card's field of that name, as JSON, or null (forecasters). Prints one JSON object:
milliseconds of each pass by the course's protocol, of inference and in total.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget.device import artifact, frontend
from underbudget.device.audio import resampler
from underbudget.device.command_line import run
from underbudget.device.runtime import Model

MICROPHONE_RATE = 48_000  # Hz
STAGES = ("resample", "features", "set", "invoke", "get")

Milliseconds = NDArray[np.float64]
Opened = tuple[Model, Callable[[Any], Any] | None]  # a model, and its front end if it has one


@dataclass(frozen=True)
class TimingProtocol:
    """Timing protocol: number of passes, of warm-up passes before them, and seconds between passes."""

    passes: int
    warm_up_passes: int
    pause_s: float


COURSE = TimingProtocol(100, 10, 0.1)


def passes(opened: Sequence[Opened], protocol: TimingProtocol) -> list[dict[str, Milliseconds]]:
    """Time passes of models over one second of random 48 kHz audio (spotters) or a random window.

    One pass of each model in turn: the pause between two passes of a model is shared by the passes of the others.

    Returns:
        For each model, milliseconds [passes] of each stage: resample and features (spotters), set, invoke, get.
    """
    pause_s = protocol.pause_s / len(opened)  # a model's own passes are never less than protocol.pause_s apart
    windows = [random_window(model) for model, _ in opened]
    sound = np.random.default_rng(1).uniform(-1, 1, MICROPHONE_RATE).astype(np.float32)
    resample = resampler(MICROPHONE_RATE, len(sound))
    times = np.empty((protocol.warm_up_passes + protocol.passes, len(opened), len(STAGES)))
    turns = range(len(opened))
    for number, turn in product(range(len(times)), turns):
        (model, extract), window = opened[turn], windows[turn]
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
        times[number, turn] = [1000 * (b - a) for a, b in pairwise(ticks)]
        time.sleep(pause_s)
    first = [0 if extract else STAGES.index("set") for _, extract in opened]
    counted = times[protocol.warm_up_passes :]
    return [{name: counted[:, turn, i] for i, name in enumerate(STAGES) if i >= first[turn]} for turn in turns]


def latencies(stages: dict[str, Milliseconds]) -> dict[str, Milliseconds]:
    """Return milliseconds [passes] of inference (invoke and get) and in total (all stages), by metric."""
    return {
        "inference_ms": stages["invoke"] + stages["get"],
        "total_ms": np.sum(list(stages.values()), axis=0),
    }


def random_window(model: Model) -> NDArray[np.float32]:
    """Return an input [*model.input_shape], always the same."""
    return np.random.default_rng(0).normal(size=model.input_shape).astype(np.float32)


def time_file(path: Path, fields: Any) -> dict[str, list[float]]:
    """Time the model in a file.

    Args:
        fields: of its front end, as in a card; None for a forecaster.

    Raises:
        UserError: a bad model.
        ValueError: a bad front end.
    """
    model = Model(artifact.read_model(path), path.name)
    extract = frontend.extractor(frontend.from_dict(fields)) if fields else None
    found = latencies(*passes([(model, extract)], COURSE))
    return {name: np.round(values, 4).tolist() for name, values in found.items()}


if __name__ == "__main__":
    run(lambda: print(json.dumps(time_file(Path(sys.argv[1]), json.loads(sys.argv[2])))))
