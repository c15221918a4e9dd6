"""Markdown tables."""

import html
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


def aligned(table: str) -> str:
    """Return a Markdown table in columns and without marks, for a terminal; a header without titles is left out."""
    lines = (line.removeprefix("| ").removesuffix(" |") for line in table.splitlines())
    rows = [[_plain(cell) for cell in line.split(" | ")] for line in lines]
    del rows[1]  # the rule
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    rows[:1] = [rows[0], ["-" * width for width in widths]] if any(rows[0]) else []
    return "".join("  ".join(map(str.ljust, row, widths)).rstrip() + "\n" for row in rows)


def _plain(cell: str) -> str:
    return html.unescape(re.sub(r"\\([\\`*\[\]])|\*\*|`", r"\1", cell)).strip()
