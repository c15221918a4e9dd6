"""The style of all charts, as SVG that is the same whenever it is drawn from the same figures."""

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from underbudget.versions.catalogue import RECIPES

WIDTH = 4.7  # inches, of a chart on the page
NARROW = 5  # inches: what a phone still shows readably
INK = "#010101"  # stands for the colour of the text around a plot
STYLE = {
    "svg.hashsalt": "models-under-budget",
    "svg.fonttype": "path",
    "font.size": 9,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}
INLINE_STYLE = {
    **dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), INK),
    "svg.fonttype": "none",
}  # the page's own letters
REPORT, OURS, OTHERS = "tab:blue", "tab:cyan", "tab:orange"
# the marker and the colour of each recipe, made here
RECIPE_STYLE = dict(
    zip(RECIPES, cycle((("v", OURS), ("o", "tab:red"), ("D", "tab:purple"), ("s", "tab:brown"))), strict=False)
)
IMPROVED = RECIPE_STYLE["improved"][1]
Fill = Callable[[Axes], None]


@dataclass(frozen=True)
class Chart:
    """A title, a description in words with the main figures, and the drawing as SVG."""

    title: str
    words: str
    svg: str

    def to_file(self) -> str:
        """Return the drawing as a file that tells its title and words to whoever reads it aloud."""
        described = f"<title>{html.escape(self.title)}</title><desc>{html.escape(self.words)}</desc>"
        return self.svg.replace(">", f">{described}", 1)

    @classmethod
    def from_file(cls, text: str) -> "Chart":
        """Return the chart of a file by `to_file`."""
        start, title, words, rest = re.split(
            "<title>(.*?)</title><desc>(.*?)</desc>", text, maxsplit=1, flags=re.DOTALL
        )
        return cls(html.unescape(title), html.unescape(words), start + rest)


def chart(title: str, words: str, size: tuple[float, float], *fills: Fill) -> Chart:
    """Draw a chart for the page; see svg."""
    return Chart(title, words, svg(size, *fills, inline=True))


def join_sentence(parts: Sequence[str]) -> str:
    """Join parts to a sentence."""
    return "; ".join(parts) + "."


def legend(axis: Axes, below: float, columns: int) -> None:
    """Place the legend under the axes, where it hides nothing."""
    axis.legend(fontsize=7, loc="upper center", bbox_to_anchor=(0.5, -below), ncols=columns)


def svg(size: tuple[float, float], *fills: Fill, inline: bool = False) -> str:
    """Draw an SVG of `size` inches with one panel for each of `fills`, side by side.

    Args:
        inline: for a page: without background, in the colour of the text around it.
    """
    with mpl.rc_context({**STYLE, **(INLINE_STYLE if inline else {})}):
        figure = Figure(size, layout="constrained")
        for axis, fill in zip(figure.subplots(1, len(fills), squeeze=False)[0], fills, strict=True):
            fill(axis)
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type") if inline else ("Date",))
        figure.savefig(text, format="svg", metadata=nothing, transparent=inline)
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :].replace(INK, "currentColor") if inline else drawn
