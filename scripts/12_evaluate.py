"""Evaluate any TFLite file, plain or zlib-compressed, whoever made it, on the test split through the TFLite runtime.

A model of this project is read with the card beside it. For any other, say what it was trained with: a forecaster's
normalisation, a spotter's front end and the order of its labels.
"""

import argparse
import json
from functools import partial
from pathlib import Path

from pipeline import cli  # first: it says how numpy computes

# isort: split
import numpy as np
from numpy.typing import NDArray

from device import artifact
from device.artifact import FORECASTING, SPOTTING
from device.cli import number_in, parser, run
from device.errors import UserError
from device.frontend import FRONT_ENDS
from device.runtime import try_out
from pipeline.data.sources import load_speech, load_weather

EXAMPLES = """\
  .venv/bin/python scripts/12_evaluate.py models/report/kws_a.tflite.zlib
  .venv/bin/python scripts/12_evaluate.py theirs.tflite.zlib --task keyword_spotting --front-end mfcc \\
      --labels down,stop,right,left,up,yes,no,go
  .venv/bin/python scripts/12_evaluate.py theirs.tflite --task forecasting \\
      --mean 9.107597,75.904076 --std 8.654228,16.557091"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("file", type=Path, help="a .tflite or .tflite.zlib file")
    options.add_argument("--task", choices=(FORECASTING, SPOTTING), help="for a model without a card")
    options.add_argument("--front-end", choices=sorted(FRONT_ENDS), default="mfcc", help="of a spotter (default: mfcc)")
    options.add_argument(
        "--labels",
        type=lambda text: tuple(text.split(",")),
        help="of a spotter, in its order (default: the words of the data)",
    )
    options.add_argument(
        "--mean",
        type=partial(_pair, low=-1e6),
        help="of a forecaster's two inputs: -1e6 to 1e6 each (default: the train split's)",
    )
    options.add_argument("--std", type=partial(_pair, low=1e-9), help="likewise: 1e-9 to 1e6 each")
    options.add_argument("--json", action="store_true", help="print the figures as JSON, all of them")
    cli.add_sources(options)
    arguments = options.parse_args()
    path: Path = arguments.file
    content = artifact.read_model(path)
    try_out(content, path.name)  # before TensorFlow has threads
    cli.import_tensorflow()
    from pipeline.build import evaluate
    from pipeline.train.forecasting import Forecasting
    from pipeline.train.spotting import Spotting
    from pipeline.train.task import Task, prepare_for

    sources = cli.sources(arguments)
    task: Task
    if arguments.task is None:
        name = path.name.split(".")[0]
        if not (path.parent / f"{name}.json").exists():
            raise UserError(f"{path}: no card {name}.json beside it: say what it is with --task (see --help)")
        card, content = artifact.load(path.parent, name)
        task = prepare_for(card, sources)
    elif arguments.task == SPOTTING:
        task = Spotting(load_speech(sources), FRONT_ENDS[arguments.front_end](), arguments.labels)
    else:
        if (arguments.mean is None) != (arguments.std is None):
            raise UserError("--mean and --std go together: give both or neither")
        normalisation = None if arguments.mean is None else (arguments.mean, arguments.std)
        task = Forecasting(load_weather(sources), normalisation)
    metrics = evaluate(path.name, content, task)
    size = path.stat().st_size
    result = {"file": str(path), "bytes": size, "inflated_bytes": len(content), "data": task.identity.description}
    if arguments.json:
        print(json.dumps({**result, **metrics}))
        return
    print(f"{path}: {size:,} bytes ({size / 1024:.2f} kB of 1024 bytes, {size / 1000:.2f} of 1000)")
    print(f"on the test split of {task.identity.description}")
    for key, value in metrics.items():
        if key == "confusion":
            print("confusion (a row a true word, in the model's order of labels):")
            print("\n".join("  " + " ".join(f"{n:4d}" for n in row) for row in value))
        else:
            print(f"{key}: {value}")


def _pair(text: str, low: float) -> NDArray[np.float32]:
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError("two numbers, as 9.1,75.9")
    return np.array([number_in(float, low, 1e6)(part) for part in parts], np.float32)


if __name__ == "__main__":
    run(main)
