"""All results on one page of HTML that needs nothing else: no network, no script, no file beside it.

The text stands in page.md, in which comments keep the places of tables and charts; the frame stands in page.html.
"""

import html
import re
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from string import Template

from markdown import Markdown

from pipeline.report import examples, frontiers, latency_tables, model_charts, run_charts, tables
from pipeline.report.style import Chart
from pipeline.report.tables import claims_markdown
from pipeline.report.versions import Row, rows, versions_markdown
from pipeline.store import PUBLISHED, SYNTHETIC, ResultStore

TITLE = "Five small models under hard budgets: does the report hold?"
TEXT, FRAME = (Path(__file__).with_name(name) for name in ("page.md", "page.html"))
SYNTHETIC_NOTICE = '<p class="synthetic">SYNTHETIC DATA: these figures say nothing about the report.</p>'
ABSENT = "*No result here yet:* `make all`, `make study`, `make seeds RECIPE=improved` *make what this page shows.*"


def page(place: ResultStore, table: Sequence[Row]) -> str:
    """The page of what stands in `place`.

    Args:
        table: the five versions' rows.

    Raises:
        UserError: a result is damaged, or a model does not match its card.
    """
    tables = _filled_tables(place, table)
    text = re.sub("<!-- table: (.*) -->", lambda m: tables[m[1]], TEXT.read_text(encoding="utf-8"))
    converter = Markdown(extensions=["tables", "toc"])
    body = converter.convert(text)
    body = body.replace("<table>", '<div class="wide" tabindex="0" role="region" aria-label="table"><table>')
    body = body.replace("</table>", "</table></div>").replace("<th>", '<th scope="col">')
    drawn, numbers = _charts(place), count()

    def figures(match: re.Match[str]) -> str:
        found = "\n".join(_figure(chart, next(numbers)) for chart in drawn[match[1]])
        return f'<div class="charts">\n{found}\n</div>'

    return Template(FRAME.read_text(encoding="utf-8")).substitute(
        title=html.escape(TITLE),
        notice=SYNTHETIC_NOTICE if place == SYNTHETIC else "",
        contents=converter.toc,
        body=re.sub("<!-- charts: (.*) -->", figures, body),
    )


def published() -> dict[str, str]:
    """What is drawn and written from the published results, by file name: the page, and the README's plots."""
    return {"index.html": page(PUBLISHED, rows(None)), **frontiers.frontiers()}


def _filled_tables(place: ResultStore, table: Sequence[Row]) -> dict[str, str]:
    made = {
        "versions": versions_markdown(table, with_here=place != PUBLISHED),
        "claims": claims_markdown(place),
        "seeds": tables.seeds_markdown(place),
        "mlp": tables.study_markdown("mlp", place),
        "cnn": tables.study_markdown("cnn", place),
        "spotters": tables.spotters_markdown(place),
        "splits": tables.splits_markdown(place),
        "improved": tables.improved_markdown(place),
        "latency": latency_tables.latency_markdown(place),
        "pi": latency_tables.pi_markdown(place),
        "bytes": tables.bytes_markdown(place),
        "provenance": tables.provenance_markdown(place),
    }
    return {name: text if text.count("\n") > 2 else ABSENT for name, text in made.items()}


def _charts(place: ResultStore) -> dict[str, list[Chart]]:
    splits, steps = run_charts.split_chart(place), model_charts.step_chart(place)
    return {
        "budgets": [run_charts.budget_chart(place)],
        "seeds": run_charts.seed_charts(place),
        "study": run_charts.study_charts(place),
        "splits": [splits] if splits else [],
        "frontiers": run_charts.frontier_charts(place),
        "errors": [*([steps] if steps else []), *model_charts.confusion_charts(place)],
        "latency": model_charts.latency_charts(place),
        "bytes": model_charts.bytes_charts(place),
        "examples": examples.kept(place),
    }


def _figure(chart: Chart, number: int) -> str:
    words = html.escape(f"{chart.title}. {chart.words}")
    drawn = _apart(chart.svg.strip(), number).replace("<svg ", f'<svg role="img" aria-label="{words}" ', 1)
    return f"<figure>\n<figcaption>{html.escape(chart.title)}</figcaption>\n{drawn}\n</figure>"


def _apart(drawn: str, number: int) -> str:
    """Names inside a drawing are of that drawing alone; those that nothing refers to go."""
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', drawn))
    drawn = re.sub(r' id="([^"]+)"', lambda m: f' id="c{number}-{m[1]}"' if m[1] in used else "", drawn)
    return re.sub(r'(href="|url\()#', rf"\g<1>#c{number}-", drawn)
