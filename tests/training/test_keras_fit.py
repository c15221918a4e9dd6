"""Keras' own `fit`, by which our loop is checked: it is given what a recipe says, and the best epoch is kept."""

from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from underbudget.data.identity import Identity
from underbudget.data.speech import LABELS, Speech
from underbudget.device.frontend import Mfcc
from underbudget.reproduction.studies import by_keras
from underbudget.tasks.spotting import Spotting
from underbudget.training import loop
from underbudget.training.spotting import train
from underbudget.versions.catalogue import VERSIONS


def tones() -> Spotting:
    """Tones of eight pitches, three clips of each in each split."""
    label = np.tile(np.arange(8, dtype=np.int32), 9)
    pitch = 300.0 * (1 + label[:, None]) * np.arange(16000) / 16000
    audio = (8000 * np.sin(2 * np.pi * pitch)).astype(np.int16)
    split = np.repeat(np.array([0, 1, 2], np.int8), 24)
    names = np.array([f"{LABELS[i]}/{n}.wav" for n, i in enumerate(label)])
    return Spotting(Speech(audio, label, split, names, Identity("local", "tones", "", "")), Mfcc())


def test_the_epoch_that_validation_chooses_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it learns: the tones can be told apart after some epochs."""
    seen: list[tuple[float, list[Any]]] = []
    fit = keras.Model.fit

    def watched(model: keras.Model, *arguments: Any, callbacks: list[Any], **options: Any) -> Any:
        def note(_: int, logs: dict[str, float]) -> None:
            seen.append((logs["val_accuracy"], model.get_weights()))

        watching = [*callbacks, keras.callbacks.LambdaCallback(on_epoch_end=note)]
        return fit(model, *arguments, callbacks=watching, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    loop.seed_everything(1)
    recipe = by_keras(VERSIONS["kws_a"].recipes["report"].refitted(epochs=12, batch_size=8))
    model = train(tones(), recipe, 1)
    best = max(score for score, _ in seen)
    assert best > 0.5
    assert model.history.history["validation"] == [score for score, _ in seen]
    kept = next(weights for score, weights in seen if score == best)
    for mine, theirs in zip(model.get_weights(), kept, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_each_epoch_has_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a seed, a call of `fit` for each epoch would draw the same one again."""
    orders: list[Any] = []
    fit = keras.Model.fit

    def watched(model: keras.Model, *arguments: Any, **options: Any) -> Any:
        step = model.train_step

        def noted(data: Any) -> Any:
            orders.append(data[1].numpy())
            return step(data)

        model.run_eagerly, model.train_step = True, noted
        return fit(model, *arguments, **options)

    monkeypatch.setattr(keras.Model, "fit", watched)
    loop.seed_everything(1)
    task = tones()
    train(task, by_keras(VERSIONS["kws_a"].recipes["report"].refitted(epochs=3, batch_size=8)), 1)
    epochs = np.split(np.concatenate(orders), 3)
    assert all(sorted(epoch) == sorted(task.truth("train")) for epoch in epochs)
    assert not np.array_equal(epochs[0], epochs[1]) and not np.array_equal(epochs[1], epochs[2])
