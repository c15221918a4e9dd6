"""Compute what a model puts out here for given inputs.

Run as `python -m underbudget.device.verify NAME.tflite.zlib INPUTS.npy`.

Inputs: audio [n, 16000] int16 for a spotter, readings [n, 6, 2] in °C and % for a forecaster. Prints the outputs as
JSON, for another machine to compare with its own.
"""

import json
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from underbudget.device import artifact
from underbudget.device.audio import to_float
from underbudget.device.command_line import run
from underbudget.device.frontend import extractor
from underbudget.device.runtime import open_model


def outputs(path: Path, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
    """Compute outputs [n, ...] of the model in `path`, with its front end or its normalisation.

    Raises:
        UserError: a bad model, card or input.
    """
    card, content = artifact.load_file(path)
    model = open_model(card, content)
    if card.front_end:
        extract = extractor(card.front_end)
        return np.stack([model.predict(extract(to_float(clip))[None])[0] for clip in inputs])
    return model.predict(card.standardise(inputs))


if __name__ == "__main__":
    run(lambda: print(json.dumps(outputs(Path(sys.argv[1]), np.load(sys.argv[2])).tolist())))
