"""Count a model's instructions, from sound to word.

Run as `python -m underbudget.device.instructions NAME.tflite.zlib`.

Only for an emulated machine whose clock advances by 1 ns an instruction (QEMU's -icount shift=0): there the stages'
nanoseconds are instructions, and repeat. They rank models and front ends; they are no times. Prints one JSON object.
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
from underbudget.device.passes import TimingProtocol, passes
from underbudget.device.runtime import open_model

COUNTED = TimingProtocol(passes=30, warm_up_passes=10, pause_s=0.0)
# a change of what is counted raises the number: what was counted before is then counted again
PROTOCOL = {"number": 1, "counted": {**asdict(COUNTED), "unit": "instructions on an emulated Cortex-A72"}}
PER_MS = 1_000_000


def count(path: Path) -> dict[str, Any]:
    """Count the median instructions of each stage, of inference (invoke and get) and in total.

    Raises:
        UserError: a bad model or card.
    """
    card, content = artifact.load_file(path)
    model = open_model(card, content)
    extract = extractor(card.front_end) if card.front_end else None
    (stages,) = passes([(model, extract)], COUNTED)
    median = {name: round(float(np.median(values)) * PER_MS) for name, values in stages.items()}
    return {
        "name": card.name,
        "sha256": card.sha256,
        "xnnpack": model.xnnpack,
        "instructions": {
            "stages": median,
            "inference": median["invoke"] + median["get"],
            "total": sum(median.values()),
        },
    }


if __name__ == "__main__":
    run(lambda: print(json.dumps(count(Path(sys.argv[1])))))
