"""Data sets cached as arrays under data/, each with a stamp of its source."""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import MISSING, asdict, fields
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from underbudget import files
from underbudget.data.identity import Identity
from underbudget.data.other_sounds import OtherSounds
from underbudget.data.speech import Speech
from underbudget.data.weather import Weather
from underbudget.device.errors import UserError

DataSet = TypeVar("DataSet", Weather, Speech, OtherSounds)


def cache_path(kind: type[DataSet], folder: str) -> Path:
    """Return the path of the cached arrays of a data set: OtherSounds in data/FOLDER/other_sounds.npz."""
    name = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", kind.__name__).lower()
    return files.DATA / folder / f"{name}.npz"


def source_key(path: Path | None, own: bool) -> dict[str, Any]:
    """Identify a source as make does: by path, size and time of change (of a folder: those of all that is in it)."""
    if path is None:
        return {"path": None, "own": own}
    parts = [(p, p.stat()) for p in ([path] if path.is_file() else sorted(path.rglob("*"))) if p.exists()]
    key = {"path": str(path.resolve()), "own": own, "size": [len(parts), sum(stat.st_size for _, stat in parts)]}
    if path.is_file():
        return {**key, "time": parts[0][1].st_mtime_ns}
    # an older take may be put back: each file's own time counts, not the newest
    listed = "".join(f"{p.relative_to(path)}/{stat.st_size}/{stat.st_mtime_ns}\n" for p, stat in parts)
    return {**key, "time": hashlib.sha256(listed.encode("utf-8", "surrogateescape")).hexdigest()}


def read_source_key(path: Path) -> dict[str, Any] | None:
    """Return the stamp of the data set cached in `path`, if there is one."""
    if not path.exists():
        return None
    with _open(path) as arrays:
        origin: dict[str, Any] = json.loads(str(arrays["origin"]))
        return origin


def save(value: Weather | Speech | OtherSounds, path: Path, origin: dict[str, Any]) -> None:
    """Keep a data set as arrays in `path`, with the key of the source that it came from."""
    content = {f.name: getattr(value, f.name) for f in fields(value) if f.default is MISSING}
    content["identity"] = json.dumps(asdict(value.identity))
    with files.atomic_write(path) as partial, partial.open("wb") as out:
        np.savez(out, origin=json.dumps(origin), **content)


def load(kind: type[DataSet], path: Path) -> DataSet:
    """Load a data set that `save` has cached.

    Raises:
        UserError: damaged.
    """
    with _open(path) as arrays:
        return _content(kind, arrays)


def load_if(kind: type[DataSet], path: Path, fits: Callable[[dict[str, Any]], bool]) -> DataSet | None:
    """Load a data set if it is cached and the key of its source fits.

    Key and arrays are of one file, though another run may put a new one in its place meanwhile.

    Raises:
        UserError: damaged.
    """
    if not path.exists():
        return None
    with _open(path) as arrays:
        return _content(kind, arrays) if fits(json.loads(str(arrays["origin"]))) else None


def _content(kind: type[DataSet], arrays: Any) -> DataSet:
    # speech that was kept before there were other words has no field of them
    content = {f.name: arrays[f.name] for f in fields(kind) if f.name in arrays}
    content["identity"] = Identity(**json.loads(str(content["identity"])))
    return kind(**content)


def _open(path: Path) -> Any:
    try:
        return np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise UserError(f"{path}: damaged: remove it and run again") from None
