"""Generated data for trying every step without real data; results from them mean nothing.

Weather comes from a stochastic model, spoken words from espeak-ng. All of it is marked as synthetic wherever it goes.
"""

import ctypes
import hashlib
import os
from collections.abc import Sequence
from itertools import product

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from underbudget.data.identity import SYNTHETIC_SOURCE, Identity, digest_arrays
from underbudget.data.speech import LABELS, Speech, split_clips
from underbudget.data.weather import CADENCE, DAY, Weather
from underbudget.device.audio import RATE, fit, resample, to_float, to_int16
from underbudget.progress import progress_bar

SYNTHETIC_SEED = 1


def make_weather(rows: int = 100_000) -> Weather:
    """Generate ten-minute readings from 2001 on: season, day, slow weather and fast noise; humidity falls as it warms.

    Close to two years by default, so that training has seen the season of the test.
    """
    rng = np.random.default_rng(SYNTHETIC_SEED)
    time = np.datetime64("2001-01-01T00:00", "m") + np.arange(rows) * CADENCE
    day = np.arange(rows) / DAY
    season = -np.cos(2 * np.pi * day / 365.25)
    sun = -np.cos(2 * np.pi * (day - 0.1))
    front = _autoregressive(rng, rows, 0.9995) * 5
    cloud = _autoregressive(rng, rows, 0.98)
    temperature = 9 + 9 * season + (2.5 + 1.5 * season) * sun + front + 0.8 * cloud + rng.normal(0, 0.08, rows)
    humidity = 76 - 5 * season - 10 * sun - 1.2 * front + 4 * cloud + 6 * _autoregressive(rng, rows, 0.99)
    values = np.stack([temperature, np.clip(humidity, 15, 100)], axis=1).astype(np.float32)
    split = np.repeat(np.arange(3, dtype=np.int8), np.diff([0, int(0.7 * rows), int(0.9 * rows), rows]))
    identity = Identity(SYNTHETIC_SOURCE, f"SYNTHETIC weather, {rows:,} rows", digest_arrays(values), "70/20/10 by row")
    return Weather(time, values, split, identity)


def _autoregressive(rng: np.random.Generator, n: int, memory: float) -> NDArray[np.float64]:
    """Generate a first-order autoregressive series of unit variance."""
    noise = rng.normal(0, np.sqrt(1 - memory**2), n)
    series = np.empty(n)
    last = rng.normal()
    for i in range(n):
        last = memory * last + noise[i]
        series[i] = last
    return series


def make_speech(clips_per_word: int = 250) -> Speech:
    """Generate the eight words as `speak` does; speakers are split by the speaker hash."""
    clips = speak(LABELS, clips_per_word)
    names = sorted(clips)
    audio = np.stack([clips[name] for name in names])
    label = np.array([LABELS.index(name.split("/")[0]) for name in names], np.int32)
    split, rule = split_clips(names, None)
    identity = Identity(
        SYNTHETIC_SOURCE, f"SYNTHETIC speech (espeak-ng), {len(names):,} clips", digest_arrays(audio), rule
    )
    return Speech(audio, label, split, np.array(names), identity)


def speak(words: Sequence[str], clips_per_word: int) -> dict[str, NDArray[np.int16]]:
    """Generate words by espeak-ng's voices at many speeds and pitches, shifted in time, in noise.

    A voice with one pitch counts as a speaker.

    Returns:
        Clips [16000] by name, `<word>/<speaker>_nohash_<n>.wav`.
    """
    rng = np.random.default_rng(SYNTHETIC_SEED)
    voices = [f"{accent}+{v}" for accent, v in product(("en-us", "en-gb", "en-gb-scotland"), _VARIANTS)]
    speakers = [(voice, pitch) for voice in voices for pitch in (35, 50, 65)]
    clips: dict[str, NDArray[np.int16]] = {}
    with _Synthesiser() as say:
        for word in progress_bar(words, "speaking SYNTHETIC words", "words"):
            for number in range(clips_per_word):
                voice, pitch = speakers[int(rng.integers(len(speakers)))]
                speaker = hashlib.sha1(f"{voice} {pitch}".encode()).hexdigest()[:8]
                clean = say(word, voice, pitch, speed=int(rng.integers(130, 230)))
                clips[f"{word}/{speaker}_nohash_{number}.wav"] = _add_noise_and_shift(clean, rng)
    return clips


def _add_noise_and_shift(clean: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.int16]:
    """Place speech at a random moment of the second, at a random loudness, in coloured noise."""
    voiced = clean[: RATE * 9 // 10]
    placed = fit(np.pad(voiced, (int(rng.integers(0, RATE - len(voiced) + 1)), 0)))
    placed *= rng.uniform(0.2, 0.9) / max(1e-3, float(np.abs(placed).max()))
    colour = np.fft.irfft(np.fft.rfft(rng.normal(size=RATE)) / np.arange(1, RATE // 2 + 2) ** rng.uniform(0, 1))
    noise = colour / colour.std() * 10 ** rng.uniform(-3.5, -1.7)
    return to_int16(placed + noise)


_VARIANTS = ("m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5", "klatt", "klatt3", "croak")

_RETRIEVE_SYNCHRONOUSLY, _UTF8 = 2, 1  # espeak_AUDIO_OUTPUT, espeakCHARS_* of espeak-ng's speak_lib.h
_PARAMETERS = {"speed": 1, "pitch": 3}  # espeak_PARAMETER
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)


class _Synthesiser:
    """espeak-ng's C library (speak_lib.h), as far as it is needed here."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self._data = os.open(
            espeakng_loader.get_data_path(), os.O_RDONLY
        )  # it takes no path of 160 letters: a short one
        self._rate = self._library.espeak_Initialize(_RETRIEVE_SYNCHRONOUSLY, 0, b"/proc/self/fd/%d" % self._data, 0)
        if self._rate <= 0:
            raise RuntimeError("espeak-ng does not start")
        self._library.espeak_ng_SetRandSeed(SYNTHETIC_SEED)  # its voices flutter at random
        self._pieces: list[NDArray[np.int16]] = []
        self._receive = _CALLBACK(self._collect)  # kept: the library holds a pointer to it
        self._library.espeak_SetSynthCallback(self._receive)

    def __enter__(self) -> "_Synthesiser":
        return self

    def __exit__(self, *error: object) -> None:
        self._library.espeak_Terminate()
        os.close(self._data)

    def _collect(self, samples: "ctypes._Pointer[ctypes.c_short]", count: int, events: int | None) -> int:
        if samples and count:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def __call__(self, word: str, voice: str, pitch: int, speed: int) -> NDArray[np.float32]:
        """Say `word`, as float32 at 16 kHz."""
        self._library.espeak_SetVoiceByName(voice.encode())
        self._library.espeak_SetParameter(_PARAMETERS["speed"], speed, 0)
        self._library.espeak_SetParameter(_PARAMETERS["pitch"], pitch, 0)
        self._pieces.clear()
        text = word.encode()
        self._library.espeak_Synth(text, ctypes.c_size_t(len(text) + 1), 0, 0, 0, _UTF8, None, None)
        spoken = to_float(np.concatenate(self._pieces))
        loud = np.flatnonzero(np.abs(spoken) > 0.01)
        return resample(spoken[loud[0] : loud[-1] + 1], self._rate)
