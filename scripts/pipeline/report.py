"""Tables of the five versions: the report, the published run, this machine's run, the constraints.

All figures come from results/reference.json, the cards and the latency results; none is written here.
"""

import csv
import io
import json
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device import artifact
from device.artifact import Card
from device.errors import UserError
from pipeline import files, measure, study
from pipeline.place import HERE, PUBLISHED, STAND_IN
from pipeline.recipe import METRICS, RECIPES, VERSIONS, Constraint

SEED = 22  # the report's


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
    here_is_stand_in: bool


def latest(name: str, data: str) -> Card | None:
    """The card of this machine's run of a version, on the data that DATA asks for.

    Raises:
        UserError: the model does not match its card.
    """
    places = {"auto": (HERE, STAND_IN), "real": (HERE,), "standin": (STAND_IN,)}[data]
    cards = (place.card("report", name) for place in places)
    return next((card for card in cards if card is not None), None)


def reference() -> dict[str, Any]:
    """Figures published by others."""
    content: dict[str, Any] = json.loads((files.RESULTS / "reference.json").read_text(encoding="utf-8"))
    return content


def reported() -> dict[str, Any]:
    """The report's own figures, by version and metric."""
    figures: dict[str, Any] = reference()["report"]["versions"]
    return figures


def rows(data: str | None) -> list[Row]:
    """A row for each constraint of each version that was published, or made on this machine.

    Args:
        data: which of this machine's runs to show ("auto", "real" or "standin"); None shows the published one alone.

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
                    here=_figure(local, metric, HERE.latency),
                    here_is_stand_in=local is not None and _stand_in(local),
                )
            )
    return table


def _stand_in(card: Card) -> bool:
    return bool(card.content["made_from"]["data"]["source"] == "stand-in")


def _figure(card: Card | None, metric: str, latency: Path) -> Figure | None:
    if card is None:
        return None
    if metric.endswith("_ms"):
        timed = measure.timed(latency, card.sha256)
        if timed is None:
            return None
        kind, value = timed[0], timed[1][metric]["mean"]
        limit = _result(card, metric)["limit"]
        return Figure(value, None, None, Constraint(metric, limit).met_by(value) if kind == measure.PI else None)
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
            cells.append(_cell(row.here, row.metric) + (" STAND-IN" if row.here_is_stand_in else ""))
        lines.append(cells)
    return markdown_table(header, lines)


def _cell(figure: Figure | None, metric: str) -> str:
    if figure is None:
        return "–"
    text = f"{figure.value:.{METRICS[metric].digits}f}"
    if figure.low is not None:
        text += f" ({figure.low:.{METRICS[metric].digits}f}–{figure.high:.{METRICS[metric].digits}f})"
    return text + {True: " ✓", False: " **missed**", None: " (host, not a Pi)"}[figure.met]


def markdown_table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    body = ["| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *lines)]
    return "\n".join(body) + "\n"


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


def publish() -> None:
    """Make this machine's runs the published ones: the report's recipes at its seed, of ours the chosen, all studies.

    Raises:
        UserError: a version is missing, or was not made with the report's recipe and seed.
    """
    for name in VERSIONS:
        card = HERE.card("report", name)
        if card is None:
            raise UserError(f"{HERE.models}/report/{name}.json: no such card: run make all DATA=real first")
        made = card.content["made_from"]
        if (made["recipe_name"], made["seed"]) != ("report", SEED):
            raise UserError(f"{name}: recipe {made['recipe_name']}, seed {made['seed']}: publish report, {SEED} only")
    bench = HERE.results / "bench.json"
    counts = HERE.latency / measure.EMULATED_RESULT
    for path, target in ((measure.LOCAL, "make measure"), (counts, "make emulated"), (bench, "make bench")):
        if not path.exists():
            raise UserError(f"{path}: no such result: run {target} first")
    for name in VERSIONS:
        _copy_model(HERE.models / "report", PUBLISHED.models / "report", name)
    publish_studies()
    published = {
        artifact.load_file(path)[0].sha256
        for recipe in (*RECIPES, measure.TWINS)
        for path in (PUBLISHED.models / recipe).glob("*.zlib")
    }
    for path in HERE.latency.glob("*.json"):
        result = json.loads(path.read_text(encoding="utf-8"))
        result["models"] = {sha256: entry for sha256, entry in result["models"].items() if sha256 in published}
        files.write_json(PUBLISHED.latency / path.name, result)
    _copy(bench, PUBLISHED.results / bench.name)
    write_results(rows(None), PUBLISHED.results, with_here=False)


def publish_studies() -> None:
    """The trials of all studies that ran here, and the models of some.

    Of our own recipes those that validation chooses, and the twins with and without quantisation.
    """
    for path in HERE.results.glob("seeds-*.jsonl"):
        study_name = path.stem.removeprefix("seeds-")
        trials = HERE.trials(study_name)
        _copy(path, PUBLISHED.trials_path(study_name))
        if study_name not in (*RECIPES[1:], measure.TWINS):
            continue
        for version in {trial["version"] for trial in trials}:
            seed = study.chosen([trial for trial in trials if trial["version"] == version])["seed"]
            _copy_model(HERE.models / study_name / f"seed-{seed}", PUBLISHED.models / study_name, version)


def _copy_model(source: Path, target: Path, name: str) -> None:
    for suffix in (".tflite.zlib", ".json"):
        _copy(source / f"{name}{suffix}", target / f"{name}{suffix}")


def _copy(source: Path, target: Path) -> None:
    with files.whole(target) as partial:
        shutil.copyfile(source, partial)
