"""Sound as the models want it: one second, mono, 16 kHz, float32 in [-1, 1)."""

import math
import wave
from collections.abc import Callable
from functools import lru_cache
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from device.errors import UserError

RATE = 16_000  # Hz, of every clip and front end
FIX = "convert it with: sox in.wav -r 16000 -c 1 -b 16 out.wav"

Audio = NDArray[np.float32]


def read_wav(file: BinaryIO, name: str, longest: float = math.inf) -> Audio:
    """Read a PCM WAV file as mono float32 at 16 kHz; stereo is mixed, other rates are resampled.

    Args:
        file: the open file.
        name: what to call it in an error.
        longest: seconds; a longer file is refused.

    Raises:
        UserError: not a WAV, not integer PCM, empty, cut short, or too long.
    """
    try:
        with wave.open(file) as wav:
            channels, width, rate, frames = wav.getparams()[:4]
            if frames and rate and frames / rate > longest:
                raise UserError(f"{name}: {frames / rate:.2f} s long, at most {longest:g} s fits: trim it")
            data = wav.readframes(frames)
    except (wave.Error, EOFError, ZeroDivisionError) as error:
        raise UserError(f"{name}: not a PCM WAV file ({error or 'it ends too early'}); {FIX}") from None
    if not frames or not rate:
        raise UserError(f"{name}: the WAV file holds no sound: remove or replace it")
    if len(data) < frames * channels * width:
        raise UserError(f"{name}: the WAV file is cut short: fetch it again")
    samples = _to_float(data, width).reshape(-1, channels).mean(axis=1, dtype=np.float32)
    return resample(samples, rate, name)


def _to_float(data: bytes, width: int) -> Audio:
    """Convert integer PCM of `width` bytes per sample to float32 in [-1, 1)."""
    if width == 1:  # 8-bit WAV alone is unsigned
        return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = padded.tobytes(), 4
    return (np.frombuffer(data, f"<i{width}") / 2.0 ** (8 * width - 1)).astype(np.float32)


def fit(audio: Audio, samples: int = RATE) -> Audio:
    """Zero-pad at the end (as the course does) or cut to `samples`."""
    return np.pad(audio[:samples], (0, max(0, samples - len(audio))))


def resample(audio: Audio, rate: int, name: str = "audio") -> Audio:
    """Resample to 16 kHz.

    Raises:
        UserError: a rate with no small ratio to 16 kHz, such as 44,101 Hz.
    """
    return resampler(rate, len(audio), name)(audio)


def resampler(rate: int, samples: int, name: str = "audio") -> Callable[[Audio], Audio]:
    """Return a function from sound [samples] at `rate` to 16 kHz; its result is good until its next call.

    It owns its working memory, so each thread needs one of its own.

    Raises:
        UserError: as `resample`.
    """
    if rate == RATE:
        return lambda audio: audio
    up, down = (r // math.gcd(RATE, rate) for r in (RATE, rate))
    if max(up, down) > 1000:
        raise UserError(f"{name}: a sample rate of {rate} Hz is not supported; {FIX}")
    matrix, hop, reach = _polyphase(up, down)
    wanted = -(-samples * up // down)
    rows = -(-wanted // matrix.shape[1])
    padded = np.zeros(reach + samples + rows * hop + len(matrix), np.float32)
    overlapping = np.lib.stride_tricks.as_strided(
        padded, (rows, len(matrix)), (hop * padded.itemsize, padded.itemsize), writeable=False
    )
    windows = np.empty(overlapping.shape, np.float32)
    result = np.empty((rows, matrix.shape[1]), np.float32)

    def run(audio: Audio) -> Audio:
        padded[reach : reach + samples] = audio
        windows[...] = overlapping  # rows that overlap in memory keep numpy from calling BLAS
        return np.dot(windows, matrix, out=result).reshape(-1)[:wanted]

    return run


@lru_cache
def _polyphase(up: int, down: int) -> tuple[Audio, int, int]:
    """Return the whole polyphase filter bank as one matrix: a row of input with its context to a row of output.

    The filter is the one of SciPy's `resample_poly`: a sinc at the lower Nyquist rate, 10 zero crossings a
    side, under a Kaiser window with beta 5 (https://docs.scipy.org, scipy.signal.resample_poly). As a matrix
    product it runs at the speed of BLAS.

    Returns:
        The matrix [hop + 2 reach, outputs a row], the inputs a row, and the context on each side.
    """
    slower = max(up, down)
    half = 10 * slower
    taps = np.sinc(np.arange(-half, half + 1) / slower) * np.kaiser(2 * half + 1, 5.0)
    taps *= up / taps.sum()
    periods = max(1, 16 // up)  # a row long enough for BLAS to be worth its call
    reach = -(-half // up)
    hop, out = periods * down, periods * up
    # output n takes input m with the tap at distance n * down - m * up (both on the upsampled grid)
    inputs = np.arange(-reach, hop + reach)
    distance = np.arange(out)[None, :] * down - inputs[:, None] * up
    matrix = np.where(np.abs(distance) <= half, taps[np.clip(distance, -half, half) + half], 0)
    return matrix.astype(np.float32), hop, reach
