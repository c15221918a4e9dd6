"""What is said while it listens: lines on standard error and, on a terminal, a level under them that is drawn anew."""

import math
import os
import sys
import time

import numpy as np

from underbudget.device.audio import Audio

FAINTEST = -60.0  # dB of full scale, where the bar begins
REDRAW, PAUSE = 0.2, 1.0  # seconds between two levels, and after a word, which others may have something to say of
LONGEST_BAR, OTHERS = 40, 30  # columns of a terminal: of the bar, and beside it


def say(text: str) -> None:
    """Print a line to standard error; on a terminal, in place of the level."""
    _erase()
    print(text, file=sys.stderr, flush=True)


def level_line(level: float, word: str, confidence: float, columns: int) -> str:
    """Return a level (RMS; 1 is full scale) in dB and as a bar, and a word with its probability, for a terminal.

    It is shorter than `columns`, so that it never wraps.
    """
    decibels = 20 * math.log10(max(level, 1e-5))
    room = min(LONGEST_BAR, max(0, columns - OTHERS))
    filled = round(room * max(0.0, 1 - decibels / FAINTEST))
    return f"{decibels:4.0f} dB {'#' * filled:{room}} {confidence:.2f} {word}"[: max(0, columns - 1)]


class Meter:
    """Shows on a terminal that it hears: how loud it is, and what the likeliest word is."""

    def __init__(self) -> None:
        self._shown = _on_terminal()
        self._level, self._due = 0.0, 0.0

    def show(self, audio: Audio, word: str, confidence: float) -> None:
        """Take in audio [any length]; draw the loudest level since the last drawing, now and then."""
        if not self._shown:
            return
        self._level = max(self._level, float(np.std(audio)))  # without an offset, which nobody hears
        if time.monotonic() >= self._due:
            columns = os.get_terminal_size(sys.stderr.fileno()).columns or 80  # 0: a terminal that does not know
            _erase(level_line(self._level, word, confidence, columns))
            self._level, self._due = 0.0, time.monotonic() + REDRAW

    def pause(self) -> None:
        """Leave the terminal to others for a while."""
        _erase()
        self._due = time.monotonic() + PAUSE


def _on_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


def _erase(line: str = "") -> None:
    """Write over the level."""
    if _on_terminal():
        sys.stderr.write(f"\r{line}\x1b[K")
        sys.stderr.flush()
