"""What the report states of its trainings, what is assumed where it says nothing, and what these choices decide."""

from collections.abc import Mapping
from typing import Any

from underbudget.metrics import TASK_METRICS
from underbudget.reproduction.reference import load_assumptions
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import format_range, format_share, meets, runs_of
from underbudget.reproduction.studies import STUDIES
from underbudget.results_page.markdown import markdown_table
from underbudget.versions.catalogue import FORECASTERS, SPOTTERS, VERSIONS

OF = {"forecasters": FORECASTERS, "spotters": SPOTTERS, "all": tuple(VERSIONS)}


def assumptions(results: Results) -> str:
    """Tabulate what the report says, what is taken here, where that is from, and what another choice would change."""
    lines = [
        [row["of"], row["what"], row["report"], row["taken"], f"[theirs]({row['source']})", _effect(results, row)]
        for row in load_assumptions()["assumptions"]
    ]
    header = ["of", "what", "the report says", "taken here", "the authors' files", "what the other choice changes"]
    return markdown_table(header, lines)


def _effect(results: Results, row: Mapping[str, Any]) -> str:
    """Say how often versions meet their limits, and how well they do, with what is taken and with the other choice."""
    if row["study"] is None:
        return ""
    parts = []
    for other in STUDIES[row["study"]][0]:
        name = other.name.rpartition("_")[0]
        if name not in OF[row["of"]]:
            continue
        sides = [
            runs_of(results.study_runs(study), run) for study, run in (("report", name), (row["study"], other.name))
        ]
        if min(map(len, sides)) < 2:
            continue
        limits = VERSIONS[name].offline_limits
        shares = [format_share(sum(meets(run, limits) for run in side), len(side)) for side in sides]
        ranges = [", ".join(format_range(side, m) for m in TASK_METRICS[VERSIONS[name].task]) for side in sides]
        parts.append(f"{other.name}: {ranges[1]}, {shares[1]} meet the limits, in place of {ranges[0]}, {shares[0]}")
    return "; ".join(parts) or "not measured yet: make baselines"
