"""The five versions: the report, the published run, this machine's run, the limits.

All figures come from results/reference/, the cards and the latency results; none is written here.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from underbudget.data.identity import Identity
from underbudget.metrics import KB, METRICS, Limit
from underbudget.reproduction import host
from underbudget.reproduction.naive import LAST_READING
from underbudget.reproduction.reference import authors_file, reported
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import Run, as_authors_batch, card_size, meets, runs_of
from underbudget.results_page.markdown import literal, markdown_table
from underbudget.results_page.speaker_tables import unknown_speakers
from underbudget.store import LOCAL, differences, store_of
from underbudget.versions.catalogue import VERSIONS


@dataclass(frozen=True)
class Figure:
    """A measured value.

    `met` is None for a latency that was not measured on a Raspberry Pi, as the report's were, and for other data than
    the report's.
    """

    value: float
    low: float | None
    high: float | None
    met: bool | None


@dataclass(frozen=True)
class LimitRow:
    """One limit of one version beside its figures.

    Attributes:
        report: the report's own figure.
        authors_file: our measurement of the file that its authors published of this version.
        naive: the error of repeating the last reading.
        seeds: how many runs of the published study meet the limit.
        here_differs: how this machine's run differs from the published one.
    """

    version: str
    metric: str
    limit: str
    report: float | None
    authors_file: float | None
    naive: float | None
    published: Figure | None
    here: Figure | None
    seeds: str
    here_differs: str


def rows(results: Results) -> list[LimitRow]:
    """Return one row for each limit of each version that was published, or built on this machine."""
    published, here = (results.beside, results) if results.beside else (results, None)
    naive = published.naive_forecasts().get(LAST_READING, {})
    table = []
    for name, version in VERSIONS.items():
        local = here.card("report", name) if here else None
        if not (local or published.card("report", name)):
            continue
        differs = "; ".join(differences(local, published.card("report", name), version)) if local else ""
        theirs = authors_file(name)
        theirs = {**theirs, "size_kb": theirs["bytes"] / KB} if theirs else {}
        for limit in version.limits:
            metric = limit.metric
            table.append(
                LimitRow(
                    version=name,
                    metric=metric,
                    limit=METRICS[metric].limit(limit.limit),
                    report=reported(name).get(metric),
                    authors_file=theirs.get(metric),
                    naive=naive.get(metric),
                    published=_figure(published, name, limit),
                    here=_figure(here, name, limit) if here else None,
                    seeds=_share(published, name, limit),
                    here_differs=differs,
                )
            )
    return table


def _share(results: Results, name: str, limit: Limit) -> str:
    """Return how many runs of a version meet a limit; nothing for latency, which no run measures."""
    runs = runs_of(results.study_runs("report"), name)
    if METRICS[limit.metric].is_latency or not runs:
        return ""
    return f"{sum(meets(run, [limit]) for run in runs)} of {len(runs)}"


def _figure(results: Results, name: str, limit: Limit) -> Figure | None:
    """Return a figure of the report's recipe; sizes are of the file as converted, since the report's were."""
    card = results.card("report", name)
    if card is None:
        return None
    metric = limit.metric
    comparable = store_of(Identity(**card.content["made_from"]["data"])) is LOCAL
    if METRICS[metric].is_latency:
        timed = results.timed(card.sha256)
        if timed is None:
            return None
        kind, value = timed[0], timed[1][metric]["mean"]
        return Figure(value, None, None, limit.met_by(value) if comparable and kind == host.PI else None)
    if metric == "size_kb":
        value = card_size("report", card) / KB
        return Figure(value, None, None, limit.met_by(value) if comparable else None)
    value = next(result["value"] for result in card.content["results"] if result["metric"] == metric)
    low, high = card.content["test"].get(metric + "_95") or (None, None)
    return Figure(value, low, high, limit.met_by(value) if comparable else None)


def versions(results: Results) -> str:
    """Tabulate the five versions: the limits, the report, no network, the published run, this machine's run."""
    header = ["version", "metric", "limit", "report", "authors' file", "last reading", "published run", "all seeds"]
    header += ["this machine's run"] if results.beside else []
    lines = []
    for row in rows(results):
        digits = METRICS[row.metric].digits
        cells = [
            f"`{row.version}`",
            METRICS[row.metric].title,
            row.limit,
            "" if row.report is None else f"{row.report:g}",
            *("" if value is None else f"{value:.{digits}f}" for value in (row.authors_file, row.naive)),
            _cell(row.published, row.metric),
            row.seeds,
        ]
        if results.beside:
            cells.append(_cell(row.here, row.metric) + (f" ({literal(row.here_differs)})" if row.here_differs else ""))
        lines.append(cells)
    return markdown_table(header, lines)


def five(results: Results) -> str:
    """Tabulate the five versions in one line each: the limits, the report, the published run, no network, strangers."""
    lines = []
    table = rows(results)
    for name in dict.fromkeys(row.version for row in table):
        own = [row for row in table if row.version == name]
        runs = runs_of(results.study_runs("report"), name)
        batched = as_authors_batch(results.study_runs("batches"), name)
        lines.append(
            [
                f"`{name}`",
                ", ".join(row.limit for row in own),
                ", ".join("–" if row.report is None else f"{row.report:g}" for row in own),
                ", ".join(_short(row) for row in own),
                *(_met(name, side) for side in (runs, batched)),
                ", ".join(f"{row.naive:.{METRICS[row.metric].digits}f}" for row in own if row.naive is not None),
                unknown_speakers(results, "report", name, mean_alone=True),
            ]
        )
    header = ["version", "limits", "report", "our run, seed 22", "seeds within limits, latency left out"]
    header += ["with the authors' batches", "last reading repeated", "unknown speakers, mean"]
    return markdown_table(header, lines)


def _met(name: str, runs: Sequence[Run]) -> str:
    """Count the runs within all limits but those on latency."""
    return f"{sum(meets(run, VERSIONS[name].offline_limits) for run in runs)} of {len(runs)}" if runs else ""


def _short(row: LimitRow) -> str:
    """Format the published figure without its interval; "open" for a latency, which no Raspberry Pi has measured."""
    if row.published is None or row.published.met is None:
        return "open" if METRICS[row.metric].is_latency else "–"
    text = f"{row.published.value:.{METRICS[row.metric].digits}f}"
    return text if row.published.met else f"**{text}**"


def _cell(figure: Figure | None, metric: str) -> str:
    if figure is None:
        return "–"
    text = f"{figure.value:.{METRICS[metric].digits}f}"
    if figure.low is not None:
        text += f" ({figure.low:.{METRICS[metric].digits}f}–{figure.high:.{METRICS[metric].digits}f})"
    if figure.met is None:
        return text + (" (host)" if METRICS[metric].is_latency else "")
    return text + (" ✓" if figure.met else " **missed**")


def compared_with_published(results: Results) -> list[str]:
    """State which of this machine's files of the report's recipes are the published ones, and why others are not."""
    if results.beside is None:
        return []
    same, other, absent = [], [], []
    for name, version in VERSIONS.items():
        card = results.card("report", name)
        published = results.beside.card("report", name)
        if card is None:
            absent.append(name)
        elif published is None:
            other.append(f"{name} is not among the published versions.")
        elif found := differences(card, published, version):
            other.append(f"{name} is another file than the published one: {'; '.join(found)}.")
        else:
            same.append(name)
    if same and not (other or absent):
        return [f"All {len(same)} files that this machine made are the published ones, byte for byte."]
    are = "is the published file" if len(same) == 1 else "are the published files"
    lines = [f"{', '.join(same)} {are}, byte for byte."] if same else []
    return [*lines, *other, *([f"Not made here yet by the report's recipes: {', '.join(absent)}."] if absent else [])]


def versions_csv(results: Results) -> str:
    """Return the rows as CSV; a figure becomes a column for each of its parts."""
    table = pd.json_normalize([asdict(row) for row in rows(results)], sep="_")
    return str(table.to_csv(index=False, lineterminator="\n"))
