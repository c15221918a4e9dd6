"""A published model: `NAME.tflite.zlib` and, beside it, its card `NAME.json`. Both are distrusted until checked."""

import hashlib
import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from device import frontend
from device.errors import UserError
from device.frontend import FrontEnd

LARGEST_MODEL = 1 << 26  # bytes, inflated; a limit against zlib bombs
FORECASTING, SPOTTING = "forecasting", "keyword_spotting"
CARD_FORMAT = 1


@dataclass(frozen=True)
class Card:
    """What later stages read about a model.

    Attributes:
        name: of the version, such as kws_a.
        task: FORECASTING or SPOTTING.
        sha256: of the compressed file.
        front_end: how sound becomes its input (spotters).
        labels: in the order of its outputs (spotters).
        mean, std: of each input column, for the z-score (forecasters).
        content: the whole card; the pipeline's own stages read the rest of it from here.
    """

    name: str
    task: str
    sha256: str
    front_end: FrontEnd | None
    labels: tuple[str, ...]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    content: dict[str, Any]


def read_card(path: Path) -> Card:
    """Read and check a card.

    Raises:
        UserError: missing, not JSON, or without what a card must say.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != CARD_FORMAT:
            raise UserError(f"{path}: card format {content['format']} is not {CARD_FORMAT}: update this project")
        task = content["task"]
        if task not in (FORECASTING, SPOTTING):
            raise UserError(f"{path}: task {task!r} is neither {FORECASTING} nor {SPOTTING}")
        spotter = task == SPOTTING
        return Card(
            name=str(content["name"]),
            task=task,
            sha256=str(content["file"]["sha256"]),
            front_end=frontend.from_dict(content["front_end"]) if spotter else None,
            labels=tuple(map(str, content["labels"])) if spotter else (),
            mean=() if spotter else tuple(map(float, content["normalisation"]["mean"])),
            std=() if spotter else tuple(map(float, content["normalisation"]["std"])),
            content=content,
        )
    except FileNotFoundError:
        raise UserError(f"{path}: no such card: make the model again") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"lacks {error}" if isinstance(error, KeyError) else error
        raise UserError(f"{path}: not a model card ({what}): make the model again") from None


def read_model(path: Path) -> bytes:
    """Read the TFLite file in `path`, which is plain or a zlib stream.

    Raises:
        UserError: missing, cut, too large when inflated, or not TFLite.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None
    return decode_model(data, str(path))


def decode_model(data: bytes, name: str) -> bytes:
    """Return the TFLite file in `data`; see read_model."""
    if data[4:8] != b"TFL3":
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(data, LARGEST_MODEL)
        except zlib.error:
            raise UserError(f"{name}: neither TFLite nor a zlib stream: fetch or make it again") from None
        if inflater.unconsumed_tail:
            raise UserError(f"{name}: more than {LARGEST_MODEL >> 20} MiB when inflated: this is no model for a Pi")
        if not inflater.eof:
            raise UserError(f"{name}: the zlib stream is cut short: fetch or make it again")
        if inflater.unused_data:
            raise UserError(f"{name}: {len(inflater.unused_data)} bytes follow the zlib stream: fetch or make it again")
    if data[4:8] != b"TFL3" or len(data) > LARGEST_MODEL:
        raise UserError(f"{name}: not a TFLite file: give a .tflite or .tflite.zlib file")
    return data


def load_file(path: Path) -> tuple[Card, bytes]:
    """Load the card and the TFLite file of `path`, a `NAME.tflite.zlib` with its card beside it; see load."""
    name, dot, suffix = path.name.partition(".")
    if dot + suffix != ".tflite.zlib":
        raise UserError(f"{path}: give a NAME.tflite.zlib that has its card NAME.json beside it")
    return load(path.parent, name)


def load(folder: Path, name: str) -> tuple[Card, bytes]:
    """Load the card and the TFLite file of a published model, checked against each other.

    Raises:
        UserError: either is bad, or the card belongs to another file.
    """
    card, path = read_card(folder / f"{name}.json"), folder / f"{name}.tflite.zlib"
    model = read_model(path)
    if hashlib.sha256(path.read_bytes()).hexdigest() != card.sha256:
        raise UserError(f"{path}: its card {name}.json describes another file (SHA-256 differs): make both again")
    return card, model
