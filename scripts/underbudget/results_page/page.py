"""All results on one page of HTML that needs nothing else: no network, no script, no file beside it.

The text is page.md, in which comments mark the places of tables and charts; page.html is the frame around it. What
stands below a heading of the third level is folded.
"""

import html
import inspect
import json
import os
import re
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path
from string import Template

from markdown import Markdown

from underbudget import files
from underbudget.reproduction.results import Results
from underbudget.results_page.shown import SHOWN
from underbudget.results_page.style import Chart
from underbudget.store import SYNTHETIC

TITLE = "Five small models under hard limits: is the report reproduced?"
TEXT, FRAME = (Path(__file__).with_name(name) for name in ("page.md", "page.html"))
SYNTHETIC_NOTICE = '<p class="synthetic">SYNTHETIC DATA: these figures say nothing about the report.</p>'
MARK = re.compile(r"<!-- (\w+) -->")
FOLD = re.compile(r"(<h3.*?</h3>)(.*?)(?=<h[23]|\Z)", re.DOTALL)
SENTENCE = 40  # characters of a cell: a table that has longer ones becomes a list of cards on a phone


def page(results: Results) -> str:
    """Return the page of all results of a store; sections of which there is no result yet are left out.

    Raises:
        UserError: a result is damaged.
    """
    charts: dict[str, list[str]] = {}
    folder = results.store.page

    def shown(name: str) -> str:
        found = SHOWN[name](results)
        if isinstance(found, str):
            return "" if re.search(r"(^|\| --- \|\n)$", found) else found  # no table without lines
        charts[name] = figures(name, found, folder, Path(inspect.getfile(SHOWN[name])))
        return f"charts:{name}" if found else ""

    def filled(text: str, below: str = "") -> str:
        found = {name: shown(name) for name in MARK.findall(text)}
        return MARK.sub(lambda mark: found[mark[1]], text) + below if below or any(found.values()) else ""

    def section(text: str) -> str:
        own, *folds = re.split("^(?=### )", text, flags=re.MULTILINE)
        return filled(own, "".join(map(filled, folds))) if MARK.search(text) else text

    def link(match: re.Match[str]) -> str:
        path = files.ROOT / match[2]
        return f"[{match[1]}]({os.path.relpath(path, folder)})" if path.exists() else f"`{match[1]}`"

    text = "".join(map(section, re.split("^(?=## )", TEXT.read_text(encoding="utf-8"), flags=re.MULTILINE)))
    text = re.sub(r"(?<=[ (])-(?=\d)", "−", text)
    text = re.sub(r"(?<!\\)\[([^]\\]+)\]\(([^:)]+)\)", link, text)  # written from the top of the project
    return document(TITLE, text, charts, SYNTHETIC_NOTICE if results.store == SYNTHETIC else "")


def document(title: str, text: str, charts: Mapping[str, Sequence[str]], notice: str = "") -> str:
    """Return Markdown as a page.

    Args:
        text: a paragraph of one or more "charts:NAME" stands for the charts of these names.
        charts: by `figures`.
        notice: HTML that stands above all.
    """
    converter = Markdown(extensions=["tables", "toc"], extension_configs={"toc": {"toc_depth": "2"}})
    converter.preprocessors.deregister("html_block")  # nothing in a result can bring markup of its own
    converter.inlinePatterns.deregister("html")
    body = re.sub("<table>.*?</table>", _table, converter.convert(text), flags=re.DOTALL)
    body = FOLD.sub(r"<details>\n<summary>\1</summary>\2</details>\n", body)

    def grid(place: re.Match[str]) -> str:
        found = [chart for name in re.findall(r"charts:(\w+)", place[0]) for chart in charts[name]]
        return f'<div class="charts{" alone" if len(found) == 1 else ""}">\n' + "\n".join(found) + "\n</div>"

    body = re.sub(r"<p>(?:charts:\w+\s*)+</p>", grid, body)
    lead, heading, rest = body.partition("<h2")
    return Template(FRAME.read_text(encoding="utf-8")).substitute(
        title=html.escape(title), notice=notice, lead=lead, contents=converter.toc, body=heading + rest
    )


def figures(name: str, charts: Sequence[Chart], folder: Path | None = None, code: Path | None = None) -> list[str]:
    """Return each chart as HTML.

    Args:
        name: of these charts, on the page.
        folder: where the page will lie, if it shall say from which files each chart is.
        code: the file that draws them.
    """
    return [
        _figure(chart, f"{name}-{number}", _origin(chart.data, folder, code) if folder and code else "")
        for number, chart in enumerate(charts)
    ]


def _table(match: re.Match[str]) -> str:
    """Return a table that scrolls within itself or, if it has sentences, becomes cards on a phone."""
    table = match[0]
    titles = [html.escape(re.sub("<.*?>", "", title)) for title in re.findall("<th>(.*?)</th>", table)]
    cells = re.findall(r"(?<!<tr>)\n<td>(.*?)</td>", table)
    long = any(len(re.sub("<.*?>", "", cell)) > SENTENCE for cell in cells)
    if long:
        names = cycle(f' data-title="{title}"' if len(titles) > 2 else "" for title in titles)
        table = re.sub("<td>", lambda _: f"<td{next(names)}>", table)
    kind = "cards" if long else "wide"
    table = table.replace("<th>", '<th scope="col">')
    return f'<div class="{kind}" tabindex="0" role="region" aria-label="table">{table}</div>'


def _figure(chart: Chart, name: str, origin: str) -> str:
    words = html.escape(f"{chart.title}. {chart.words}")
    drawn = _short(chart.svg.strip(), name).replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
    return f"<figure>\n<figcaption>{html.escape(chart.title)}</figcaption>\n{drawn}\n{origin}</figure>"


def _origin(data: Sequence[Path], folder: Path, code: Path) -> str:
    """Say from which files a chart is drawn, what made these, and where its code is."""

    def link(path: Path) -> str:
        return f'<a href="{html.escape(os.path.relpath(path, folder))}">{html.escape(files.shown(path))}</a>'

    there = (path for path in data if path.is_file() or any(path.glob("*.json")))  # a folder may have folders alone
    made = "; ".join(link(path) + _made_with(path) for path in there)
    return f"<p>From {made}. Drawn by {link(code)}.</p>\n"


def _made_with(path: Path) -> str:
    """Return the command that a file of results names, without its options; of a folder of cards, one for all seeds."""
    file = min(path.glob("*.json")) if path.is_dir() else path
    found = re.search(r'"made_with": *("(?:[^"\\]|\\.)*")', file.read_text(encoding="utf-8"))
    if found is None:
        return ""
    command = str(json.loads(found[1])).split(" --")[0]
    if path.is_dir():
        command = re.sub(r"SEED=\d+", "SEED=…", command.replace(file.stem, "…"))
    return f", made by <code>{html.escape(command)}</code>"


def _short(drawn: str, name: str) -> str:
    """Make the ids of a drawing unique on the page; leave out what it does not need, such as hundredths of a pixel."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', drawn))
    drawn = re.sub(r' id="([^"]+)"', lambda m: f' id="{name}-{m[1]}"' if m[1] in used else "", drawn)
    drawn = re.sub(r'(href="|url\()#', rf"\g<1>#{name}-", drawn)
    drawn = re.sub(r'<!--.*?-->|^ +| transform="rotate\(-0 .*?"|font-(size: 12px|family: .*?); ', "", drawn, flags=re.M)
    drawn = re.sub("<[^>]+>", lambda tag: re.sub(r"\d+\.\d{2,}", lambda n: f"{float(n[0]):.1f}", tag[0]), drawn)
    group = re.compile(r"\n<g>((?:(?!</?g\b).)*)</g>", re.DOTALL)
    while group.search(drawn):
        drawn = group.sub(r"\1", drawn)
    return re.sub(r"\n+", "\n", re.sub(r" \n(?=[A-Z]|\"|z)", "", drawn))
