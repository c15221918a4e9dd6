"""Progress bars: lively on a terminal, a line now and then in a log."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress_bar(items: Iterable[Item] | None, what: str, unit: str, total: int | None = None) -> "tqdm[Item]":
    """`items` behind a progress bar, or without items one to `update` by hand."""
    interval = 0.2 if sys.stderr.isatty() else 20.0
    return tqdm(items, desc=what, unit=f" {unit}", total=total, mininterval=interval, miniters=1)
