"""What `make search` found: a table with a line for each search, and its summary."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import product
from statistics import fmean
from typing import Any

from underbudget.device.artifact import SPOTTING
from underbudget.intervals import difference, holm, mean_interval
from underbudget.metrics import KB, METRICS, TASK_METRICS, score
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import SPEAKER_SUFFIX, Run, runs_of
from underbudget.reproduction.verdicts import ALPHA
from underbudget.results_page.markdown import markdown_table
from underbudget.store import limits_of, size_limit
from underbudget.versions.catalogue import COMPARED_RECIPES, VERSIONS

OUTCOMES = ("better", "worse", "no clear difference")  # beside our own best recipe
NONE_PUBLISHED = "No search has been published yet.\n"

Found = Mapping[str, Any]  # the result file of a search


def search_results(results: Results) -> str:
    """Tabulate the searches in one line each: what was asked for, what it took, and what came of it."""
    lines = []
    for found in results.searches:
        if not found["model"]:
            continue
        best = chosen(found)
        met = "met" if best["met"] else "**missed**"
        lines.append(
            [
                _asked(found),
                str(len(found["trials"])),
                f"{_core_minutes(found):.0f}",
                f"{met}; {_over_seeds(found, best['runs'].values())}",
                _own_best(found, results) or "no recipe of ours to compare",
                _model(found),
            ]
        )
    header = [
        "limits",
        "trials",
        "core minutes",
        "best recipe found: validation data, mean over seeds",
        "our best hand-made recipe: the same",
        "final model: test data",
    ]
    return markdown_table(header, lines)


def search_summary(results: Results) -> str:
    """Count the searches that met their limits, and those whose recipe is better than our own best or not."""
    ended = [found for found in results.searches if found["model"]]
    if not ended:
        return NONE_PUBLISHED
    met = [found for found in ended if chosen(found)["met"]]
    size_only = sum(set(limits_of(found)) == {"size_kb"} for found in met)
    compared: dict[str, list[str]] = {outcome: [] for outcome in OUTCOMES}
    pairs = [(_succeeded(chosen(found)["runs"].values()), _own_best_runs(found, results)) for found in ended]
    beside = [(runs, ours[1]) for runs, ours in pairs if ours and min(len(runs), len(ours[1])) > 1]
    changes = [difference(*([score(run["validation"]) for run in side] for side in sides)) for sides in beside]
    for (runs, ours), change, p in zip(beside, changes, holm([change.p for change in changes]), strict=True):
        outcome = OUTCOMES[2] if p > ALPHA else OUTCOMES[0] if change.value > 0 else OUTCOMES[1]
        compared[outcome].append(f"{_mean_bytes(runs)} bytes, ours {_mean_bytes(ours)}")
    better, worse, unclear = compared.values()
    stemless = sum(found["task"] == SPOTTING and not _could_choose(found, "stem") for found in ended)
    sentences = [
        f"Of {len(ended)} published searches, {len(met)} meet all their limits. {size_only} of these had a limit on",
        "size alone, which is met by construction. Each result was compared with our best hand-made recipe of at most",
        "the size allowed, on validation data over seeds (Welch's test at 5 %, corrected for their number after Holm).",
        f"It is better in {len(better)} searches ({'; '.join(better)}), worse in {len(worse)}, and not clearly",
        f"different in {len(unclear)}; {len(ended) - len(beside)} had no recipe to compare with. {stemless} searches",
        "for spotters could not choose a stem, and none weight decay or masks of bands, which ours have.",
    ]
    return " ".join(sentences) + "\n"


def _could_choose(found: Found, choice: str) -> bool:
    return any(choice in (trial["choices"] or {}) for trial in found["trials"])


def _own_best(found: Found, results: Results) -> str:
    """Name our own best recipe that is small enough, with its figures over seeds on the same validation data.

    It is empty where there is none to compare with.
    """
    ours = _own_best_runs(found, results)
    return f"{ours[0]}: {_over_seeds(found, ours[1])}" if ours else ""


def _own_best_runs(found: Found, results: Results) -> tuple[str, list[Run]] | None:
    """Return the name and the runs of our own best recipe that is small enough for a search's limit.

    There is none to compare with where no recipe is small enough, or the search has a further class for other sounds.
    """
    choices = [t["choices"] for t in found["trials"] if t["choices"]]
    if any("other" in c for c in choices):
        return None
    split = SPEAKER_SUFFIX if _by_speaker(found) else ""
    most = KB * size_limit(found)
    runs: dict[str, list[Run]] = {}
    for recipe, name in product(COMPARED_RECIPES[1:], VERSIONS):
        members = runs_of(results.study_runs(recipe + split), name)
        if members and VERSIONS[name].task == found["task"] and all(t["bytes"] < most for t in members):
            runs[f"`{recipe}/{name}`"] = members
    if not runs:
        return None
    best = max(runs, key=lambda title: fmean(score(t["validation"]) for t in runs[title]))
    return best, runs[best]


def chosen(found: Found) -> Mapping[str, Any]:
    """Return the finalist whose model was made."""
    (chosen,) = [f for f in found["finalists"] if f["trial"] == found["model"]["trial"]]
    return chosen


def _over_seeds(found: Found, runs: Iterable[Mapping[str, Any]]) -> str:
    """Format the means of the task's metrics on validation data, with their 95 % intervals, and the mean size."""
    succeeded = _succeeded(runs)
    if not succeeded:
        return "failed"
    figures = [
        f"{METRICS[name].title} {METRICS[name].interval(*mean_interval([r['validation'][name] for r in succeeded]))}"
        for name in TASK_METRICS[found["task"]]
    ]
    return f"{', '.join(figures)}, {_mean_bytes(succeeded)} bytes, {len(succeeded)} seeds"


def _succeeded(runs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [run for run in runs if "error" not in run]


def _mean_bytes(runs: Sequence[Mapping[str, Any]]) -> str:
    return f"{fmean(run['bytes'] for run in runs):,.0f}"


def _core_minutes(found: Found) -> float:
    """Return how long all trainings of trials and finalists took together."""
    runs = [run for trial in found["trials"] for run in trial["rungs"]]
    runs += [run for finalist in found["finalists"] for run in finalist["runs"].values()]
    return sum(float(run.get("seconds", 0)) for run in runs) / 60


def _model(found: Found) -> str:
    model = found["model"]
    figures = [
        f"{METRICS[name].title} {METRICS[name].interval(model['test'][name], *(model['test'][f'{name}_95'] or ()))}"
        for name in TASK_METRICS[found["task"]]
    ]
    return f"{', '.join(figures)}, {model['bytes']:,} bytes"


def _asked(found: Found) -> str:
    """Format the limits, and the split if it is not the course's."""
    limits = [f"{METRICS[name].title} {METRICS[name].limit(limit)}" for name, limit in limits_of(found).items()]
    return ", ".join([*limits, *(["speaker-independent split"] if _by_speaker(found) else [])])


def _by_speaker(found: Found) -> bool:
    return any(t["choices"].get("by_speaker") for t in found["trials"])
