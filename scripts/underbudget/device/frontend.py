"""From one second of sound to what a network sees: the course's STFT image and MFCC, and mel bands, in numpy.

All equal their `tf.signal` counterparts to 1e-4 (see tests/device/test_frontend.py). Training uses this very code,
so a model is trained on what it will be given on the device.
"""

import reprlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from underbudget.device import checks
from underbudget.device.audio import RATE, Audio, one_second
from underbudget.device.errors import UserError

MOST_ROWS = 512  # of an image, of mel bins: a limit on what a card can make a device compute
MOST_OVERLAP = 64  # frames that share a sample: for the same reason
NUMPY_2 = int(np.__version__.partition(".")[0]) >= 2  # its rfft takes `out`
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
    """Mel-frequency cepstral coefficients (lengths in samples at 16 kHz, frequencies in Hz).

    A lifter L > 0 weighs coefficient n by 1 + L / 2 sin(pi n / L), as HTK does, so that all vary about as much:
    what a network with coarse weights wants. 0: none.
    """

    frame: int = 640
    step: int = 320
    mel_bins: int = 40
    low: float = 20.0
    high: float = 4000.0
    coefficients: int = 10
    lifter: int = 0

    @property
    def shape(self) -> tuple[int, int, int]:
        return _frame_count(self), self.coefficients, 1


@dataclass(frozen=True)
class LogMel:
    """Log-mel spectrogram: MFCC before the cosine transform (lengths in samples at 16 kHz, frequencies in Hz).

    A band of magnitude x gives (log(x + 1e-6) + 2) / 3. The mean over the training clips is near 0, which is the value
    of the frames that training masks.
    """

    frame: int = 640
    step: int = 320
    mel_bins: int = 40
    low: float = 20.0
    high: float = 7600.0

    @property
    def shape(self) -> tuple[int, int, int]:
        return _frame_count(self), self.mel_bins, 1


FrontEnd = Stft | Mfcc | LogMel
Extract = Callable[[Audio], Features]
FRONT_ENDS: dict[str, type[FrontEnd]] = {"stft": Stft, "mfcc": Mfcc, "logmel": LogMel}


def to_dict(front_end: FrontEnd) -> dict[str, Any]:
    """Return what a card holds of a front end."""
    return {"kind": type(front_end).__name__.lower(), **front_end.__dict__}


_SAMPLES = checks.whole(2, RATE)
_MEL = {
    "frame": _SAMPLES,
    "step": checks.whole(1, RATE),
    "mel_bins": checks.whole(1, MOST_ROWS),
    "low": checks.number(0, RATE / 2),
    "high": checks.number(0, RATE / 2),
}
_FIELDS = {
    "stft": checks.record(
        frame=_SAMPLES, step=checks.whole(1, RATE), height=checks.whole(1, MOST_ROWS), width=checks.whole(1, MOST_ROWS)
    ),
    "mfcc": checks.record(**_MEL, coefficients=checks.whole(1, MOST_ROWS), lifter=checks.whole(0, RATE)),
    "logmel": checks.record(**_MEL),
}


def from_dict(fields: Any) -> FrontEnd:
    """Return the front end that a card names.

    Raises:
        ValueError: an unknown kind or parameter, one that is missing, or values from which no features come.
    """
    checks.record(kind=checks.one_of(*FRONT_ENDS))(fields, "front_end")
    kind = fields["kind"]
    _FIELDS[kind](fields, "front_end")
    if unknown := set(fields) - {"kind", *FRONT_ENDS[kind].__dataclass_fields__}:
        raise ValueError(f"front_end has the unknown {reprlib.repr(min(unknown))}")
    front_end = FRONT_ENDS[kind](**{name: value for name, value in fields.items() if name != "kind"})
    if front_end.step > front_end.frame:
        raise ValueError("front_end.step is longer than front_end.frame")
    if front_end.frame > MOST_OVERLAP * front_end.step:
        raise ValueError(f"front_end.frame is more than {MOST_OVERLAP} times front_end.step")
    if isinstance(front_end, Mfcc) and front_end.coefficients > front_end.mel_bins:
        raise ValueError("front_end.coefficients are more than front_end.mel_bins")
    if isinstance(front_end, Mfcc | LogMel):
        with np.errstate(divide="ignore", invalid="ignore"):  # where low is high, nearly
            filters = _triangles(front_end)
        if not (filters > 0).any(axis=0).all():
            raise ValueError("front_end.mel_bins are too many between front_end.low and front_end.high: one is empty")
    return front_end


def extractor(front_end: FrontEnd) -> Extract:
    """Return a function from one second of 16 kHz audio [16000] to features [*front_end.shape].

    It owns its working memory, so each thread needs one of its own. The Fourier transform is in float64: quiet
    frames, whose logarithm is steep, need it, and it costs next to nothing.
    """
    plan = _plan(front_end)
    frame, step = front_end.frame, front_end.step
    # only frames that reach the features are computed: an output row of the image mixes two of them at most
    used = np.flatnonzero(plan.mix.any(axis=0)) if plan.mix is not None else np.arange(_frame_count(front_end))
    mix = None if plan.mix is None else np.ascontiguousarray(plan.mix[:, used])
    spectrum = _Spectrum(frame, len(used), plan.bins)
    sound = np.empty(RATE)
    view = np.lib.stride_tricks.sliding_window_view(sound, frame)[::step]
    positions = used[:, None] * step + np.arange(frame)

    def extract(audio: Audio) -> Features:
        sound[...] = audio
        if len(used) == len(view):
            rows = plan.project(spectrum.magnitude(view))
        else:
            np.take(sound, positions, out=spectrum.frames, mode="clip")  # the mode that needs no buffer
            rows = plan.project(spectrum.magnitude(spectrum.frames))
        return (rows if mix is None else mix @ rows)[..., None]

    return extract


def features(audio: ArrayLike, front_end: FrontEnd | str = "mfcc") -> Features:
    """Return what a network sees of one second of sound: features [*front_end.shape].

    Args:
        audio: [16000] floats in [-1, 1], 16 kHz.
        front_end: a name of FRONT_ENDS, or one with parameters of its own, such as LogMel(mel_bins=24).

    Raises:
        UserError: other sound, or a front end of which no features come.
    """
    if isinstance(front_end, str):
        if front_end not in FRONT_ENDS:
            raise UserError(f"front end {front_end!r} is none of {', '.join(FRONT_ENDS)}")
        front_end = FRONT_ENDS[front_end]()
    try:
        checked = from_dict(to_dict(front_end))
    except ValueError as error:
        raise UserError(str(error)) from None
    return extractor(checked)(one_second(audio))


class Stream:
    """Features of the last second of a running sound; each frame is computed once.

    Args:
        hop: samples a push, a multiple of the front end's step.

    Raises:
        ValueError: another hop.
    """

    def __init__(self, front_end: FrontEnd, hop: int) -> None:
        count, left = divmod(hop, front_end.step)
        if left or not 0 < count <= _frame_count(front_end):
            raise ValueError(f"a hop of {hop} samples is no multiple of {front_end.step} within a second")
        self._plan = _plan(front_end)
        self._spectrum = _Spectrum(front_end.frame, count, self._plan.bins)
        self._sound = np.zeros(front_end.frame - front_end.step + hop)
        self._view = np.lib.stride_tricks.sliding_window_view(self._sound, front_end.frame)[:: front_end.step]
        silent = self._plan.project(np.zeros((_frame_count(front_end), self._plan.bins), np.float32))
        self._rows: Features = silent
        self._hop, self._count = hop, count

    def push(self, audio: Audio) -> Features:
        """Take in audio [hop]; features [*front_end.shape] of the second that ends with it (silence before all)."""
        self._sound[: -self._hop] = self._sound[self._hop :]
        self._sound[-self._hop :] = audio
        self._rows[: -self._count] = self._rows[self._count :]
        self._rows[-self._count :] = self._plan.project(self._spectrum.magnitude(self._view))
        mix = self._plan.mix
        return (self._rows.copy() if mix is None else mix @ self._rows)[..., None]


class _Spectrum:
    """Magnitudes of Hann-windowed frames.

    Its arrays are kept from call to call: fresh pages for them would cost as much as the transform.
    """

    def __init__(self, frame: int, count: int, bins: int) -> None:
        self._window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(frame) / frame)
        self.frames = np.empty((count, frame))
        self._spectrum = np.empty((count, frame // 2 + 1), np.complex128)
        self._low = np.empty((count, bins), np.complex64)
        self._magnitude = np.empty((count, bins), np.float32)

    def magnitude(self, frames: NDArray[np.float64]) -> Features:
        """Compute magnitudes [count, bins] of frames [count, frame]; they are overwritten by the next call."""
        np.multiply(frames, self._window, out=self.frames)
        if NUMPY_2:
            np.fft.rfft(self.frames, out=self._spectrum)
        else:
            self._spectrum[...] = np.fft.rfft(self.frames)
        self._low[...] = self._spectrum[:, : self._low.shape[1]]
        return np.abs(self._low, out=self._magnitude)


@dataclass(frozen=True)
class _Plan:
    """How spectra become features.

    Attributes:
        bins: how many of the lowest frequencies are needed.
        project: magnitudes [frames, bins] to a row of features each.
        mix: [output rows, frames] makes a second's rows the features, or None where they are already.
    """

    bins: int
    project: Callable[[Features], Features]
    mix: Features | None


def _plan(p: FrontEnd) -> _Plan:
    if isinstance(p, Stft):  # tf.signal.stft, magnitude, tf.image.resize(bilinear)
        columns = np.ascontiguousarray(_bilinear(p.frame // 2 + 1, p.width).T)
        return _Plan(p.frame // 2 + 1, lambda magnitude: magnitude @ columns, _bilinear(_frame_count(p), p.height))
    mel = _mel(p)

    def log_mel(magnitude: Features) -> Features:  # tf.signal's stft and mel filters, log(x + 1e-6)
        return np.asarray(np.log(magnitude @ mel + np.float32(1e-6)))

    if isinstance(p, LogMel):
        return _Plan(len(mel), lambda magnitude: (log_mel(magnitude) + np.float32(2)) / np.float32(3), None)
    dct = _dct(p)  # tf.signal.mfccs_from_log_mel_spectrograms
    return _Plan(len(mel), lambda magnitude: log_mel(magnitude) @ dct, None)


def _frame_count(p: FrontEnd) -> int:
    return 1 + (RATE - p.frame) // p.step


def _bilinear(size: int, out: int) -> Features:
    """Return bilinear weights [out, size] with half-pixel centres and no antialiasing, as tf.image.resize."""
    centre = (np.arange(out) + 0.5) * size / out - 0.5
    low = np.floor(centre)
    weights = np.zeros((out, size), np.float32)
    for offset, share in ((0, 1 - (centre - low)), (1, centre - low)):
        at = np.clip(low + offset, 0, size - 1).astype(int)
        np.add.at(weights, (np.arange(out), at), share.astype(np.float32))
    return weights


def _mel(p: Mfcc | LogMel) -> Features:
    """Return HTK mel triangles [bins up to `high`, mel_bins]."""
    mel = _triangles(p)
    return mel[: np.flatnonzero(mel.any(axis=1))[-1] + 1].astype(np.float32)


def _dct(p: Mfcc) -> Features:
    """Return the DCT-II [mel_bins, coefficients] scaled by 1 / sqrt(2 mel_bins), as tf.signal's, and liftered."""
    angle = np.pi / p.mel_bins * (np.arange(p.mel_bins)[:, None] + 0.5) * np.arange(p.coefficients)
    dct = 2 * np.cos(angle) / np.sqrt(2 * p.mel_bins)
    if p.lifter:
        dct *= 1 + p.lifter / 2 * np.sin(np.pi * np.arange(p.coefficients) / p.lifter)
    return dct.astype(np.float32)


def _triangles(p: Mfcc | LogMel) -> NDArray[np.float64]:
    """Return HTK mel triangles [bins, mel_bins]; one that no bin falls into is zero.

    mel(f) = 1127 ln(1 + f / 700); the DC bin belongs to no triangle (tf.signal.linear_to_mel_weight_matrix).
    """

    def to_mel(hertz: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        return 1127.0 * np.log1p(hertz / 700.0)

    bins = to_mel(np.linspace(0, RATE / 2, p.frame // 2 + 1))[:, None]
    low, high = to_mel(np.array([p.low, p.high]))
    edges = np.linspace(low, high, p.mel_bins + 2)
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    mel = np.maximum(0, np.minimum((bins - lower) / (centre - lower), (upper - bins) / (upper - centre)))
    mel[0] = 0
    return np.asarray(mel)
