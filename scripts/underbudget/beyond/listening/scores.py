"""Measure the whole listener of a spotter on long recordings: words detected, triggers per hour, other words accepted.

What a model puts out, its smoothing and the loudness are computed once per recording; thresholds are then tried on that
by the listener's own decision.
"""

from bisect import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from underbudget.beyond.listening.long_recordings import LongRecording, lay_out
from underbudget.beyond.listening.sensitivity import Point
from underbudget.device.artifact import Card
from underbudget.device.audio import RATE, Audio
from underbudget.device.listen import HOP, Decider, Frame, KeywordDetector, Settings
from underbudget.intervals import poisson_rate, wilson

CLEAN = "clean"
CONDITIONS: dict[str, float | None] = {CLEAN: None, "10 dB": 10.0}  # noise below speech
LATE = 1.0  # seconds after an item's end in which it may still be detected
WORD_GAP, SPEECH_GAP = (1.0, 2.0), (0.3, 0.3)  # seconds; the first is never shorter than LATE
SILENCE = 60  # seconds of digital silence
LAYOUT_SEED = 13  # of the order of words and of the gaps
THRESHOLDS = tuple(round(float(t), 3) for t in (*np.arange(0.1, 0.995, 0.01), 0.995, 0.998, 0.999))


@dataclass(frozen=True)
class Sounds:
    """What a listener is measured with, of one split.

    Attributes:
        words: each word with its clip [n].
        speech: continuous speech that was not transcribed.
        others: clips of other words.
        noise: recordings of noise.
    """

    words: Sequence[tuple[str, Audio]]
    speech: Sequence[Audio]
    others: Sequence[Audio]
    noise: Sequence[Audio]


@dataclass(frozen=True)
class Scores:
    """The frames of a recording that matter at any of THRESHOLDS, the seconds in which each item lies, and hours."""

    frames: tuple[Frame, ...]
    intervals: tuple[tuple[float, float], ...]
    hours: float

    def detected(self, threshold: float) -> list[Frame]:
        """Return the frames at which a word is detected."""
        decider = Decider(Settings(threshold=threshold))
        return [frame for frame in self.frames if decider.detects(frame)]


@dataclass(frozen=True)
class Condition:
    """A listener's frames in all recordings of one condition, by what they hold; and the words that were said."""

    said: tuple[str, ...]
    parts: dict[str, Scores]


def listen(card: Card, content: bytes, sounds: Sounds, conditions: Sequence[str]) -> dict[str, Condition]:
    """Let a spotter listen to the sounds, once for each condition.

    Raises:
        UserError: the model does not fit its card.
    """
    order = np.random.default_rng(LAYOUT_SEED).permutation(len(sounds.words))
    said = [sounds.words[at] for at in order]
    found = {}
    for condition in conditions:
        lay = partial(lay_out, seed=LAYOUT_SEED, noises=sounds.noise, snr_db=CONDITIONS[condition])
        laid: dict[str, Callable[[], LongRecording]] = {  # one at a time: an hour takes 230 MB
            "words": partial(lay, [clip for _, clip in said], WORD_GAP),
            "speech": partial(lay, sounds.speech, SPEECH_GAP),
            "others": partial(lay, sounds.others, WORD_GAP),
        }
        if condition == CLEAN:  # noise and silence need nothing mixed in
            laid["noise"] = partial(lay, sounds.noise, SPEECH_GAP)
            laid["silence"] = _silence
        parts = {kind: observe(card, content, make()) for kind, make in laid.items()}
        found[condition] = Condition(tuple(word for word, _ in said), parts)
    return found


def _silence() -> LongRecording:
    return LongRecording(np.zeros(SILENCE * RATE, np.float32), ((0.0, float(SILENCE)),))


def observe(card: Card, content: bytes, recording: LongRecording) -> Scores:
    """Let a spotter's listener run over a recording."""
    listener = KeywordDetector(card, content, Settings())
    chunks = recording.sound[: len(recording.sound) // HOP * HOP].reshape(-1, HOP)
    frames = [listener.observe(chunk) for chunk in chunks]
    # where no word is likely, and none was before, there is nothing to detect or to be detected again
    likely = [frame.confidence >= THRESHOLDS[0] for frame in frames]
    matters = tuple(
        frame for frame, now, before in zip(frames, likely, [False, *likely], strict=False) if now or before
    )
    return Scores(matters, recording.intervals, recording.hours)


def figures(condition: Condition, threshold: float) -> dict[str, Any]:
    """Compute what a listener does at a threshold, each share and each rate with its 95 % interval.

    Kinds of sound of which there are none are null.
    """
    detected = {kind: part.detected(threshold) for kind, part in condition.parts.items()}
    result: dict[str, Any] = {}
    for kind, part in condition.parts.items():
        if not part.intervals:
            result[kind] = None
        elif kind == "words":
            result[kind] = _words(condition.said, part.intervals, detected[kind])
        elif kind == "others":
            accepted = len({at for frame in detected[kind] if (at := _match(part.intervals, frame)) is not None})
            result[kind] = {"clips": len(part.intervals), "accepted": accepted, **_share(accepted, len(part.intervals))}
        else:
            triggers = len(detected[kind])
            low, high = poisson_rate(triggers, part.hours)
            per_hour = {"per_hour": round(triggers / part.hours, 2), "per_hour_95": [round(low, 2), round(high, 2)]}
            result[kind] = {"hours": round(part.hours, 4), "triggers": triggers, **per_hour}
    return result


def _words(said: Sequence[str], intervals: Sequence[tuple[float, float]], detected: Sequence[Frame]) -> dict[str, Any]:
    """Count words that were detected, taken for another word, missed, and detected twice or more as any word.

    All detections beyond one per word are extra.
    """
    right: set[int] = set()
    wrong: set[int] = set()
    twice: set[int] = set()
    for frame in detected:
        at = _match(intervals, frame)
        if at is not None:
            if at in right or at in wrong:
                twice.add(at)
            (right if frame.word == said[at] else wrong).add(at)
    confused = len(wrong - right)
    missed = len(said) - len(right) - confused
    extra = len(detected) - len(right) - confused
    counts = {"said": len(said), "heard": len(right), "confused": confused, "missed": missed, "extra": extra}
    return {**counts, **_share(len(right), len(said)), "twice": len(twice)}


def _match(intervals: Sequence[tuple[float, float]], frame: Frame) -> int | None:
    """Return the item during which, or at most LATE after which, the frame lies."""
    at = bisect(intervals, (frame.time, float("inf"))) - 1
    return at if at >= 0 and frame.time <= intervals[at][1] + LATE else None


def _share(successes: int, trials: int) -> dict[str, Any]:
    low, high = wilson(successes, trials)
    return {"pct": round(100 * successes / trials, 2), "pct_95": [round(100 * low, 2), round(100 * high, 2)]}


def curve(condition: Condition) -> list[Point]:
    """Compute the DET curve: for each of THRESHOLDS, the words missed and the triggers per hour."""
    points = []
    for threshold in THRESHOLDS:
        found = figures(condition, threshold)
        per_hour = found["speech"]["per_hour"] if found["speech"] else None
        points.append(Point(threshold, round(100 - found["words"]["pct"], 2), per_hour))
    return points
