"""A user's own words: a folder or an archive with a folder of recordings for each."""

import hashlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from underbudget.data.archive import LARGEST_RECORDING, recordings
from underbudget.data.identity import OWN_SOURCE, SPLITS, Identity, digest_arrays
from underbudget.data.other_sounds import LONGEST, MOST_SECONDS_IN_ALL, NOISE_FOLDER, OtherSounds, from_sounds
from underbudget.data.recording import decode
from underbudget.data.speech import MOST_CLIPS, OTHER, Speech, split_clips
from underbudget.device.audio import RATE, Audio, fit, to_int16
from underbudget.device.errors import UserError
from underbudget.progress import progress_bar

WORDS = 2, 40  # least and most
LEAST_CLIPS = 20  # of a word
LONGEST_WORD = 40  # letters, as cards have it
HELD_OUT_ONE_IN = (
    5  # one in so many clips of a word is for validation, and one for testing, where there are no speakers
)
BY_FILE, BY_SPEAKER = "by file, 60/20/20", "by speaker, 80/10/10"


@dataclass(frozen=True)
class OwnWords:
    """A user's clips, and the other sounds that lie beside them, if any."""

    speech: Speech
    other: OtherSounds


def read_own_words(path: Path) -> OwnWords:
    """Read recordings `<word>/<file>` from a folder, a zip or a tar archive; any folder with recordings is a word.

    `_background_noise_` and `_other_` are other sounds. A recording longer than a second is cut around its loudest
    part; how many were is said in the identity's description.

    Raises:
        UserError: unreadable; too few or too many words, or a word with too few recordings or a name that can't be.
    """
    clips: dict[str, NDArray[np.int16]] = {}
    others: dict[str, NDArray[np.int16]] = {}
    cut, seconds = 0, 0.0
    for name, content in progress_bar(recordings(path, None, LARGEST_RECORDING), f"reading {path.name}", "recordings"):
        sound = decode(content, f"{path}: {name}", LONGEST)
        if name.split("/")[0] in (NOISE_FOLDER, OTHER):
            seconds += len(sound) / RATE
            others[name] = to_int16(sound)
        else:
            cut += len(sound) > RATE
            clips[name] = to_int16(around_loudest(sound))
        if len(clips) > MOST_CLIPS or seconds > MOST_SECONDS_IN_ALL:
            raise UserError(
                f"{path}: more than {MOST_CLIPS:,} clips or {MOST_SECONDS_IN_ALL // 3600} hours: give less of it"
            )
    counts = Counter(name.split("/")[0] for name in clips)
    _check(path, counts)
    words = sorted(counts)
    names = sorted(clips)
    audio = np.stack([clips[name] for name in names])
    label = np.array([words.index(name.split("/")[0]) for name in names], np.int32)
    split, rule = _split(names, label)
    what = f"{path.name} (the user's own), {len(names):,} clips of {len(words)} words"
    if cut:
        what += f", {cut:,} of them cut to a second around the loudest part"
    digest = digest_arrays(audio, label, np.array(names))
    speech = Speech(audio, label, split, np.array(names), Identity(OWN_SOURCE, what, digest, rule), np.array(words))
    return OwnWords(speech, from_sounds(others, "local", f"{path.name} (the user's own)"))


def around_loudest(sound: Audio) -> Audio:
    """Return the second [16000] with the most energy, in its middle; a shorter sound is padded at the end."""
    if len(sound) <= RATE:
        return fit(sound)
    energy = np.square(sound, dtype=np.float64)
    total = np.concatenate([[0.0], np.cumsum(energy)])
    start = int((total[RATE:] - total[:-RATE]).argmax())
    weights = energy[start : start + RATE]
    middle = start + int((weights * np.arange(RATE)).sum() / (weights.sum() or 1))
    start = min(max(0, middle - RATE // 2), len(sound) - RATE)
    return sound[start : start + RATE]


def _check(path: Path, counts: Counter[str]) -> None:
    """Refuse words that can't be trained on, in one line."""
    if not WORDS[0] <= len(counts) <= WORDS[1]:
        raise UserError(
            f"{path}: {len(counts)} folders of recordings: give {WORDS[0]} to {WORDS[1]}, one for each word, such as"
            f" {path.name}/computer/*.wav"
        )
    for word in counts:
        if word.startswith((".", "_")) or word.strip() != word or len(word) > LONGEST_WORD:
            raise UserError(
                f"{path}: a folder {word[:60]!r} can't be a word: give it a name of at most {LONGEST_WORD} letters that"
                f" does not begin with . or _ ({OTHER} and {NOISE_FOLDER} are other sounds)"
            )
    few = [f"{word} has {count}" for word, count in sorted(counts.items()) if count < LEAST_CLIPS]
    if few:
        raise UserError(f"{path}: at least {LEAST_CLIPS} recordings of each word are needed: {', '.join(few[:5])}")


def _split(names: list[str], label: NDArray[np.int32]) -> tuple[NDArray[np.int8], str]:
    """Split clips by speaker where file names contain one, otherwise by file; return also the rule.

    If a word then lacks clips in a split, there are too few speakers, and all are split by file.
    """
    named = np.array(["_nohash_" in name for name in names])
    split = np.zeros(len(names), np.int8)
    _by_file(split, names, label, ~named)
    if named.any():
        split[named] = split_clips([name for name in names if "_nohash_" in name], None)[0]
        if all(len(set(split[label == word])) == len(SPLITS) for word in set(label)):
            return split, BY_SPEAKER if named.all() else f"{BY_SPEAKER}; where not named, {BY_FILE}"
        _by_file(split, names, label, np.ones(len(names), bool))
    return split, BY_FILE


def _by_file(split: NDArray[np.int8], names: list[str], label: NDArray[np.int32], which: NDArray[np.bool_]) -> None:
    """Set the splits of some clips: for each word a fifth is for validation, and a fifth for testing."""
    for word in set(label):
        places = sorted(
            np.flatnonzero(which & (label == word)), key=lambda at: hashlib.sha1(names[at].encode()).digest()
        )
        fifth = len(places) // HELD_OUT_ONE_IN
        for place, at in enumerate(places):
            split[at] = SPLITS.index("validation" if place < fifth else "test" if place < 2 * fifth else "train")
