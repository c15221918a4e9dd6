"""Words in a running sound: a sliding second, smoothed, gated by loudness."""

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median

import numpy as np
from numpy.typing import ArrayLike

from underbudget.device.artifact import SMOOTHING, Card
from underbudget.device.audio import RATE, Audio, one_second
from underbudget.device.errors import UserError
from underbudget.device.frontend import Stream, extractor
from underbudget.device.runtime import Array, check_finite, open_model

HOP = 1280  # samples a step: 80 ms, a multiple of both front ends' steps
LOUDNESS_BLOCK = 1600  # samples over which loudness is taken
RUMBLE = 80  # samples; what changes more slowly, an offset and hum of the mains, does not count as loudness
MEMORY = 10 * RATE // HOP  # steps over which the background is remembered
PART = 320  # samples of which sum and loudness are kept: a divisor of HOP and of LOUDNESS_BLOCK
BEFORE, AFTER = RUMBLE // 2 + 1, RUMBLE // 2 - 1  # samples that the loudness of a part needs besides its own


@dataclass(frozen=True)
class Settings:
    """When a word is detected.

    Attributes:
        threshold: smallest smoothed probability of a word.
        smoothing: seconds over which probabilities are averaged; see Smoother.
        min_gap: seconds after a word in which no other is detected.
        level_ratio: how many times the level (RMS) of the background a word must have.
    """

    threshold: float = 0.8
    smoothing: float = SMOOTHING["smoothing"]
    min_gap: float = 0.8
    level_ratio: float = SMOOTHING["level_ratio"]


def settings_of(card: Card, sensitivity: str) -> Settings:
    """Return the settings that a card names for one of artifact.SENSITIVITIES, or the defaults where it names none."""
    named = {**SMOOTHING, **card.content.get("listening", {})}
    threshold = card.thresholds.get(sensitivity, Settings.threshold)
    return Settings(threshold, float(named["smoothing"]), level_ratio=float(named["level_ratio"]))


@dataclass(frozen=True)
class Frame:
    """What is known at one second of the sound: each word's probability, and the level, in levels of the background."""

    time: float
    scores: Mapping[str, float]
    loudness: float

    @property
    def word(self) -> str:
        """The likeliest word."""
        return max(self.scores, key=self.scores.__getitem__)

    @property
    def confidence(self) -> float:
        """The likeliest word's probability."""
        return max(self.scores.values())


@dataclass(frozen=True)
class Detection:
    """A word, the second of the sound at which it was known, its probability, and the milliseconds it took."""

    time: float
    word: str
    confidence: float
    latency_ms: float


class Smoother:
    """Averages the probabilities of each word over the last seconds, as the square of the mean of their roots.

    So a word that was quite likely all the time gets a higher value than one that was certain for a moment. On
    validation sounds this leaves fewer false accepts at the same share of words detected.
    """

    def __init__(self, words: Sequence[str], seconds: float) -> None:
        self._words = words
        self._roots = np.zeros((max(1, round(seconds * RATE / HOP)), len(words)))

    def smooth(self, frame: Frame) -> Frame:
        """Return a frame with smoothed probabilities; frames come in order of time, one per HOP."""
        self._roots[:-1] = self._roots[1:]
        self._roots[-1] = np.sqrt([frame.scores[word] for word in self._words])
        means = dict(zip(self._words, np.square(self._roots.mean(axis=0)).tolist(), strict=True))
        return Frame(frame.time, means, frame.loudness)


class Decider:
    """Decides at which frames a word is detected: it must be loud and likely, and not follow another too soon.

    A word that was said once stays likely for as long as it is in the second that the model is given: it is detected
    again only after its own probability has been below the threshold.
    """

    def __init__(self, settings: Settings) -> None:
        self._threshold, self._min_gap = settings.threshold, settings.min_gap
        self._level_ratio = settings.level_ratio
        self._quiet_until = 0.0
        self._still_likely: set[str] = set()  # words that were detected, and have been likely ever since

    def detects(self, frame: Frame) -> bool:
        """Tell whether a word is detected at this frame; frames come in order of time."""
        if self._still_likely:
            self._still_likely = {word for word in self._still_likely if frame.scores[word] >= self._threshold}
        if frame.loudness <= self._level_ratio or frame.time < self._quiet_until:
            return False
        if frame.confidence < self._threshold:
            return False
        word = frame.word
        if word in self._still_likely:
            return False
        self._still_likely.add(word)
        self._quiet_until = frame.time + self._min_gap
        return True


class LastSecond:
    """The last second of a running sound, its offset and its level; only the parts that are new are computed."""

    def __init__(self) -> None:
        self._background: list[float] = []
        self._padded = np.zeros(BEFORE + RATE + AFTER, np.float32)
        self.sound = self._padded[BEFORE:-AFTER]
        self._parts = np.lib.stride_tricks.sliding_window_view(self._padded, BEFORE + PART + AFTER)[::PART]
        # those of the last hop; the one before, whose end has a neighbour now; the first, which has lost one
        self._changed = np.array([0, *range(-HOP // PART - 1, 0)])
        self._sums, self._powers = np.zeros((2, RATE // PART))
        self._come = 0  # parts of it that are sound

    def push(self, audio: Audio) -> None:
        """Take in audio [HOP]."""
        self.sound[:-HOP] = self.sound[HOP:]
        self.sound[-HOP:] = audio
        self._padded[:BEFORE], self._padded[-AFTER:] = self.sound[0], self.sound[-1]
        parts = self._parts[self._changed]
        total = np.cumsum(parts, axis=1, dtype=np.float64)
        heard = parts[:, BEFORE:-AFTER] - (total[:, RUMBLE:] - total[:, :-RUMBLE]) / RUMBLE
        for values, new in (
            (self._sums, total[:, BEFORE + PART - 1] - total[:, BEFORE - 1]),
            (self._powers, np.square(heard).mean(axis=1)),
        ):
            values[: -HOP // PART] = values[HOP // PART :]
            values[self._changed] = new
        self._come = min(self._come + HOP // PART, RATE // PART)

    def offset(self) -> np.float32:
        """Return the mean of what has come."""
        return np.float32(self._sums[-self._come :].sum() / (self._come * PART))

    def loudness(self) -> Array:
        """Return the RMS [blocks] of its blocks of LOUDNESS_BLOCK, without rumble."""
        return np.asarray(np.sqrt(self._powers.reshape(-1, LOUDNESS_BLOCK // PART).mean(axis=1)))

    def level_ratio(self) -> float:
        """Return how many times the background's level the middle of the second has, where a word should be.

        The first second tells the background, and nothing is detected in it. Call this once for each push.
        """
        if self._come < RATE // PART:
            return 0.0
        loudness = self.loudness()
        self._background = [*self._background[1 - MEMORY :], float(loudness.min())]
        return float(loudness[2:8].max() / max(median(self._background), 1e-4))


class KeywordDetector:
    """Detects words in chunks of HOP samples at 16 kHz.

    `latest` is what is known now; `likeliest` is what came nearest to a word up to now, of what was loud enough for it.

    Raises:
        UserError: the model does not fit its card, or the front end does not go with HOP.
    """

    def __init__(self, card: Card, content: bytes, settings: Settings) -> None:
        assert card.front_end is not None  # the callers take spotters alone
        self._words, self._level_ratio = card.words, settings.level_ratio
        self._places = [card.labels.index(word) for word in card.words]
        self._model = open_model(card, content)
        try:
            self._stream = Stream(card.front_end, HOP)
        except ValueError as error:
            raise UserError(f"{card.name}: it can't listen to a running sound: {error}") from None
        self._smoother = Smoother(card.words, settings.smoothing)
        self._second = LastSecond()
        self._steps = 0
        self._decider = Decider(settings)
        self.latest = Frame(0.0, dict.fromkeys(card.words, 0.0), 0.0)
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
        """Take in audio [HOP]; what is known then, smoothed, before anything is decided.

        Raises:
            UserError: as `process`.
        """
        frame = self.latest = self._smoother.smooth(self.hear(audio))
        loud = frame.loudness > self._level_ratio
        if loud and (self.likeliest is None or frame.confidence > self.likeliest.confidence):
            self.likeliest = frame
        return frame

    def hear(self, audio: Audio) -> Frame:
        """Take in audio [HOP]; what the model puts out for the last second, not smoothed.

        Raises:
            UserError: as `process`.
        """
        self._steps += 1
        self._second.push(audio)
        # without an offset of the microphone: the words of the training have none
        self._model.set(self._stream.push(audio - self._second.offset()))
        self._model.invoke()
        logits = self._model.get()
        check_finite(logits, self._model.name)
        scores = dict(zip(self._words, _softmax(logits)[self._places].tolist(), strict=True))
        return Frame(self._steps * HOP / RATE, scores, self._second.level_ratio())

    @property
    def second(self) -> Audio:
        """Return a copy of the last second [16000] of the sound: what the model was given last."""
        return self._second.sound.copy()


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
        settings = settings_of(self.card, "middle")
        detector = KeywordDetector(
            self.card, self._content, settings if threshold is None else replace(settings, threshold=threshold)
        )
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
