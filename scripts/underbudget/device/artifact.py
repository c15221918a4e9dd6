"""A published model: `NAME.tflite.zlib` and, beside it, its card `NAME.json`. Both are distrusted until checked."""

import hashlib
import json
import os
import re
import zlib
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from underbudget.device import checks, frontend
from underbudget.device.errors import UserError
from underbudget.device.frontend import FrontEnd
from underbudget.device.start import ROOT

MODEL_HELP = "NAME.tflite.zlib with its card NAME.json beside it, or a name in models/, such as improved/kws_a"
LARGEST_MODEL = 1 << 26  # bytes, inflated; a limit against zlib bombs
FORECASTING, SPOTTING = "forecasting", "keyword_spotting"
LARGEST_CARD = 1 << 20  # bytes
CARD_FORMAT = 2
READABLE = (1, CARD_FORMAT)  # the first had recipes of another form; what a device reads is the same
# of the figures on a card: how good a model is at its task, and what it takes
TASK_METRICS = {FORECASTING: ("t_mae_c", "rh_mae_pct"), SPOTTING: ("accuracy_pct",)}
COST_METRICS = ("size_kb", "inference_ms", "total_ms")
STEPS, COLUMNS = 6, 2  # of what a forecaster reads, and of what it puts out: degC and %

# The fields of a card. A card may say more.
COUNT = checks.whole(0, 10**12)
LINE = checks.text(longest=1000)
PERCENT = checks.number(0, 100)
ERROR = checks.number(0, 1e6)  # in degC or %
ERRORS = checks.each(ERROR, STEPS, STEPS)
SPOTTER_FIGURES = checks.record(
    clips=COUNT, correct=COUNT, accuracy_pct=PERCENT, accuracy_pct_95=checks.each(PERCENT, 2, 2)
)
FORECASTER_FIGURES = checks.record(
    windows=COUNT,
    t_mae_c=ERROR,
    t_mae_c_95=checks.optional(checks.each(ERROR, 2, 2)),
    t_mae_c_by_step=ERRORS,
    rh_mae_pct=ERROR,
    rh_mae_pct_95=checks.optional(checks.each(ERROR, 2, 2)),
    rh_mae_pct_by_step=ERRORS,
)
COMMON = checks.record(
    name=checks.text(longest=100),
    task=checks.one_of(FORECASTING, SPOTTING),
    file=checks.record(
        sha256=checks.text(64, "[0-9a-f]{64}"),
        **dict.fromkeys(("compressed_bytes", "slimmed_bytes", "converted_bytes", "converted_compressed_bytes"), COUNT),
    ),
    costs=checks.record(parameters=COUNT, macs=COUNT, peak_tensor_bytes=COUNT),
    sparsity=checks.number(0, 1),
    results=checks.each(
        checks.record(
            metric=checks.one_of(*TASK_METRICS[FORECASTING], *TASK_METRICS[SPOTTING], *COST_METRICS),
            limit=checks.number(0, 1e9),
            value=checks.optional(checks.number(0, 1e9)),
            met=checks.optional(checks.one_of(True, False)),
        ),
        least=0,
        most=100,
    ),
    made_from=checks.record(
        recipe_name=LINE,
        recipe=checks.record(),
        seed=checks.whole(0, 2**32 - 1),
        data=checks.record(source=LINE, description=LINE, digest=LINE, split=LINE),
    ),
    made_with=LINE,
    commit=checks.optional(LINE),
    wall_seconds=checks.number(0, 1e9),
    peak_memory_mib=COUNT,
)
SPOTTER = checks.record(
    front_end=checks.record(),  # see frontend.from_dict
    labels=checks.each(checks.text(longest=40, pattern=r"\S(.*\S)?"), least=2, most=1000),
    test=SPOTTER_FIGURES,
    validation=SPOTTER_FIGURES,
)
SENSITIVITIES = ("low", "middle", "high")  # of the listener: how readily a word is detected
SMOOTHING = {"smoothing": 0.48, "level_ratio": 3.0}  # of the listener, where a card names none: see listen.Settings
LISTENING = checks.record(  # spotters' cards may have it
    **dict.fromkeys(SENSITIVITIES, checks.number(0, 1)), **dict.fromkeys(SMOOTHING, checks.number(0, 1000))
)
FORECASTER = checks.record(
    normalisation=checks.record(
        mean=checks.each(checks.number(-1e6, 1e6), COLUMNS, COLUMNS),
        std=checks.each(checks.number(1e-9, 1e6), COLUMNS, COLUMNS),
    ),
    test=FORECASTER_FIGURES,
    validation=FORECASTER_FIGURES,
)


@dataclass(frozen=True)
class Card:
    """What later stages read about a model.

    Attributes:
        name: of the version, such as kws_a.
        task: FORECASTING or SPOTTING.
        sha256: of the compressed file.
        front_end: how sound becomes its input (spotters).
        labels: in the order of its outputs (spotters).
        thresholds: of the listener, by sensitivity, if it was measured (spotters).
        mean, std: of each input column, for the z-score (forecasters).
        content: the whole card; the pipeline's own stages read the rest of it from here.
    """

    name: str
    task: str
    sha256: str
    front_end: FrontEnd | None
    labels: tuple[str, ...]
    thresholds: dict[str, float]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    content: dict[str, Any]

    @property
    def words(self) -> tuple[str, ...]:
        """Return the labels that are words."""
        return tuple(label for label in self.labels if is_word(label))

    def standardise(self, readings: ArrayLike) -> NDArray[np.float32]:
        """Return the z-scores of readings [..., 2], which a forecaster takes in."""
        return z_score(readings, self.mean, self.std)


def is_word(label: str) -> bool:
    """Tell whether a label is a word; one that begins with "_" stands for anything else."""
    return not label.startswith("_")


def z_score(readings: ArrayLike, mean: ArrayLike, std: ArrayLike) -> NDArray[np.float32]:
    """Return readings [..., 2] less the mean of each column, divided by its deviation, all in float32."""
    values, mean, std = (np.asarray(each, np.float32) for each in (readings, mean, std))
    return (values - mean) / std


def read_card(path: Path) -> Card:
    """Read a card, and check every field that is ever used.

    Raises:
        UserError: missing, not JSON, or with a field that is missing, of another type, or out of range.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_CARD + 1)
        if len(data) > LARGEST_CARD:
            raise ValueError(f"it is longer than {LARGEST_CARD >> 20} MiB")
        content = json.loads(data.decode("utf-8"), parse_constant=_refuse)
        checks.record(format=checks.whole(0, 1_000_000))(content, "")
        if content["format"] not in READABLE:
            raise UserError(f"{path}: card format {content['format']} is not {CARD_FORMAT}: update this project")
        return _card(content)
    except FileNotFoundError:
        raise UserError(f"{path}: no such card: make the model again") from None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None
    except RecursionError:
        raise UserError(f"{path}: not a model card (it is nested too deep): make the model again") from None
    except ValueError as error:
        raise UserError(f"{path}: not a model card ({error}): make the model again") from None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _card(content: dict[str, Any]) -> Card:
    """Return the card with this content, or raise ValueError."""
    COMMON(content, "")
    if content["format"] == CARD_FORMAT:
        checks.record(conversion_check=checks.record(metric=LINE, difference=ERROR, tolerance=ERROR))(content, "")
        checks.record(network=checks.record(kind=LINE))(content["made_from"]["recipe"], "made_from.recipe")
    spotter = content["task"] == SPOTTING
    for parts in ("converted_parts_bytes", "slimmed_parts_bytes"):  # older cards have the second alone
        if parts in content["file"]:
            checks.record(weights=COUNT, structure=COUNT)(content["file"][parts], parts)
    (SPOTTER if spotter else FORECASTER)(content, "")
    for figures in () if spotter else ("t_c_90_by_step", "rh_pct_90_by_step"):  # which older cards lack
        if figures in content["validation"]:
            ERRORS(content["validation"][figures], f"validation.{figures}")
    labels = tuple(content["labels"]) if spotter else ()
    if len(set(labels)) < len(labels):
        raise ValueError(f"labels {', '.join(labels)}: one is there twice")
    if spotter:
        row = checks.each(COUNT, len(labels), len(labels))
        matrix = checks.record(confusion=checks.each(row, len(labels), len(labels)))
        checks.record(test=matrix, validation=matrix)(content, "")
        if not any(map(is_word, labels)):
            raise ValueError(f"labels {', '.join(labels)}: none of them is a word")
    return Card(
        name=content["name"],
        task=content["task"],
        sha256=content["file"]["sha256"],
        front_end=frontend.from_dict(content["front_end"]) if spotter else None,
        labels=labels,
        thresholds=_thresholds(content) if spotter else {},
        mean=() if spotter else tuple(map(float, content["normalisation"]["mean"])),
        std=() if spotter else tuple(map(float, content["normalisation"]["std"])),
        content=content,
    )


def _thresholds(content: dict[str, Any]) -> dict[str, float]:
    """Return the thresholds of the listener by sensitivity, none if the card has none, or raise ValueError."""
    if "listening" not in content:
        return {}
    if not isinstance(content["listening"], dict):
        raise ValueError(f"listening is {content['listening']!r}, not an object")
    LISTENING({**SMOOTHING, **content["listening"]}, "listening")
    thresholds = {sensitivity: float(content["listening"][sensitivity]) for sensitivity in SENSITIVITIES}
    if sorted(thresholds.values(), reverse=True) != list(thresholds.values()):
        raise ValueError(f"listening: thresholds {thresholds} do not fall from low to high sensitivity")
    return thresholds


def read_model(path: Path) -> bytes:
    """Read the TFLite file in `path`, which is plain or a zlib stream.

    Raises:
        UserError: missing, cut, too large when inflated, or not TFLite.
    """
    return decode_model(read_bytes(path), str(path))


def read_bytes(path: Path) -> bytes:
    """Read a model file as it is, up to a byte more than one may have.

    Raises:
        UserError: missing, or it can't be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(LARGEST_MODEL + 1)
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None


def decode_model(data: bytes, name: str) -> bytes:
    """Return the TFLite file in `data`; see read_model."""
    if data[4:8] != b"TFL3":
        inflater = zlib.decompressobj()
        try:
            data = inflater.decompress(data, LARGEST_MODEL)
        except zlib.error:
            raise UserError(
                f"{name}: neither TFLite nor a zlib stream of it: convert it to TFLite, or fetch it again"
            ) from None
        if inflater.unconsumed_tail:
            raise UserError(f"{name}: more than {LARGEST_MODEL >> 20} MiB when inflated: this is no model for a Pi")
        if not inflater.eof:
            raise UserError(f"{name}: the zlib stream is cut short: fetch or make it again")
        if inflater.unused_data:
            raise UserError(f"{name}: {len(inflater.unused_data)} bytes follow the zlib stream: fetch or make it again")
    if len(data) > LARGEST_MODEL:
        raise UserError(f"{name}: more than {LARGEST_MODEL >> 20} MiB: this is no model for a Pi")
    if data[4:8] != b"TFL3":
        raise UserError(f"{name}: not a TFLite file: give a .tflite or .tflite.zlib file")
    return data


def model_path(model: str) -> Path:
    """Return the file that a user means: a path, or the name of one in models/, such as improved/kws_a.

    Raises:
        UserError: there is none; those with names like it are said.
    """
    models, name = Path(os.path.relpath(ROOT / "models")), re.sub(r"(\.tflite\.zlib|\.json)$", "", model)
    paths = [Path(model), models / f"{name}.tflite.zlib", Path(f"{name}.tflite.zlib")]
    found = [path for path in paths if path.is_file() and path.suffix != ".json"]
    if found:
        return found[0]
    known = [str(path.relative_to(models))[: -len(".tflite.zlib")] for path in models.rglob("*.tflite.zlib")]
    names = ", ".join(get_close_matches(name, known))
    raise UserError(
        f"{model}: no such model{f' ({names}?)' if names else ''}: models/README.md lists ours; of your own, give the"
        " path of NAME.tflite.zlib, beside which its card NAME.json lies"
    )


def card_path(model: Path) -> Path:
    """Return where the card of a `NAME.tflite.zlib` or `NAME.tflite` is."""
    return model.with_name(model.name.removesuffix(".zlib").removesuffix(".tflite") + ".json")


File = str | Path | bytes  # the path of a .tflite or .tflite.zlib file, or what is in one
CardChoice = str | Path | Literal[False] | None  # its path; None: the one beside the file, if there is one; False: none


@dataclass(frozen=True)
class ModelFile:
    """A model file as it is, the TFLite file in it, and its card if it has one."""

    name: str
    data: bytes
    content: bytes
    card: Card | None


def open_file(file: File, card: CardChoice = None) -> ModelFile:
    """Open a model file, plain or compressed, whoever made it, with its card.

    Raises:
        UserError: either is bad, or the card belongs to another file.
    """
    if isinstance(file, bytes):
        name, data, beside = "the model", file, None
    else:
        path = Path(file)
        name, data, beside = str(path), read_bytes(path), card_path(path)
    content = decode_model(data, name)
    named = Path(card) if isinstance(card, str | Path) else None if card is False else beside
    if named is None or (card is None and not named.exists()):
        return ModelFile(name, data, content, None)
    found = read_card(named)
    if hashlib.sha256(data).hexdigest() != found.sha256:
        raise UserError(
            f"{name}: the card {named.name} beside it describes another file (SHA-256 differs): use this one without"
            f" the card: card=False, or --task {found.task} of 12_evaluate.py"
        )
    return ModelFile(name, data, content, found)


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
    data = read_bytes(path)
    if hashlib.sha256(data).hexdigest() != card.sha256:
        raise UserError(f"{path}: its card {name}.json describes another file (SHA-256 differs): make both again")
    return card, decode_model(data, str(path))
