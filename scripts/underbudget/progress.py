"""Progress bars: live on a terminal, an occasional line in a log."""

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress_bar(items: Iterable[Item] | None, what: str, unit: str, total: int | None = None) -> "tqdm[Item]":
    """Wrap `items` in a progress bar; without items, return one to `update` by hand."""
    interval = 0.2 if sys.stderr.isatty() else 20.0
    return tqdm(items, desc=what, unit=f" {unit}", total=total, mininterval=interval, miniters=1)
