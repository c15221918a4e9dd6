"""All results on one page of HTML that needs nothing else: no network, no script, no file beside it.

The text is page.md, in which comments mark the places of tables and charts; page.html is the frame around it.
"""

import html
import re
from collections.abc import Mapping, Sequence
from itertools import count
from pathlib import Path
from string import Template

from markdown import Markdown

from underbudget.reproduction.results import Results
from underbudget.results_page.shown import SHOWN
from underbudget.results_page.style import Chart
from underbudget.store import SYNTHETIC

TITLE = "Five small models under hard limits: is the report reproduced?"
TEXT, FRAME = (Path(__file__).with_name(name) for name in ("page.md", "page.html"))
SYNTHETIC_NOTICE = '<p class="synthetic">SYNTHETIC DATA: these figures say nothing about the report.</p>'
MARK = re.compile("<!-- (.*) -->")


def page(results: Results) -> str:
    """Return the page of all results of a store; sections of which there is no result yet are left out.

    Raises:
        UserError: a result is damaged.
    """
    charts: dict[str, list[Chart]] = {}

    def shown(name: str) -> str:
        found = SHOWN[name](results)
        if isinstance(found, str):
            return _table(found)
        charts[name] = found
        return f"charts:{name}" if found else ""

    def section(text: str) -> str:
        found = {name: shown(name) for name in MARK.findall(text)}
        return MARK.sub(lambda mark: found[mark[1]], text) if any(found.values()) or not found else ""

    text = "".join(map(section, re.split("^(?=## )", TEXT.read_text(encoding="utf-8"), flags=re.MULTILINE)))
    return document(TITLE, text, charts, SYNTHETIC_NOTICE if results.store == SYNTHETIC else "")


def document(title: str, text: str, charts: Mapping[str, Sequence[Chart]], notice: str = "") -> str:
    """Return Markdown as a page.

    Args:
        text: a paragraph "charts:NAME" stands for the charts of this name.
        notice: HTML that stands above all.
    """
    converter = Markdown(extensions=["tables", "toc"])
    converter.preprocessors.deregister("html_block")  # nothing in a result can bring markup of its own
    converter.inlinePatterns.deregister("html")
    body = converter.convert(text)
    body = body.replace("<table>", '<div class="wide" tabindex="0" role="region" aria-label="table"><table>')
    body = body.replace("</table>", "</table></div>").replace("<th>", '<th scope="col">')
    numbers = count()

    def figures(match: re.Match[str]) -> str:
        found = "\n".join(_figure(chart, next(numbers)) for chart in charts[match[1]])
        return f'<div class="charts">\n{found}\n</div>'

    return Template(FRAME.read_text(encoding="utf-8")).substitute(
        title=html.escape(title),
        notice=notice,
        contents=converter.toc,
        body=re.sub("<p>charts:(.*)</p>", figures, body),
    )


def _table(text: str) -> str:
    """Return a table or sentences for the page, which links to no other file; nothing for a table without lines."""
    if not text or text.splitlines()[-1].startswith("| --- "):
        return ""
    return re.sub(r"\[([^]]+)\]\([^:)]+\.json\)", r"`\1`", text)


def _figure(chart: Chart, number: int) -> str:
    words = html.escape(f"{chart.title}. {chart.words}")
    drawn = _apart(chart.svg.strip(), number).replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
    return f"<figure>\n<figcaption>{html.escape(chart.title)}</figcaption>\n{drawn}\n</figure>"


def _apart(drawn: str, number: int) -> str:
    """Make the ids of a drawing unique on the page; drop those that nothing refers to."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', drawn))
    drawn = re.sub(r' id="([^"]+)"', lambda m: f' id="c{number}-{m[1]}"' if m[1] in used else "", drawn)
    return re.sub(r'(href="|url\()#', rf"\g<1>#c{number}-", drawn)
