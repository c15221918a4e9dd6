"""Sounds that are no speech, from random numbers: noise of every colour, tones, and knocks."""

import numpy as np
from numpy.typing import NDArray

from underbudget.device.audio import RATE

PITCH = 6.3, 10.7  # powers of two: Hz of a tone at its beginning
GLIDE = 0.7  # octaves at most that half of the tones rise or fall
MOST_OVERTONES = 24


def coloured_noise(samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Generate noise [samples] of unit variance whose power falls as 1 / f^a, a between 0 (white) and 2 (brown)."""
    frequency = np.maximum(np.arange(samples // 2 + 1), 1)
    spectrum = rng.normal(size=(2, len(frequency))) / frequency ** (rng.uniform(0, 2) / 2)
    noise = np.fft.irfft(spectrum[0] + 1j * spectrum[1], samples)
    return (noise / noise.std()).astype(np.float32)


def tones(samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return one to three voices [samples] of level 1, each of tones that follow one another, as in music."""
    sound = np.zeros(samples)
    for _ in range(rng.integers(1, 4)):
        end = int(rng.integers(samples // 2))
        while end < samples:
            tone = _tone(int(rng.integers(RATE // 16, RATE)), rng)[: samples - end]
            sound[end : end + len(tone)] += tone
            end += len(tone)
    return (sound / sound.std()).astype(np.float32)


def knocks(samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Return one to six blows [samples] of level 1: noise of every colour, and perhaps a tone, which soon fade."""
    sound = np.zeros(samples)
    time = np.arange(samples) / RATE
    for _ in range(rng.integers(1, 7)):
        start = int(rng.integers(samples))
        fading = np.exp(-time * 10 ** rng.uniform(0.8, 2.5)) * 10 ** rng.uniform(-0.7, 0)
        ring = np.sin(2 * np.pi * 2 ** rng.uniform(*PITCH) * time) * rng.uniform(0, 3) * rng.integers(2)
        sound[start:] += ((coloured_noise(samples, rng) + ring) * fading)[: samples - start]
    return (sound / sound.std()).astype(np.float32)


def _tone(samples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return a tone [samples] with overtones, which fades, and perhaps glides."""
    time = np.arange(samples) / RATE
    glide = rng.uniform(-GLIDE, GLIDE) * rng.integers(2)
    pitch = 2 ** (rng.uniform(*PITCH) + glide * np.arange(samples) / samples)
    overtones = np.arange(1, max(2, min(MOST_OVERTONES, int(RATE / 2 / pitch.max()))))
    phases = np.cumsum(pitch) * (2 * np.pi / RATE) * overtones[:, None]
    amplitudes = overtones ** -rng.uniform(0.3, 2) * rng.uniform(0.2, 1, len(overtones))
    swell = np.minimum(1, time / rng.uniform(0.005, 0.1))
    return np.asarray(amplitudes @ np.sin(phases)) * swell * np.exp(-time * rng.uniform(0, 8))
