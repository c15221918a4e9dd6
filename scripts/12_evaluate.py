"""Evaluate any TFLite file, plain or zlib-compressed, whoever made it, on the test split through the TFLite runtime.

A model of this project is read with the card beside it, and tested on the clips that it was made from, in their split.
For any other, say what it was trained with: a forecaster's normalisation, a spotter's front end and the order of its
labels. Labels that are none of the data's words (_silence_, _unknown_, on, off) are counted as wrong answers.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
import argparse
import contextlib
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget import cli
from underbudget.data.sources import load_speech, load_weather
from underbudget.device import artifact
from underbudget.device.artifact import FORECASTING, SPOTTING, Card
from underbudget.device.command_line import number_in, parser, run
from underbudget.device.errors import UserError
from underbudget.device.frontend import FRONT_ENDS, FrontEnd, from_dict, to_dict
from underbudget.device.runtime import try_out
from underbudget.evaluation import Evaluation, evaluate, front_end_option, load_for

EXAMPLES = """\
  .venv/bin/python scripts/12_evaluate.py report/kws_a
  .venv/bin/python scripts/12_evaluate.py theirs.tflite.zlib --task keyword_spotting \\
      --front-end logmel:mel_bins=24,step=256 --labels down,stop,right,left,up,yes,no,go
  .venv/bin/python scripts/12_evaluate.py theirs.tflite --task forecasting \\
      --mean 9.107597,75.904076 --std 8.654228,16.557091"""
OPTIONS = {FORECASTING: ("mean", "std"), SPOTTING: ("front_end", "labels")}  # what they say stands on a card


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument(
        "file",
        type=artifact.model_path,
        help="a .tflite or .tflite.zlib file, or a name in models/, such as live/kws_a",
    )
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
    options.add_argument(
        "--std",
        type=partial(_pair, low=1e-9),
        metavar="T,RH",
        help="standard deviation of the two inputs, 1e-9 to 1e6 each",
    )
    options.add_argument("--json", action="store_true", help="print the figures as JSON, all of them")
    cli.add_sources(options)
    arguments = options.parse_args()
    with contextlib.redirect_stdout(sys.stderr):  # notices on the data: standard output has the figures alone
        result = _evaluate(arguments)
    print(json.dumps(result.to_dict()) if arguments.json else result)


def _evaluate(arguments: argparse.Namespace) -> Evaluation:
    """Test the file that is named, on the data that its card or the options name."""
    path: Path = arguments.file
    model = artifact.open_file(path, False if arguments.task else None)
    if model.card is None and arguments.task is None:
        name = artifact.card_path(path).name
        raise UserError(f"{path}: no card {name} beside it: say what it is with --task (see --help)")
    _refuse_unused(arguments, model.card)
    try_out(model.content, path.name)  # while this process has no threads
    sources = cli.sources(arguments)
    if model.card:
        return evaluate(path, load_for(model.card, sources))
    data = load_speech(sources) if arguments.task == SPOTTING else load_weather(sources)
    result = evaluate(
        path,
        data,
        card=False,
        front_end=arguments.front_end,
        labels=arguments.labels,
        normalisation=None if arguments.mean is None else (arguments.mean, arguments.std),
    )
    assumed = " ".join(_options(result.assumed))
    remark = [f"assumed, as no option says otherwise: {assumed}"] if assumed else []
    return replace(result, assumed={}, remarks=(*remark, *result.remarks))


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


def _options(assumed: Mapping[str, Any]) -> Iterator[str]:
    """Yield what was assumed as options that say it."""
    if "front_end" in assumed:
        yield f"--front-end {front_end_option(assumed['front_end'])}"
    if "labels" in assumed:
        yield f"--labels {','.join(assumed['labels'])}"
    if "normalisation" in assumed:
        mean, std = (",".join(f"{value:g}" for value in values) for values in assumed["normalisation"])
        yield f"--mean {mean} --std {std} (of the train split)"


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
