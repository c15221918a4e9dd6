"""Keras' own `fit`, by which our loop is checked: it is given what a recipe says, and the best epoch is kept."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from underbudget.data import synthetic
from underbudget.recipes import KerasFit
from underbudget.reproduction.studies import by_keras
from underbudget.tasks.spotting import Spotting
from underbudget.training import keras_fit, loop
from underbudget.versions.catalogue import VERSIONS


@pytest.mark.slow
def test_one_call_draws_another_order_in_each_epoch_and_the_best_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = by_keras(VERSIONS["kws_a"].recipes["report"])
    assert isinstance(recipe.fit, KerasFit)
    recipe = replace(recipe, fit=replace(recipe.fit, epochs=3, batch_size=8, learning_rate=3e-3))
    task = Spotting(synthetic.make_speech(24), recipe.inputs)  # type: ignore[arg-type]
    calls, orders = [], []
    whole = keras.Model.fit

    def watched(model: keras.Model, samples: Any, labels: Any, *arguments: Any, **options: Any) -> Any:
        calls.append(arguments)
        step = model.train_step

        def noted(data: Any) -> Any:
            orders.append(data[1].numpy())
            return step(data)

        model.run_eagerly, model.train_step = True, noted
        return whole(model, samples, labels, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    loop.seed_everything(1)
    model = keras_fit.train(task, recipe)
    assert len(calls) == 1
    epochs = np.array_split(np.concatenate(orders), 3)
    assert all(sorted(epoch) == sorted(task.truth("train")) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1])
    curve = model.history.history
    outputs = model.predict(task.inputs("validation"), verbose=0)
    accuracy = (outputs.argmax(axis=1) == task.truth("validation")).mean()
    assert accuracy == pytest.approx(max(curve["validation"]))
    assert len(curve["loss"]) == 3
