"""What a home does to a sound before a listener gets it: the room, noise, and the codec of a sound that was sent."""

import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from underbudget.data.noise import coloured_noise
from underbudget.data.other_sounds import ROOMS, OtherSounds
from underbudget.device.audio import RATE, Audio, to_float

IN_ROOM = 0.3  # of all sounds: played in one of the rooms
REAL_NOISE = 0.5  # of all noises: recorded ones, the others are coloured
QUIETEST = 1e-4  # of full scale: what is quieter is no noise
FFT = 1 << 15  # samples: a second and its echoes
OPUS = {"format": "OGG", "subtype": "OPUS", "compression_level": 0.92}  # about 24 kbit/s, as many collections have it
CODED_AT_ONCE = 100  # clips


class Surroundings:
    """Rooms and noise of the training part of other sounds; without them, coloured noise alone."""

    def __init__(self, other: OtherSounds | None) -> None:
        train = [] if other is None else list(other.recordings("train", ("noise", ROOMS)))
        self._rooms = [np.fft.rfft(to_float(r.audio[:RATE]), FFT) for r in train if r.kind == ROOMS]
        self._noise = [r.audio for r in train if r.kind == "noise"]
        lengths = np.array([len(audio) for audio in self._noise], float)
        self._weights = lengths / lengths.sum()

    def noise(self, samples: int, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return noise [samples] of unit variance."""
        if self._noise and rng.random() < REAL_NOISE:
            recording = self._noise[rng.choice(len(self._noise), p=self._weights)]
            noise = to_float(np.resize(np.roll(recording, -int(rng.integers(len(recording)))), samples))
            if noise.std() > QUIETEST:
                return np.asarray((noise - noise.mean()) / noise.std(), np.float32)
        return coloured_noise(samples, rng)

    def play(self, sound: Audio, rng: np.random.Generator) -> Audio:
        """Return a sound [16000] as it is, or as loud in one of the rooms."""
        if not self._rooms or rng.random() >= IN_ROOM:
            return sound
        room = self._rooms[rng.integers(len(self._rooms))]
        played = np.fft.irfft(np.fft.rfft(sound, FFT) * room, FFT)[: len(sound)]
        return np.asarray(played * (sound.std() / max(float(played.std()), QUIETEST)), np.float32)


def half_coded(clips: Sequence[Audio]) -> list[Audio]:
    """Return clips [16000] of which every second one went through Opus and back.

    Many other sounds did: a network must not learn the codec in place of the word.
    """
    result = list(clips)
    chosen = [range(at, min(at + 2 * CODED_AT_ONCE, len(clips)), 2) for at in range(1, len(clips), 2 * CODED_AT_ONCE)]
    with ThreadPoolExecutor() as pool:
        for places, coded in zip(chosen, pool.map(_coded, ([clips[i] for i in part] for part in chosen)), strict=True):
            for place, clip in zip(places, coded, strict=True):
                result[place] = clip
    return result


def _coded(clips: Sequence[Audio]) -> Audio:
    """Return clips [n, 16000] that went through Opus end to end."""
    import soundfile  # the device part of the package has no need of it

    whole = np.concatenate(clips)
    file = io.BytesIO()
    soundfile.write(file, whole, RATE, **OPUS)
    file.seek(0)
    decoded = soundfile.read(file, dtype="float32")[0]
    return np.asarray(np.resize(decoded, len(whole)).reshape(len(clips), -1))
