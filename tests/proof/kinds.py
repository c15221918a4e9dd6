"""Short trainings of each kind of model, and what they rest on, each as a SHA-256 sum.

The same seed gives the same bytes on every processor, so a change of the code that is meant to change no model is
proved to change none: by `make check`, which compares these sums with sums.json. A sum that was meant to change is
written anew with `.venv/bin/python tests/proof/kinds.py > tests/proof/sums.json`.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
import hashlib
import json
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget import files
from underbudget.data.identity import SPLITS, Identity
from underbudget.data.other_sounds import from_sounds
from underbudget.data.speech import LABELS, Speech, by_speaker, split_clips
from underbudget.data.synthetic import make_weather
from underbudget.data.weather import Weather
from underbudget.device.frontend import FrontEnd, LogMel, Mfcc, Stft, extractor
from underbudget.networks import Network
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import Pruning, RateDistortion, Readings, Recipe
from underbudget.versions.catalogue import VERSIONS

CLIPS, TRAINING_CLIPS = 60, 36
ROWS, TRAINING_WINDOWS = 3015, 2088  # windows of the train split, with the gap in it
Samples = NDArray[np.int16]


def digest(*parts: bytes | NDArray[np.generic]) -> str:
    """Return the SHA-256 sum of files and arrays."""
    sums = hashlib.sha256()
    for part in parts:
        sums.update(part if isinstance(part, bytes) else np.ascontiguousarray(part).tobytes())
    return sums.hexdigest()


def noise(count: int, seed: int) -> Samples:
    """Return clips [count, 16000] of noise: no word in it, but arithmetic like any other."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(count, 16000)) * rng.uniform(10, 5000, (count, 1))).clip(-32768, 32767).astype(np.int16)


def clips() -> Speech:
    """Return clips of noise, each by a speaker of its own, in fifths: three to train with."""
    label = np.arange(CLIPS, dtype=np.int32) % len(LABELS)
    split = np.repeat(np.array([0, 0, 0, 1, 2], np.int8), CLIPS // 5)
    names = np.array([f"{LABELS[at]}/{i:08x}_nohash_0.wav" for i, at in enumerate(label)])
    return Speech(noise(CLIPS, 0), label, split, names, Identity("synthetic", "noise", "noise", "by fifths"))


def gapped() -> Weather:
    """Return weather with a gap and a change of split, over which no window may reach."""
    weather = make_weather(ROWS)
    time = weather.time.copy()
    time[1000:] += np.timedelta64(60, "m")
    return replace(weather, time=time)


def windows() -> str:
    """Where windows start, in each split."""
    weather = gapped()
    return digest(*(weather.windows(split) for split in SPLITS), weather.inputs("test"), weather.targets("test"))


def splits() -> str:
    """How clips are split by their speaker."""
    names = [f"yes/{i:08x}_nohash_{i % 3}.wav" for i in range(0, 2**20, 2**10)]
    return digest(np.array(split_clips(names, None)[0], np.int8), by_speaker(clips()).split)


def features(front_end: FrontEnd) -> str:
    """What a network sees of clips."""
    extract = extractor(front_end)
    return digest(*(extract(clip) for clip in clips().clips("test")))


def model(recipe: Recipe, other: bool = False) -> str:
    """Train a model by a recipe, shrink it as the recipe says, and return the sum of the file."""
    from underbudget import build
    from underbudget.data.sources import DataSets
    from underbudget.tasks import prepare

    kinds = ("speech", "noise")
    sounds = {f"{kind}/{i}.wav": sound for kind in kinds for i, sound in enumerate(noise(10, len(kind)))}
    further = from_sounds(sounds, "made", "noise") if other else None
    task = prepare(recipe, DataSets(gapped() if isinstance(recipe.inputs, Readings) else clips(), further))
    return digest(build.make(recipe, task, 22, "a short training").compressed)


def _recipe(recipe: str, version: str, network: Network | None = None, **fit: object) -> Recipe:
    """Return a published recipe, for a few steps; its batches leave no rest, which XLA would compile again."""
    long = VERSIONS[version].recipes[recipe]
    long = replace(long, network=network or long.network)
    if isinstance(long.fit, RateDistortion):
        return long.refitted(**fit)
    short: dict[str, Any] = {
        "epochs": 2,
        "batch_size": TRAINING_WINDOWS // 4 if isinstance(long.inputs, Readings) else TRAINING_CLIPS // 2,
        "qat": replace(long.fit.qat, epochs=1) if long.fit.qat else None,
        "augmentation": replace(long.fit.augmentation, copies=2) if long.fit.augmentation else None,
    }
    return long.refitted(**{**short, **fit})


SHORT_PRUNING = {final: Pruning(final, begin_epoch=0, end_epoch=1) for final in (0.9, 0.78)}
KINDS: dict[str, Callable[[], str]] = {
    "windows": windows,
    "splits": splits,
    "features: MFCC": partial(features, Mfcc()),
    "features: STFT": partial(features, Stft()),
    "features: log mel": partial(features, LogMel(mel_bins=24)),
    "dense, pruned": lambda: model(_recipe("report", "th_a", pruning=SHORT_PRUNING[0.9])),
    "CNN, pruned": lambda: model(_recipe("report", "th_b", pruning=SHORT_PRUNING[0.78])),
    "residual MLP, quantisation-aware": lambda: model(_recipe("improved", "th_a")),
    "linear, by rate and distortion": lambda: model(_recipe("improved", "th_b", error_per_byte=1e-3)),
    "DS-CNN, float": lambda: model(_recipe("report", "kws_b", DsCnn(width=0.03, strides=(2, 1)))),
    "DS-CNN, quantised": lambda: model(_recipe("report", "kws_c", DsCnn(width=0.13))),
    "DS-TC-ResNet with a stem, quantisation-aware": lambda: model(
        _recipe("improved", "kws_a", DsTcResnet(filters=8, stem=(3, 4), blocks=(1, 1)))
    ),
    "DS-TC-ResNet with a further class": lambda: model(
        _recipe("live", "kws_a", DsTcResnet(filters=8, blocks=(1, 1))), other=True
    ),
}


def main() -> None:
    """Print all sums as JSON."""
    with tempfile.TemporaryDirectory() as folder:
        files.DATA = Path(folder)  # features are kept there: none from before are to be used
        print(json.dumps({name: kind() for name, kind in KINDS.items()}, indent=1))


if __name__ == "__main__":
    main()
