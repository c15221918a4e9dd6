"""The spotters' training by Keras' own `fit`: what our loop is checked by. It shares only the network with it."""

import numpy as np
import tf_keras as keras

from underbudget.progress import progress_bar
from underbudget.recipes import KerasFit, Recipe
from underbudget.tasks.spotting import Spotting
from underbudget.training import loop


def train(task: Spotting, recipe: Recipe) -> keras.Model:
    """Train a network by a recipe, one call of `fit` per epoch, with Keras' own validation after each."""
    fit = recipe.fit
    assert isinstance(fit, KerasFit) and fit.checkpoint == "best_validation"  # as the report's spotters
    model = recipe.network.create(task.front_end.shape, (len(task.labels),))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(fit.learning_rate), loss, ["accuracy"])
    samples, held_out = ((task.inputs(split), task.truth(split)) for split in ("train", "validation"))
    best, weights = -np.inf, model.get_weights()
    curve: dict[str, list[float]] = {"loss": [], "validation": []}
    with progress_bar(range(fit.epochs), "Keras' fit", "epoch") as epochs:
        for epoch in epochs:
            seen = model.fit(
                *samples, fit.batch_size, epoch + 1, verbose=0, initial_epoch=epoch, validation_data=held_out
            ).history
            curve["loss"] += seen["loss"]
            curve["validation"] += seen["val_accuracy"]
            if curve["validation"][-1] > best:  # the first of equals
                best, weights = curve["validation"][-1], model.get_weights()
            epochs.set_postfix({name: f"{value[0]:.4g}" for name, value in seen.items()}, refresh=False)
    model.set_weights(weights)
    loop.keep_curve(model, curve)
    return model
