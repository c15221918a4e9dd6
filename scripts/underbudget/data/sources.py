"""Load the data: real where available, synthetic otherwise; both are cached as arrays under data/."""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from underbudget import files
from underbudget.data import other_sounds, speech, synthetic
from underbudget.data.array_cache import DataSet, cache_path, load, load_if, read_source_key, save, source_key
from underbudget.data.download import DownloadableFile, UnreachableError, fetch, in_mirror
from underbudget.data.identity import OWN_SOURCE, Identity
from underbudget.data.made_sounds import make_other_sounds
from underbudget.data.other_sounds import OtherSounds
from underbudget.data.own_words import OwnWords, read_own_words
from underbudget.data.speech import LABELS, Speech
from underbudget.data.weather import Weather
from underbudget.data.weather_csv import read_weather
from underbudget.device.artifact import FORECASTING
from underbudget.device.errors import UserError

OTHER_SOUNDS_FORM = 3  # what is kept of other sounds; a change raises it, and they are read again
OFFICIAL_WEATHER = DownloadableFile(
    "jena_climate_2009_2016.csv.zip",
    ("https://storage.googleapis.com/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip",),
    ("jena_climate_2009_2016.csv.zip", "jena_climate_2009_2016.csv", "jena_station_10min.csv.xz"),
)


@dataclass(frozen=True)
class Sources:
    """Where the user wants data to come from.

    Attributes:
        data: "auto" (real, else synthetic data), "real" or "synthetic".
        mirror: a folder to look in before the network.
        jena, speech: the user's own files in place of the official ones.
        ask_again: in "auto", try the real sources again though there are synthetic data.
        by_speaker: split the clips by speaker, not by the course's lists.
        other: other sounds: the user's own, or speech_commands_v0.02 for a download of it.
        own_words: `speech` has words of the user's own, whatever they are, and perhaps other sounds.
    """

    data: str = "auto"
    mirror: Path | None = None
    jena: Path | None = None
    speech: Path | None = None
    ask_again: bool = False
    by_speaker: bool = False
    other: Path | None = None
    own_words: bool = False

    def own(self, task: str) -> Path | None:
        """Return the user's own data for a task, in place of the official ones, if they are named."""
        return self.jena if task == FORECASTING else self.speech

    def variables(self, task: str) -> str:
        """Return the variables that name the user's own data for a task, as a shell takes them: " JENA=own.csv"."""
        named = {"JENA": self.jena} if task == FORECASTING else {"SPEECH": self.speech, "OTHER": self.other}
        return "".join(f" {name}={shlex.quote(str(path))}" for name, path in named.items() if path)


@dataclass(frozen=True)
class DataSets:
    """What the models of one task are made from.

    Attributes:
        main: weather readings, or clips of words.
        other: other sounds, for spotters that learn them as a class of their own.
    """

    main: Weather | Speech
    other: OtherSounds | None = None

    @property
    def identity(self) -> Identity:
        return self.main.identity

    @property
    def identities(self) -> tuple[Identity, ...]:
        """Of all data sets."""
        return (self.identity, self.other.identity) if self.other else (self.identity,)


def load_data(sources: Sources, task: str, by_speaker: bool = False, other: bool = False) -> DataSets:
    """Load what the models of a task are made from.

    Args:
        by_speaker: split the clips by speaker, whatever `sources` says.
        other: with other sounds.

    Raises:
        UserError: bad data, or none.
    """
    if task == FORECASTING:
        return DataSets(load_weather(sources))
    clips = load_speech(replace(sources, by_speaker=sources.by_speaker or by_speaker))
    if not other:
        return DataSets(clips)
    sounds = load_other_sounds(sources)
    return DataSets(clips, _as_own(sounds) if sounds.identity.source == "local" else sounds)


def load_weather(sources: Sources) -> Weather:
    """Load the weather readings.

    Raises:
        UserError: bad data; or none where real or own data were asked for.
    """

    if sources.jena and sources.jena.is_dir():
        raise UserError(f"{sources.jena}: this is a folder: name the file with the readings (JENA)")

    def read(path: Path) -> Weather:
        return read_weather(path, user=sources.jena is not None)

    return _obtain(Weather, "JENA", OFFICIAL_WEATHER, sources.jena, sources, read, synthetic.make_weather)


def load_speech(sources: Sources) -> Speech:
    """Load the spoken words.

    Raises:
        UserError: bad data; or none where real or own data were asked for.
    """
    if sources.own_words:
        return _own_words(sources).speech

    def read(path: Path) -> Speech:
        return speech.read_speech(path, user=sources.speech is not None)

    clips = _obtain(Speech, "SPEECH", speech.MINI_SPEECH_COMMANDS, sources.speech, sources, read, synthetic.make_speech)
    if sources.by_speaker:
        return speech.by_speaker(clips)
    if clips.identity.source != "official" or clips.identity.split == speech.BY_LISTS:  # which older caches have
        return clips
    try:
        return speech.by_lists(clips, _course_lists(sources.mirror))
    except UnreachableError as error:
        print(
            f"*** The clips are split by speaker, not by the course's lists ({error}). Figures do not compare with the"
            f" report's: put {', '.join(remote.name for remote in speech.LISTS)} into DATA_MIRROR=folder. ***",
            flush=True,
        )
        return clips


def _course_lists(mirror: Path | None) -> speech.Lists:
    """Return the course's split, and keep its lists among the downloads: the mirror may not be there the next time.

    Raises:
        UnreachableError: they are not to be had.
        UserError: a list is not the course's.
    """
    downloads = files.DATA / "downloads"
    lists = []
    for remote, digest in speech.LISTS.items():
        path, kept = fetch(remote, mirror, downloads), downloads / remote.name
        lists.append(speech.read_list(path, digest))
        if not kept.exists():
            with files.atomic_write(kept) as partial:
                partial.write_bytes(path.read_bytes())
    return tuple(lists)


def load_other_sounds(sources: Sources, clips: Speech | None = None) -> OtherSounds:
    """Load what is no word: the user's own, a mirror's, or made from what is there.

    Args:
        clips: what they are made from, if need be (default: the spoken words of `sources`).

    Raises:
        UserError: bad data, or other sounds that are named but can't be had.
    """
    if sources.own_words:
        own = _own_words(sources)
        other = load_other_sounds(replace(sources, own_words=False), own.speech)
        return other_sounds.join([other, own.other], own.speech.words.tolist())
    return other_sounds.join([_kept_other_sounds(sources, clips)], LABELS)


def _kept_other_sounds(sources: Sources, clips: Speech | None) -> OtherSounds:
    paths, source = _find_other_sounds(sources)
    kept = cache_path(OtherSounds, "own" if source == "local" else "real")
    known = read_source_key(kept)
    if not paths:
        if sources.data != "synthetic" and known is not None and not known["own"]:
            return load(OtherSounds, kept)
        return _made_other_sounds(clips or load_speech(sources))
    first, *others = (source_key(path, source == "local") for path in paths)
    origin = {**first, "and": others, "form": OTHER_SOUNDS_FORM}
    if known != origin:
        read = [other_sounds.read_other_sounds(path, source) for path in paths]
        save(other_sounds.join(read, ()), kept, origin)
    return load(OtherSounds, kept)


def _own_words(sources: Sources) -> OwnWords:
    """Load words of the user's own, which are cached apart from the eight words."""
    path = sources.speech
    if path is None or not path.exists():
        raise UserError(f"{path or 'SPEECH'}: no such file or folder: name your recordings: SPEECH=folder-or-archive")
    clips, other = cache_path(Speech, "own/words"), cache_path(OtherSounds, "own/words")
    origin = source_key(path, True)
    said, sounds = load_if(Speech, clips, origin.__eq__), load_if(OtherSounds, other, origin.__eq__)
    if said is not None and sounds is not None:
        return OwnWords(said, sounds)
    own = read_own_words(path)
    save(own.speech, clips, origin)
    save(own.other, other, origin)
    return own


def _made_other_sounds(clips: Speech) -> OtherSounds:
    """Make other sounds once for the same clips: espeak-ng speaks otherwise once it has spoken."""
    generated = cache_path(OtherSounds, "synthetic")
    origin = {"clips": clips.identity.digest, "by": clips.identity.split, "form": OTHER_SOUNDS_FORM}
    if read_source_key(generated) != origin:
        save(make_other_sounds(clips), generated, origin)
    return load(OtherSounds, generated)


def _find_other_sounds(sources: Sources) -> tuple[list[Path], str]:
    """Return where other sounds are, if anywhere, and what they are (the source of an identity)."""
    own = sources.other
    if own is not None and own.exists():
        return [own], "local"
    if own is not None and str(own) == other_sounds.SPEECH_COMMANDS:
        try:
            return [fetch(other_sounds.SPEECH_COMMANDS_FILE, sources.mirror, files.DATA / "downloads")], "official"
        except UnreachableError as error:
            raise UserError(f"{error}: put it into DATA_MIRROR=folder, or run without OTHER") from None
    if own is not None:
        raise UserError(
            f"{own}: no such file or folder: correct the path (OTHER), or OTHER={other_sounds.SPEECH_COMMANDS} for a"
            " download of 2.4 GB"
        )
    found = [in_mirror(collected, sources.mirror) for collected in other_sounds.COLLECTED]
    return [path for path in found if path and sources.data != "synthetic"], "mirror"


def _obtain(
    kind: type[DataSet],
    variable: str,
    remote: DownloadableFile,
    own: Path | None,
    sources: Sources,
    read: Callable[[Path], DataSet],
    make: Callable[[], DataSet],
) -> DataSet:
    """Load the cached arrays, or make them from the best available source.

    Synthetic data stand in for real ones only where nothing else was ever named.

    Raises:
        UserError: bad data; or none where real or own data were asked for.
    """
    if own is not None:
        return _obtain_own(kind, variable, own, sources.data, read)
    name, generated = kind.__name__.lower(), cache_path(kind, "synthetic")
    if sources.data != "synthetic":
        real, found = cache_path(kind, "real"), in_mirror(remote, sources.mirror)
        origin = source_key(found, False)
        value = load_if(kind, real, lambda kept: kept == origin if found else not kept["own"])
        if value is not None:
            return value
        used = read_source_key(cache_path(kind, "own"))
        needed = sources.data == "real" or sources.mirror is not None or used is not None
        remedy = f"get {remote.urls[0]} and name the folder that has it (DATA_MIRROR=folder)"
        if needed or sources.ask_again or not generated.exists():
            try:
                value = read(fetch(remote, sources.mirror, files.DATA / "downloads"))
                save(value, real, origin)
                return value
            except UnreachableError as error:
                if needed:
                    empty = f"{sources.mirror} has none of {', '.join(remote.mirror_names)}, and "
                    again = f"{used['path']}, as before" if used else "file"
                    raise UserError(
                        f"{empty if sources.mirror else ''}{error}: {remedy}, or your own data ({variable}={again}), or"
                        " run with DATA=synthetic"
                    ) from None
                print(error)
        print(f"No real {name} at hand: {remedy}, then run make data")
    if not generated.exists():
        save(make(), generated, source_key(None, False))
    print(
        f"*** SYNTHETIC {name}: generated, not real. Figures made from it say nothing about the report. ***", flush=True
    )
    return load(kind, generated)


def _obtain_own(kind: type[DataSet], variable: str, path: Path, data: str, read: Callable[[Path], DataSet]) -> DataSet:
    """Load the user's own data, which are cached apart from the real ones."""
    if data == "synthetic":
        raise UserError(f"{variable}={path} and DATA=synthetic: name one of them")
    try:
        origin = source_key(path, True) if path.exists() else None
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct that ({variable})") from None
    if origin is None:
        raise UserError(f"{path}: no such file or folder: correct the path ({variable})")
    kept = cache_path(kind, "own")
    value = load_if(kind, kept, origin.__eq__)
    if value is None:
        value = read(path)
        value = value if value.identity.source == "official" else _as_own(value)
        save(value, kept, origin)
    return value


def _as_own(value: DataSet) -> DataSet:
    return replace(value, identity=replace(value.identity, source=OWN_SOURCE))
