"""Load the data: real where available, synthetic otherwise; both are kept as arrays under data/."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from device.artifact import FORECASTING
from device.errors import UserError
from pipeline import files
from pipeline.data import other_sounds, speech, synthetic
from pipeline.data.fetch import DownloadableFile, UnreachableError, fetch, in_mirror
from pipeline.data.identity import Identity
from pipeline.data.kept import DataSet, kept_path, load, read_origin, save, stamp
from pipeline.data.made_sounds import make_other_sounds
from pipeline.data.other_sounds import OtherSounds
from pipeline.data.own_words import OwnWords, read_own_words
from pipeline.data.speech import Speech
from pipeline.data.weather import Weather

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


def load_data(task: str, sources: Sources, other: bool = False) -> DataSets:
    """Load what the models of a task are made from, with other sounds if `other` says so.

    Raises:
        UserError: bad data, or none.
    """
    if task == FORECASTING:
        return DataSets(load_weather(sources))
    return DataSets(load_speech(sources), load_other_sounds(sources) if other else None)


def load_weather(sources: Sources) -> Weather:
    """Load the weather readings.

    Raises:
        UserError: bad data, or none where DATA=real.
    """

    def read(path: Path) -> Weather:
        from pipeline.data.weather_csv import read_weather  # imports pandas, which data that are kept do not need

        return read_weather(path, user=sources.jena is not None)

    return _obtain(Weather, "JENA", OFFICIAL_WEATHER, sources.jena, sources, read, synthetic.make_weather)


def load_speech(sources: Sources) -> Speech:
    """Load the spoken words.

    Raises:
        UserError: bad data, or none where DATA=real.
    """
    if sources.own_words:
        return _own_words(sources).speech

    def lists() -> speech.Lists | None:
        try:
            return tuple(
                speech.read_list(fetch(remote, sources.mirror, files.DATA / "downloads"), digest)
                for remote, digest in speech.LISTS.items()
            )
        except UnreachableError as error:
            print(f"the course's split is not available ({error}): speakers are split by their hash instead")
            return None

    def read(path: Path) -> Speech:
        return speech.read_speech(path, lists, user=sources.speech is not None)

    clips = _obtain(Speech, "SPEECH", speech.OFFICIAL, sources.speech, sources, read, synthetic.make_speech)
    return speech.by_speaker(clips) if sources.by_speaker else clips


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
        return other_sounds.combine(other, own.speech.words.tolist(), own.other)
    path, source = _find_other_sounds(sources)
    kept, origin = kept_path(OtherSounds, "real"), stamp(path, source == "local")
    known = read_origin(kept)
    if path is None:
        if sources.data != "synthetic" and known is not None and not known["own"]:
            return load(OtherSounds, kept)
        return _made_other_sounds(clips or load_speech(sources))
    if known != origin:
        save(other_sounds.read_other_sounds(path, source), kept, origin)
    return load(OtherSounds, kept)


def _own_words(sources: Sources) -> OwnWords:
    """Load words of the user's own, which are kept beside the eight words."""
    path = sources.speech
    if path is None or not path.exists():
        raise UserError(f"{path or 'SPEECH'}: no such file or folder: name your recordings: SPEECH=folder-or-archive")
    clips, other = kept_path(Speech, "real", "own_"), kept_path(OtherSounds, "real", "own_")
    origin = stamp(path, True)
    if read_origin(clips) != origin or read_origin(other) != origin:
        own = read_own_words(path)
        save(own.speech, clips, origin)
        save(own.other, other, origin)
    return OwnWords(load(Speech, clips), load(OtherSounds, other))


def _made_other_sounds(clips: Speech) -> OtherSounds:
    """Make other sounds once for the same clips: espeak-ng speaks otherwise once it has spoken."""
    generated = kept_path(OtherSounds, "synthetic")
    origin = {"clips": clips.identity.digest, "by": clips.identity.split}
    if read_origin(generated) != origin:
        save(make_other_sounds(clips), generated, origin)
    return load(OtherSounds, generated)


def _find_other_sounds(sources: Sources) -> tuple[Path | None, str]:
    """Return where other sounds are, if anywhere, and what they are (the source of an identity)."""
    own = sources.other
    if own is not None and own.exists():
        return own, "local"
    if own is not None and str(own) == other_sounds.SPEECH_COMMANDS:
        try:
            return fetch(other_sounds.OFFICIAL, sources.mirror, files.DATA / "downloads"), "official"
        except UnreachableError as error:
            raise UserError(f"{error}: put it into DATA_MIRROR=folder, or run without OTHER") from None
    if own is not None:
        raise UserError(
            f"{own}: no such file or folder: correct the path (OTHER), or OTHER={other_sounds.SPEECH_COMMANDS} for a"
            " download of 2.4 GB"
        )
    mirror = None if sources.data == "synthetic" else in_mirror(other_sounds.COLLECTED, sources.mirror)
    return mirror, "mirror"


def _obtain(
    kind: type[DataSet],
    variable: str,
    remote: DownloadableFile,
    own: Path | None,
    sources: Sources,
    read: Callable[[Path], DataSet],
    make: Callable[[], DataSet],
) -> DataSet:
    """Load the kept arrays, or make them from the best available source."""
    name = kind.__name__.lower()
    real, generated = kept_path(kind, "real"), kept_path(kind, "synthetic")
    if own is not None and not own.exists():
        raise UserError(f"{own}: no such file or folder: correct the path ({variable})")
    if sources.data != "synthetic":
        origin = stamp(own or in_mirror(remote, sources.mirror), own is not None)
        kept = read_origin(real)
        if kept is not None and (kept == origin if origin["path"] else not kept["own"]):
            return load(kind, real)
        if sources.data == "real" or origin["path"] or sources.ask_again or not generated.exists():
            try:
                value = read(own or fetch(remote, sources.mirror, files.DATA / "downloads"))
                save(value, real, origin)
                return value
            except UnreachableError as error:
                remedy = f"set DATA_MIRROR=folder or {variable}=file, or run with DATA=synthetic"
                if sources.data == "real":
                    raise UserError(f"{error}: {remedy}") from None
                print(f"{error}")
    if not generated.exists():
        save(make(), generated, stamp(None, False))
    print(
        f"*** SYNTHETIC {name}: generated, not real. Figures made from it say nothing about the report. ***", flush=True
    )
    return load(kind, generated)
