"""Noise of every colour."""

import numpy as np
from numpy.typing import NDArray


def coloured_noise(samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Generate noise [samples] of unit variance whose power falls as 1 / f^a, a between 0 (white) and 2 (brown)."""
    frequency = np.maximum(np.arange(samples // 2 + 1), 1)
    spectrum = rng.normal(size=(2, len(frequency))) / frequency ** (rng.uniform(0, 2) / 2)
    noise = np.fft.irfft(spectrum[0] + 1j * spectrum[1], samples)
    return (noise / noise.std()).astype(np.float32)
