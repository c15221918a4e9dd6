"""Make each kind of model by a few steps on generated data and print a digest of its file, one line per model.

Run by test_equal_bits.py on this processor and on emulated ones.
"""

from pipeline import files  # first: it says how numpy computes

# isort: split
import hashlib
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from pipeline import build
from pipeline.data.identity import Identity
from pipeline.data.speech import LABELS, Speech
from pipeline.data.synthetic import make_weather
from pipeline.recipe import QAT, Augmentation
from pipeline.train.forecasting import Forecasting
from pipeline.train.spotting import Spotting
from pipeline.versions.catalogue import VERSIONS

CLIPS = 80  # 48 of them to train with


def noise() -> Speech:
    """Clips of noise: no word in it, but arithmetic like any other."""
    rng = np.random.default_rng(0)
    audio = (rng.normal(size=(CLIPS, 16000)) * rng.uniform(10, 5000, (CLIPS, 1))).clip(-32768, 32767).astype(np.int16)
    label = np.arange(CLIPS, dtype=np.int32) % len(LABELS)
    split = np.repeat(np.array([0, 0, 0, 1, 2], np.int8), CLIPS // 5)
    identity = Identity("synthetic", "noise", "noise", "by fifths")
    return Speech(audio, label, split, np.array([f"{i}" for i in range(CLIPS)]), identity)


def main() -> None:
    speech = noise()
    weather = make_weather(3000)
    for version, recipe in [(v, r) for v in VERSIONS.values() for r in ("report", "improved")]:
        chosen = version.recipes[recipe]
        short = replace(
            chosen,
            epochs=1,
            batch_size=min(chosen.batch_size, 48) if chosen.front_end else chosen.batch_size,
            qat=QAT(step=0.5, epochs=1) if chosen.qat else None,
            augmentation=Augmentation(copies=1, mixup=0.2) if chosen.augmentation else None,
        )
        task = Spotting(speech, short.front_end) if short.front_end else Forecasting(weather)
        made = build.make(short, task, 22, version.name)
        print(recipe, version.name, hashlib.sha256(made.compressed).hexdigest(), flush=True)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        files.DATA = Path(folder)  # features are kept there: none from before are to be used
        main()
