"""Evaluate any TFLite file, plain or zlib-compressed, whoever made it, on the test split through the TFLite runtime.

A model of this project is read with the card beside it, and tested on the clips that it was made from, in their split.
For any other, say what it was trained with: a forecaster's normalisation, a spotter's front end and the order of its
labels. Labels that are none of the data's words (_silence_, _unknown_, on, off) are counted as wrong answers.
"""

from underbudget.determinism import deterministic, import_tensorflow

deterministic()
# isort: split
import argparse
import contextlib
import hashlib
import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from underbudget import cli
from underbudget.data.sources import Sources, load_speech, load_weather
from underbudget.device import artifact
from underbudget.device.artifact import FORECASTING, SPOTTING, Card
from underbudget.device.command_line import number_in, parser, run
from underbudget.device.errors import UserError
from underbudget.device.frontend import FRONT_ENDS, FrontEnd, Mfcc, from_dict, to_dict
from underbudget.device.runtime import try_out
from underbudget.metrics import KB

if TYPE_CHECKING:
    from underbudget.training.task import Task

EXAMPLES = """\
  .venv/bin/python scripts/12_evaluate.py models/report/kws_a.tflite.zlib
  .venv/bin/python scripts/12_evaluate.py theirs.tflite.zlib --task keyword_spotting \\
      --front-end logmel:mel_bins=24,step=256 --labels down,stop,right,left,up,yes,no,go
  .venv/bin/python scripts/12_evaluate.py theirs.tflite --task forecasting \\
      --mean 9.107597,75.904076 --std 8.654228,16.557091"""
OPTIONS = {FORECASTING: ("mean", "std"), SPOTTING: ("front_end", "labels")}  # what they say stands on a card


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("file", type=Path, help="a .tflite or .tflite.zlib file")
    options.add_argument(
        "--task", choices=tuple(OPTIONS), help="for a model without a card, or to leave its card aside"
    )
    options.add_argument(
        "--front-end",
        type=_front_end,
        metavar="KIND[:NAME=VALUE,…]",
        help=f"of a spotter: {', '.join(FRONT_ENDS)}, and what differs from its defaults (default: mfcc)",
    )
    options.add_argument(
        "--labels", type=_labels, metavar="A,B,…", help="of a spotter, in its order (default: the words of the data)"
    )
    options.add_argument(
        "--mean",
        type=partial(_pair, low=-1e6),
        metavar="T,RH",
        help="of a forecaster's two inputs: -1e6 to 1e6 each (default: the train split's)",
    )
    options.add_argument("--std", type=partial(_pair, low=1e-9), metavar="T,RH", help="likewise: 1e-9 to 1e6 each")
    options.add_argument("--json", action="store_true", help="print the figures as JSON, all of them")
    cli.add_sources(options)
    arguments = options.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # notices on the data: standard output has the figures alone
        result = _evaluate(arguments)
    if arguments.json:
        print(json.dumps(result))
    else:
        _show(result)


def _evaluate(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of the file that is named, and what is to be said of them."""
    path: Path = arguments.file
    data = artifact.read_bytes(path)
    content = artifact.decode_model(data, str(path))
    card = _card_beside(path, data) if arguments.task is None else None
    _refuse_unused(arguments, card)
    try_out(content, path.name)  # before TensorFlow has threads
    import_tensorflow()
    from underbudget.build import outputs_on_test
    from underbudget.training.forecasting import Forecasting
    from underbudget.training.task import is_made_from, prepare_for

    task: Task
    sources = cli.sources(arguments)
    remarks = []
    if card is None:
        task, assumed = _without_card(arguments, sources)
        if assumed:
            remarks.append(f"assumed, as no option says otherwise: {assumed}")
    else:
        task = prepare_for(card, sources)
        if not is_made_from(card, task.identity):
            made_from = card.content["made_from"]["data"]["description"]
            remarks.append(
                f"these are other data than those of its card ({made_from}); whether it was trained on some of them is"
                " not known"
            )
    outputs = outputs_on_test(path.name, content, task)
    return {
        "file": str(path),
        "bytes": len(data),
        "inflated_bytes": len(content),
        "data": task.identity.description,
        "split": task.identity.split,
        **task.metrics(outputs, "test"),
        **({"last_reading": task.last_reading_errors("test")} if isinstance(task, Forecasting) else {}),
        "remarks": [*remarks, *task.remarks(outputs, "test")],
    }


def _card_beside(path: Path, data: bytes) -> Card:
    """Read the card beside a model file, and check that it is the card of that very file."""
    card_path = path.with_name(path.name.removesuffix(".zlib").removesuffix(".tflite") + ".json")
    if not card_path.exists():
        raise UserError(f"{path}: no card {card_path.name} beside it: say what it is with --task (see --help)")
    card = artifact.read_card(card_path)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise UserError(
            f"{path}: the card {card_path.name} beside it describes another file (SHA-256 differs): test this one"
            f" without the card: --task {card.task} (see --help)"
        )
    return card


def _refuse_unused(arguments: argparse.Namespace, card: Card | None) -> None:
    """Refuse options that nothing would be done with."""
    used = () if card else OPTIONS[arguments.task]
    for name in (name for names in OPTIONS.values() for name in names if name not in used):
        if getattr(arguments, name) is not None:
            reason = f"the card of {card.name} says it" if card else f"{arguments.task} has none"
            remedy = ", or name the --task to test the file without its card" if card else ""
            raise UserError(f"--{name.replace('_', '-')}: {reason}: leave it out{remedy}")
    if (arguments.mean is None) != (arguments.std is None):
        raise UserError("--mean and --std go together: give both or neither")


def _without_card(arguments: argparse.Namespace, sources: Sources) -> tuple["Task", str]:
    """Prepare the task that the options describe; say also what they leave open, and what is assumed there."""
    from underbudget.training.forecasting import Forecasting
    from underbudget.training.spotting import Spotting

    assumed = []
    if arguments.task == SPOTTING:
        front_end, speech = arguments.front_end or Mfcc(), load_speech(sources)
        if arguments.front_end is None:
            fields = to_dict(front_end)
            kind = fields.pop("kind")
            assumed.append(f"--front-end {kind}:{','.join(f'{name}={value:g}' for name, value in fields.items())}")
        spotting = Spotting(speech, front_end, arguments.labels)
        if arguments.labels is None:
            assumed.append(f"--labels {','.join(spotting.card()['labels'])}")
        return spotting, " ".join(assumed)
    forecasting = Forecasting(
        load_weather(sources), None if arguments.mean is None else (arguments.mean, arguments.std)
    )
    if arguments.mean is None:
        mean, std = (
            ",".join(f"{value:g}" for value in values) for values in forecasting.card()["normalisation"].values()
        )
        assumed.append(f"--mean {mean} --std {std} (of the train split)")
    return forecasting, " ".join(assumed)


def _show(result: dict[str, Any]) -> None:
    size = result.pop("bytes")
    print(f"{result.pop('file')}: {size:,} bytes ({size / KB:.2f} kB of 1024 bytes, {size / 1000:.2f} of 1000)")
    print(f"on the test split of {result.pop('data')}, split by {result.pop('split')}")
    del result["inflated_bytes"]
    remarks = result.pop("remarks")
    for key, value in result.items():
        if key == "confusion":
            print("confusion (a row a true word, in the model's order of labels):")
            print("\n".join("  " + " ".join(f"{n:4d}" for n in row) for row in value))
        elif key == "last_reading":
            print("repeating the last reading, on the same windows:")
            print("\n".join(f"  {name}: {figure}" for name, figure in value.items()))
        else:
            print(f"{key}: {value}")
    for remark in remarks:
        print(f"note: {remark}")


def _front_end(text: str) -> FrontEnd:
    kind, _, rest = text.partition(":")
    if kind not in FRONT_ENDS:
        raise argparse.ArgumentTypeError(f"{kind!r} is none of {', '.join(FRONT_ENDS)}")
    fields = to_dict(FRONT_ENDS[kind]())
    for part in filter(None, rest.split(",")):
        name, _, value = part.partition("=")
        number = number_in(float, 0, 1e6)(value)
        fields[name.strip()] = int(number) if number.is_integer() else number
    try:
        return from_dict(fields)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _labels(text: str) -> tuple[str, ...]:
    labels = tuple(label.strip() for label in text.split(","))
    if not all(labels):
        raise argparse.ArgumentTypeError(f"{text!r}: one label is empty")
    return labels


def _pair(text: str, low: float) -> NDArray[np.float32]:
    parts = text.split(",")
    if len(parts) != 2:
        raise argparse.ArgumentTypeError("two numbers, as 9.1,75.9")
    return np.array([number_in(float, low, 1e6)(part) for part in parts], np.float32)


if __name__ == "__main__":
    run(main)
