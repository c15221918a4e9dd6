"""What a keyword spotter must not take for a word: other speech, other words, noise, as recordings of any length."""

import csv
import hashlib
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from underbudget.data.archive import LARGEST_RECORDING, recordings
from underbudget.data.download import DownloadableFile
from underbudget.data.identity import SPLITS, Identity, digest_arrays
from underbudget.data.layout import NOISE, SPLIT_NAMES, kind_of
from underbudget.data.recording import LONGEST, decode
from underbudget.data.speech import LABELS, OTHER, split_clips
from underbudget.device.audio import RATE, to_int16
from underbudget.device.errors import UserError
from underbudget.progress import progress_bar

KINDS = ("speech", "words", "noise")
ROOMS = "rooms"  # impulse responses, which are no sound to listen to
MOST_SECONDS_IN_ALL = 4 * 3600  # of all recordings; an hour takes 115 MB of memory
WORD_AT_MOST = 3 * RATE  # samples: a longer recording in `_other_` is continuous speech
MOST_OF_A_WORD = 300  # recordings; more take memory and teach little
DEEPEST = 20  # folders that a recording lies in; the outermost of more do not count
VALIDATION_ONE_IN = 5  # one in so many recordings is for validation

COLLECTIONS = {  # by the name of the file: its SHA-256, and what is said of it beside its name
    "other_sounds.tar": ("def580ad333131daa7f17e087062f98c07c0e49f86ceacb84e5304e991facf2d", ""),
    "other_sounds_2.tar": (
        "f7cd6aa9ccdbd9ef1e3e6433cbd549a3fe25da210ad358ecdccd481b34b87f71",
        " (short words such as bed, cat and happy; read sentences; noise of kitchens and households)",
    ),
}
COLLECTED = [DownloadableFile(name, (), (name,)) for name in COLLECTIONS]  # only a mirror has them
MANIFEST = "manifest.csv"  # of a collection: its columns `file`, `speaker`, `source` and `transcript`, where known
WORD_TIMES = "word_times.csv"  # when each word is said: `file`, `word`, and the seconds of its `start` and `end`
SPEECH_COMMANDS = "speech_commands_v0.02"  # what OTHER must be for the download of 2.4 GB
SPEECH_COMMANDS_FILE = DownloadableFile(
    f"{SPEECH_COMMANDS}.tar.gz",
    ("https://storage.googleapis.com/download.tensorflow.org/data/speech_commands_v0.02.tar.gz",),
    (f"{SPEECH_COMMANDS}.tar.gz",),
)


@dataclass(frozen=True)
class Said:
    """A word that is said in a recording, and the seconds at which it begins and ends."""

    word: str
    start: float
    end: float


@dataclass(frozen=True)
class Recording:
    """One recording.

    Attributes:
        audio: [n] int16 at 16 kHz.
        kind: one of KINDS, or ROOMS.
        name: `<folders>/<file>`.
        split: one of SPLITS.
        speaker: who speaks, or who recorded it; its name where this is not known.
        source: what is heard in noise: the folder below `noise`, or what a MANIFEST has; empty where nothing tells.
        said: the words of speech; None where there is no transcript.
    """

    audio: NDArray[np.int16]
    kind: str
    name: str
    split: str
    speaker: str = ""
    source: str = ""
    said: tuple[Said, ...] | None = None

    @property
    def word(self) -> str:
        """The word that a recording of a word says: its folder's name, or its own without a number in `words/`."""
        path = PurePosixPath(self.name)
        return re.sub(r"[_-]?\d+$", "", path.stem) if path.parent.name in KINDS else path.parent.name


@dataclass(frozen=True)
class OtherSounds:
    """Recordings ordered by name, end to end; test sounds and their speakers are in no other split.

    Attributes:
        samples: [all] int16 at 16 kHz.
        length: [n] samples of each recording.
        kind: [n] of KINDS.
        name: [n] `<folders>/<file>`.
        split: [n] of SPLITS.
        speaker, source: [n], as a Recording's.
        transcribed: [n] whether it is known what is said.
        said_in: [k] of each word that is said, the place of its recording.
        said_word, said_time: [k] the word, and [k, 2] the seconds of its start and end.
        identity: source "mirror" (the collected ones), "official", "local" (the user's own) or "made".
    """

    samples: NDArray[np.int16]
    length: NDArray[np.int64]
    kind: NDArray[np.str_]
    name: NDArray[np.str_]
    split: NDArray[np.str_]
    speaker: NDArray[np.str_]
    source: NDArray[np.str_]
    transcribed: NDArray[np.bool_]
    said_in: NDArray[np.int64]
    said_word: NDArray[np.str_]
    said_time: NDArray[np.float64]
    identity: Identity

    def recordings(self, split: str, kinds: Collection[str] = KINDS) -> Iterator[Recording]:
        """Yield the recordings of one split and some kinds, in order of name; their audio is no copy."""
        ends = np.cumsum(self.length)
        for i in np.flatnonzero((self.split == split) & np.isin(self.kind, list(kinds))):
            audio = self.samples[ends[i] - self.length[i] : ends[i]]
            said = None
            if self.transcribed[i]:
                here = slice(*np.searchsorted(self.said_in, [i, i + 1]))
                said = tuple(map(Said, self.said_word[here].tolist(), *self.said_time[here].T.tolist()))
            kind, name, speaker, source = (str(of[i]) for of in (self.kind, self.name, self.speaker, self.source))
            yield Recording(audio, kind, name, split, speaker, source, said)


def collect(found: Collection[Recording], source: str, description: str, rule: str) -> OtherSounds:
    """Return recordings as one data set, with the identity of its content."""
    ordered = sorted(found, key=lambda recording: recording.name)
    samples = np.concatenate([np.zeros(0, np.int16), *(recording.audio for recording in ordered)])
    length = np.array([len(recording.audio) for recording in ordered], np.int64)
    kind, name, split = (np.array([getattr(r, field) for r in ordered], str) for field in ("kind", "name", "split"))
    speaker, heard = (np.array([getattr(r, field) for r in ordered], str) for field in ("speaker", "source"))
    transcribed = np.array([r.said is not None for r in ordered], bool)
    said = [(place, word) for place, r in enumerate(ordered) for word in r.said or ()]
    said_in = np.array([place for place, _ in said], np.int64)
    said_word = np.array([word.word for _, word in said], str)
    said_time = np.array([(word.start, word.end) for _, word in said], np.float64).reshape(-1, 2)
    content = OtherSounds(
        *(samples, length, kind, name, split, speaker, heard, transcribed, said_in, said_word, said_time),
        Identity(source, "", "", rule),
    )
    digest = digest_arrays(*(getattr(content, field.name) for field in fields(content)[:-1]))
    described = f"{description}, {len(ordered):,} recordings, {len(samples) / RATE / 60:.0f} min"
    return replace(content, identity=Identity(source, described, digest, rule))


def read_other_sounds(path: Path, source: str, words: Collection[str] = LABELS) -> OtherSounds:
    """Read recordings from a folder, a zip or a tar archive.

    The last of a recording's folders that is called `speech`, `words`, `noise`, `rooms`, `_background_noise_` (noise)
    or `_other_` tells what it is, otherwise a usual name of the last two; in `_other_`, and where none tells, short
    ones are words and others speech. A folder `train`, `validation` or `test` (or a usual name of these) around these
    tells its split; see `_split`. What is said in a recording, a MANIFEST and WORD_TIMES tell.

    Args:
        source: "mirror" for the collected recordings, whose checksum must be right; "official"; "local", which may be
            one of COLLECTIONS.
        words: what a spotter listens for; recordings of these are left out.

    Raises:
        UserError: unreadable, not what it should be, no recordings, or too many.
    """
    sha256, what = COLLECTIONS.get(path.name, ("", ""))
    if sha256 and path.is_file() and _sha256(path) == sha256:
        source = "mirror"
    elif source == "mirror":
        raise UserError(
            f"{path}: not the collected other sounds (checksum differs): fetch it again, or give it as OTHER="
        )
    else:
        what = " (the user's own)" if source == "local" else ""
    wanted, notes = _choose(path, words)
    audio: dict[str, NDArray[np.int16]] = {}
    seconds = 0.0
    for name, content in progress_bar(_contents(path), f"reading {path.name}", "recordings"):
        if name not in wanted:
            continue
        if name in audio:
            raise UserError(f"{path}: there are two {name}: give each recording a name of its own")
        sound = decode(content, f"{path}: {name}", LONGEST)
        seconds += len(sound) / RATE
        if seconds > MOST_SECONDS_IN_ALL:
            raise UserError(f"{path}: more than {MOST_SECONDS_IN_ALL // 3600} hours of sound: give less of it")
        audio[name] = to_int16(sound)
    if not {_folder(name) for name in audio} - {ROOMS}:
        raise UserError(
            f"{path}: no other sounds: give a folder or archive with folders speech, words, noise, or one for each word"
        )
    found = from_sounds(audio, source, path.name + what, notes)
    if source == "local":
        kinds = (*KINDS, ROOMS)
        print(f"{path}: other sounds: {', '.join(f'{(found.kind == kind).sum():,} of {kind}' for kind in kinds)}")
    return found


def from_sounds(
    audio: Mapping[str, NDArray[np.int16]], source: str, description: str, notes: "Notes | None" = None
) -> OtherSounds:
    """Return sounds [any length] by name `<folders>/<file>` as a data set; see read_other_sounds for names."""
    notes = notes or Notes({}, {}, {}, {})
    speakers = {name: notes.speaker.get(name) or _speaker(name) for name in audio}
    split = _split(speakers)
    found = [
        Recording(
            sound,
            _kind(name, len(sound)),
            name,
            split[name],
            speakers[name],
            notes.source.get(name) or _below_kind(name),
            notes.said(name, len(sound) / RATE),
        )
        for name, sound in audio.items()
    ]
    rule = "as given; where not, by speaker" if any(_given(name) for name in audio) else "by speaker"
    return collect(found, source, description, rule)


def join(parts: Sequence[OtherSounds], words: Collection[str]) -> OtherSounds:
    """Return other sounds as one, for a spotter of these words.

    Recordings of the words are left out; of speech in which one is said, those that are for training. The source and
    the rule of the split are those of the first part.

    Raises:
        UserError: two recordings have the same name.
    """
    spotted = {_plain(word) for word in words}
    found = [r for part in parts for split in SPLITS for r in part.recordings(split, (*KINDS, ROOMS))]
    kept = [r for r in found if not _says(r, spotted)]
    if len({r.name for r in kept}) < len(kept):
        raise UserError("other sounds: two recordings have the same name: rename one of them")
    description = "; and ".join(part.identity.description for part in parts if len(part.name))
    if len(kept) < len(found):
        description += f"; without {len(found) - len(kept):,} recordings in which one of the words is said"
    first = parts[0].identity
    result = collect(kept, first.source, description, first.split)
    return replace(result, identity=replace(result.identity, description=description))


def _says(recording: Recording, words: Collection[str]) -> bool:
    if recording.kind == "words":
        return _plain(recording.word) in words
    return recording.split == "train" and any(_plain(said.word) in words for said in recording.said or ())


def _plain(word: str) -> str:
    """Return a word as it is compared: "Smart mirror" and "smart_mirror" are the same."""
    return re.sub(r"[\W_]+", " ", word.lower()).strip()


def _contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield names and contents of recordings, MANIFESTs and WORD_TIMES; a name begins with its split if it has one."""
    notes = (f"/{MANIFEST}", f"/{WORD_TIMES}")
    for name, content in recordings(path, None, LARGEST_RECORDING, DEEPEST, notes):
        folders = name.split("/")
        if not any(folder in SPLITS for folder in folders[:-2]):  # a usual name, then
            folders[:-2] = [SPLIT_NAMES.get(folder.casefold(), folder) for folder in folders[:-2]]
        start = max((at for at, folder in enumerate(folders[:-2]) if folder in SPLITS), default=0)
        yield "/".join(folders[start:]), content


def _choose(path: Path, words: Collection[str]) -> tuple[set[str], "Notes"]:
    """Return the names to take: not of `words`, and of each other word at most MOST_OF_A_WORD, by a hash of names.

    Returns:
        The names, and what a MANIFEST and WORD_TIMES say of the recordings.
    """
    names, notes = [], Notes({}, {}, {}, {})
    for name, content in _contents(path):
        if name.endswith((f"/{MANIFEST}", f"/{WORD_TIMES}")):
            notes.read(content, f"{path}: {name}")
        else:
            names.append(name)
    if stray := sorted(notes.files() - set(names)):
        print(f"{path}: not there: {len(stray):,} recordings of {MANIFEST} and {WORD_TIMES}, such as {stray[0]!r}")
    by_word: dict[str, list[str]] = {}
    for name in names:
        word = PurePosixPath(name).parent.name
        is_word = _folder(name) in ("", "words") and word != "words"
        if not (is_word and word in words):
            by_word.setdefault(word if is_word else name, []).append(name)
    wanted = {name for same in by_word.values() for name in sorted(same, key=_hash)[:MOST_OF_A_WORD]}
    return wanted, notes


@dataclass(frozen=True)
class Notes:
    """What a MANIFEST and WORD_TIMES say of recordings, by their names."""

    speaker: dict[str, str]
    source: dict[str, str]
    transcript: dict[str, str]
    times: dict[str, list[Said]]

    def read(self, content: bytes, name: str) -> None:
        """Take in the rows of a file.

        Raises:
            UserError: it is no CSV file with a column `file`, or times are not 0 <= start <= end.
        """
        try:
            columns = ((self.speaker, "speaker"), (self.source, "source"), (self.transcript, "transcript"))
            rows = csv.DictReader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
            if "file" not in (rows.fieldnames or ()):
                raise ValueError("no column 'file', or no commas between columns")
            for row in rows:
                file = row["file"] or ""
                if "start" in row:
                    said = Said(row["word"].lower(), float(row["start"]), float(row["end"]))
                    if not 0 <= said.start <= said.end < float("inf"):
                        raise ValueError(f"{file}: {said.word} from {said.start:g} to {said.end:g} s")
                    self.times.setdefault(file, []).append(said)
                for told, column in columns:
                    told[file] = row.get(column) or told.get(file, "")
        except (csv.Error, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{name}: not such a CSV file ({error}): correct or rename it") from None

    def files(self) -> set[str]:
        """Return the names of the recordings that it says something of."""
        return {*self.speaker, *self.times} - {""}

    def said(self, name: str, seconds: float) -> tuple[Said, ...] | None:
        """Return the words of a recording; one that has no times may be said at any time of it."""
        if self.times.get(name):
            return tuple(self.times[name])
        words = re.findall(r"[\w']+", self.transcript.get(name, "").lower())
        return tuple(Said(word, 0.0, seconds) for word in words) or None


def _folder(name: str) -> str:
    """Return the last of a recording's folders that names a kind of sound, or nothing: then its folder is a word."""
    folders = name.split("/")[:-1]
    telling = [folder for folder in folders if folder in (*KINDS, NOISE, OTHER, ROOMS)]
    usual = [kind for kind in map(kind_of, folders) if kind]  # what others call noise and the like
    return (telling or usual or [""])[-1]


def _kind(name: str, samples: int) -> str:
    folder = _folder(name)
    if folder in (OTHER, ""):
        return "words" if samples <= WORD_AT_MOST else "speech"
    return "noise" if folder == NOISE else folder


def _below_kind(name: str) -> str:
    """Return the folder of a recording if it lies in one below `noise`."""
    above, folder = PurePosixPath(name).parent.parent.name, PurePosixPath(name).parent.name
    return folder if kind_of(above) == NOISE or above == "noise" else ""


def _given(name: str) -> str | None:
    """Return the split that the first of a recording's folders tells, if it does; the last tells what it is."""
    first, *below = name.split("/")
    return first if first in SPLITS and len(below) > 1 else None


def _speaker(name: str) -> str:
    """Return who speaks: LibriSpeech's files begin with the speaker's number; any other has a speaker of its own."""
    stem = PurePosixPath(name).stem
    librispeech = re.fullmatch(r"(\d+)-\d+-\d+", stem)
    return librispeech[1] if librispeech else name


def _split(speakers: Mapping[str, str]) -> dict[str, str]:
    """Return the split of each recording, given their speakers; no speaker is in two.

    Where a folder says what is for validation, folders say it all. Otherwise a fifth of each folder's speakers that
    are for training are for validation. Where nothing says what is for testing, another fifth is; but Speech Commands'
    clips (`<speaker>_nohash_<n>`) are split by its own rule.
    """
    whole = any(_given(name) == "validation" for name in speakers)
    split: dict[str, str] = {}
    by_folder: dict[tuple[str, bool], dict[str, list[str]]] = {}
    for name in sorted(speakers):
        given = _given(name)
        if given == "test" or (given and whole):
            split[name] = given
        elif given is None and "_nohash_" in name:
            split[name] = SPLITS[split_clips([name], None)[0][0]]
        else:
            by_folder.setdefault((PurePosixPath(name).parent.name, given is not None), {}).setdefault(
                speakers[name], []
            ).append(name)
    for (_, is_given), by_speaker in by_folder.items():
        fifth = -(-len(by_speaker) // VALIDATION_ONE_IN) if len(by_speaker) > 1 else 0
        for place, speaker in enumerate(sorted(by_speaker, key=_hash)):
            part = "validation" if place < fifth else "test" if place < 2 * fifth and not is_given else "train"
            split.update(dict.fromkeys(by_speaker[speaker], part))
    return split


def _hash(name: str) -> str:
    return hashlib.sha1(name.encode()).hexdigest()


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(partial(file.read, 1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
