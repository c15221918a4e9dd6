"""Markdown tables."""

import re
from collections.abc import Iterable, Sequence


def markdown_table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Format a Markdown table."""
    body = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *lines)]
    return "\n".join(body) + "\n"


def literal(text: str) -> str:
    """Return text from outside, such as a file's name, so that it is shown as it is: no markup, no cell of its own."""
    one_line = " ".join(text.split()).replace("&", "&amp;").replace("<", "&lt;").replace("|", "&#124;")
    return re.sub(r"([\\`*\[\]])", r"\\\1", one_line)
