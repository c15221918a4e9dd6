"""Other groups' files beside ours: the smallest for each limit, and all spotters on the same clips."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import numpy as np

from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.intervals import holm
from underbudget.metrics import METRICS, TASK_METRICS, Limit
from underbudget.reproduction.naive import LEAST_SQUARES
from underbudget.reproduction.reference import load_homeworks, load_peers
from underbudget.reproduction.results import Results
from underbudget.reproduction.verdicts import ALPHA
from underbudget.results_page.markdown import markdown_table
from underbudget.results_page.sentences import comparable_cards, smallest


def smallest_files(results: Results) -> str:
    """Tabulate for the limits of each homework the smallest file that anybody published and the smallest of ours."""
    lines = []
    for homework, limits, sides in _smallest(results):
        name = f"[{_name(homework)}]({homework['source']})"
        without = _naive(results, LEAST_SQUARES, homework["steps"]) if homework["steps"] else {}
        figures = ", ".join(f"{value:.{METRICS[m].digits}f} {METRICS[m].unit}" for m, value in without.items())
        lines.append([name, *_asked(homework, limits), *(_shown(side, limits) for side in sides), figures])
    header = ["homework", "task", "limits", "smallest of others", "smallest of ours", "least squares, no network"]
    return markdown_table(header, lines)


def _naive(results: Results, name: str, steps: int) -> dict[str, float]:
    """Return the errors over the first steps of a forecast that needs no network."""
    found = results.naive_forecasts().get(name, {})
    return {m: float(np.mean(found[f"{m}_by_step"][:steps])) for m in TASK_METRICS[FORECASTING] if found}


def smallest_bytes(results: Results) -> str:
    """Tabulate the bytes of these files alone; limits of a year that the same files meet share a row."""
    rows: dict[tuple[str, ...], list[tuple[str, str]]] = {}
    for homework, limits, (theirs, ours) in _smallest(results):
        task, asked = _asked(homework, limits)
        stripped = smallest(_theirs(homework), limits, "stripped_bytes")
        others = f"{theirs['bytes']:,} ({stripped['stripped_bytes']:,})" if theirs and stripped else "none"
        row = str(homework["year"]), task, others, f"{ours['bytes']:,}" if ours else "none"
        rows.setdefault(row, []).append((_version(homework), asked))
    lines = []
    for (year, task, others, own), versions in rows.items():
        names, limits_of = zip(*versions, strict=True)
        lines.append([f"{year} {', '.join(names)}", task, "; ".join(limits_of), others, own])
    header = ["homework", "task", "limits", "smallest of others, B (all stripped like ours)", "smallest of ours, B"]
    return markdown_table(header, lines)


def _smallest(results: Results) -> Iterator[tuple[Mapping[str, Any], list[Limit], list[dict[str, Any] | None]]]:
    for homework in load_homeworks():
        limits = [Limit(metric, limit) for metric, limit in homework["limits"].items()]
        sides = [smallest(files, limits) for files in (_theirs(homework), _ours(results, homework))]
        yield homework, limits, sides


def _name(homework: Mapping[str, Any]) -> str:
    return f"{homework['year']} {_version(homework)}"


def _version(homework: Mapping[str, Any]) -> str:
    return f"{'th' if homework['steps'] else 'kws'}_{homework['version']}"


def _asked(homework: Mapping[str, Any], limits: list[Limit]) -> tuple[str, str]:
    task = f"6 readings to {homework['steps']}" if homework["steps"] else "8 words"
    return task, ", ".join(METRICS[limit.metric].limit(limit.limit) for limit in limits)


def _theirs(homework: Mapping[str, Any]) -> list[dict[str, Any]]:
    files = load_peers()[homework["task"]]
    return [
        {**file, "shown": f"[{file['name']}]({file['source']})"}
        for file in files
        if file.get("steps") == homework["steps"]
    ]


def _ours(results: Results, homework: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return our published files of a task; of forecasters, the errors over the first steps."""
    found = []
    for place, card in comparable_cards(results).items():
        if card.task != homework["task"]:
            continue
        test, size = card.content["test"], card.content["file"]["compressed_bytes"]
        figures = {
            metric: float(np.mean(test[f"{metric}_by_step"][: homework["steps"]]))
            if homework["steps"]
            else test[metric]
            for metric in homework["limits"]
            if metric in test
        }
        if not homework["steps"]:
            figures["accuracy_pct_95"] = test["accuracy_pct_95"]
        found.append({**figures, "shown": f"`{place}`", "bytes": size})
    return found


def _shown(file: Mapping[str, Any] | None, limits: list[Limit]) -> str:
    if file is None:
        return "none"
    shown = [(METRICS[limit.metric], limit.metric) for limit in limits if limit.metric != "size_kb"]
    figures = ", ".join(
        metric.interval(file[name], *file[name + "_95"])
        if name + "_95" in file
        else f"{file[name]:.{metric.digits}f} {metric.unit}"
        for metric, name in shown
    )
    return f"{file['shown']}: {file['bytes']:,} B, {figures}"


def peers(results: Results) -> str:
    """Tabulate other groups' spotters by bytes, each beside ours on the same clips, corrected for the many tests."""
    files = sorted(load_peers()[SPOTTING], key=lambda file: file["bytes"])
    # which clips ours get right was found when theirs were measured: it says nothing of other files of ours
    now = {"/".join(place): card.sha256 for place, card in results.cards.items()}
    ours: dict[str, str] = load_peers()["ours"]
    names = [name for name, sha256 in ours.items() if now.get(name) == sha256]
    corrected = holm([file["beside"][name]["p"] for file in files for name in names])
    lines = []
    for i, file in enumerate(files):
        accuracy = METRICS["accuracy_pct"].interval(file["accuracy_pct"], *file["accuracy_pct_95"])
        published = "–" if file["published_pct"] is None else f"{file['published_pct']:g} %"
        cells = [f"[{file['name']}]({file['source']})", f"{file['bytes']:,}", published, accuracy]
        for j, name in enumerate(names):
            beside = file["beside"][name]
            clear = corrected[i * len(names) + j] < ALPHA
            cells.append(f"{beside['only_ours']} : {beside['only_theirs']}" + (" *" if clear else ""))
        lines.append(cells)
    header = ["spotter", "bytes", "accuracy as published", "accuracy, measured (95 %)"]
    return (
        markdown_table([*header, *(f"`{name}`" for name in names)], lines) + f"\nMeasured on {load_peers()['date']}.\n"
    )


def peer_forecasters(results: Results) -> str:
    """Tabulate other groups' forecasters by steps and bytes, below them those that need no network."""
    files = sorted(load_peers()[FORECASTING], key=lambda file: (file["steps"], file["bytes"]))
    lines = []
    for steps, own in groupby(files, key=lambda file: int(file["steps"])):
        rows = [(f"[{f['name']}]({f['source']})", f"{f['bytes']:,}", f) for f in own]
        rows += [(f"*{name}*", "–", _naive(results, name, steps)) for name in results.naive_forecasts()]
        for name, size, figures in rows:
            lines.append([name, str(steps), size, *(f"{figures[m]:.3f}" for m in TASK_METRICS[FORECASTING])])
    return markdown_table(["forecaster", "steps", "bytes", "T MAE, °C", "Rh MAE, %"], lines)
