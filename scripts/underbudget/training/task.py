"""The interface that the pipeline uses for both tasks."""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.data import own_words
from underbudget.data.identity import Identity
from underbudget.data.sources import DataSets, Sources, load_speech, load_weather
from underbudget.data.speech import BY_SPEAKER, LABELS
from underbudget.data.weather import Weather
from underbudget.device.artifact import Card
from underbudget.device.errors import UserError
from underbudget.recipes import Readings, Recipe
from underbudget.training.forecasting import NO_SCALING, Forecasting
from underbudget.training.spotting import Spotting

Array = NDArray[np.float32]


class Task(Protocol):
    """Data prepared for one model. Splits are "train", "validation" and "test"."""

    kind: str

    @property
    def identity(self) -> Identity: ...

    def card(self) -> dict[str, Any]:
        """Return what a card says of the model's inputs and outputs."""
        ...

    def train(self, recipe: Recipe, seed: int) -> keras.Model: ...

    def inputs(self, split: str) -> Array: ...

    def metrics(self, outputs: Array, split: str) -> dict[str, Any]:
        """Compute figures of the outputs for `inputs(split)`.

        Raises:
            UserError: outputs of another shape than the task's.
        """
        ...

    def remarks(self, outputs: Array, split: str) -> list[str]:
        """Say, a line each, what makes the figures of such outputs doubtful.

        Raises:
            UserError: as `metrics`.
        """
        ...

    def parity(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        """Compare TFLite's outputs with Keras': return what is compared, the distance, and the largest allowed."""
        ...


def prepare(recipe: Recipe, data: DataSets) -> Task:
    """Prepare the task with its data, as a recipe's model is trained for it."""
    if isinstance(data.main, Weather):
        assert isinstance(recipe.inputs, Readings)  # as every forecaster's are
        return Forecasting(data.main, None if recipe.inputs.standardised else NO_SCALING)
    assert not isinstance(recipe.inputs, Readings)
    return Spotting(data.main, recipe.inputs, other=data.other)


def prepare_for(card: Card, sources: Sources) -> Task:
    """Prepare the task as the model of a card was trained for it.

    A forecaster may be tested on other readings than it was made from, a station's own; see is_made_from.

    Raises:
        UserError: bad data, or none; a spotter was made from other clips, or a model from the same data in another
            split: it would be tested on what it was trained on.
    """
    if card.front_end is None:
        weather = load_weather(sources)
        _check_split(card, weather.identity)
        mean, std = (np.asarray(v, np.float32) for v in (card.mean, card.std))
        return Forecasting(weather, (mean, std))
    speech = load_speech(sources_for(card, sources))
    _check_split(card, speech.identity)
    if not is_made_from(card, speech.identity):
        raise UserError(
            f"{card.name}: it was made from {card.content['made_from']['data']['description']}, these are"
            f" {speech.identity.description}; which of them it was trained on is not known: give its own (SPEECH,"
            " DATA_MIRROR), or --task to test the file on these without its card"
        )
    return Spotting(speech, card.front_end, card.labels)


def sources_for(card: Card, sources: Sources) -> Sources:
    """Return the sources as they were for a spotter of this card: its kind of words, and its split."""
    split = card.content["made_from"]["data"]["split"]
    own = split.startswith((own_words.BY_FILE, own_words.BY_SPEAKER)) or sorted(card.words) != sorted(LABELS)
    return replace(sources, own_words=own, by_speaker=split == BY_SPEAKER)


def is_made_from(card: Card, identity: Identity) -> bool:
    """Tell whether a model was made from these data, in whatever split."""
    return bool(card.content["made_from"]["data"]["digest"] == identity.digest)


def _check_split(card: Card, identity: Identity) -> None:
    """Refuse the data that a model was made from in another split."""
    split = card.content["made_from"]["data"]["split"]
    if is_made_from(card, identity) and split != identity.split:
        raise UserError(
            f"{card.name}: it was made from these data split by {split}, which are split by {identity.split} here, so"
            " that training data would test it: for the course's lists, put kws_*_split.txt into DATA_MIRROR=folder"
        )
