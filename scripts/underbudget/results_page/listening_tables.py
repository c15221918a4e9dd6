"""How well the spotters listen: tables at the middle sensitivity, the aims, and the DET curves."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from underbudget.beyond.listening.scores import CLEAN, CONDITIONS, NOISY
from underbudget.reproduction.reference import PEERS, load_peers
from underbudget.reproduction.results import Results
from underbudget.reproduction.runs import metric_values, runs_of
from underbudget.results_page.markdown import markdown_table
from underbudget.results_page.style import IMPROVED, OTHERS, RECIPE_STYLE, Chart, chart, join_sentence, legend
from underbudget.versions.catalogue import RECIPES, SPOTTERS

SENSITIVITY = "middle"  # what the tables and the dots show; the listener's default
LINES = ("-", "--", ":")  # of versions; colours are of recipes
AXIS = 0.5, 6000  # false accepts per hour
LEAST = 0.6  # at which none at all is drawn
LIVE = ("live/kws_a", "live/kws_c")
PARTS = {"others": "clips of other words", "speech": "transcribed speech", "noise": "noise"}
POINTS = 0.5  # of accuracy that a listener may lose against a spotter that knows its words alone
AIMS = {  # of the listeners: figure, unit, and the aims of LIVE
    (CLEAN, "pct"): ("words detected in quiet, %, at least", 93, 95),
    (NOISY, "pct"): ("words detected in noise at 10 dB, %, at least", 82, 87),
    (CLEAN, "twice_pct"): ("words detected twice, %, at most", 0.5, 0.5),
    ("others", "pct"): ("clips of other words accepted, %, at most", 12, 7),
    ("speech", "per_hour"): ("false accepts per hour of speech, at most", 3, 1.5),
    ("noise", "per_hour"): ("triggers per hour of noise, at most", 15, 8),
}
SOURCES = {  # of noise, by the repository that it is from; others are counted together
    "marc-moreaux/kitchen20": "kitchens",
    "AntumMT/mod-sounds": "animals, doors, clocks, steps",
    "npm:supersonic-scsynth-samples": "drums and bells",
    "gveres/donateacry-corpus": "babies",
}

Entry = dict[str, Any]


def listening(results: Results) -> str:
    """Tabulate what each published listener does with words, other words, speech, noise and silence."""
    entries = _entries(results)
    if not entries:
        return ""
    lines = []
    shown = {f"`{name}`": entry for name, entry in entries.items()}
    shown |= {_linked(name, entry): entry for name, entry in _of_others(results).items()}
    for name, entry in shown.items():
        found = entry["test"][SENSITIVITY]
        cells = [*(_share(found.get(condition)) for condition in CONDITIONS), f"{found[CLEAN]['twice_pct']:.1f}"]
        cells += [_share(found["others"]), *(_rate(found[kind]) for kind in ("speech", "noise"))]
        lines.append([name, *cells, str(found["silence"]["triggers"])])
    header = ["model", *(f"words detected, {condition}, %" for condition in CONDITIONS), "detected twice, %"]
    header += ["other words accepted, %", "false accepts per hour of speech", "triggers per hour of noise"]
    return markdown_table([*header, "in a minute of silence"], lines) + f"\n{_measured_on(results, entries)}\n"


def listeners(results: Results) -> str:
    """Tabulate in short what the two published listeners do, and those of others."""
    shown = {}
    for name, entry in _entries(results).items():
        if name in LIVE and (card := results.card(*name.split("/"))):
            shown[f"`{name}`, {card.content['file']['compressed_bytes']:,} B"] = entry
    for name, entry in _of_others(results).items():
        shown[f"{name}, {entry['bytes']:,} B (stripped like ours {entry['stripped_bytes']:,})"] = entry
    lines = []
    for name, entry in shown.items():
        found = entry["test"][SENSITIVITY]
        shares = [f"{found[part]['pct']:.0f} %" for part in (CLEAN, NOISY, "others")]
        lines.append([name, *shares, *(_rate(found[part]) for part in ("speech", "noise"))])
    header = [
        "",
        "words detected",
        f"in {NOISY}",
        "other words accepted",
        "false accepts per hour of speech",
    ]
    return markdown_table([*header, "per hour of noise"], lines)


def listener_table(entry: Entry) -> str:
    """Tabulate what one listener does with each of its words, and with other sounds."""
    found = entry["test"][SENSITIVITY]
    rows = [[f"words detected, {c}, %", _share(found[c])] for c in CONDITIONS if found.get(c)]
    rows += [[f"{word}, {CLEAN}, %", f"{share:.1f}"] for word, share in found[CLEAN]["by_word"].items()]
    rows.append(["detected twice, %", f"{found[CLEAN]['twice_pct']:.1f}"])
    rows.append(["other words accepted, %", _share(found["others"])])
    rows.append(["false accepts per hour of transcribed speech", _rate(found["speech"])])
    rows.append(["triggers per hour of other speech", _rate(found["untranscribed"])])
    rows.append(["triggers per hour of noise", _rate(found["noise"])])
    thresholds = ", ".join(f"{threshold:g} ({name})" for name, threshold in entry["thresholds"].items())
    rows.append(["thresholds", thresholds])
    return markdown_table(["", "95 % intervals in brackets"], rows)


def listening_goals(results: Results) -> str:
    """Set what the two published listeners reach beside what was aimed at."""
    entries = _entries(results)
    lines = []
    for (part, key), (what, *aims) in AIMS.items():
        cells = []
        for name, aim in zip(LIVE, aims, strict=True):
            found = entries[name]["test"][SENSITIVITY][part] if name in entries else None
            low, high = found[f"{key}_95"] if found and f"{key}_95" in found else (None, None)
            within = "" if low is None else f" ({low:.1f}–{high:.1f})"
            cells += [f"{aim:g}", f"{found[key]:.1f}{within}" if found else "–"]
        lines.append([what, *cells])
    lines.append(["accuracy if one of the words must be chosen, %, at least", *_among_words(results)])
    header = ["at the middle sensitivity", *(cell for name in LIVE for cell in ("aim", f"`{name}`"))]
    return markdown_table(header, lines)


def _among_words(results: Results) -> Iterator[str]:
    """Yield two cells for each of LIVE: the aim, POINTS below our improved spotter's mean, and its own accuracy.

    Both are of unknown speakers.
    """
    for model in LIVE:
        recipe, name = model.split("/")
        best = metric_values(runs_of(results.study_runs("improved-by-speaker"), name), "accuracy_pct")
        card = results.card(recipe, name)
        own = card.content["test"].get("among_words_pct") if card else None
        yield f"{np.mean(best) - POINTS:.1f}" if best else "–"
        yield "–" if own is None else f"{own:.1f}"


def listening_kinds(results: Results) -> str:
    """Tabulate which other words and which noise the two published listeners take for a word."""
    entries = {name: entry for name, entry in _entries(results).items() if name in LIVE}
    if not entries:
        return ""
    lines: dict[str, list[str]] = {}
    for entry in entries.values():
        found = entry["test"][SENSITIVITY]
        for kind, share in (found["others"] or {}).get("by_kind", {}).items():
            lines.setdefault(f"{kind}: % of {share['clips']} clips", []).append(_share(share))
        for kind, (triggers, hours) in _noise(found["noise"]).items():
            lines.setdefault(f"{kind}: triggers in {60 * hours:.1f} min", []).append(f"{triggers}")
        taken = Counter[str]()
        for part in PARTS:
            taken.update((found[part] or {}).get("taken_for", {}))
        most = ", ".join(word for word, _ in taken.most_common(3)) or "–"
        lines.setdefault("most often taken for", []).append(most)
    rows = [[what, *cells] for what, cells in lines.items()]
    return markdown_table(["other words and noise", *(f"`{name}`" for name in entries)], rows)


def _noise(found: Entry | None) -> dict[str, tuple[int, float]]:
    """Return triggers and hours by kind of noise."""
    result: dict[str, tuple[int, float]] = {}
    for source, rate in (found or {}).get("by_kind", {}).items():
        kind = SOURCES.get(source, "other noise")
        triggers, hours = result.get(kind, (0, 0.0))
        result[kind] = triggers + rate["triggers"], hours + rate["hours"]
    return result


def _entries(results: Results) -> dict[str, Entry]:
    """Return the measurements of the models of a store, by recipe and version."""
    models = results.listening.get("models", {})
    found = {}
    for recipe in RECIPES:
        for name in SPOTTERS:
            card = results.card(recipe, name)
            if card and card.sha256 in models:
                found[f"{recipe}/{name}"] = models[card.sha256]
    return found


def _of_others(results: Results) -> dict[str, Entry]:
    """Return the listeners of other groups by name, if they were measured in the same way and with the same sounds."""
    found = load_peers()["listening"]
    same = all(results.listening.get(key) == found[key] for key in ("protocol", "sounds"))
    return {entry["name"]: entry for entry in found["models"]} if same else {}


def _linked(name: str, entry: Entry) -> str:
    return f"[{name}]({entry['source']})"


def _share(found: Entry | None) -> str:
    return f"{found['pct']:.1f} ({found['pct_95'][0]:.1f}–{found['pct_95'][1]:.1f})" if found else "–"


def _rate(found: Entry | None) -> str:
    if not found:
        return "–"
    low, high = found["per_hour_95"]
    return f"{found['per_hour']:,.0f} ({low:,.0f}–{high:,.0f})" if found["triggers"] else f"0 (< {high:,.0f})"


def _measured_on(results: Results, entries: dict[str, Entry]) -> str:
    """State how much sound of each kind it was measured with."""
    parts = []
    for split, entry in {entry["speech"]["split"]: entry for entry in entries.values()}.items():
        said = entry["test"][SENSITIVITY][CLEAN]["said"]
        known = entry["test_words_by_known_speakers"]
        parts.append(f"{said:,} words, {known:,} of them by speakers of the training data (split: {split})")
    found = next(iter(entries.values()))["test"][SENSITIVITY]
    for part, what in PARTS.items():
        if of := found[part]:
            parts.append(f"{of['clips']:,} {what}" if part == "others" else f"{60 * of['hours']:.1f} min of {what}")
    sounds = results.listening["sounds"]
    note = ", synthetic since there were no real ones" if sounds["source"] == "made" else ""
    return (
        f"Measured with {'; '.join(parts)}. Other sounds: {sounds['description']}{note}."
        " Detected twice (in quiet): more than one detection, as any word, until a second after the word's end."
        " Brackets: 95 %, by a bootstrap of speakers, or of recordings of noise; of rates, the wider of this and"
        " Poisson's."
    )


def det_charts(results: Results) -> list[Chart]:
    """Draw words missed against false accepts per hour of speech over thresholds, in quiet and in noise."""
    entries = {name: entry for name, entry in _entries(results).items() if has_speech(entry)}
    if not entries:
        return []
    entries |= _of_others(results)
    return [det_chart(entries, condition, [results.store.listening_path, PEERS]) for condition in (CLEAN, NOISY)]


def det_chart(entries: dict[str, Entry], condition: str, data: Sequence[Path]) -> Chart:
    """Draw the curves of listeners, by their names `<folders>/<version>`, in one condition of the words."""
    words = []
    for name, entry in entries.items():
        lost, per_hour = _at_work(entry, condition)
        words.append(f"{name}: {lost:.1f} % of words missed, {per_hour:,.0f} false accepts per hour")
    caption = "At the middle sensitivity: " + join_sentence(words)
    fill = partial(_curves, entries=entries, condition=condition)
    return chart(f"Words missed against false accepts, {condition}", caption, data, 400, fill)


def has_speech(entry: Entry) -> bool:
    """Tell whether a listener was measured with transcribed speech."""
    return entry["test"][SENSITIVITY]["speech"] is not None


def _at_work(entry: Entry, condition: str) -> tuple[float, float]:
    """Return the words missed, in %, and the false accepts per hour of speech at the middle sensitivity."""
    found = entry["test"][SENSITIVITY]
    return 100 - found[condition]["pct"], found["speech"]["per_hour"]


def _curves(axis: Axes, entries: dict[str, Entry], condition: str) -> None:
    for name, entry in entries.items():
        recipe, _, version = name.rpartition("/")
        colour = RECIPE_STYLE[recipe][1] if recipe in RECIPE_STYLE else OTHERS if "source" in entry else IMPROVED
        line = LINES[SPOTTERS.index(version) % len(LINES)] if version in SPOTTERS else "-"
        missed = [100 - heard for heard in entry["det"]["heard_pct"][condition]]
        axis.plot(_shown(entry["det"]["speech"]), missed, line, color=colour, linewidth=1.2, label=name)
        lost, per_hour = _at_work(entry, condition)
        axis.plot(_shown([per_hour]), [lost], "o", color=colour, markersize=4)
    axis.set_xscale("log")
    axis.set_xlim(*AXIS)
    axis.set_ylim(0, 100)
    axis.xaxis.set_major_locator(LogLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("false accepts per hour of speech (left end: none)")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0f} %"))
    axis.set_ylabel("words missed")
    legend(axis, 0.14, 2)


def _shown(per_hour: Sequence[float]) -> list[float]:
    return [max(rate, LEAST) for rate in per_hour]
