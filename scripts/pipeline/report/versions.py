"""Tables of the five versions: the report, the published run, this machine's run, the constraints.

All figures come from results/reference.json, the cards and the latency results; none is written here.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device.artifact import Card
from pipeline import files
from pipeline.measure import host
from pipeline.metrics import METRICS, Constraint
from pipeline.reference import reported
from pipeline.report.markdown import markdown_table
from pipeline.store import LOCAL, PUBLISHED, latest
from pipeline.versions.catalogue import VERSIONS


@dataclass(frozen=True)
class Figure:
    """A measured value; `met` is None where this machine can't tell (latency is asked of a Raspberry Pi)."""

    value: float
    low: float | None
    high: float | None
    met: bool | None


@dataclass(frozen=True)
class Row:
    """One constraint of one version beside its figures."""

    version: str
    metric: str
    constraint: str
    report: float | None
    published: Figure | None
    here: Figure | None
    here_is_synthetic: bool


def rows(data: str | None) -> list[Row]:
    """A row for each constraint of each version that was published, or made on this machine.

    Args:
        data: which of this machine's runs to show ("auto", "real" or "synthetic"); None shows the published one alone.

    Raises:
        UserError: a model does not match its card.
    """
    report = reported()
    table = []
    for name in VERSIONS:
        published = PUBLISHED.card("report", name)
        local = latest(name, data) if data else None
        shown = published or local
        for result in shown.content["results"] if shown else []:
            metric = result["metric"]
            sign = ">" if METRICS[metric].more_is_better else "<"
            table.append(
                Row(
                    version=name,
                    metric=metric,
                    constraint=f"{sign} {result['limit']:g} {METRICS[metric].unit}",
                    report=report[name].get(metric),
                    published=_figure(published, metric, PUBLISHED.latency),
                    here=_figure(local, metric, LOCAL.latency),
                    here_is_synthetic=local is not None and _is_synthetic(local),
                )
            )
    return table


def _is_synthetic(card: Card) -> bool:
    return bool(card.content["made_from"]["data"]["source"] == "synthetic")


def _figure(card: Card | None, metric: str, latency: Path) -> Figure | None:
    if card is None:
        return None
    if metric.endswith("_ms"):
        timed = host.timed(latency, card.sha256)
        if timed is None:
            return None
        kind, value = timed[0], timed[1][metric]["mean"]
        limit = _result(card, metric)["limit"]
        return Figure(value, None, None, Constraint(metric, limit).met_by(value) if kind == host.PI else None)
    result = _result(card, metric)
    low, high = card.content["test"].get(metric + "_95", (None, None))
    met = Constraint(metric, result["limit"]).met_by(result["value"])
    return Figure(result["value"], low, high, met)


def _result(card: Card, metric: str) -> dict[str, Any]:
    return next(r for r in card.content["results"] if r["metric"] == metric)


def versions_markdown(table: Sequence[Row], with_here: bool) -> str:
    """The table of the five versions."""
    header = ["version", "", "constraint", "report", "published run"] + (["this machine's run"] if with_here else [])
    lines = []
    for row in table:
        metric = METRICS[row.metric]
        cells = [
            f"`{row.version}`",
            f"{metric.title}, {metric.unit}",
            row.constraint,
            "" if row.report is None else f"{row.report:g}",
            _cell(row.published, row.metric),
        ]
        if with_here:
            cells.append(_cell(row.here, row.metric) + (" SYNTHETIC" if row.here_is_synthetic else ""))
        lines.append(cells)
    return markdown_table(header, lines)


def _cell(figure: Figure | None, metric: str) -> str:
    if figure is None:
        return "–"
    text = f"{figure.value:.{METRICS[metric].digits}f}"
    if figure.low is not None:
        text += f" ({figure.low:.{METRICS[metric].digits}f}–{figure.high:.{METRICS[metric].digits}f})"
    return text + {True: " ✓", False: " **missed**", None: " (host, not a Pi)"}[figure.met]


def write_results(table: Sequence[Row], folder: Path, with_here: bool) -> None:
    """versions.json, versions.csv and versions.md in `folder`."""
    records = [asdict(row) for row in table]
    if not with_here:
        records = [{key: record[key] for key in record if not key.startswith("here")} for record in records]
    files.write_json(
        folder / "versions.json", {"made_with": "make report" if with_here else "make publish", "rows": records}
    )
    flat = [_flat(record) for record in records]
    text = io.StringIO()
    writer = csv.DictWriter(text, flat[0] if flat else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(flat)
    files.write_text(folder / "versions.csv", text.getvalue())
    files.write_text(folder / "versions.md", versions_markdown(table, with_here))


def _flat(record: dict[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if key in ("published", "here"):
            flat |= {f"{key}_{f}": value[f] if value else None for f in ("value", "low", "high", "met")}
        else:
            flat[key] = value
    return flat
