"""The interface that the pipeline uses for both tasks."""

from dataclasses import replace
from typing import Any, Protocol

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from device.artifact import Card
from pipeline.data.identity import Identity
from pipeline.data.sources import DataSets, Sources, load_speech, load_weather
from pipeline.data.speech import LABELS
from pipeline.data.weather import Weather
from pipeline.recipe import Recipe
from pipeline.train.forecasting import NO_SCALING, Forecasting
from pipeline.train.spotting import Spotting

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

    def parity(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        """Compare TFLite's outputs with Keras': return what is compared, the distance, and the largest allowed."""
        ...


def prepare(recipe: Recipe, data: DataSets) -> Task:
    """Prepare the task with its data, as a recipe's model is trained for it."""
    if isinstance(data.main, Weather):
        return Forecasting(data.main, None if recipe.normalise else NO_SCALING)
    assert recipe.front_end is not None  # every spotter's recipe names one
    return Spotting(data.main, recipe.front_end, other=data.other)


def prepare_for(card: Card, sources: Sources) -> Task:
    """Prepare the task as the model of a card was trained for it.

    Raises:
        UserError: bad data, or none.
    """
    if card.front_end is None:
        mean, std = (np.asarray(v, np.float32) for v in (card.mean, card.std))
        return Forecasting(load_weather(sources), (mean, std))
    own = sorted(card.words) != sorted(LABELS)
    return Spotting(load_speech(replace(sources, own_words=own)), card.front_end, card.labels)
