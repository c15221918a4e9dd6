"""Words in a running sound: a sliding second, smoothed, gated by loudness."""

import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from underbudget.device.artifact import Card
from underbudget.device.audio import RATE, Audio, one_second
from underbudget.device.errors import UserError
from underbudget.device.frontend import Stream, extractor
from underbudget.device.runtime import Array, check_finite, open_model

HOP = 1280  # samples a step: 80 ms, a multiple of both front ends' steps
LOUDNESS_BLOCK = 1600  # samples over which loudness is taken
RUMBLE = 80  # samples; what changes more slowly, an offset and hum of the mains, does not count as loudness
MEMORY = 10 * RATE // HOP  # steps over which the background is remembered


@dataclass(frozen=True)
class Settings:
    """When a word is detected.

    Attributes:
        threshold: smallest smoothed probability of a word; see `threshold_of`.
        smoothing: seconds over which probabilities are averaged.
        min_gap: seconds after a word in which no other is detected.
        level_ratio: how many times the level (RMS) of the background a word must have.
    """

    threshold: float = 0.8
    smoothing: float = 0.48
    min_gap: float = 0.8
    level_ratio: float = 3.0


def threshold_of(card: Card, sensitivity: str) -> float:
    """Return the threshold that a card names for one of artifact.SENSITIVITIES, or the default where it names none."""
    return card.thresholds.get(sensitivity, Settings.threshold)


@dataclass(frozen=True)
class Frame:
    """What is known at one second of the sound: the smoothed probability of each word, and whether it is loud."""

    time: float
    scores: Mapping[str, float]
    loud: bool

    @property
    def word(self) -> str:
        """The likeliest word."""
        return max(self.scores, key=self.scores.__getitem__)

    @property
    def confidence(self) -> float:
        """The likeliest word's smoothed probability."""
        return max(self.scores.values())


@dataclass(frozen=True)
class Detection:
    """A word, the second of the sound at which it was known, its probability, and the milliseconds it took."""

    time: float
    word: str
    confidence: float
    latency_ms: float


class Decider:
    """Decides at which frames a word is detected: it must be loud and likely, and not follow another too soon.

    A word that was said once stays likely for as long as it is in the second that the model is given: it is detected
    again only after its own probability has been below the threshold.
    """

    def __init__(self, settings: Settings) -> None:
        self._threshold, self._min_gap = settings.threshold, settings.min_gap
        self._quiet_until = 0.0
        self._still_likely: set[str] = set()  # words that were detected, and have been likely ever since

    def detects(self, frame: Frame) -> bool:
        """Tell whether a word is detected at this frame; frames come in order of time."""
        if self._still_likely:
            self._still_likely = {word for word in self._still_likely if frame.scores[word] >= self._threshold}
        if not frame.loud or frame.time < self._quiet_until or frame.confidence < self._threshold:
            return False
        word = frame.word
        if word in self._still_likely:
            return False
        self._still_likely.add(word)
        self._quiet_until = frame.time + self._min_gap
        return True


class KeywordDetector:
    """Detects words in chunks of HOP samples at 16 kHz.

    `likeliest` is what came nearest to a word up to now, of what was loud enough for one.

    Raises:
        UserError: the model does not fit its card, or the front end does not go with HOP.
    """

    def __init__(self, card: Card, content: bytes, settings: Settings) -> None:
        assert card.front_end is not None  # the callers take spotters alone
        self._words, self._settings = card.words, settings
        self._places = [card.labels.index(word) for word in card.words]
        self._model = open_model(card, content)
        try:
            self._stream = Stream(card.front_end, HOP)
        except ValueError as error:
            raise UserError(f"{card.name}: it can't listen to a running sound: {error}") from None
        self._recent = np.zeros((max(1, round(settings.smoothing * RATE / HOP)), len(card.words)))
        self._second = np.zeros(RATE, np.float32)
        self._background: list[float] = []
        self._steps = 0
        self._decider = Decider(settings)
        self.likeliest: Frame | None = None  # of all that were loud

    def process(self, audio: Audio) -> Detection | None:
        """Take in audio [HOP]; a word if one was just detected.

        Raises:
            UserError: the model fails, or its output has NaN or infinity.
        """
        started = time.perf_counter()
        frame = self.observe(audio)
        if not self._decider.detects(frame):
            return None
        return Detection(frame.time, frame.word, frame.confidence, 1000 * (time.perf_counter() - started))

    def observe(self, audio: Audio) -> Frame:
        """Take in audio [HOP]; what is known then, before anything is decided.

        Raises:
            UserError: as `process`.
        """
        self._steps += 1
        self._second[:-HOP] = self._second[HOP:]
        self._second[-HOP:] = audio
        offset = self._second[-self._steps * HOP :].mean()  # of the microphone: the words of the training have none
        self._model.set(self._stream.push(audio - offset))
        self._model.invoke()
        self._recent[:-1] = self._recent[1:]
        logits = self._model.get()
        check_finite(logits, self._model.name)
        self._recent[-1] = _softmax(logits)[self._places]
        loud = self._is_loud()
        scores = dict(zip(self._words, self._recent.mean(axis=0).tolist(), strict=True))
        frame = Frame(self._steps * HOP / RATE, scores, loud)
        if loud and (self.likeliest is None or frame.confidence > self.likeliest.confidence):
            self.likeliest = frame
        return frame

    @property
    def second(self) -> Audio:
        """Return a copy of the last second [16000] of the sound: what the model was given last."""
        return self._second.copy()

    def _is_loud(self) -> bool:
        """Return whether the middle of the last second, where a word should be, stands out from the background.

        The first second tells the background, and nothing is detected in it.
        """
        if self._steps * HOP < RATE:
            return False
        total = np.cumsum(np.pad(self._second, (RUMBLE // 2 + 1, RUMBLE // 2 - 1), mode="edge"), dtype=np.float64)
        heard = self._second - (total[RUMBLE:] - total[:-RUMBLE]) / RUMBLE
        loudness = np.sqrt(np.square(heard.reshape(-1, LOUDNESS_BLOCK)).mean(axis=1))
        self._background = [*self._background[1 - MEMORY :], float(loudness.min())]
        return bool(loudness[2:8].max() > self._settings.level_ratio * max(float(np.median(self._background)), 1e-4))


class KeywordSpotter:
    """Knows words in one second of sound, and detects them in a running one.

    Raises:
        UserError: the model does not fit its card.
    """

    def __init__(self, card: Card, content: bytes) -> None:
        assert card.front_end is not None  # the callers take spotters alone
        self.card = card
        self._content = content
        self._model, self._extract = open_model(card, content), extractor(card.front_end)

    def predict(self, audio: ArrayLike) -> dict[str, float]:
        """Return the probability of each label; one that begins with "_" stands for anything that is no word.

        Args:
            audio: [16000] floats in [-1, 1], 16 kHz.

        Raises:
            UserError: other sound.
        """
        logits = self._model.predict(self._extract(one_second(audio))[None])[0].ravel()
        return dict(zip(self.card.labels, _softmax(logits).tolist(), strict=True))

    def listen(self, chunks: Iterable[Audio], threshold: float | None = None) -> Iterator[Detection]:
        """Yield each word as it is detected in a running sound.

        Args:
            chunks: the sound, in [-1, 1], 16 kHz, in pieces of any length.
            threshold: the smallest smoothed probability of a word (default: the card's of middle sensitivity).

        Raises:
            UserError: not even 80 ms of sound, or a front end that does not go with that.
        """
        least = threshold_of(self.card, "middle") if threshold is None else threshold
        detector = KeywordDetector(self.card, self._content, Settings(least))
        for hop in in_hops(chunks, "the chunks"):
            found = detector.process(hop)
            if found:
                yield found


def in_hops(sound: Iterable[Audio], name: str) -> Iterator[Audio]:
    """Yield pieces [HOP] of sound that comes in blocks, and of a second of silence after it for its last word.

    Args:
        name: where the sound comes from, for the error.

    Raises:
        UserError: not even one piece came.
    """
    waiting: Audio = np.zeros(0, np.float32)
    came = False
    for block in sound:
        waiting = np.concatenate([waiting, block])
        whole = len(waiting) // HOP * HOP
        came = came or whole > 0
        yield from waiting[:whole].reshape(-1, HOP)
        waiting = waiting[whole:]
    if not came:
        raise UserError(f"no sound came in from {name}: check the recording, or the program that sends the sound")
    end = np.pad(waiting, (0, RATE + HOP - len(waiting)))
    yield from end[: len(end) // HOP * HOP].reshape(-1, HOP)


def _softmax(logits: Array) -> Array:
    powers = np.exp(logits - logits.max())
    return np.asarray(powers / powers.sum())
