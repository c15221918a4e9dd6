"""Mini Speech Commands, or the user's own recordings: reading them, checking them, splitting them."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from underbudget.data.archive import recordings
from underbudget.data.download import DownloadableFile
from underbudget.data.identity import SPLITS, Identity
from underbudget.data.recording import decode
from underbudget.device.audio import Audio, fit, to_float, to_int16
from underbudget.device.errors import UserError
from underbudget.progress import progress_bar

LABELS = ("down", "go", "left", "no", "right", "stop", "up", "yes")
OTHER = "_other_"  # the label of everything else; labels that begin with "_" are no words
# the splits, as identities name them: the course's, and the one in which no speaker is twice
BY_LISTS, BY_SPEAKER = "the course's lists", "speaker hash 80/10/10"
MOST_CLIPS = 200_000

MINI_SPEECH_COMMANDS = DownloadableFile(
    "mini_speech_commands.zip",
    ("https://storage.googleapis.com/download.tensorflow.org/data/mini_speech_commands.zip",),
    ("mini_speech_commands.zip", "mini_speech_commands.tar.xz", "mini_speech_commands.tar.gz"),
)
OFFICIAL_DIGEST = "d9ff4abe94da5cac3e5c10048cfdd0f277b0de2f549e283f3944d81d36cafe48"

_COPIES = (
    "https://raw.githubusercontent.com/MatteoM95/MachineLearning4IOT/ca76016f2ebcb0de5e807c52af022a20142f0595/HW2/",
    "https://raw.githubusercontent.com/lucabnf/ml4iot/9abb43336bd4382a3e8c665bb144c2b71b3459ff/hw2/ex2/",
)
LISTS = {  # the course's split lists: (where, SHA-256 with LF line ends), in the order of SPLITS
    DownloadableFile(name, tuple(copy + name for copy in _COPIES), (name,)): digest
    for name, digest in (
        ("kws_train_split.txt", "f42a7ae04228b205a868e0ccfc33dc4e03b097ff7dea88ace4c275dd231dcfd8"),
        ("kws_val_split.txt", "e1c660a1de7ff6fe764d70cf5e5e9dba67301e5d12ba245d1109619fa8449dc0"),
        ("kws_test_split.txt", "b6728d58431ff3314938c27e7d396e2432f4ddc875404459cd7899ca3d332d30"),
    )
}


@dataclass(frozen=True)
class Speech:
    """Clips ordered by name.

    Attributes:
        audio: [n, 16000] int16.
        label: [n] (into words).
        split: [n] (into SPLITS).
        name: [n].
        words: [w].
    """

    audio: NDArray[np.int16]
    label: NDArray[np.int32]
    split: NDArray[np.int8]
    name: NDArray[np.str_]
    identity: Identity
    words: NDArray[np.str_] = field(default_factory=lambda: np.array(LABELS))

    def clips(self, split: str) -> Iterator[Audio]:
        """Return the clips [16000] of one split, in [-1, 1), one by one: all of them would fill the memory.

        Raises:
            UserError: the split is empty.
        """
        return (to_float(self.audio[i]) for i in self._places(split))

    def labels(self, split: str) -> NDArray[np.int32]:
        """Return the labels [n] of one split.

        Raises:
            UserError: the split is empty.
        """
        return self.label[self._places(split)]

    def speakers(self, split: str) -> NDArray[np.str_]:
        """Return who speaks each clip [n] of one split; where the files' names do not tell, each clip has a name.

        Raises:
            UserError: the split is empty.
        """
        return np.array([speaker_of(name) for name in self.name[self._places(split)]])

    def _places(self, split: str) -> NDArray[np.intp]:
        places = np.flatnonzero(self.split == SPLITS.index(split))
        if not len(places):
            raise UserError(f"{self.identity.description}: the {split} split is empty: give more clips")
        return places


Lists = tuple[frozenset[str], ...]


def read_speech(path: Path, user: bool) -> Speech:
    """Read clips `<word>/<file>` from a folder, a zip or a tar archive, split by speaker.

    Args:
        user: the clips are the user's own, not the official ones or a mirror's.

    Raises:
        UserError: unreadable archive or clip, a word without clips, or content that is not the official one.
    """
    clips: dict[str, NDArray[np.int16]] = {}
    lines = []
    for name, content in progress_bar(recordings(path, LABELS), f"reading {path.name}", "clips"):
        if len(clips) >= MOST_CLIPS:
            raise UserError(f"{path}: more than {MOST_CLIPS:,} clips: this is not Mini Speech Commands")
        audio = fit(decode(content, f"{path}: {name}", longest=1.0))
        clips[name] = to_int16(audio)
        lines.append(f"{hashlib.sha256(content).hexdigest()}  ./{name}\n")
    empty = [word for word in LABELS if not any(name.startswith(word + "/") for name in clips)]
    if empty:
        raise UserError(
            f"{path}: no clips {empty[0]}/*.wav: give a folder or archive with the words {', '.join(LABELS)}"
        )
    digest = hashlib.sha256("".join(sorted(lines, key=lambda line: line[66:])).encode()).hexdigest()
    official = digest == OFFICIAL_DIGEST
    if not official and not user:
        raise UserError(
            f"{path}: not the official Mini Speech Commands: remove it and run again, or give it as SPEECH="
        )
    names = sorted(clips)
    split, rule = split_clips(names, None)
    description = f"{path.name}, {len(names):,} clips" + (" (the user's own)" if user else "")
    return Speech(
        np.stack([clips[name] for name in names]),
        np.array([LABELS.index(name.split("/")[0]) for name in names], np.int32),
        split,
        np.array(names),
        Identity("official" if official else "local", description, digest, rule),
    )


def split_clips(names: list[str], lists: Lists | None) -> tuple[NDArray[np.int8], str]:
    """Split clips: by the course's lists if they name exactly these clips; return also the rule's name."""
    if lists is not None and frozenset().union(*lists) == frozenset(names):
        return np.array([next(i for i, part in enumerate(lists) if n in part) for n in names], np.int8), BY_LISTS
    return np.array([_hash_split(name) for name in names], np.int8), BY_SPEAKER


def by_speaker(speech: Speech) -> Speech:
    """Return the same clips, split so that no speaker is in two splits."""
    return by_lists(speech, None)


def by_lists(speech: Speech, lists: Lists | None) -> Speech:
    """Return the same clips, split as `split_clips` does."""
    split, rule = split_clips(list(speech.name), lists)
    return replace(speech, split=split, identity=replace(speech.identity, split=rule))


def speaker_of(name: str) -> str:
    """Return who speaks a clip, as the Speech Commands name it."""
    return re.sub(r"_nohash_.*$", "", Path(name).name)


def _hash_split(name: str) -> int:
    """Return the split of a clip by the rule of the Speech Commands README: one split for all clips of a speaker."""
    most = 2**27 - 1
    share = int(hashlib.sha1(speaker_of(name).encode()).hexdigest(), 16) % (most + 1) * (100.0 / most)
    return SPLITS.index("validation" if share < 10 else "test" if share < 20 else "train")


def read_list(path: Path, digest: str) -> frozenset[str]:
    """Read clip names `<word>/<file>` of one of the course's lists, whatever its line ends and slashes.

    Raises:
        UserError: unreadable, or the content is not the course's.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct that and run again") from None
    text = content.replace(b"\r\n", b"\n").replace(b"\\", b"/")
    if hashlib.sha256(text).hexdigest() != digest:
        raise UserError(f"{path}: not the course's list (checksum differs): remove it and run again")
    return frozenset("/".join(line.split("/")[-2:]) for line in text.decode("ascii").split())
