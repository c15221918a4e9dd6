"""Time models here, from sound to word; run as `python -m underbudget.device.latency NAME.tflite.zlib ...`.

Prints one line of JSON for each.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from underbudget.device import artifact
from underbudget.device.command_line import run
from underbudget.device.frontend import extractor
from underbudget.device.passes import COURSE, Milliseconds, Opened, TimingProtocol, latencies, passes
from underbudget.device.runtime import open_model

STEADY = TimingProtocol(200, 20, 0.0)
# a change of what is measured raises the number: what was measured before is then measured again
PROTOCOL = {"number": 1, "course": asdict(COURSE), "steady": asdict(STEADY)}


def measure(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Time the models in `paths`; a pass takes one second of random 48 kHz audio (spotters) or a random window.

    Returns:
        For each, whether XNNPACK's kernels ran; milliseconds by the course's protocol, in turn: of each stage, of
        inference (invoke and get) and in total (all stages); the same in the steady state, without pauses, one model
        after another. All on one thread.

    Raises:
        UserError: a bad model or card.
    """
    loaded = [artifact.load_file(path) for path in paths]
    opened: list[Opened] = [
        (open_model(card, content), extractor(card.front_end) if card.front_end else None) for card, content in loaded
    ]
    course = passes(opened, COURSE)
    steady = [passes([one], STEADY)[0] for one in opened]
    return [
        {"name": card.name, "sha256": card.sha256, "xnnpack": model.xnnpack, **_summaries(c), "steady": _summaries(s)}
        for (card, _), (model, _), c, s in zip(loaded, opened, course, steady, strict=True)
    ]


def _summaries(stages: dict[str, Milliseconds]) -> dict[str, Any]:
    return {
        "stages_ms": {name: _summary(values) for name, values in stages.items()},
        **{name: _summary(values) for name, values in latencies(stages).items()},
    }


def _summary(milliseconds: Milliseconds) -> dict[str, float]:
    quantiles = zip(("median", "p90", "p99"), np.quantile(milliseconds, (0.5, 0.9, 0.99)), strict=True)
    return {"mean": round(float(milliseconds.mean()), 4)} | {k: round(float(v), 4) for k, v in quantiles}


if __name__ == "__main__":
    run(lambda: print("\n".join(map(json.dumps, measure([Path(name) for name in sys.argv[1:]])))))
