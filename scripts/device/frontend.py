"""From one second of sound to what a network sees: the course's STFT image and MFCC, in numpy.

Both equal their `tf.signal` counterparts to 1e-4 (see tests/test_frontend.py). Training uses this very code,
so a model is trained on what it will be given on the device.
"""

from collections.abc import Callable
from dataclasses import dataclass
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
Extract = Callable[[Audio], Features]
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


def extractor(front_end: FrontEnd) -> Extract:
    """A function from one second of 16 kHz audio [16000] to features [*front_end.shape].

    It owns its working memory, so each thread needs one of its own. The Fourier transform is in float64: quiet
    frames, whose logarithm is steep, need it, and it costs next to nothing.
    """
    return _stft_extractor(front_end) if isinstance(front_end, Stft) else _mfcc_extractor(front_end)


def _stft_extractor(p: Stft) -> Extract:
    """tf.signal.stft, magnitude, tf.image.resize(bilinear).

    An output pixel mixes two rows and two columns at most: only frames that reach the image are computed.
    """
    rows = _bilinear(_frame_count(p.frame, p.step), p.height)
    used = np.flatnonzero(rows.any(axis=0))
    rows, columns = np.ascontiguousarray(rows[:, used]), _bilinear(p.frame // 2 + 1, p.width).T.copy()
    magnitude = _magnitude(p.frame, p.step, p.frame // 2 + 1, used)

    def extract(audio: Audio) -> Features:
        image: Features = rows @ (magnitude(audio) @ columns)
        return image[..., None]

    return extract


def _mfcc_extractor(p: Mfcc) -> Extract:
    """tf.signal's stft, mel filter bank, log(x + 1e-6) and mfccs_from_log_mel_spectrograms."""
    mel, dct = _mel_and_dct(p)
    magnitude = _magnitude(p.frame, p.step, len(mel), np.arange(_frame_count(p.frame, p.step)))

    def extract(audio: Audio) -> Features:
        log_mel = np.log(magnitude(audio) @ mel + np.float32(1e-6))
        cepstrum: Features = log_mel @ dct
        return cepstrum[..., None]

    return extract


def _magnitude(frame: int, step: int, bins: int, used: NDArray[np.intp]) -> Extract:
    """A function from audio [16000] to the magnitudes [used frames, bins] of its Hann-windowed spectrum."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
    # kept from call to call: fresh pages for arrays of this size cost as much as the transform
    sound = np.empty(RATE)
    frames = np.empty((len(used), frame))
    spectrum = np.empty((len(used), frame // 2 + 1), np.complex128)
    low = np.empty((len(used), bins), np.complex64)
    magnitude = np.empty((len(used), bins), np.float32)
    view = np.lib.stride_tricks.sliding_window_view(sound, frame)[::step]
    positions = used[:, None] * step + np.arange(frame)

    def extract(audio: Audio) -> Features:
        sound[...] = audio
        if len(used) == len(view):
            np.multiply(view, window, out=frames)
        else:
            np.take(sound, positions, out=frames, mode="clip")  # the mode that needs no buffer
            np.multiply(frames, window, out=frames)
        np.fft.rfft(frames, out=spectrum)
        low[...] = spectrum[:, :bins]
        np.abs(low, out=magnitude)
        return magnitude

    return extract


def _frame_count(frame: int, step: int) -> int:
    return 1 + (RATE - frame) // step


def _bilinear(size: int, out: int) -> Features:
    """[out, size]: bilinear weights with half-pixel centres and no antialiasing, as tf.image.resize."""
    centre = (np.arange(out) + 0.5) * size / out - 0.5
    low = np.floor(centre)
    weights = np.zeros((out, size), np.float32)
    for offset, share in ((0, 1 - (centre - low)), (1, centre - low)):
        at = np.clip(low + offset, 0, size - 1).astype(int)
        np.add.at(weights, (np.arange(out), at), share.astype(np.float32))
    return weights


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
