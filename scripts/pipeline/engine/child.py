"""The process of one task of OneByOne: `python -m pipeline.engine.child SOCKET`, an open descriptor to its parent."""

import os
import pickle
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

from pipeline.engine.one_by_one import Shared
from pipeline.engine.pool import error_line


def main() -> None:
    """Receive a task, compute it, and send its value or its error."""
    with Connection(int(sys.argv[1])) as parent:
        task = parent.recv_bytes()
        threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
        try:
            function, arguments = pickle.loads(task)  # noqa: S301 # the parent's own
            value = function(*(a.value() if isinstance(a, Shared) else a for a in arguments))
            answer = pickle.dumps((value, None))
        except Exception as error:
            answer = pickle.dumps((None, error_line(error)))
        with suppress(BrokenPipeError):
            parent.send_bytes(answer)


def _end_with(parent: Connection) -> None:
    """End this process with its parent, which sends nothing more: reading ends when the connection does."""
    with suppress(EOFError, OSError):
        parent.recv_bytes()
    os._exit(1)


if __name__ == "__main__":
    main()
