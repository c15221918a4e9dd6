"""What is wrong with a recording of a word, and which second of it has the word."""

import numpy as np

from underbudget.device.audio import RATE, Audio, fit

BLOCK = RATE // 50  # samples whose loudness is taken at once: a click fills few of them, a word many
SILENT, FAINT = 1e-4, 3e-3  # of full scale: with no louder sample it is silent; or so, if nothing stands out
FULL, FLAT_SAMPLES = 0.95, 10  # a clipped recording reaches full scale, and stays at its peak for so many samples
LEAST_BLOCKS = 10  # of what may be cut off: less is no word
LOUD_EDGE = 0.5  # of the loudest block: a recording that begins or ends so loud lacks a part of its word


def without_offset(sound: Audio) -> Audio:
    """Return a sound around zero: some microphones add a constant."""
    return sound - sound.mean(dtype=np.float64).astype(np.float32)


def is_silent(sound: Audio) -> bool:
    """Tell whether a sound without an offset has nothing in it: zeros, or the noise of a muted microphone."""
    loudness, peak = _loudness(sound), np.abs(sound).max()
    return bool(peak <= SILENT or (peak <= FAINT and loudness.max() <= 2 * np.median(loudness)))


def is_clipped(sound: Audio) -> bool:
    """Tell whether a sound was too loud for its recorder: its peaks are flat."""
    if np.abs(sound).max() < FULL:
        return False
    at_peak = (sound >= sound.max() - 1e-4) | (sound <= sound.min() + 1e-4)
    return int((at_peak[2:] & at_peak[1:-1] & at_peak[:-2]).sum()) >= FLAT_SAMPLES


def is_cut_off(sound: Audio) -> bool:
    """Tell whether the second that `loudest_second` takes of a sound begins or ends within the word."""
    loudness = _loudness(_around_loudest(sound))
    return len(loudness) >= LEAST_BLOCKS and bool(max(loudness[0], loudness[-1]) >= LOUD_EDGE * loudness.max())


def loudest_second(sound: Audio) -> Audio:
    """Return the second [16000] with the word in its middle; a shorter sound is padded at the end.

    The word is where most blocks stand out from the background: a click is louder, but it does not last.
    """
    return fit(_around_loudest(sound))


def _around_loudest(sound: Audio) -> Audio:
    if len(sound) <= RATE:
        return sound
    level = 20 * np.log10(_loudness(sound) + 1e-6)
    above = np.maximum(level - np.percentile(level, 30), 0)  # decibels
    total = np.concatenate([[0.0], np.cumsum(above)])
    blocks = min(RATE // BLOCK, len(above))
    start = int((total[blocks:] - total[:-blocks]).argmax())
    weights = above[start : start + blocks]
    middle = start + (weights * (np.arange(blocks) + 0.5)).sum() / weights.sum() if weights.any() else start
    at = min(max(0, round(middle * BLOCK) - RATE // 2), len(sound) - RATE)
    return sound[at : at + RATE]


def _loudness(sound: Audio) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the root mean square of each block; of the last one, as long as it is."""
    starts = np.arange(0, len(sound), BLOCK)
    lengths = np.minimum(BLOCK, len(sound) - starts)
    power = np.add.reduceat(np.square(sound, dtype=np.float64), starts) / lengths
    return np.asarray(np.sqrt(power))
