"""Let a spotter's listener hear long recordings of known contents: words in quiet, in noise and in rooms, and no words.

What a model puts out is computed once per recording; settings are then tried on that by the listener's own decision.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from underbudget.beyond.listening.long_recordings import LongRecording, in_room, lay_out
from underbudget.data.other_sounds import Said
from underbudget.device.artifact import Card
from underbudget.device.audio import RATE, Audio
from underbudget.device.listen import HOP, Decider, Frame, KeywordDetector, Settings, Smoother

CLEAN, NOISY, ROOMS = "quiet", "noise at 10 dB", "rooms"
CONDITIONS = {CLEAN: None, NOISY: 10.0, "noise at 5 dB": 5.0, ROOMS: None}  # dB of noise below the word
LATE = 1.0  # seconds after an item's, or a said word's end in which it may still be detected
# seconds between items: if words are said in them, LATE at least, or a detection would count for the next item; noise
# goes on as in life, for a pause before each recording would make all of them stand out
WORD_GAP, SPEECH_GAP, NOISE_GAP = (LATE, 2.0), (LATE, LATE), (0.3, 0.3)
SILENCE = 60  # seconds of digital silence
LAYOUT_SEED = 13  # of the order of words and of the gaps
LEAST = 0.1  # no threshold below it is tried


@dataclass(frozen=True)
class Item:
    """What is heard: sound [n], who speaks or recorded it, what it is, and the words in it if it is speech."""

    sound: Audio
    speaker: str
    what: str = ""
    said: tuple[Said, ...] = ()


@dataclass(frozen=True)
class Sounds:
    """What a listener is measured with, of one split.

    Attributes:
        words: clips of the spotter's words; `what` is the word.
        rooms: impulse responses [n].
        others: by name, items of other sounds: see OTHER_PARTS.
    """

    words: Sequence[Item]
    rooms: Sequence[Audio]
    others: Mapping[str, Sequence[Item]]


OTHER_PARTS = {  # of what holds none of the words, but for what the times of transcribed speech have; with its gaps
    "speech": SPEECH_GAP,  # transcribed
    "untranscribed": SPEECH_GAP,
    "others": WORD_GAP,  # clips of other words
    "noise": NOISE_GAP,
}


@dataclass(frozen=True)
class Part:
    """What a listener made of one long recording.

    Attributes:
        items, intervals: what was heard, and the seconds in which each lies.
        hours: that they take.
        frames: one per HOP, not smoothed.
        confidence: [frames] of them, once they are smoothed.
    """

    items: tuple[Item, ...]
    intervals: tuple[tuple[float, float], ...]
    hours: float
    frames: tuple[Frame, ...]
    confidence: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def smoothed(self, seconds: float) -> "Part":
        """Return it with smoothed frames, of which only those are kept that matter at any threshold from LEAST on."""
        if not self.frames:
            return self
        smoother = Smoother(tuple(self.frames[0].scores), seconds)
        frames = [smoother.smooth(frame) for frame in self.frames]
        confidence = np.array([frame.confidence for frame in frames])
        kept = _matters(confidence, LEAST)
        return replace(self, frames=tuple(frames[at] for at in kept), confidence=confidence[kept])

    def detected(self, settings: Settings) -> list[Frame]:
        """Return the frames, smoothed before, at which a word is detected."""
        decider = Decider(settings)
        at_work = (self.frames[at] for at in _matters(self.confidence, settings.threshold))
        return [frame for frame in at_work if decider.detects(frame)]


def _matters(confidence: NDArray[np.float64], threshold: float) -> NDArray[np.intp]:
    """Return the frames that matter at a threshold.

    Where no word is likely, and none was before, there is nothing to detect, or to be detected again.
    """
    likely = confidence >= threshold
    return np.flatnonzero(likely | np.append(False, likely[:-1]))


Session = dict[str, Part]  # by condition of the words, or by name of other sounds
Hear = Callable[[Audio], Iterable[Frame]]  # a running sound in pieces [n, HOP], to a frame for each


def detector(card: Card, content: bytes) -> Hear:
    """Return how a spotter of ours hears, before anything is smoothed.

    Raises:
        UserError: the model does not fit its card.
    """

    def hear(pieces: Audio) -> Iterable[Frame]:
        listener = KeywordDetector(card, content, Settings())
        return (listener.hear(piece) for piece in pieces)

    return hear


def smoothed(session: Session, seconds: float) -> Session:
    """Return all parts of a session smoothed."""
    return {name: part.smoothed(seconds) for name, part in session.items()}


def listen(hear: Hear, sounds: Sounds, conditions: Sequence[str]) -> Session:
    """Let a spotter listen to the words once for each condition, and to the other sounds and silence once."""
    order = np.random.default_rng(LAYOUT_SEED).permutation(len(sounds.words))
    words = [sounds.words[at] for at in order]
    noises = [item.sound for item in sounds.others.get("noise", ())]
    laid: dict[str, tuple[Sequence[Item], Callable[[Sequence[Audio]], LongRecording]]] = {}
    for condition in conditions:
        if condition == ROOMS:
            if sounds.rooms:  # each word in the next of them
                rooms = [sounds.rooms[at % len(sounds.rooms)] for at in range(len(words))]
                played = [Item(in_room(i.sound, room), i.speaker, i.what) for i, room in zip(words, rooms, strict=True)]
                laid[condition] = played, partial(lay_out, gap=WORD_GAP, seed=LAYOUT_SEED)
        elif CONDITIONS[condition] is None or noises:
            snr_db = CONDITIONS[condition]
            laid[condition] = words, partial(lay_out, gap=WORD_GAP, seed=LAYOUT_SEED, noises=noises, snr_db=snr_db)
    for name, gap in OTHER_PARTS.items():
        laid[name] = sounds.others.get(name, ()), partial(lay_out, gap=gap, seed=LAYOUT_SEED)
    laid["silence"] = [Item(np.zeros(SILENCE * RATE, np.float32), "")], _silence
    return {  # one at a time: an hour takes 230 MB
        name: observe(hear, lay([item.sound for item in items]), items) for name, (items, lay) in laid.items()
    }


def _silence(sounds: Sequence[Audio]) -> LongRecording:
    return LongRecording(sounds[0], ((0.0, len(sounds[0]) / RATE),))


def observe(hear: Hear, recording: LongRecording, items: Sequence[Item]) -> Part:
    """Let a spotter's listener run over a recording of items."""
    pieces = recording.sound[: len(recording.sound) // HOP * HOP].reshape(-1, HOP)
    told = tuple(Item(item.sound[:0], item.speaker, item.what, item.said) for item in items)  # the sound is done with
    frames = tuple(hear(pieces)) if items else ()
    return Part(told, recording.intervals, recording.hours, frames)
