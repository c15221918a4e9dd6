"""What a program calls before it imports numpy: is this the right Python, are its packages there, how many threads.

From then on, Ctrl-C ends a script in one line, also while it imports.

So that a script that was started by another Python than that of .venv says so in one line, Python 3.7 must be able to
read this file and all scripts.
"""

import os
import signal
import sys
import threading
from importlib.util import find_spec
from pathlib import Path
from shlex import quote
from types import FrameType, TracebackType

OLDEST, NEWEST = (3, 10), (3, 13)  # for newer ones the pinned packages have no wheels
ROOT = Path(__file__).resolve().parents[3]
INTERRUPTED = threading.Event()  # by Ctrl-C, see note_interrupts
STOPPED = "\nstopped; no partial files were left, earlier results are saved"


def require(*packages: str) -> None:
    """Check, where a script of ours was started, that its Python fits and that packages are there; none is imported.

    Raises:
        SystemExit: they are not; one line says what to run.
    """
    if not _is_script():
        return
    note_interrupts()
    sys.excepthook = _show
    version = sys.version_info[:2]
    missing = [name for name in packages if find_spec(name) is None]
    if version < OLDEST or (missing and version > NEWEST):
        found = "this is Python {}.{}, {}.{} to {}.{} is needed".format(*version, *OLDEST, *NEWEST)
        sys.exit(f"error: {found}: {_remedy()}")
    if missing:
        sys.exit(f"error: {missing[0]} is not installed here: {_remedy()}")


def note_interrupts() -> None:
    """Set INTERRUPTED at Ctrl-C from now on; let no Ctrl-C get lost."""

    def interrupt(_number: int, _frame: "FrameType | None") -> None:
        INTERRUPTED.set()
        raise KeyboardInterrupt

    def interrupt_again(ignored: "sys.UnraisableHookArgs") -> None:
        """Interrupt once more, soon after: Python drops what some callbacks raise, those of weak references for one."""
        if issubclass(ignored.exc_type, KeyboardInterrupt):
            threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
        else:
            sys.__unraisablehook__(ignored)

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # a background job of a shell ignores it
        signal.signal(signal.SIGINT, interrupt)
        sys.unraisablehook = interrupt_again


def _show(kind: "type[BaseException]", error: BaseException, trace: "TracebackType | None") -> None:
    """Show what ends a script while it imports: a traceback, or one line at Ctrl-C."""
    if INTERRUPTED.is_set() or issubclass(kind, KeyboardInterrupt):
        print(STOPPED, file=sys.stderr)
    else:
        sys.__excepthook__(kind, error, trace)


def _is_script() -> bool:
    """Tell whether a script of ours was started, not another program, or a process by a script."""
    return Path(getattr(sys.modules["__main__"], "__file__", None) or "").resolve().parent == ROOT / "scripts"


def _remedy() -> str:
    """Return the commands that install what is missing, and start the script again."""
    root, venv = quote(os.path.relpath(ROOT)), quote(os.path.relpath(ROOT / ".venv"))
    if (ROOT / "Makefile").exists():
        install = "make setup" if root == "." else f"make -C {root} setup"
    else:  # unpacked from an archive of `make bundle`
        install = f"sh {quote(os.path.relpath(ROOT / 'install.sh'))}"
    return f"run `{install}`, then `{venv}/bin/python {' '.join(map(quote, sys.argv))}`"


def prepare() -> None:
    """Check what every program of ours needs, and let numpy compute with one thread.

    The front end's products are small: more threads make them slower, and their time a matter of luck.

    Raises:
        SystemExit: as `require`.
    """
    require("numpy", "tflite_runtime" if find_spec("tflite_runtime") else "ai_edge_litert")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # numpy reads it when it is imported
    try:
        import numpy  # noqa: F401
    except ImportError as error:
        if INTERRUPTED.is_set():  # of which numpy makes such an error
            raise KeyboardInterrupt from None
        if not _is_script():
            raise
        reason = str(error).strip().splitlines()[-1]
        path = os.environ.get("PYTHONPATH")
        remedy = f"unset PYTHONPATH, which is {path}" if path else "remove .venv, and " + _remedy()
        sys.exit(f"error: numpy can't be imported ({reason}): {remedy}")
