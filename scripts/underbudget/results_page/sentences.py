"""Sentences of the README whose figures come from results."""

from underbudget.beyond.listening.scores import CLEAN
from underbudget.data.speech import BY_SPEAKER
from underbudget.device.artifact import FORECASTING, SPOTTING, Card
from underbudget.metrics import KB, METRICS, TASK_METRICS, all_met
from underbudget.reproduction.naive import LAST_READING, LEAST_SQUARES
from underbudget.reproduction.reference import load_reference, reported
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import runs_of
from underbudget.versions.catalogue import COMPARED_RECIPES, FORECASTERS, SEARCHED, VERSIONS


def headline(results: Results) -> str:
    """Compare the bytes of our recipes with the report's; name the smallest files that meet all limits of a task."""
    found = [place for task in (FORECASTING, SPOTTING) if (place := _smallest(results, task))]
    if len(found) < 2:
        return "No forecaster and spotter meet the limits of all five versions yet.\n"
    cards = comparable_cards(results)
    forecaster, spotter = (
        f"[{what}](models/{place}.json) of {cards[place].content['file']['compressed_bytes']:,} bytes"
        for what, place in zip(("forecaster", "spotter"), found, strict=True)
    )
    shares, packed = [], {}
    for name in VERSIONS:
        ours, theirs = results.card("improved", name), results.card("report", name)
        if ours and theirs:
            size = ours.content["file"]["compressed_bytes"]
            shares.append(size / (KB * reported(name)["size_kb"]))
            packed[name] = size / theirs.content["file"]["compressed_bytes"]
    larger = [name for name, share in packed.items() if share > 1]
    but = f" ({', '.join(larger)} is larger)" if larger else ""
    return (
        f"Our own recipes have smaller errors or more accuracy than the report in {100 * min(shares):.0f} to"
        f" {100 * max(shares):.0f} % of its bytes; beside the report's recipes, trained again and stripped likewise,"
        f" in {100 * min(packed.values()):.0f} to {100 * max(packed.values()):.0f} %{but}. One {forecaster} meets all"
        f" limits of both forecasters, one {spotter} those of all three spotters, latency left out.\n"
    )


def comparable_cards(results: Results) -> dict[str, Card]:
    """Return the cards of our published models that are tested like the report's, by "folder/name"."""
    cards = {"/".join(place): card for place, card in results.cards.items() if place[0] in COMPARED_RECIPES}
    for found in results.searches:
        card = results.store.card(SEARCHED, found["name"]) if found["model"] else None
        if card and card.content["made_from"]["data"]["split"] != BY_SPEAKER:
            cards[f"{SEARCHED}/{found['name']}"] = card
    return cards


def _smallest(results: Results, task: str) -> str | None:
    limits = [limit for v in VERSIONS.values() if v.task == task for limit in v.offline_limits]

    def meets(card: Card) -> bool:
        values = {**card.content["test"], "size_kb": card.content["file"]["compressed_bytes"] / KB}
        return all_met(limits, values)

    own = {place: card for place, card in comparable_cards(results).items() if card.task == task and meets(card)}
    return min(own, key=lambda place: int(own[place].content["file"]["compressed_bytes"]), default=None)


def naive(results: Results) -> str:
    """State which limits need no network, and which forecasters do worse than repeating the last reading."""
    forecasts = results.naive_forecasts()
    if not forecasts:
        return "Forecasts that need no network are not measured yet: make baselines.\n"
    met = {name: _limits_met(figures) for name, figures in forecasts.items()}
    last, line = (
        " and ".join(f"{figures[m]:.{METRICS[m].digits}f} {METRICS[m].unit}" for m in TASK_METRICS[FORECASTING])
        for figures in (forecasts[LAST_READING], forecasts[LEAST_SQUARES])
    )
    every = sum(VERSIONS[name].limit(m) is not None for name in FORECASTERS for m in TASK_METRICS[FORECASTING])
    worse = [
        f" `report/{name}` ({card.content['test'][m]:.{METRICS[m].digits}f} {METRICS[m].unit}) is worse than repeating"
        f" the last reading; so are {_worse_runs(results, name, m)}."
        for name in FORECASTERS
        for m in TASK_METRICS[FORECASTING]
        if (card := results.card("report", name)) and card.content["test"][m] > forecasts[LAST_READING][m]
    ]
    text = (
        f"Without any network, repeating the last reading has errors of {last} and meets {met[LAST_READING]} of the"
        f" {every} limits on error; least squares on the same six readings has {line} and meets {met[LEAST_SQUARES]}."
    )
    return "".join([text, *worse]) + "\n"


def _worse_runs(results: Results, name: str, metric: str) -> str:
    runs = runs_of(results.study_runs("report"), name)
    last = results.naive_forecasts()[LAST_READING][metric]
    return f"{sum(run['test'][metric] > last for run in runs)} of its {len(runs)} other seeds"


def _limits_met(figures: dict[str, float]) -> int:
    limits = [limit for name in FORECASTERS for limit in VERSIONS[name].limits if limit.metric in figures]
    return sum(limit.met_by(figures[limit.metric]) for limit in limits)


def listening_aims(results: Results) -> str:
    """Set what the published listener does beside what was wanted of it, and beside what others measured."""
    card = results.card("live", "kws_a")
    entry = results.listening.get("models", {}).get(card.sha256) if card else None
    if not entry:
        return "No listener has been measured yet: make listening.\n"
    found, outside = entry["test"]["middle"][CLEAN], load_reference()["listening"]
    words, household = outside["other_words"], outside["household"]
    rates = " and ".join(
        f"{found[kind]['per_hour']:.0f} times ({found[kind]['per_hour_95'][0]:.0f} to"
        f" {found[kind]['per_hour_95'][1]:.0f}) in an hour of {kind}"
        for kind in ("speech", "noise")
    )
    return (
        f"It detects {found['words']['pct']:.1f} % of the words, but also triggers {rates}, and accepts"
        f" {found['others']['pct']:.1f} % of other short words. Others measured it on sounds that are not here: it"
        f" accepted {words['pct']:g} % of {words['clips']:,} clips of other short words and triggered"
        f" {household['per_hour']} times in an hour of household sounds.\n"
    )
