"""Where files are, and how they are written: whole or not at all."""

import errno
import fcntl
import glob
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from underbudget.device.errors import UserError
from underbudget.device.start import ROOT as ROOT

SCRIPTS = ROOT / "scripts"
DATA = ROOT / "data"
MODELS = ROOT / "models"
RESULTS = ROOT / "results"


class DiskFullError(UserError):
    """There is no space left on the disk, or on the user's share of it."""


def shown(path: Path) -> str:
    """Return a path as it is shown: from this project's folder, if it is in there."""
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)


@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path that takes the name `path` once the block has succeeded, and is removed otherwise.

    A process that is killed can't remove its own: the next one that writes to `path` does.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{glob.escape(path.name)}.*"):
        process = left.suffix[1:]
        if process.isdigit() and not Path("/proc", process).exists():
            left.unlink(missing_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield partial
        partial.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(f"{path}: the disk is full: free some space and run again") from None
        raise
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def alone(path: Path, does: str) -> Iterator[None]:
    """Hold a lock on the file `path`, which is created; wait and say so while another process does the same.

    Raises:
        UserError: it can't be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise UserError(f"{path}: can't be written ({error.strerror}): correct that and run again") from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{shown(path)}: another run {does} it: waiting for that", flush=True)
            fcntl.flock(file, fcntl.LOCK_EX)
        except OSError as error:  # a network's file system without locks
            print(f"{shown(path)}: no lock ({error.strerror}): let no other run do the same", flush=True)
        yield


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all."""
    with atomic_write(path) as partial:
        partial.write_text(text, encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write `content` as JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Read a file with one JSON object per line; no objects if there is no file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
