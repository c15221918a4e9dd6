"""Compute what a model puts out here for given inputs; run as `python -m device.verify NAME.tflite.zlib INPUTS.npy`.

Inputs: audio [n, 16000] int16 for a spotter, readings [n, 6, 2] in °C and % for a forecaster. The outputs go to
standard output as .npy, for another machine to compare with its own.
"""

import io
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from device import artifact
from device.audio import to_float
from device.cli import run
from device.errors import UserError
from device.frontend import extractor
from device.runtime import open_model


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


def main() -> None:
    """Run the model on the inputs that the command line names."""
    if len(sys.argv) != 3:
        raise UserError("usage: python -m device.verify NAME.tflite.zlib INPUTS.npy > OUTPUTS.npy")
    packed = io.BytesIO()  # numpy does not save to a pipe
    np.save(packed, outputs(Path(sys.argv[1]), np.load(sys.argv[2], allow_pickle=False)))
    sys.stdout.buffer.write(packed.getvalue())


if __name__ == "__main__":
    run(main)
