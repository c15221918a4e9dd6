"""Random seconds of other sounds, as a listener meets them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from underbudget.data.noise import coloured_noise, knocks, tones
from underbudget.data.other_sounds import Recording
from underbudget.device.audio import RATE, Audio, to_float, to_int16

DRAWN = 1  # raise it when seconds are drawn in another way: kept features are then made again, but no model is
SHARES = {"speech": 0.5, "words": 0.25, "noise": 0.25}  # of the seconds, where there are all kinds
LEVEL_BLOCK = RATE // 20  # samples over which loudness is taken
ALONE = 0.5  # of the seconds of speech: a piece of it in a quiet room, as a word is said alone
PIECE_SAMPLES = RATE // 5, RATE * 7 // 10  # samples of such a piece
ROOM = -4.5, -2.5  # powers of ten: how loud the room is
SPLICED = 0.3  # of the seconds of speech: pieces of the words' clips, end to end; these have far more speakers
SPLICE_SAMPLES = RATE // 12, RATE // 4  # samples of such a piece: too short for a word
BABBLE = 0.1  # of the seconds of noise: several people who speak at once
KNOCKS = 0.15  # of the seconds of noise: blows and clicks
COLOURED = 0.15  # of the seconds of noise: coloured noise, from faint to loud
TONES = 0.15  # of the seconds of noise: tones with overtones, as of music, animals and machines
LOUDEST_OF = 3  # windows of noise: knocks and cries, not the silence between them, are what is taken for a word
LOUDNESS = -4.5, -1.0  # powers of ten: how loud it is


class OtherSeconds:
    """Draws random seconds from recordings [any length] int16: of a kind by SHARES, and of a kind by their length.

    Recordings of words are drawn alike, however long.

    Args:
        recordings: other sounds.
        clips: of the words [16000], to be cut to pieces.

    Raises:
        ValueError: no recordings.
    """

    def __init__(self, recordings: Sequence[Recording], clips: Sequence[Audio] = ()) -> None:
        self._clips = clips
        self._audio = {kind: [r.audio for r in recordings if r.kind == kind] for kind in SHARES}
        self._kinds = [kind for kind, audio in self._audio.items() if audio]
        if not self._kinds:
            raise ValueError("there are no recordings to draw from")
        lengths = {kind: [1 if kind == "words" else len(a) for a in self._audio[kind]] for kind in self._kinds}
        self._shares = _normalised([SHARES[kind] for kind in self._kinds])
        self._weights = {kind: _normalised(length) for kind, length in lengths.items()}

    def draw(self, rng: np.random.Generator) -> Audio:
        """Return a random second [16000] in [-1, 1)."""
        kind = self._kinds[rng.choice(len(self._kinds), p=self._shares)]
        if kind == "noise" and (made := self._made_noise(rng)) is not None:
            return made
        if kind == "speech" and self._clips and rng.random() < SPLICED:
            return _spliced(self._clips, rng)
        recording = self._audio[kind][rng.choice(len(self._weights[kind]), p=self._weights[kind])]
        if kind == "speech" and rng.random() < ALONE:
            return _alone(recording, rng)
        if kind == "words":
            return to_float(_around_loudest(recording, rng))
        windows = [_window(recording, rng) for _ in range(LOUDEST_OF if kind == "noise" else 1)]
        return to_float(max(windows, key=lambda window: float(np.square(window, dtype=np.float32).sum())))

    def _made_noise(self, rng: np.random.Generator) -> Audio | None:
        """Return a second of noise that nobody recorded, or nothing: then a recording is to be drawn."""
        which = rng.random()
        if which < COLOURED:
            return _noise(LOUDNESS, rng)
        if which < COLOURED + TONES:
            return _loud(tones(RATE, rng), rng)
        if which < COLOURED + TONES + KNOCKS:
            return _loud(knocks(RATE, rng), rng)
        if which < COLOURED + TONES + KNOCKS + BABBLE and "speech" in self._kinds:
            speech, weights = self._audio["speech"], self._weights["speech"]
            voices = [_window(speech[rng.choice(len(speech), p=weights)], rng) for _ in range(rng.integers(3, 7))]
            return np.asarray(np.mean([to_float(voice) for voice in voices], axis=0), np.float32)
        return None


def loudest_place(recording: NDArray[np.int16]) -> int:
    """Return the first sample of the loudest LEVEL_BLOCK of a recording [at least LEVEL_BLOCK]."""
    blocks = recording[: len(recording) // LEVEL_BLOCK * LEVEL_BLOCK].reshape(-1, LEVEL_BLOCK).astype(np.float32)
    return int(np.square(blocks).mean(axis=1).argmax()) * LEVEL_BLOCK


def _window(recording: NDArray[np.int16], rng: np.random.Generator, samples: int = RATE) -> NDArray[np.int16]:
    """Return a random part [samples]; a shorter recording is at a random place of it, and silence around."""
    spare = len(recording) - samples
    if spare >= 0:
        start = int(rng.integers(spare + 1))
        return recording[start : start + samples]
    before = int(rng.integers(-spare + 1))
    return np.pad(recording, (before, -spare - before))


def _around_loudest(recording: NDArray[np.int16], rng: np.random.Generator) -> NDArray[np.int16]:
    """Return a second with the loudest part at a random place in it."""
    if len(recording) <= RATE:
        return _window(recording, rng)
    at = loudest_place(recording)
    return _window(recording[max(0, at + LEVEL_BLOCK - RATE) : at + RATE], rng)


def _alone(recording: NDArray[np.int16], rng: np.random.Generator) -> Audio:
    """Return a second with a piece of a recording in a quiet room."""
    piece = to_float(_window(recording, rng, int(rng.integers(*PIECE_SAMPLES))))
    ramp = np.minimum(1, np.arange(len(piece)) / LEVEL_BLOCK).astype(np.float32)
    before = int(rng.integers(RATE - len(piece)))
    room = _noise(ROOM, rng)
    room[before : before + len(piece)] += piece * ramp * ramp[::-1]
    return room


def _noise(powers: tuple[float, float], rng: np.random.Generator) -> Audio:
    """Return a second of coloured noise, as loud as a power of ten drawn from a range."""
    return (coloured_noise(RATE, rng) * 10 ** rng.uniform(*powers)).astype(np.float32)


def _loud(sound: NDArray[np.float32], rng: np.random.Generator) -> Audio:
    """Return a sound of level 1 in a quiet room, as loud as a power of ten drawn from LOUDNESS."""
    return (sound * 10 ** rng.uniform(*LOUDNESS)).astype(np.float32) + _noise(ROOM, rng)


def _spliced(clips: Sequence[Audio], rng: np.random.Generator) -> Audio:
    """Return a second of pieces of clips [16000], around the loudest part of each, every second one reversed."""
    pieces: list[Audio] = []
    while sum(map(len, pieces)) < RATE:
        clip = clips[int(rng.integers(len(clips)))]
        length = int(rng.integers(*SPLICE_SAMPLES))
        place = loudest_place(to_int16(clip)) + int(rng.integers(-length, length))
        start = min(max(0, place - length // 2), len(clip) - length)
        pieces.append(clip[start : start + length][:: -1 if len(pieces) % 2 else 1])
    return np.concatenate(pieces)[:RATE]


def _normalised(weights: Sequence[float]) -> NDArray[np.float64]:
    array = np.array(weights, float)
    return array / array.sum()
