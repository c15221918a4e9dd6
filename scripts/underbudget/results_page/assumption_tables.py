"""What the report states of its trainings, what is assumed where it says nothing, and what these choices decide."""

from collections.abc import Mapping, Sequence
from typing import Any

from underbudget.intervals import difference
from underbudget.metrics import METRICS, TASK_METRICS
from underbudget.reproduction import kernels
from underbudget.reproduction.reference import load_assumptions
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import Run, format_range, format_share, learnt, meets, metric_values, runs_of
from underbudget.reproduction.studies import STUDIES
from underbudget.reproduction.verdicts import p_text, signed
from underbudget.results_page.markdown import markdown_table
from underbudget.versions.catalogue import FORECASTERS, SPOTTERS, VERSIONS

COMPARED = {  # what changes, from which runs (study, ending of their name) to which
    "Twice the steps, batches drawn at random": (("report", ""), ("steps", "_longer")),
    "The authors' batches in place of random ones, in as many steps": (
        ("steps", "_longer"),
        ("batches", "_neighbours"),
    ),
    "January to May of 2009 in place of all years, in as many steps": (("report", ""), ("years", "_2009")),
    "January to May of 2009 in place of those of 2024": (("years", "_2024"), ("years", "_2009")),
}
OF = {"forecasters": FORECASTERS, "spotters": SPOTTERS, "all": tuple(VERSIONS)}


def assumptions(results: Results) -> str:
    """Tabulate what the report says, what is taken here, where that is from, and what another choice would change."""
    lines = [
        [row["of"], row["what"], row["report"], row["taken"], _source(row), _effect(results, row)]
        for row in load_assumptions()["assumptions"]
    ]
    header = ["of", "what", "the report says", "taken here", "the authors' files", "what the other choice changes"]
    return markdown_table(header, lines)


def _source(row: Mapping[str, Any]) -> str:
    return f"[theirs]({row['source']})" if row["source"] else "–"


def _effect(results: Results, row: Mapping[str, Any]) -> str:
    """Say how well versions do, and how often they meet their limits, with what is taken and with the other choice.

    Of kernels: how often quantised spotters pass by each.
    """
    if row["study"] is None:
        return ""
    if row["study"] == kernels.STUDY:
        return _by_kernels(results)
    parts: dict[str, list[str]] = {}
    for other in STUDIES[row["study"]][0]:
        name = other.name.rpartition("_")[0]
        if name not in OF[row["of"]]:
            continue
        here = ("steps", f"{name}_longer") if other.name.endswith("_neighbours") else ("report", name)  # as many steps
        taken, changed = (runs_of(results.study_runs(study), run) for study, run in (here, (row["study"], other.name)))
        if min(len(taken), len(changed)) < 2:
            continue
        parts.setdefault(name, [f"{here[1]} {_found(name, taken)}"]).append(f"{other.name} {_found(name, changed)}")
    return "; ".join(part for own in parts.values() for part in own) or "not measured yet: make baselines"


def forecaster_training(results: Results) -> str:
    """Tabulate what the number of steps, the way to draw batches, and the year change of the mean errors."""
    measured = [(name, metric) for name in FORECASTERS for metric in TASK_METRICS[VERSIONS[name].task]]
    lines = []
    for what, sides in COMPARED.items():
        cells = []
        for name, metric in measured:
            left, right = (learnt(runs_of(results.study_runs(study), f"{name}{end}")) for study, end in sides)
            if min(len(left), len(right)) < 2:
                return ""
            found = difference(metric_values(right, metric), metric_values(left, metric))
            cells.append(f"{signed(found, METRICS[metric].unit, METRICS[metric].digits)}, {p_text(found.p)}")
        lines.append([what, *cells])
    return markdown_table(["change", *(f"`{name}`, {METRICS[metric].title}" for name, metric in measured)], lines)


def _by_kernels(results: Results) -> str:
    """Say how many runs of the quantised spotters pass by each kind of arithmetic."""
    parts = []
    for name in SPOTTERS:
        limits = [limit for limit in VERSIONS[name].limits if limit.metric == "accuracy_pct"]
        for kind in (kernels.FLOAT, kernels.INT8, kernels.BUILT_IN):
            if runs := runs_of(results.study_runs(kernels.STUDY), f"{name}, {kind}"):
                met = sum(meets(run, limits) for run in runs)
                parts.append(f"{name}, {kind}: {format_share(met, len(runs))} pass")
    return "; ".join(parts) or "not measured yet: make study"


def _found(name: str, runs: Sequence[Run]) -> str:
    """Say how well runs of a version do, and how many meet its limits."""
    version = VERSIONS[name]
    ranges = ", ".join(format_range(runs, metric) for metric in TASK_METRICS[version.task])
    met = sum(meets(run, version.offline_limits) for run in runs)
    return f"{ranges}: {format_share(met, len(runs))} meet the limits"
