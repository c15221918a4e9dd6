"""Tasks of these tests: functions that a process of its own can import."""

import os
import signal
import tempfile
import time
from pathlib import Path
from typing import Any

from underbudget.device.errors import UserError


def square(number: int) -> int:
    return number**2


def total(array: Any) -> float:
    return float(array.sum())


def process() -> int:
    return os.getpid()


def where() -> str:
    from underbudget import files

    return files.__file__


def settings() -> tuple[str | None, str | None]:
    return os.environ.get("TF_NUM_INTRAOP_THREADS"), os.environ.get("XLA_FLAGS")


def fail(kind: str) -> None:
    if kind == "user":
        raise UserError("bad\ndata")
    if kind == "memory":
        raise MemoryError
    if kind == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    raise ValueError(kind)


def leave_behind(told: Path) -> None:
    """Leave a temporary file, as TensorFlow does, and tell its path."""
    with tempfile.NamedTemporaryFile(delete=False) as left:
        told.write_text(left.name)


def note(path: Path, moment: Path) -> str:
    """Write a line, and wait for a file before ending."""
    with path.open("a") as file:
        file.write(f"{os.getpid()}\n")
    while not moment.exists():
        time.sleep(0.01)
    return path.name
