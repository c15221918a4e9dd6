"""The spotters' training by Keras' own `fit`: what our loop is checked by. It shares only the network with it."""

from typing import Any

import numpy as np
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.progress import progress_bar
from underbudget.recipes import KerasFit, Recipe
from underbudget.tasks.spotting import Spotting
from underbudget.training import loop


def train(task: Spotting, recipe: Recipe) -> keras.Model:
    """Train a network by a recipe, in one call of `fit`, with Keras' own validation after each epoch.

    One call alone: with a seed, each further one would draw the same order of the clips again.
    """
    fit = recipe.fit
    assert isinstance(fit, KerasFit) and fit.checkpoint == "best_validation"  # as the report's spotters
    model = recipe.network.create(task.front_end.shape, (len(task.labels),))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(fit.learning_rate), loss, ["accuracy"])
    samples, held_out = ((task.inputs(split), task.truth(split)) for split in ("train", "validation"))
    with progress_bar(None, "Keras' fit", "epoch", fit.epochs) as epochs:
        best = _Best(epochs)
        seen = model.fit(
            *samples, fit.batch_size, fit.epochs, verbose=0, callbacks=[best], validation_data=held_out
        ).history
    model.set_weights(best.weights)
    loop.keep_curve(model, {"loss": seen["loss"], "validation": seen["val_accuracy"]})
    return model


class _Best(keras.callbacks.Callback):
    """Keeps the weights of the first of the epochs with the best accuracy on validation data, and tells progress."""

    def __init__(self, epochs: Any) -> None:
        super().__init__()
        self._epochs, self._accuracy = epochs, -np.inf
        self.weights: list[NDArray[np.float32]] = []

    def on_epoch_end(self, epoch: int, logs: dict[str, float]) -> None:
        if logs["val_accuracy"] > self._accuracy:
            self._accuracy, self.weights = logs["val_accuracy"], self.model.get_weights()
        self._epochs.update()
        self._epochs.set_postfix({name: f"{value:.4g}" for name, value in logs.items()}, refresh=False)
