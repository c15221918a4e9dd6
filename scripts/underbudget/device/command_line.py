"""The command line of all scripts: help with examples, numbers within a range, and errors in one line."""

import argparse
import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn, TypeVar

from underbudget.device.errors import UserError
from underbudget.device.start import INTERRUPTED, STOPPED, note_interrupts

# what a write says, which names no file; others without a name are of a socket, a process, a lock
OUTPUT_FAILS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF)
Number = TypeVar("Number", int, float)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """End, with status 2, in the one line that matters: argparse would print all options before it."""
        self.exit(2, _line(f"{message}: see {self.prog} --help") + "\n")


def parser(doc: str, examples: str) -> argparse.ArgumentParser:
    """Return a parser whose help shows the script's docstring first and examples last; a wrong option is one line."""
    return _Parser(
        description=doc, epilog=f"examples:\n{examples}", formatter_class=argparse.RawDescriptionHelpFormatter
    )


def number_in(kind: type[Number], low: Number, high: Number) -> Callable[[str], Number]:
    """Return a type for an option: a number from `low` to `high`."""

    def check(text: str) -> Number:
        try:
            value = kind(text)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:
            what = "whole number" if kind is int else "number"
            raise argparse.ArgumentTypeError(f"{text!r} is no {what} from {low} to {high}")
        return value

    return check


def add_number(
    options: argparse.ArgumentParser,
    name: str,
    help_text: str,
    within: tuple[Number, Number],
    default: Number | None,
    default_text: str = "%(default)s",
) -> None:
    """Add an option that takes a number; its help says the range.

    Args:
        within: the smallest and the largest number that it takes; their type is the option's.
        default_text: what the help says of the default.
    """
    low, high = within
    options.add_argument(
        name,
        type=number_in(type(low), low, high),
        default=default,
        metavar="N",
        help=f"{help_text}: {low} to {high} (default: {default_text})",
    )


def run(main: Callable[[], None]) -> None:
    """Run a script; an error that the user can fix ends in one line and exit status 1, not in a traceback.

    So does Ctrl-C, with status 130, even where a library turns it into another error or drops it, as TensorFlow does
    now and then while it traces a function.
    """
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # where the terminal has no "°", a forecast is shown anyway
    note_interrupts()
    try:
        _run(main)
    except BaseException as error:
        if not (INTERRUPTED.is_set() or isinstance(error, KeyboardInterrupt)):
            raise
        print(STOPPED, file=sys.stderr)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # all is tidied up: whoever presses it again need not wait
        sys.exit(130)


def _run(main: Callable[[], None]) -> None:
    """Run a script; end it in one line at an error that the user can fix."""
    try:
        main()
        if sys.stdout is not None:
            sys.stdout.flush()
    except UserError as error:
        sys.exit(_line(str(error)))
    except BrokenPipeError:  # the reader, such as head, has had enough
        _forget_output()
        sys.exit(141)
    except PermissionError as error:
        sys.exit(_line(f"{error.filename}: no permission: change its rights or its owner"))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        if not where and error.errno in OUTPUT_FAILS:
            where = "the output: "
            _forget_output()
        sys.exit(_line(f"{where}{error.strerror or error}: correct that and run again"))
    except MemoryError:
        sys.exit("error: out of memory: close other programs and run again")


def _line(text: str) -> str:
    """Return an error as one line, whatever it cites."""
    return "error: " + " ".join(text.splitlines())


def _forget_output() -> None:
    """Keep Python from writing to a broken standard output once more when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
