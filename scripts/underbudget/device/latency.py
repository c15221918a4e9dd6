"""Time a model here, from sound to word; run as `python -m underbudget.device.latency NAME.tflite.zlib`.

Prints one JSON object.
"""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from underbudget.device import artifact
from underbudget.device.command_line import run
from underbudget.device.frontend import extractor
from underbudget.device.passes import COURSE, Milliseconds, TimingProtocol, latencies, passes, random_window
from underbudget.device.runtime import open_model

STEADY = TimingProtocol(200, 20, 0.0)
# a change of what is measured raises the number: what was measured before is then measured again
PROTOCOL = {"number": 1, "course": asdict(COURSE), "steady": asdict(STEADY)}


def measure(path: Path) -> dict[str, Any]:
    """Time the model in `path`, one second of random 48 kHz audio (spotters) or a random window a pass.

    Returns:
        Whether XNNPACK's kernels ran; milliseconds by the course's protocol: of each stage, of inference (invoke and
        get) and in total (all stages); the same in the steady state, without pauses. All on one thread.

    Raises:
        UserError: a bad model or card.
    """
    card, content = artifact.load_file(path)
    model = open_model(card, content)
    extract = extractor(card.front_end) if card.front_end else None
    course, steady = (_summaries(passes(model, extract, random_window(model), how)) for how in (COURSE, STEADY))
    return {"name": card.name, "sha256": card.sha256, "xnnpack": model.xnnpack, **course, "steady": steady}


def _summaries(stages: dict[str, Milliseconds]) -> dict[str, Any]:
    return {
        "stages_ms": {name: _summary(values) for name, values in stages.items()},
        **{name: _summary(values) for name, values in latencies(stages).items()},
    }


def _summary(milliseconds: Milliseconds) -> dict[str, float]:
    quantiles = zip(("median", "p90", "p99"), np.quantile(milliseconds, (0.5, 0.9, 0.99)), strict=True)
    return {"mean": round(float(milliseconds.mean()), 4)} | {k: round(float(v), 4) for k, v in quantiles}


if __name__ == "__main__":
    run(lambda: print(json.dumps(measure(Path(sys.argv[1])))))
