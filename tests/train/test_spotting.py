"""The keyword task: what it holds while a network is trained."""

import weakref
from typing import Any

import numpy as np
import pytest

from device.frontend import Mfcc, extractor
from pipeline.data import synthetic
from pipeline.train import loop
from pipeline.train.spotting import Spotting
from pipeline.versions.catalogue import VERSIONS


def test_samples_are_not_held_during_training(monkeypatch: pytest.MonkeyPatch) -> None:
    speech = synthetic.make_speech(40)
    extract = extractor(Mfcc())
    expected = {split: [extract(clip) for clip in speech.clips(split)] for split in ("validation", "test")}
    samples = weakref.ref(speech.audio)
    task = Spotting(speech, Mfcc())
    del speech

    def fit(*_: Any) -> None:
        assert samples() is None

    monkeypatch.setattr(loop, "fit", fit)
    recipe = VERSIONS["kws_a"].recipes["report"]
    for _ in range(2):
        task.train(recipe, 1)
    for split, features in expected.items():
        assert np.array_equal(task.inputs(split), features)
