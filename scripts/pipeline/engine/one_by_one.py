"""Tasks one by one, each in a process of its own, without Ray."""

import mmap
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from tempfile import TemporaryDirectory
from typing import Any

from pipeline.engine.pool import ONE_THREAD, Done, end_of


@dataclass(frozen=True)
class Shared:
    """A value in memory that processes share, as Ray shares it: its arrays are not copied, and read-only.

    Attributes:
        memory: the descriptor of a file in memory, which goes when no process has it open.
        pickled: the value without its arrays.
        sizes: bytes of each array; they lie one after the other.
    """

    memory: int
    pickled: bytes
    sizes: tuple[int, ...]

    @classmethod
    def of(cls, value: Any) -> "Shared":
        buffers: list[pickle.PickleBuffer] = []
        pickled = pickle.dumps(value, protocol=5, buffer_callback=buffers.append)
        memory = os.memfd_create("shared")
        with os.fdopen(memory, "wb", closefd=False) as file:
            sizes = tuple(file.write(buffer.raw()) for buffer in buffers)
        return cls(memory, pickled, sizes)

    def value(self) -> Any:
        whole = memoryview(mmap.mmap(self.memory, 0, prot=mmap.PROT_READ) if sum(self.sizes) else b"")
        ends = [sum(self.sizes[: i + 1]) for i in range(len(self.sizes))]
        parts = [whole[end - size : end] for end, size in zip(ends, self.sizes, strict=True)]
        return pickle.loads(self.pickled, buffers=parts)  # noqa: S301 # this program's own


@dataclass(frozen=True)
class _Running:
    """The task that runs: its process, the connection to it, and the folder of its temporary files."""

    key: str
    process: subprocess.Popen[bytes]
    connection: Connection
    folder: TemporaryDirectory[str]


class OneByOne:
    """A pool of one; see pipeline.engine.pool.Pool. What a task prints is seen."""

    slots = 1

    def __init__(self) -> None:
        self._waiting: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {}
        self._running: _Running | None = None
        self._shared: list[Shared] = []

    def __enter__(self) -> "OneByOne":
        return self

    def __exit__(self, *exception: object) -> None:
        self._waiting.clear()
        self._stop()
        for shared in self._shared:
            os.close(shared.memory)

    def share(self, value: Any) -> Shared:
        self._shared.append(Shared.of(value))
        return self._shared[-1]

    def submit(self, key: str, function: Callable[..., Any], *arguments: Any) -> None:
        self._waiting[key] = function, arguments

    def wait(self, timeout: float | None = None) -> list[Done]:
        if self._running is None and self._waiting:
            self._running = self._start(next(iter(self._waiting)))
        task = self._running
        if task is None or not wait([task.connection], timeout):
            return []
        try:
            value, error = task.connection.recv()
        except EOFError:
            value, error = None, end_of(task.process.wait())
        self._stop()
        return [Done(task.key, value, error)]

    def cancel(self, key: str) -> None:
        self._waiting.pop(key, None)
        if self._running and self._running.key == key:
            self._stop()

    def _start(self, key: str) -> _Running:
        task = self._waiting.pop(key)
        connection, other = Pipe()
        descriptors = [other.fileno(), *(a.memory for a in task[1] if isinstance(a, Shared))]
        path = os.pathsep.join(filter(None, sys.path))  # as here
        folder = TemporaryDirectory(prefix="task-")  # the process is killed, and leaves its temporary files
        with other:
            process = subprocess.Popen(
                [sys.executable, "-m", "pipeline.engine.child", str(other.fileno())],
                stdin=subprocess.DEVNULL, pass_fds=descriptors, start_new_session=True,  # Ctrl-C is not for it
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": path, "TMPDIR": folder.name},
            )  # fmt: skip
        connection.send(task)
        return _Running(key, process, connection, folder)

    def _stop(self) -> None:
        if self._running:
            self._running.process.kill()
            self._running.process.wait()
            self._running.connection.close()
            self._running.folder.cleanup()
            self._running = None
