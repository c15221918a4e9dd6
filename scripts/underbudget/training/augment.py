"""Changed copies of the training clips, and windows of other sounds, made once per front end and kept as features."""

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import asdict, replace
from pathlib import Path
from threading import Event

import numpy as np
from numpy.typing import NDArray

from underbudget import files
from underbudget.data.identity import Identity
from underbudget.data.other_sounds import OtherSounds
from underbudget.data.speech import Speech
from underbudget.device.artifact import SPOTTING
from underbudget.device.audio import RATE, Audio
from underbudget.device.frontend import FrontEnd, extractor, to_dict
from underbudget.progress import progress_bar
from underbudget.recipes import ARITHMETIC, Augmentation
from underbudget.training.surroundings import Surroundings, half_coded
from underbudget.training.unknown import DRAWN, OtherSeconds

HalfFeatures = NDArray[np.float16]
Draw = Callable[[np.random.Generator], Iterator[Audio]]  # the clips of a copy
NOISES = 64  # noises, of two seconds each, a copy
LOUD_ENOUGH = 1e-4  # of a full scale of 1: noise for clips that are silent


def augmented_features(
    speech: Speech, front_end: FrontEnd, augmentation: Augmentation, other: OtherSounds | None = None
) -> Iterator[HalfFeatures]:
    """Compute features of changed training clips; yield those [clips, *front_end.shape] of each copy.

    With other sounds, the clips are heard as these are: in their rooms and noise, half of them through their codec.

    They are kept in data/, and made again when the clips, the front end, the changes or the arithmetic are others. Half
    precision holds them to 1e-3, far below what the changes themselves do.
    """

    def prepare() -> Draw:
        if other is None:
            return lambda _: speech.clips("train")
        coded = half_coded(list(speech.clips("train")))
        return lambda _: iter(coded)

    return _features(prepare, len(speech.labels("train")), speech.identity, front_end, augmentation, speech, other)


def other_features(
    other: OtherSounds, speech: Speech, front_end: FrontEnd, augmentation: Augmentation, count: int
) -> Iterator[HalfFeatures]:
    """Compute features of random seconds of other sounds, changed as clips are; yield [count, …] of each copy.

    Some are of pieces of the training clips.

    They are kept as those of the clips are; each copy has other seconds.
    """

    def prepare() -> Draw:
        seconds = OtherSeconds(list(other.recordings("train")), list(speech.clips("train")))
        return lambda rng: (seconds.draw(rng) for _ in range(count))

    return _features(prepare, count, other.identity, front_end, augmentation, speech, other)


def _features(
    prepare: Callable[[], Draw],
    count: int,
    identity: Identity,
    front_end: FrontEnd,
    augmentation: Augmentation,
    speech: Speech,
    other: OtherSounds | None,
) -> Iterator[HalfFeatures]:
    """Yield the kept features of changed clips, or make them of `count` clips for each copy.

    Args:
        prepare: called only if there are no features yet: the clips take 400 MB.
    """
    on_clips = replace(augmentation, time_mask=0, band_mask=0, mixup=0.0)  # these are drawn again in each epoch
    made_from = [
        to_dict(front_end),
        asdict(on_clips),
        count,
        identity.digest,
        identity.split,
        ARITHMETIC[SPOTTING],
        *([other.identity.digest, speech.identity.digest, speech.identity.split, DRAWN] if other else []),
    ]
    key = hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:16]
    path = files.DATA / ("synthetic" if identity.synthetic else "real") / f"augmented-{key}.npy"
    lock = path.with_suffix(".lock")
    if not path.exists():
        with files.alone(lock, "computes"):
            if not path.exists():  # another run may have made it meanwhile
                _make_features(path, prepare(), count, front_end, augmentation, Surroundings(other))
            lock.unlink(missing_ok=True)  # who waits for it, or comes now, finds the features
    # mapped for one copy at a time: what is read of a mapped file counts as this process's memory
    return (np.array(np.load(path, mmap_mode="r")[number]) for number in range(augmentation.copies))


def _make_features(
    path: Path,
    draw: Draw,
    count: int,
    front_end: FrontEnd,
    augmentation: Augmentation,
    surroundings: Surroundings,
) -> None:
    features = np.empty((augmentation.copies, count, *front_end.shape), np.float16)
    stopped = Event()  # so that neither Ctrl-C nor an error waits for the other copies

    def make(number: int) -> None:
        if stopped.is_set():
            return
        extract = extractor(front_end)  # one for each thread: it keeps its arrays
        rng = np.random.default_rng([count, number * count])  # never from the bar, which may be disabled
        noises = np.stack([surroundings.noise(2 * RATE, rng) for _ in range(NOISES)])
        for row, clip in zip(features[number], draw(rng), strict=True):
            if stopped.is_set():
                return
            row[...] = extract(augment_clip(surroundings.play(clip, rng), augmentation, noises, rng))
            progress.update()

    bar = progress_bar(None, "augmenting", "clips", augmentation.copies * count)
    with bar as progress, ThreadPoolExecutor(os.cpu_count()) as pool:  # numpy computes outside of Python's lock
        copies = [pool.submit(make, number) for number in range(augmentation.copies)]
        try:
            wait(copies, return_when=FIRST_EXCEPTION)
        finally:
            stopped.set()
        for copy in copies:
            copy.result()
    with files.atomic_write(path) as partial, partial.open("wb") as out:
        np.save(out, features)


def augment_clip(
    clip: Audio, augmentation: Augmentation, noises: NDArray[np.float32], rng: np.random.Generator
) -> Audio:
    """Change a clip [n]: speed around its middle, shift, noise of `noises` [k, > n], loudness."""
    samples = len(clip)
    speed = rng.uniform(*augmentation.speed)
    shift = rng.uniform(-1, 1) * augmentation.shift_s * RATE
    middle = (samples - 1) / 2
    at = (np.arange(samples) - middle) * speed + middle + shift
    sound = np.interp(at, np.arange(samples), clip, left=0, right=0)
    start = rng.integers(noises.shape[1] - samples)
    noise = noises[rng.integers(len(noises)), start : start + samples]
    sound += noise * (sound.std() + LOUD_ENOUGH) * _amplitude(-rng.uniform(*augmentation.noise_db))
    return (sound * _amplitude(rng.uniform(-1, 1) * augmentation.gain_db)).astype(np.float32)


def _amplitude(decibel: float) -> float:
    return float(10 ** (decibel / 20))
