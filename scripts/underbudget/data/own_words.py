"""A user's own words: a folder or an archive with a folder of recordings for each."""

import hashlib
from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from itertools import chain, count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from underbudget.data.archive import FFMPEG_SUFFIXES, LARGEST_RECORDING, recordings
from underbudget.data.identity import OWN_SOURCE, SPLITS, Identity, digest_arrays
from underbudget.data.layout import NOISE, SPLIT_NAMES, Place, kind_of, plain_name, read_layout
from underbudget.data.other_sounds import DEEPEST, MOST_SECONDS_IN_ALL, OtherSounds, from_sounds
from underbudget.data.recording import LONGEST, decode
from underbudget.data.speech import MOST_CLIPS, OTHER, Speech, speaker_of, split_clips
from underbudget.data.takes import FAINT, is_clipped, is_cut_off, is_silent, loudest_second, without_offset
from underbudget.device.audio import RATE, to_int16
from underbudget.device.errors import UserError
from underbudget.progress import progress_bar

WORDS = 1, 40  # least and most: there are other sounds beside them, always
LEAST_CLIPS = 20  # of a word
LONGEST_WORD = 40  # letters, as cards have it
HELD_OUT_ONE_IN = (
    5  # one in so many clips of a word is for validation, and one for testing, where there are no speakers
)
BY_FILE, BY_SPEAKER, FEW_SPEAKERS = "by file, 60/20/20", "by speaker, 80/10/10", "by speaker, 60/20/20"
MANY_SPEAKERS = 20  # so many are split by the rule of Speech Commands; of fewer, it might train on next to none
GIVEN = "as the folders say"
NAMED = "_nohash_"  # in a name, between its speaker and the rest


@dataclass(frozen=True)
class OwnWords:
    """A user's clips, and the other sounds that lie beside them, if any."""

    speech: Speech
    other: OtherSounds


@dataclass
class _LeftOut:
    """Recordings that are not trained on, or that are doubtful: for each reason their names."""

    of: dict[str, list[str]] = field(default_factory=dict)

    def add(self, reason: str, name: str) -> None:
        self.of.setdefault(reason, []).append(name)

    def __str__(self) -> str:
        """Return how many for each reason, and the first of each."""
        return "; ".join(f"{len(names):,} {reason} (first {names[0]})" for reason, names in self.of.items())


def read_own_words(path: Path) -> OwnWords:
    """Read recordings of words from a folder, a zip or a tar archive; `layout` tells what its folders mean.

    What was found is printed in one line, and what is left out, or doubtful, in another. A recording that is longer
    than a second is cut around its loudest part; how many were is said in the identity's description.

    Raises:
        UserError: unreadable; no or too many words, or a word with too few recordings or a name that can't be.
    """
    names = [name for name, _ in recordings(path, None, LARGEST_RECORDING, DEEPEST, FFMPEG_SUFFIXES, read=False)]
    places = dict(zip(names, read_layout(names), strict=True))
    clips: dict[str, tuple[NDArray[np.int16], Place]] = {}
    others: dict[str, NDArray[np.int16]] = {}
    seen: dict[str, str] = {}  # what was read, by its content
    by_stem: dict[str, tuple[str, int]] = {}  # and by its name without the ending: 1.m4a may lie beside 1.wav
    left_out, doubtful = _LeftOut(), _LeftOut()
    cut, seconds = 0, 0.0
    found = recordings(path, None, LARGEST_RECORDING, DEEPEST, FFMPEG_SUFFIXES)
    for name, content in progress_bar(found, f"reading {path.name}", "recordings"):
        place = places[name]
        try:
            whole = decode(content, name, LONGEST)
        except UserError as error:
            left_out.add(f"that can't be read: {str(error).removeprefix(f'{name}: ')}", name)
            continue
        sound = without_offset(whole)
        if place.word != NOISE and is_silent(sound):
            left_out.add("silent", name)
            continue
        same = seen.setdefault(hashlib.sha256(to_int16(whole).tobytes()).hexdigest(), name)
        elsewhere = places[same].word != place.word
        first, length = by_stem.setdefault(name.rpartition(".")[0], (name, len(sound)))
        if (same != name and not elsewhere) or (first != name and abs(length - len(sound)) < RATE // 10):
            left_out.add("copies", name)
            continue
        if place.word in (OTHER, NOISE):
            seconds += len(sound) / RATE
            others[_other_name(place, others)] = to_int16(sound)
        else:
            cut += len(sound) > RATE
            for reason, doubt in (
                ("clipped: record at a lower level", is_clipped(whole)),
                ("very quiet: record at a higher level", np.abs(sound).max() < FAINT),
                ("that begin or end within the word", is_cut_off(sound)),
                (f"of {place.word} that are also given as {places[same].word}", elsewhere),
            ):
                if doubt:
                    doubtful.add(reason, name)
            clips[_clip_name(place, clips)] = to_int16(loudest_second(sound)), place
        if len(clips) > MOST_CLIPS or seconds > MOST_SECONDS_IN_ALL:
            raise UserError(
                f"{path}: more than {MOST_CLIPS:,} clips or {MOST_SECONDS_IN_ALL // 3600} hours: give less of it"
            )
    counts = Counter({place.word: 0 for place in places.values() if place.word not in (OTHER, NOISE)})
    counts.update(place.word for _, place in clips.values())
    _check(path, counts, left_out)
    words, names = sorted(counts), sorted(clips)
    audio = np.stack([clips[name][0] for name in names])
    label = np.array([words.index(clips[name][1].word) for name in names], np.int32)
    split, rule = _split(names, label, [clips[name][1].split for name in names])
    speakers = {speaker_of(name) for name in names if NAMED in name}
    what = f"{path.name} (the user's own), {len(names):,} clips of {len(words)} word{'s' * (len(words) > 1)}"
    if cut:
        what += f", {cut:,} of them cut to a second around the loudest part"
    if left_out.of:
        what += f", without {sum(map(len, left_out.of.values())):,} that are silent, copies or can't be read"
    who = f"; {len(speakers)} speaker{'s' * (len(speakers) > 1)}" if speakers else ""
    what_else = f"; {len(others):,} clips of other sounds" if others else ""
    few = " (too few speakers to keep them apart)" if speakers and rule == BY_FILE else ""
    print(f"{path}: words: {', '.join(words)}{who}{what_else}; {len(names):,} clips of words, split {rule}{few}")
    if left_out.of:
        print(f"{path}: left out: {left_out}")
    if doubtful.of:
        print(f"{path}: please check: {doubtful}")
    digest = digest_arrays(audio, label, np.array(names))
    speech = Speech(audio, label, split, np.array(names), Identity(OWN_SOURCE, what, digest, rule), np.array(words))
    return OwnWords(speech, from_sounds(others, "local", f"{path.name} (the user's own)"))


def _clip_name(place: Place, taken: Container[str]) -> str:
    """Return `<word>/<file>`, with a speaker as Speech Commands name them; if it is taken, with other folders, too."""
    rest = "_".join(folder for folder in place.folders if plain_name(folder) not in (place.word, place.speaker))
    start = f"{place.word}/{place.speaker}{NAMED if place.speaker else ''}"
    names = (f"{start}{rest}_{number}_{place.file}" for number in count(2))
    tried = chain([f"{start}{place.file}", f"{start}{rest}_{place.file}"], names)
    return next(name for name in tried if name not in taken)


def _other_name(place: Place, taken: Container[str]) -> str:
    """Return `<kind>/<folders in it>/<file>`, after a split if one is given; if it is taken, with all folders."""
    at = next(at for at, folder in enumerate(place.folders) if kind_of(plain_name(folder)))
    inside = [folder for folder in place.folders[at + 1 :] if folder.casefold() not in SPLIT_NAMES]
    start = [place.split, place.word] if place.split else [place.word]
    name = "/".join([*start, *inside, place.file])
    return name if name not in taken else "/".join([*start, *place.folders[:at], *place.folders[at + 1 :], place.file])


def _check(path: Path, counts: Counter[str], left_out: _LeftOut) -> None:
    """Refuse words that can't be trained on, in one line."""
    without = f"; left out: {left_out}" if left_out.of else ""
    if not WORDS[0] <= len(counts) <= WORDS[1] or "" in counts:
        splits = "; folders that are called train or test are no words" if "" in counts else ""
        raise UserError(
            f"{path}: {len(counts.keys() - {''})} folders of words: give {WORDS[0]} to {WORDS[1]}, such as"
            f" {path.name}/computer/*.wav{splits}{without}"
        )
    for word in counts:
        if word.startswith((".", "_")) or len(word) > LONGEST_WORD:
            raise UserError(
                f"{path}: a folder {word[:60]!r} can't be a word: give it a name of at most {LONGEST_WORD} letters that"
                f" does not begin with . or _ ({OTHER} and {NOISE} are other sounds)"
            )
    few = [f"{word} has {count}" for word, count in sorted(counts.items()) if count < LEAST_CLIPS]
    if few:
        raise UserError(
            f"{path}: at least {LEAST_CLIPS} recordings of each word are needed: {', '.join(few[:5])}{without}"
        )


def _split(names: list[str], label: NDArray[np.int32], given: list[str]) -> tuple[NDArray[np.int8], str]:
    """Split clips as their folders say, or by speaker where these are known, otherwise by file; return also the rule.

    Where folders give no clips of a word for validation, or for testing, a fifth of those for training are. Where there
    are too few speakers for each word to be in each split, all are split by file.
    """
    split = np.zeros(len(names), np.int8)
    if {"test", "validation"} & {*given} and {"train", ""} & {*given}:
        split[:] = [SPLITS.index(part or "train") for part in given]
        lacking = [
            number for number in (1, 2) if any(number not in split[label == word] for word in set(label.tolist()))
        ]
        for number, word in ((number, word) for number in lacking for word in set(label.tolist())):
            if number not in split[label == word]:
                places = _by_hash(names, np.flatnonzero((label == word) & (split == 0)))
                split[places[: max(1, len(places) // HELD_OUT_ONE_IN)]] = number
        if _is_whole(split, label):
            return split, GIVEN + (f"; {' and '.join(SPLITS[number] for number in lacking)} by file" if lacking else "")
    named = np.array([NAMED in name for name in names])
    split = np.zeros(len(names), np.int8)
    _by_file(split, names, label, ~named)
    if named.any():
        where = np.flatnonzero(named)
        who = np.array([speaker_of(names[at]) for at in where])
        speakers = sorted(set(who.tolist()), key=_hash)
        split[where] = split_clips([names[at] for at in where], None)[0]
        if len(speakers) >= MANY_SPEAKERS and _is_whole(split, label):
            return split, BY_SPEAKER if named.all() else f"{BY_SPEAKER}; where not named, {BY_FILE}"
        fifth = max(1, len(speakers) // HELD_OUT_ONE_IN)
        part = np.array([1] * fifth + [2] * fifth + [0] * len(speakers), np.int8)
        split[where] = [part[speakers.index(speaker)] for speaker in who]
        if _is_whole(split, label):
            return split, FEW_SPEAKERS if named.all() else f"{FEW_SPEAKERS}; where not named, {BY_FILE}"
        _by_file(split, names, label, np.ones(len(names), bool))
    return split, BY_FILE


def _is_whole(split: NDArray[np.int8], label: NDArray[np.int32]) -> bool:
    """Tell whether each word is in each split."""
    return all(len(set(split[label == word])) == len(SPLITS) for word in set(label.tolist()))


def _by_file(split: NDArray[np.int8], names: list[str], label: NDArray[np.int32], which: NDArray[np.bool_]) -> None:
    """Set the splits of some clips: for each word a fifth is for validation, and a fifth for testing."""
    for word in set(label.tolist()):
        places = _by_hash(names, np.flatnonzero(which & (label == word)))
        fifth = len(places) // HELD_OUT_ONE_IN
        for place, at in enumerate(places):
            split[at] = SPLITS.index("validation" if place < fifth else "test" if place < 2 * fifth else "train")


def _by_hash(names: list[str], places: NDArray[np.intp]) -> list[int]:
    return sorted(places.tolist(), key=lambda at: _hash(names[at]))


def _hash(name: str) -> bytes:
    return hashlib.sha1(name.encode()).digest()
