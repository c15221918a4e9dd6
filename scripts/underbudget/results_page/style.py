"""The style of all charts, as SVG that is the same whenever it is drawn from the same figures."""

import html
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from underbudget.versions.catalogue import RECIPES

WIDTH = 328  # units of a chart of the page, which are pixels on a phone
INK = "#010101"  # stands for the colour of the text around a plot
STYLE = {
    "svg.hashsalt": "models-under-budget",
    "svg.fonttype": "path",
    "font.size": 12,
    "font.sans-serif": ["DejaVu Sans"],
    "legend.columnspacing": 1.2,
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
# all can be seen on white and on black
REPORT, OURS, OTHERS = "tab:blue", "#1295a5", "tab:orange"
# the marker and the colour of each recipe, made here
RECIPE_STYLE = dict(
    zip(RECIPES, cycle((("v", OURS), ("o", "tab:red"), ("D", "tab:purple"), ("s", "tab:green"))), strict=False)
)
IMPROVED = RECIPE_STYLE["improved"][1]
Fill = Callable[[Axes], None]


@dataclass(frozen=True)
class Chart:
    """A drawing.

    Attributes:
        words: a description with the main figures.
        svg: the drawing itself.
        data: the files it was drawn from, or folders of cards.
    """

    title: str
    words: str
    svg: str
    data: tuple[Path, ...] = ()

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


def chart(title: str, words: str, data: Sequence[Path], height: float, fill: Fill) -> Chart:
    """Draw a chart for the page, `height` units high."""
    return Chart(title, words, svg((WIDTH, height), fill, inline=True), tuple(data))


def join_sentence(parts: Sequence[str]) -> str:
    """Join parts to a sentence."""
    return "; ".join(parts) + "."


def legend(axis: Axes, below: float, columns: int) -> None:
    """Place the legend under the axes, where it hides nothing."""
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -below), ncols=columns)


def svg(size: tuple[float, float], fill: Fill, inline: bool = False) -> str:
    """Draw an SVG of `size` units, of which 12 are the height of its letters.

    Args:
        inline: for a page: without background, in the colour of the text around it.
    """
    with mpl.rc_context({**STYLE, **(INLINE_STYLE if inline else {})}):
        figure = Figure((size[0] / 72, size[1] / 72), layout="constrained")
        fill(figure.subplots())
        text = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type") if inline else ("Date",))
        figure.savefig(text, format="svg", metadata=nothing, transparent=inline)
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :].replace(INK, "currentColor") if inline else drawn
