"""Load the data: real where available, synthetic otherwise; both are kept as arrays under data/."""

import json
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from device.errors import UserError
from pipeline import files
from pipeline.data import other_sounds, speech, synthetic
from pipeline.data.fetch import DownloadableFile, UnreachableError, fetch, in_mirror
from pipeline.data.identity import Identity
from pipeline.data.made_sounds import make_other_sounds
from pipeline.data.other_sounds import OtherSounds
from pipeline.data.speech import Speech
from pipeline.data.weather import Weather

DataSet = TypeVar("DataSet", Weather, Speech, OtherSounds)
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
    """

    data: str = "auto"
    mirror: Path | None = None
    jena: Path | None = None
    speech: Path | None = None
    ask_again: bool = False
    by_speaker: bool = False
    other: Path | None = None


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


def load_other_sounds(sources: Sources) -> OtherSounds:
    """Load what is no word: the user's own, a mirror's, or made from what is there.

    Raises:
        UserError: bad data, or other sounds that are named but can't be had.
    """
    path, source = _find_other_sounds(sources)
    kept, origin = _kept_path(OtherSounds, "real"), _stamp(path, source == "local")
    known = _read_origin(kept)
    if path is None:
        if sources.data != "synthetic" and known is not None and not known["own"]:
            return _load(OtherSounds, kept)
        return _made_other_sounds(load_speech(sources))
    if known != origin:
        save(other_sounds.read_other_sounds(path, source), kept, origin)
    return _load(OtherSounds, kept)


def _made_other_sounds(clips: Speech) -> OtherSounds:
    """Make other sounds once for the same clips: espeak-ng speaks otherwise once it has spoken."""
    generated, origin = (
        _kept_path(OtherSounds, "synthetic"),
        {"clips": clips.identity.digest, "by": clips.identity.split},
    )
    if _read_origin(generated) != origin:
        save(make_other_sounds(clips), generated, origin)
    return _load(OtherSounds, generated)


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


def _kept_path(kind: type[DataSet], folder: str) -> Path:
    """Return where the arrays of a data set are kept: OtherSounds in data/FOLDER/other_sounds.npz."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    return files.DATA / folder / f"{name}.npz"


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
    real, generated = _kept_path(kind, "real"), _kept_path(kind, "synthetic")
    if own is not None and not own.exists():
        raise UserError(f"{own}: no such file or folder: correct the path ({variable})")
    if sources.data != "synthetic":
        origin = _stamp(own or in_mirror(remote, sources.mirror), own is not None)
        kept = _read_origin(real)
        if kept is not None and (kept == origin if origin["path"] else not kept["own"]):
            return _load(kind, real)
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
        save(make(), generated, _stamp(None, False))
    print(
        f"*** SYNTHETIC {name}: generated, not real. Figures made from it say nothing about the report. ***", flush=True
    )
    return _load(kind, generated)


def _stamp(path: Path | None, own: bool) -> dict[str, Any]:
    """Identify a source as make does: by path, size and time of change (of a folder: of all that is in it)."""
    if path is None:
        return {"path": None, "own": own}
    # folders too: their time is all that changes when a file is renamed
    parts = [p.stat() for p in ([path] if path.is_file() else [path, *path.rglob("*")]) if p.exists()]
    newest = max((p.st_mtime_ns for p in parts), default=0)
    return {
        "path": str(path.resolve()),
        "own": own,
        "size": [len(parts), sum(p.st_size for p in parts)],
        "time": newest,
    }


def _read_origin(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    with _open(path) as arrays:
        origin: dict[str, Any] = json.loads(str(arrays["origin"]))
        return origin


def save(value: Weather | Speech | OtherSounds, path: Path, origin: dict[str, Any]) -> None:
    """Keep a data set as arrays in `path`, with the stamp of the source that it came from."""
    content = {f.name: getattr(value, f.name) for f in fields(value)}
    content["identity"] = json.dumps(asdict(value.identity))
    with files.atomic_write(path) as partial, partial.open("wb") as out:
        np.savez(out, origin=json.dumps(origin), **content)


def _load(kind: type[DataSet], path: Path) -> DataSet:
    with _open(path) as arrays:
        # speech that was kept before there were other words has no field of them
        content = {f.name: arrays[f.name] for f in fields(kind) if f.name in arrays}
    content["identity"] = Identity(**json.loads(str(content["identity"])))
    return kind(**content)


def _open(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise UserError(f"{path}: damaged: remove it and run again") from None
