"""Progress: a bar on a terminal; lines, now and then, in a log or where several processes share the terminal."""

import io
import os
import sys
from collections.abc import Iterable
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")

LINES_APART_S = 10.0


class _Lines(tqdm):
    """Progress as whole lines; what takes less time than lies between two has none."""

    _last = ""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        # the file takes what is written around a bar
        super().__init__(*arguments, **options, file=io.StringIO(), mininterval=LINES_APART_S, delay=LINES_APART_S)

    def display(self, msg: str | None = None, pos: int | None = None) -> bool:
        """Print a line: "kws_c: training: epoch 12 of 30, loss 0.31"."""
        name = os.environ.get("SIDE_BY_SIDE")  # of this process among others
        line = f"{name}: " if name else ""
        line += f"{self.desc}:{self.unit} {self.n:,}" + (f" of {self.total:,}" if self.total else "")
        line += ", " + self.postfix.replace("=", " ") if self.postfix else ""
        if line != self._last:  # the end of a bar is shown whatever was shown before
            print(line, file=sys.stderr, flush=True)
        self._last = line
        return True


def progress_bar(items: Iterable[Item] | None, what: str, unit: str, total: int | None = None) -> "tqdm[Item]":
    """Wrap `items` in a progress bar; without items, return one to `update` by hand."""
    bar = sys.stderr.isatty() and not os.environ.get("SIDE_BY_SIDE")
    kind, interval = (tqdm, {"mininterval": 0.2}) if bar else (_Lines, {})
    return kind(items, desc=what, unit=f" {unit}", total=total, miniters=1, **interval)
