"""Sentences of the README whose figures come from results."""

from collections.abc import Iterable, Sequence
from typing import Any

from underbudget.data.speech import BY_SPEAKER
from underbudget.data.weather import OUTPUT_STEPS
from underbudget.device.artifact import FORECASTING, SPOTTING, Card
from underbudget.metrics import KB, METRICS, TASK_METRICS, Limit, all_met
from underbudget.networks.dense import Linear
from underbudget.reproduction.naive import LAST_READING
from underbudget.reproduction.reference import load_peers
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import runs_of
from underbudget.results_page.search_tables import chosen
from underbudget.results_page.speaker_tables import unknown_speakers
from underbudget.versions.catalogue import COMPARED_RECIPES, FORECASTERS, SEARCHED, VERSIONS


def headline(results: Results) -> str:
    """Name the smallest files that meet all limits of a task, and the smallest of others."""
    cards, told = comparable_cards(results), []
    for task, what in ((FORECASTING, "both forecasters"), (SPOTTING, "all three spotters")):
        limits = [limit for v in VERSIONS.values() if v.task == task for limit in v.offline_limits]
        ours = [
            {**card.content["test"], "place": place, "bytes": card.content["file"]["compressed_bytes"]}
            for place, card in cards.items()
            if card.task == task
        ]
        others = [file for file in load_peers()[task] if file.get("steps") in (None, OUTPUT_STEPS)]
        own, other = smallest(ours, limits), smallest(others, limits, "stripped_bytes")
        if own is None or other is None:
            return "No forecaster and spotter meet the limits of all five versions yet.\n"
        remarks = []
        if cards[own["place"]].content["made_from"]["recipe"]["network"]["kind"] == Linear.__name__:
            remarks.append("a single matrix, no network")
        recipe, name = own["place"].split("/")
        if accuracy := unknown_speakers(results, recipe, name, mean_alone=True):
            remarks.append(f"on unknown speakers its recipe has {accuracy} %")
        remarks.append(f"others', stripped like ours: {other['stripped_bytes']:,} or more")
        told.append(
            f"[{own['bytes']:,} bytes](models/{own['place']}.json) meets all limits of {what} ({'; '.join(remarks)})"
        )
    return f"Latency left out, one file of {', one of '.join(told)}.\n"


def comparable_cards(results: Results) -> dict[str, Card]:
    """Return the cards of our published models that are tested like the report's, by "folder/name".

    The model of a search that missed its limits is not among them: that would be a choice by its test score.
    """
    cards = {"/".join(place): card for place, card in results.cards.items() if place[0] in COMPARED_RECIPES}
    for found in results.searches:
        card = results.store.card(SEARCHED, found["name"]) if found["model"] and chosen(found)["met"] else None
        if card and card.content["made_from"]["data"]["split"] != BY_SPEAKER:
            cards[f"{SEARCHED}/{found['name']}"] = card
    return cards


def smallest(files: Iterable[dict[str, Any]], limits: Sequence[Limit], key: str = "bytes") -> dict[str, Any] | None:
    """Return the smallest file that meets all limits, its size being what it has under a key."""
    meet = (file for file in files if all_met(limits, {**file, "size_kb": file[key] / KB}))
    return min(meet, key=lambda file: int(file[key]), default=None)


def naive(results: Results) -> str:
    """State which limits need no network, and which forecasters do worse than repeating the last reading."""
    forecasts = results.naive_forecasts()
    if not forecasts:
        return "Forecasts that need no network are not measured yet: make baselines.\n"
    met = {name: _limits_met(figures) for name, figures in forecasts.items()}
    said = {
        name: " and ".join(f"{figures[m]:.{METRICS[m].digits}f} {METRICS[m].unit}" for m in TASK_METRICS[FORECASTING])
        for name, figures in forecasts.items()
    }
    best = max(met.values())
    enough = [f"*{name}* ({said[name]})" for name in forecasts if met[name] == best]
    every = sum(VERSIONS[name].limit(m) is not None for name in FORECASTERS for m in TASK_METRICS[FORECASTING])
    most = f"All {every}" if best == every else str(best)
    worse = [
        f" `report/{name}` ({card.content['test'][m]:.{METRICS[m].digits}f} {METRICS[m].unit}) is worse than repeating"
        f" the last reading; so are {_worse_runs(results, name, m)}."
        for name in FORECASTERS
        for m in TASK_METRICS[FORECASTING]
        if (card := results.card("report", name)) and card.content["test"][m] > forecasts[LAST_READING][m]
    ]
    text = (
        f"Without any network, repeating the last reading has errors of {said[LAST_READING]} and meets"
        f" {met[LAST_READING]} of the {every} limits on error. {most} are met by {' and by '.join(enough)}."
    )
    return "".join([text, *worse]) + "\n"


def _worse_runs(results: Results, name: str, metric: str) -> str:
    runs = runs_of(results.study_runs("report"), name)
    last = results.naive_forecasts()[LAST_READING][metric]
    return f"{sum(run['test'][metric] > last for run in runs)} of its {len(runs)} trainings"


def _limits_met(figures: dict[str, float]) -> int:
    limits = [limit for name in FORECASTERS for limit in VERSIONS[name].limits if limit.metric in figures]
    return sum(limit.met_by(figures[limit.metric]) for limit in limits)
