"""What the folders of a user's recordings mean: words, speakers, splits, other sounds and noise."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from underbudget.data.speech import OTHER

NOISE = "_background_noise_"  # of Speech Commands; OTHER is ours
KINDS = {  # what others call these two, without case and signs
    **dict.fromkeys(("other", "others", "otherwords", "unknown", "unknownwords", "negative", "negatives"), OTHER),
    **dict.fromkeys(("notwakeword", "nonwakeword", "nowakeword", "nothotword", "notkeyword", "garbage"), OTHER),
    **dict.fromkeys(("noise", "noises", "background", "backgrounds", "backgroundnoise", "backgroundnoises"), NOISE),
    **dict.fromkeys(("silence", "ambient", "ambience", "ambientnoise", "music"), NOISE),
}
SPLIT_NAMES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("validation", "val", "valid", "dev", "validate"), "validation"),
    **dict.fromkeys(("test", "testing", "eval", "evaluation"), "test"),
}
_SPEAKER = re.compile(r"(speaker|spk|spkr|user|person|subject|participant|voice|id|[spf])?[-_ ]?\d+|[0-9a-f]{8}", re.I)


@dataclass(frozen=True)
class Place:
    """Where a recording lies: its folders, and what they mean.

    Attributes:
        folders: from the outermost, as they are called.
        file: its name.
        split: one of identity.SPLITS, where a folder says so.
        word: what it says, or OTHER or NOISE; empty if no folder says it.
        speaker: who speaks, where a folder says so.
    """

    folders: tuple[str, ...]
    file: str
    split: str = ""
    word: str = ""
    speaker: str = ""


def read_layout(paths: Iterable[str]) -> list[Place]:
    """Tell what the folders of recordings mean, given as `<folders>/<file>`.

    A folder that holds all others means nothing. Folders called train, validation or test, or usual names for these,
    are splits where nothing but such folders lies beside them, or what is in them is also called what lies beside them.
    Of several folders that are left, the outermost is the word and the next one its speaker, unless the outermost are
    called as speakers are, or the files as the innermost.
    """
    places = [Place(tuple(path.split("/")[:-1]), path.split("/")[-1]) for path in paths]
    files = [place.file for place in places]
    left = _without_common([[plain_name(folder) for folder in place.folders] for place in places], files)
    for level in (0, 1):
        left, splits = _take_splits(left, level)
        left = _without_common(left, files)
        places = [replace(p, split=split or p.split) for p, split in zip(places, splits, strict=True)]
    words_last = _words_are_last(
        [(names, place.file) for names, place in zip(left, places, strict=True) if names and not kind_of(names[0])]
    )
    found = []
    for place, names in zip(places, left, strict=True):
        kinds = [kind for kind in map(kind_of, names[: 2 if words_last else 1]) if kind]
        word = kinds[0] if kinds else (names or [""])[-1 if words_last else 0]
        speaker = "" if kinds or len(names) < 2 else names[0 if words_last else 1]
        found.append(replace(place, word=word, speaker=speaker))
    return _one_spelling(found)


def plain_name(name: str) -> str:
    """Return a folder's name as a label has it: composed letters, usual spaces, no invisible signs but joiners."""
    name = "".join(" " if unicodedata.category(c) == "Zs" else c for c in unicodedata.normalize("NFC", name))
    name = "".join(c for c in name if unicodedata.category(c) != "Cf" or c in "\u200c\u200d")
    return " ".join(name.split()).strip("\u200c\u200d ")


def kind_of(name: str) -> str:
    """Return OTHER or NOISE if a folder of this name holds no word, otherwise nothing."""
    return KINDS.get(re.sub(r"[\W_]+", "", name.casefold()), "")


def _without_common(left: list[list[str]], files: list[str]) -> list[list[str]]:
    """Drop outer folders that hold all recordings, but not the only word, nor one whose folders are speakers."""
    while left and all(len(names) > 1 for names in left) and len({names[0] for names in left}) == 1:
        if all(
            _SPEAKER.fullmatch(names[1]) or _called(file, names[0]) for names, file in zip(left, files, strict=True)
        ):
            break
        left = [names[1:] for names in left]
    return left


def _called(file: str, name: str) -> bool:
    """Tell whether a file is called after a folder: `computer_3.wav`."""
    return plain_name(file).casefold().startswith(name.casefold())


def _take_splits(left: list[list[str]], level: int) -> tuple[list[list[str]], list[str]]:
    """Take folders that are splits out of one level; return also the split of each recording."""
    words = [names for names in left if not level or not kind_of((names or [""])[0])]
    beside = {names[level] for names in words if len(names) > level}
    splits = {name for name in beside if name.casefold() in SPLIT_NAMES}
    others = {name.casefold() for name in beside - splits if not kind_of(name)}
    inside = {names[level + 1].casefold() for names in words if len(names) > level + 1 and names[level] in splits}
    bare = level == 0 and any(len(names) == 1 and names[0] in splits for names in left)
    if others and (bare or level or any(name not in others and not kind_of(name) for name in inside)):
        splits = set()
    found, said = [], []
    for names in left:
        of_kind = level and kind_of((names or [""])[0])  # `_other_/train`
        is_split = len(names) > level and (
            names[level].casefold() in SPLIT_NAMES if of_kind else names[level] in splits
        )
        said.append(SPLIT_NAMES[names[level].casefold()] if is_split else "")
        found.append(names[:level] + names[level + 1 :] if is_split else names)
    return found, said


def _words_are_last(left: Sequence[tuple[list[str], str]]) -> bool:
    """Tell whether the innermost folder is the word, not the outermost one, of names of folders and of their file."""
    if not left or any(len(names) < 2 for names, _ in left):
        return False  # where recordings lie right in a folder, this is the word
    first, last = ({names[at].casefold() for names, _ in left} for at in (0, -1))
    are_speakers = [all(_SPEAKER.fullmatch(name) for name in names) for names in (first, last)]
    if are_speakers[0] != are_speakers[1]:
        return are_speakers[0]
    after_last, after_first = (sum(_called(file, names[at]) for names, file in left) for at in (-1, 0))
    return after_last > after_first


def _one_spelling(places: list[Place]) -> list[Place]:
    """Return the words in their most frequent spelling: `Computer` and `computer` are one."""
    spellings: dict[str, Counter[str]] = {}
    for place in places:
        spellings.setdefault(_key(place.word), Counter())[place.word] += 1
    return [replace(p, word=max(sorted(c := spellings[_key(p.word)]), key=c.__getitem__)) for p in places]


def _key(word: str) -> str:
    """Return what two spellings of one word have in common."""
    return unicodedata.normalize("NFKC", word).casefold().replace("\u200c", "").replace("\u200d", "")
