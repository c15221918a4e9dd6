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

from pipeline import charts, examples, findings, model_charts, plots, readme
from pipeline.charts import Chart
from pipeline.claims import claims_markdown
from pipeline.place import PUBLISHED, STAND_IN, Place
from pipeline.report import Row, rows, versions_markdown

TITLE = "Five small models under hard budgets: does the report hold?"
TEXT, FRAME = (Path(__file__).with_name(name) for name in ("page.md", "page.html"))
STAND_IN_NOTICE = '<p class="stand-in">STAND-IN DATA: these figures say nothing about the report.</p>'
ABSENT = "*No result here yet:* `make all`, `make study`, `make seeds RECIPE=improved` *make what this page shows.*"


def page(place: Place, table: Sequence[Row]) -> str:
    """The page of what stands in `place`.

    Args:
        table: the five versions' rows.

    Raises:
        UserError: a result is damaged, or a model does not match its card.
    """
    tables = _tables(place, table)
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
        notice=STAND_IN_NOTICE if place == STAND_IN else "",
        contents=converter.toc,
        body=re.sub("<!-- charts: (.*) -->", figures, body),
    )


def published() -> dict[str, str]:
    """What is drawn and written from the published results, by file name: the page, and the README's plots."""
    return {"index.html": page(PUBLISHED, rows(None)), **plots.frontiers()}


def _tables(place: Place, table: Sequence[Row]) -> dict[str, str]:
    made = {
        "versions": versions_markdown(table, with_here=place != PUBLISHED),
        "claims": claims_markdown(place),
        "seeds": findings.seeds_markdown(place),
        "mlp": findings.study_markdown("mlp", place),
        "cnn": findings.study_markdown("cnn", place),
        "spotters": findings.spotters_markdown(place),
        "splits": findings.splits_markdown(place),
        "improved": readme.improved_markdown(place),
        "latency": readme.latency_markdown(place),
        "pi": readme.pi_markdown(place),
        "bytes": readme.bytes_markdown(place),
        "provenance": readme.provenance_markdown(place),
    }
    return {name: text if text.count("\n") > 2 else ABSENT for name, text in made.items()}


def _charts(place: Place) -> dict[str, list[Chart]]:
    splits, steps = charts.split_chart(place), model_charts.step_chart(place)
    return {
        "budgets": [charts.budget_chart(place)],
        "seeds": charts.seed_charts(place),
        "study": charts.study_charts(place),
        "splits": [splits] if splits else [],
        "frontiers": charts.frontier_charts(place),
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
