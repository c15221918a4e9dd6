"""Libraries in C++ write notices to file descriptor 2, past Python and past any log level: they are caught here."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def held_stderr() -> Iterator[list[str]]:
    """Hold back what is written to file descriptor 2; the list that is yielded has its lines once the block has ended.

    A pipe, not a file, so that it needs no disk. More than it takes (64 KiB) is lost, rather than to wait for a reader.
    """
    lines: list[str] = []
    try:
        kept = os.dup(2)
    except OSError:  # standard error is closed: nothing can be seen there
        yield lines
        return
    if sys.stderr is not None:
        sys.stderr.flush()
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.set_blocking(writer, False)
    os.dup2(writer, 2)
    os.close(writer)
    try:
        yield lines
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        with os.fdopen(reader, "rb") as pipe:
            lines += (pipe.read() or b"").decode(errors="replace").splitlines()
