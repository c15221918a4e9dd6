"""From one second of sound to what a network sees: the course's STFT image and MFCC, in numpy.

Both equal their `tf.signal` counterparts to 1e-4 (see tests/test_frontend.py). Training uses this very code,
so a model is trained on what it will be given on the device.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device.audio import RATE, Audio
from device.errors import UserError

Features = NDArray[np.float32]


@dataclass(frozen=True)
class Stft:
    """Magnitude spectrogram, shrunk bilinearly to a small image (lengths in samples at 16 kHz)."""

    frame: int = 256
    step: int = 128
    height: int = 32
    width: int = 32

    @property
    def shape(self) -> tuple[int, int, int]:
        return self.height, self.width, 1


@dataclass(frozen=True)
class Mfcc:
    """Mel-frequency cepstral coefficients (lengths in samples at 16 kHz, frequencies in Hz)."""

    frame: int = 640
    step: int = 320
    mel_bins: int = 40
    low: float = 20.0
    high: float = 4000.0
    coefficients: int = 10

    @property
    def shape(self) -> tuple[int, int, int]:
        return _frame_count(self.frame, self.step), self.coefficients, 1


FrontEnd = Stft | Mfcc
KINDS: dict[str, type[FrontEnd]] = {"stft": Stft, "mfcc": Mfcc}


def to_dict(front_end: FrontEnd) -> dict[str, Any]:
    """What a card holds of a front end."""
    return {"kind": type(front_end).__name__.lower(), **front_end.__dict__}


def from_dict(fields: dict[str, Any]) -> FrontEnd:
    """The front end that a card names.

    Raises:
        UserError: an unknown kind or parameter, or a value out of range.
    """
    fields = dict(fields)
    kind = KINDS.get(fields.pop("kind", ""))
    try:
        if kind is None:
            raise TypeError("its kind is neither stft nor mfcc")
        front_end = kind(**fields)
        if not all(isinstance(v, int | float) and 0 < v <= RATE for v in fields.values()):
            raise TypeError("a value is out of range")
        if front_end.step > front_end.frame:
            raise TypeError("its step is longer than its frame")
    except TypeError as error:
        raise UserError(f"front end {fields}: {error}") from None
    return front_end


def features(front_end: FrontEnd, audio: Audio) -> Features:
    """Features of one second of 16 kHz audio.

    Args:
        audio: [..., 16000], any number of clips.

    Returns:
        [..., *front_end.shape].
    """
    return _stft(front_end, audio) if isinstance(front_end, Stft) else _mfcc(front_end, audio)


def _stft(p: Stft, audio: Audio) -> Features:
    """tf.signal.stft, magnitude, tf.image.resize(bilinear).

    An output pixel mixes two rows and two columns at most: only frames that reach the image are computed.
    """
    used, rows, columns = _resize(p)
    frames = _frames(audio, p.frame, p.step)[..., used, :] * _window(p.frame)
    image: Features = rows @ (np.abs(np.fft.rfft(frames)).astype(np.float32, copy=False) @ columns)
    return image[..., None]


def _mfcc(p: Mfcc, audio: Audio) -> Features:
    """tf.signal's stft, mel filter bank, log(x + 1e-6) and mfccs_from_log_mel_spectrograms."""
    mel, dct = _mel_and_dct(p)
    frames = _frames(audio, p.frame, p.step) * _window(p.frame)
    magnitude = np.abs(np.fft.rfft(frames)[..., : len(mel)]).astype(np.float32, copy=False)
    cepstrum: Features = np.log(magnitude @ mel + np.float32(1e-6)) @ dct
    return cepstrum[..., None]


def _frame_count(frame: int, step: int) -> int:
    return 1 + (RATE - frame) // step


def _frames(audio: Audio, frame: int, step: int) -> Audio:
    """Overlapping frames as a view: [..., frames, frame]."""
    return np.lib.stride_tricks.sliding_window_view(audio, frame, axis=-1)[..., ::step, :]


@lru_cache
def _window(length: int) -> Audio:
    """Periodic Hann window."""
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)


@lru_cache
def _resize(p: Stft) -> tuple[NDArray[np.intp], Features, Features]:
    """Bilinear resize as two matrices: the frames it reads, [height, those frames], [bins, width]."""
    rows = _bilinear(_frame_count(p.frame, p.step), p.height)
    used = np.flatnonzero(rows.any(axis=0))
    columns = _bilinear(p.frame // 2 + 1, p.width).T
    return used, np.ascontiguousarray(rows[:, used]), np.ascontiguousarray(columns)


def _bilinear(size: int, out: int) -> Features:
    """[out, size]: bilinear weights with half-pixel centres and no antialiasing, as tf.image.resize."""
    centre = (np.arange(out) + 0.5) * size / out - 0.5
    low = np.floor(centre)
    weights = np.zeros((out, size), np.float32)
    for offset, share in ((0, 1 - (centre - low)), (1, centre - low)):
        at = np.clip(low + offset, 0, size - 1).astype(int)
        np.add.at(weights, (np.arange(out), at), share.astype(np.float32))
    return weights


@lru_cache
def _mel_and_dct(p: Mfcc) -> tuple[Features, Features]:
    """HTK mel triangles [bins up to `high`, mel_bins] and the DCT-II [mel_bins, coefficients].

    mel(f) = 1127 ln(1 + f / 700); the DC bin belongs to no triangle; the DCT is scaled by 1 / sqrt(2 mel_bins)
    (tf.signal.linear_to_mel_weight_matrix and mfccs_from_log_mel_spectrograms).
    """

    def to_mel(hertz: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        return 1127.0 * np.log1p(hertz / 700.0)

    bins = to_mel(np.linspace(0, RATE / 2, p.frame // 2 + 1))[:, None]
    low, high = to_mel(np.array([p.low, p.high]))
    edges = np.linspace(low, high, p.mel_bins + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    mel = np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    mel[0] = 0
    mel = mel[: np.flatnonzero(mel.any(axis=1))[-1] + 1]
    angle = np.pi / p.mel_bins * (np.arange(p.mel_bins)[:, None] + 0.5) * np.arange(p.coefficients)
    dct = 2 * np.cos(angle) / np.sqrt(2 * p.mel_bins)
    return mel.astype(np.float32), dct.astype(np.float32)
