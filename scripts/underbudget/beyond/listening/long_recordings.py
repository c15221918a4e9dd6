"""Long recordings with known contents, for a listener to be measured on: clips at random gaps, in noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy

from underbudget.device.audio import RATE, Audio
from underbudget.device.listen import LOUDNESS_BLOCK

FAINT = 3e-4  # of full scale: the noise of a quiet room, so that no gap is digital silence
LEAD = 2 * RATE  # samples before the first item: the listener learns the background from the first second
ACTIVE = 0.1  # of its loudest block: what is louder than that counts towards an item's level


@dataclass(frozen=True)
class LongRecording:
    """Sound [n] at 16 kHz, and the seconds at which each item begins and ends in it."""

    sound: Audio
    intervals: tuple[tuple[float, float], ...]

    @property
    def hours(self) -> float:
        """The time that the items take, without the gaps."""
        return sum(end - start for start, end in self.intervals) / 3600


def lay_out(
    items: Sequence[Audio],
    gap: tuple[float, float],
    seed: int,
    noises: Sequence[Audio] = (),
    snr_db: float | None = None,
) -> LongRecording:
    """Lay out items [any length] one after the other, in faint noise; of no items, faint noise alone.

    Args:
        gap: the seconds between two items, drawn evenly from this range.
        seed: of the gaps and of the faint noise.
        noises: recordings of noise [any length]; they are repeated end to end.
        snr_db: mix them in, so many decibels below the level of each item; None mixes nothing.
    """
    rng = np.random.default_rng(seed)
    gaps = (rng.uniform(*gap, len(items)) * RATE).astype(int)
    lengths = np.array([len(item) for item in items], int)
    starts = LEAD + np.cumsum(lengths + gaps) - (lengths + gaps)
    total = LEAD + int((lengths + gaps).sum()) + 2 * RATE  # so that the last item is played to its end
    sound = rng.normal(0, FAINT, total).astype(np.float32)
    for item, start in zip(items, starts, strict=True):
        sound[start : start + len(item)] += item
    ends = starts + lengths
    if snr_db is not None and noises and items:
        sound += _noise(noises, total) * _gain(items, starts, ends, total) * np.float32(10 ** (-snr_db / 20))
    return LongRecording(sound, tuple(zip((starts / RATE).tolist(), (ends / RATE).tolist(), strict=True)))


def in_room(sound: Audio, room: Audio) -> Audio:
    """Return sound [n] as it is heard in a room, given by its impulse response [m], as loud as before: [n + m - 1]."""
    played = scipy.signal.fftconvolve(sound, room)
    return np.asarray(played * (level(sound) / max(level(played), FAINT)), np.float32)


def level(sound: Audio) -> float:
    """Compute the root mean square of a sound's active blocks: silence around a word does not make it quieter."""
    whole = sound[: max(len(sound) // LOUDNESS_BLOCK, 1) * LOUDNESS_BLOCK]
    blocks = np.array([np.square(part).mean() for part in np.array_split(whole, max(len(whole) // LOUDNESS_BLOCK, 1))])
    return float(np.sqrt(blocks[blocks >= ACTIVE**2 * blocks.max()].mean()))


def _noise(noises: Sequence[Audio], samples: int) -> Audio:
    """Return noise [samples], each recording of which is scaled to a level of 1."""
    scaled = [noise / max(level(noise), FAINT) for noise in noises]
    return np.resize(np.concatenate(scaled), samples)


def _gain(items: Sequence[Audio], starts: Audio, ends: Audio, total: int) -> Audio:
    """Return the level [total] that noise of level 1 gets: an item's own level during it, a slow change between."""
    levels = np.log([max(level(item), 1e-5) for item in items])
    edges = np.stack([starts, ends], axis=1).ravel()
    # interpolated block by block: per sample it would take as much memory as the sound four times over
    blocks = np.interp(np.arange(0, total, LOUDNESS_BLOCK // 10), edges, np.repeat(levels, 2))
    return np.repeat(np.exp(blocks), LOUDNESS_BLOCK // 10)[:total].astype(np.float32)
