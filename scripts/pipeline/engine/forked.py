"""A process of its own for each task of a Ray worker, by forking it: in milliseconds, with all that it has in memory.

So a value that Ray shares is not copied, and TensorFlow is imported once for all tasks of a worker. The forked process
must leave Ray alone, whose threads it has not; it ends without cleaning up after the worker, so its temporary files
(TensorFlow makes some for each training) are removed by the worker.
"""

import ctypes
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from pipeline.cli import import_tensorflow
from pipeline.engine.pool import end_of, error_line

SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)


class LostError(Exception):
    """The process of a task was killed."""


def in_fork(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """Return function(*arguments), computed in a fork of this process, or what went wrong.

    Raises:
        LostError: the fork gave no answer.
    """
    with tempfile.TemporaryDirectory(prefix="task-") as folder:
        value, error, trained = _forked(folder, function, arguments)
    if trained and "tensorflow" not in sys.modules:
        import_tensorflow()  # for the tasks that follow
    return value, error


def _forked(folder: str, function: Callable[..., Any], arguments: tuple[Any, ...]) -> tuple[Any, str | None, bool]:
    """Return what `_answer` sends from a fork whose temporary files are in `folder`."""
    reader, writer = Pipe(duplex=False)
    parent = os.getpid()
    child = os.fork()
    if child == 0:
        tempfile.tempdir = folder
        try:
            _answer(parent, writer, function, arguments)
        finally:
            os._exit(0)
    writer.close()
    with reader:
        try:
            answer: tuple[Any, str | None, bool] = pickle.loads(reader.recv_bytes())  # noqa: S301 # the fork's own
        except EOFError:
            raise LostError(end_of(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))) from None
    os.waitpid(child, 0)
    return answer


def _answer(parent: int, writer: Connection, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be told to
        return
    try:
        answer = pickle.dumps((function(*arguments), None, "tensorflow" in sys.modules))
    except Exception as failure:
        answer = pickle.dumps((None, error_line(failure), "tensorflow" in sys.modules))
    writer.send_bytes(answer)
