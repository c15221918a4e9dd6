"""Sound as the models want it: one second, mono, 16 kHz, float32 in [-1, 1]."""

import math
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import chain
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import ArrayLike, NDArray

from underbudget.device.errors import UserError
from underbudget.device.wav import FIX, read_mono

RATE = 16_000  # Hz, of every clip and front end
SAMPLE_RATE_RANGE = (
    4_000,
    768_000,
)  # Hz, of any recorder; a rate beyond is a damaged header, and 16 Hz would fill the memory
FULL_SCALE = 32768  # of 16-bit samples

Audio = NDArray[np.float32]


def read_wav(file: BinaryIO, name: str, longest: float = math.inf) -> Audio:
    """Read a WAV file as mono float32 at 16 kHz; channels are mixed, other rates are resampled.

    Args:
        file: the open file.
        name: what to call it in an error.
        longest: seconds; a longer file is refused.

    Raises:
        UserError: as `wav.read_mono` and `ratio`.
    """
    samples, rate = read_mono(file, name, longest)
    return resample(samples, rate, name)


def one_second(audio: ArrayLike) -> Audio:
    """Return one second [16000] of sound in [-1, 1] as float32.

    Raises:
        UserError: another length, integers, or a sample that is no finite number.
    """
    values = np.asarray(audio)
    if values.shape != (RATE,) or values.dtype.kind != "f" or not np.isfinite(values).all():
        raise UserError(
            f"one second of sound is {RATE} finite floats in [-1, 1], not {values.dtype} of shape {values.shape}:"
            " resample it to 16 kHz, cut or pad it, and divide 16-bit samples by 32768"
        )
    return values.astype(np.float32)


def to_float(samples: NDArray[np.int16]) -> Audio:
    """Return 16-bit samples as float32 in [-1, 1)."""
    return samples.astype(np.float32) / np.float32(FULL_SCALE)


def to_int16(audio: NDArray[np.floating[Any]]) -> NDArray[np.int16]:
    """Return sound in [-1, 1] as 16-bit samples, rounded."""
    return np.clip(np.round(audio * FULL_SCALE), -FULL_SCALE, FULL_SCALE - 1).astype(np.int16)


def fit(audio: Audio, samples: int = RATE) -> Audio:
    """Zero-pad at the end (as the course does) or cut to `samples`."""
    return np.pad(audio[:samples], (0, max(0, samples - len(audio))))


def resample(audio: Audio, rate: int, name: str = "audio") -> Audio:
    """Resample to 16 kHz.

    Raises:
        UserError: as `ratio`.
    """
    return resampler(rate, len(audio), name)(audio)


def ratio(rate: int, name: str) -> tuple[int, int]:
    """Return the ratio of 16 kHz to `rate` in lowest terms.

    Raises:
        UserError: a rate that no recorder has, or one with no small ratio to 16 kHz, such as 44,101 Hz.
    """
    up, down = (r // math.gcd(RATE, rate) for r in (RATE, rate))
    if not SAMPLE_RATE_RANGE[0] <= rate <= SAMPLE_RATE_RANGE[1] or max(up, down) > 1000:
        raise UserError(f"{name}: a sample rate of {rate} Hz is not supported; {FIX}")
    return up, down


def resampler(rate: int, samples: int, name: str = "audio") -> Callable[[Audio], Audio]:
    """Return a function from sound [samples] at `rate` to 16 kHz; its result is good until its next call.

    It owns its working memory, so each thread needs one of its own.

    Raises:
        UserError: as `ratio`.
    """
    if rate == RATE:
        return lambda audio: audio
    up, down = ratio(rate, name)
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


def resample_blocks(blocks: Iterable[Audio], rate: int, name: str = "audio") -> Iterator[Audio]:
    """Resample sound that comes in blocks [any length] to 16 kHz, as `resample` does the whole of it.

    Raises:
        UserError: as `ratio`.
    """
    if rate == RATE:
        yield from blocks
        return
    matrix, hop, reach = _polyphase(*ratio(rate, name))
    waiting: Audio = np.zeros(reach, np.float32)
    for block in chain(blocks, [np.zeros(reach + hop, np.float32)]):
        waiting = np.concatenate([waiting, block])
        rows = max(0, (len(waiting) - 2 * reach) // hop)
        if rows:
            windows = np.lib.stride_tricks.sliding_window_view(waiting, len(matrix))[: rows * hop : hop]
            yield np.dot(np.ascontiguousarray(windows), matrix).reshape(-1)
        waiting = waiting[rows * hop :]


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
