"""Test any TFLite file, whoever made it, on one split of the data, through the TFLite runtime."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from shlex import quote
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from underbudget.data.identity import SPLITS, Identity
from underbudget.data.sources import Sources, load_speech, load_weather
from underbudget.data.speech import BY_LISTS, BY_SPEAKER, LABELS, Speech
from underbudget.data.weather import INPUT_STEPS, OUTPUT_STEPS, Weather
from underbudget.device.artifact import SPOTTING, Card, CardChoice, File, open_file
from underbudget.device.errors import UserError
from underbudget.device.frontend import FrontEnd, Mfcc, to_dict
from underbudget.device.runtime import Model
from underbudget.metrics import KB, METRICS, in_words
from underbudget.progress import progress_bar
from underbudget.tasks import Task
from underbudget.tasks.forecasting import Forecasting, cut_for
from underbudget.tasks.spotting import Spotting


@dataclass(frozen=True)
class Evaluation:
    """What a file does on one split of the data.

    Attributes:
        file: its path.
        bytes, inflated_bytes: of the file as it is, and of the TFLite file in it.
        data: a description of them.
        split: the rule by which they were split.
        metrics: of a spotter: clips, correct, accuracy_pct, accuracy_pct_95, confusion; of a forecaster: windows, and
            t_mae_c and rh_mae_pct, each with its _95 and _by_step. _95: 95 % interval.
        last_reading: the same of repeating the last reading, for a forecaster.
        remarks: what makes the metrics doubtful.
        assumed: what nothing said of a file without a card, by the names of the arguments of `evaluate`.
        part: the split, such as "test".
    """

    file: str
    bytes: int
    inflated_bytes: int
    data: str
    split: str
    metrics: dict[str, Any]
    last_reading: dict[str, Any] | None
    remarks: tuple[str, ...]
    assumed: Mapping[str, Any] = field(default_factory=dict)
    part: str = "test"

    def to_dict(self) -> dict[str, Any]:
        """Return the evaluation as JSON takes it, with the metrics as its own keys; what was assumed is left out."""
        fields = asdict(self)
        del fields["assumed"], fields["part"]
        metrics, remarks, last = (fields.pop(name) for name in ("metrics", "remarks", "last_reading"))
        last = {"last_reading": last} if last else {}
        return {**fields, **metrics, **last, "remarks": list(remarks)}

    def __str__(self) -> str:
        """Return it for a person, in lines; to_dict has more figures."""
        metrics, count = self.metrics, "windows" if "windows" in self.metrics else "clips"
        rule = self.split.removeprefix("by ")  # own words' rules begin with it
        lines = [
            f"{self.file}: {self.bytes:,} bytes ({self.bytes / KB:.2f} kB of 1024 bytes, {self.bytes / 1000:.2f} of"
            " 1000)",
            f"on the {self.part} split of {self.data}, split by {rule}: {metrics[count]:,} {count}",
        ]
        for name in filter(metrics.__contains__, METRICS):
            lines.append(in_words(name, metrics, self.last_reading))
            if f"{name}_by_step" in metrics:
                steps = ", ".join(f"{error:.{METRICS[name].digits}f}" for error in metrics[f"{name}_by_step"])
                lines.append(f"  by step of 10 minutes: {steps}")
        if "confusion" in metrics:
            lines.append("confusion (one row per true word, in the model's order of labels):")
            lines += ["  " + " ".join(f"{n:4d}" for n in row) for row in metrics["confusion"]]
        if self.assumed:
            assumed = "; ".join(f"{name} {value}" for name, value in self.assumed.items())
            lines.append(f"note: assumed, as nothing says otherwise: {assumed}")
        return "\n".join([*lines, *(f"note: {remark}" for remark in self.remarks)])


def evaluate(
    file: File,
    data: Weather | Speech,
    split: str = "test",
    *,
    card: CardChoice = None,
    front_end: FrontEnd | None = None,
    labels: Sequence[str] | None = None,
    normalisation: tuple[ArrayLike, ArrayLike] | None = None,
) -> Evaluation:
    """Test a TFLite file on a split of the data, on which its card must not say that it was trained.

    A forecaster without a card may take and forecast any number of readings: the windows are cut so.

    Args:
        file: the path of a .tflite or .tflite.zlib file, or its bytes.
        data: what load_weather or load_speech returns.
        split: "train", "validation" or "test".
        card: its path (default: NAME.json beside the file, if there is one); False: leave the card aside.
        front_end: of a spotter without a card (default: Mfcc()).
        labels: of a spotter without a card, in the order of its outputs (default: the words of the data). Those that
            are none of the data's words are counted as wrong answers.
        normalisation: mean and standard deviation [2] of the inputs of a forecaster without a card, in °C and %
            (default: those of the train split).

    Raises:
        UserError: a bad file or card; a spotter was made from other clips, or a model from the same data in another
            split: it would be tested on what it was trained on; the model does not fit the data; an argument that
            the card, or the kind of model, leaves no use for.
    """
    if split not in SPLITS:
        raise UserError(f"split {split!r} is none of {', '.join(SPLITS)}")
    model = open_file(file, card)
    given = {"front_end": front_end, "labels": labels, "normalisation": normalisation}
    used = () if model.card else ("front_end", "labels") if isinstance(data, Speech) else ("normalisation",)
    for name in (name for name, value in given.items() if value is not None and name not in used):
        raise UserError(f"{name}: {'the card says it' if model.card else 'such a model has none'}: leave it out")
    remarks, assumed = [], {}
    task: Task
    if model.card is not None:
        task = prepare_for(model.card, data)
        if not is_made_from(model.card, data.identity):
            made_from = model.card.content["made_from"]["data"]["description"]
            remarks.append(
                f"these are other data than those of its card ({made_from}); whether it was trained on some of them is"
                " not known"
            )
    elif isinstance(data, Speech):
        task = Spotting(data, front_end or Mfcc(), None if labels is None else tuple(labels))
        assumed = {"front_end": Mfcc(), "labels": tuple(task.card()["labels"])}
    else:
        data = cut_for(Model(model.content, model.name), data)
        if (data.past, data.ahead) != (INPUT_STEPS, OUTPUT_STEPS):
            windows = f"windows of {data.past} readings and the next {data.ahead}, as the model has them"
            remarks.append(f"{windows}: compare with the last reading's errors here, not with models of other windows")
        mean, std = normalisation or (None, None)
        scaling = None if normalisation is None else (np.asarray(mean, np.float32), np.asarray(std, np.float32))
        task = Forecasting(data, scaling)
        assumed = {"normalisation": tuple(task.card()["normalisation"].values())}
    outputs = outputs_for(model.name, model.content, task, split)
    return Evaluation(
        model.name,
        len(model.data),
        len(model.content),
        task.identity.description,
        task.identity.split,
        task.metrics(outputs, split),
        task.last_reading_errors(split) if isinstance(task, Forecasting) else None,
        (*remarks, *task.remarks(outputs, split)),
        {name: value for name, value in assumed.items() if given[name] is None},
        split,
    )


def outputs_for(name: str, content: bytes, task: Task, split: str) -> NDArray[np.float32]:
    """Compute the outputs [n, *output_shape] of a TFLite file for a split of the task.

    Raises:
        UserError: the file does not fit the task.
    """
    inputs = task.inputs(split)
    with progress_bar(None, f"testing {name}", "inputs", len(inputs)) as progress:
        return Model(content, name).predict(inputs, progress.update)


def load_for(card: Card, sources: Sources) -> Weather | Speech:
    """Load the data that the model of a card was made from; a forecaster's may be others, a station's own.

    Raises:
        UserError: bad data, or none.
    """
    return load_weather(sources) if card.task != SPOTTING else load_speech(sources_for(card, sources))


def prepare_for(card: Card, data: Weather | Speech) -> Task:
    """Prepare the task as the model of a card was trained for it.

    A forecaster may be tested on other readings than it was made from, a station's own; see is_made_from.

    Raises:
        UserError: data of another kind; a spotter was made from other clips, or a model from the same data in another
            split: it would be tested on what it was trained on.
    """
    if isinstance(data, Weather) != (card.front_end is None):
        raise UserError(f"{card.name}: its card says {card.task}, so it can't be tested on {data.identity.description}")
    split = card.content["made_from"]["data"]["split"]
    if is_made_from(card, data.identity) and split != data.identity.split:
        raise UserError(
            f"{card.name}: it was made from these data split by {split}, which are split by {data.identity.split} here,"
            " so that training data would test it: for the course's lists, put kws_*_split.txt into DATA_MIRROR=folder"
        )
    if isinstance(data, Weather):
        return Forecasting(data, (np.asarray(card.mean, np.float32), np.asarray(card.std, np.float32)))
    assert card.front_end is not None  # see above
    if not is_made_from(card, data.identity):
        raise UserError(
            f"{card.name}: it was made from {card.content['made_from']['data']['description']}, these are"
            f" {data.identity.description}: give the data that it was made from; if none of these were among them, test"
            f" it without its card: card=False, or 12_evaluate.py --task {SPOTTING} --front-end"
            f" {front_end_option(card.front_end)} --labels {quote(','.join(card.labels))}"
        )
    return Spotting(data, card.front_end, card.labels)


def front_end_option(front_end: FrontEnd) -> str:
    """Return a front end as 12_evaluate.py takes it, such as logmel:frame=640,step=320."""
    fields = to_dict(front_end)
    kind = fields.pop("kind")
    return f"{kind}:{','.join(f'{name}={value:g}' for name, value in fields.items())}"


def sources_for(card: Card, sources: Sources) -> Sources:
    """Return the sources as they were for a spotter of this card: its kind of words, and its split."""
    split = card.content["made_from"]["data"]["split"]
    own = split not in (BY_LISTS, BY_SPEAKER) or sorted(card.words) != sorted(LABELS)
    return replace(sources, own_words=own, by_speaker=split == BY_SPEAKER)


def is_made_from(card: Card, identity: Identity) -> bool:
    """Tell whether a model was made from these data, in whatever split."""
    return bool(card.content["made_from"]["data"]["digest"] == identity.digest)
