"""The interface that the pipeline uses for both tasks."""

from typing import Any, Protocol

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.data.identity import Identity
from underbudget.data.sources import DataSets
from underbudget.data.weather import Weather
from underbudget.recipes import Readings, Recipe
from underbudget.tasks.forecasting import NO_SCALING, Forecasting
from underbudget.tasks.spotting import Spotting

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

    def conversion_check(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        """Compare TFLite's outputs with Keras': return what is compared, the distance, and the largest allowed."""
        ...


def prepare(recipe: Recipe, data: DataSets) -> Task:
    """Prepare the task with its data, as a recipe's model is trained for it."""
    if isinstance(data.main, Weather):
        assert isinstance(recipe.inputs, Readings)  # as every forecaster's are
        return Forecasting(data.main, None if recipe.inputs.standardised else NO_SCALING)
    assert not isinstance(recipe.inputs, Readings)
    return Spotting(data.main, recipe.inputs, other=data.other)
