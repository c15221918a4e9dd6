"""How well the spotters listen: the table at the middle sensitivity, and the DET curves."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from underbudget.beyond.listening.scores import CLEAN, CONDITIONS
from underbudget.reproduction.results import Results
from underbudget.results_page.markdown import markdown_table
from underbudget.results_page.style import RECIPE_STYLE, Chart, chart, join_sentence, legend
from underbudget.versions.catalogue import RECIPES, SPOTTERS

SENSITIVITY = "middle"  # what the table and the dots show; the listener's default
NOISY = "10 dB"  # the condition of the table's second column
LINES = ("-", "--", ":")  # of versions; colours are of recipes
AXIS = 0.5, 6000  # triggers per hour
LEAST = 0.6  # at which none at all is drawn

Entry = dict[str, Any]


def listening(results: Results) -> str:
    """Tabulate what each published listener does with words, other words, speech, noise and silence."""
    entries = _entries(results)
    if not entries:
        return ""
    lines = []
    for name, entry in entries.items():
        clean, noisy = (entry["test"][SENSITIVITY][condition] for condition in (CLEAN, NOISY))
        twice = 100 * clean["words"]["twice"] / clean["words"]["said"]
        cells = [_share(clean["words"]), f"{twice:.1f}", _share(noisy["words"]), _share(clean["others"])]
        cells += [_rate(clean[kind]) for kind in ("speech", "noise")]
        cells.append(f"{clean['silence']['triggers']} in {60 * clean['silence']['hours']:.0f} min")
        lines.append([f"`{name}`", f"{entry['thresholds'][SENSITIVITY]:g}", *cells])
    header = [
        "model",
        "threshold",
        "words detected, %",
        "detected twice, %",
        f"words detected with noise at {NOISY}, %",
    ]
    header += [
        "other words accepted, %",
        "triggers per hour of speech",
        "triggers per hour of noise",
        "triggers in silence",
    ]
    return markdown_table(header, lines) + f"\n{_measured_on(results, entries)}\n"


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
        said = entry["test"][SENSITIVITY][CLEAN]["words"]["said"]
        known = entry["test_words_by_known_speakers"]
        parts.append(f"{said:,} words, {known:,} of them by speakers of the training data (split: {split})")
    found = next(iter(entries.values()))["test"][SENSITIVITY][CLEAN]
    if found["others"]:
        parts.append(f"{found['others']['clips']:,} clips of other words")
    parts += [f"{60 * found[kind]['hours']:.1f} min of {kind}" for kind in ("speech", "noise") if found[kind]]
    sounds = results.listening["sounds"]
    note = ", synthetic since there were no real ones" if sounds["source"] == "made" else ""
    return (
        f"Measured with {'; '.join(parts)}. Other sounds: {sounds['description']}{note}."
        " Detected twice: more than one detection, as any word, until a second after the word's end."
    )


def det_charts(results: Results) -> list[Chart]:
    """Draw words missed against triggers per hour of speech over thresholds, one chart per level of noise."""
    entries = {name: entry for name, entry in _entries(results).items() if _has_speech(entry)}
    if not entries:
        return []
    charts = []
    for condition in CONDITIONS:
        words = []
        for name, entry in entries.items():
            lost, per_hour = _at_work(entry, condition)
            words.append(f"{name}: {lost:.1f} % of words missed, {per_hour:,.0f} triggers per hour")
        title = "Words missed against triggers" + ("" if condition == CLEAN else f", {condition}")
        fill = partial(_curves, entries=entries, condition=condition)
        caption = "At the middle sensitivity: " + join_sentence(words)
        charts.append(chart(title, caption, [results.store.listening_path], 400, fill))
    return charts


def _has_speech(entry: Entry) -> bool:
    return entry["test"][SENSITIVITY][CLEAN]["speech"] is not None


def _at_work(entry: Entry, condition: str) -> tuple[float, float]:
    """Return the words missed, in %, and the triggers per hour of speech at the middle sensitivity."""
    found = entry["test"][SENSITIVITY][condition]
    return 100 - found["words"]["pct"], found["speech"]["per_hour"]


def _curves(axis: Axes, entries: dict[str, Entry], condition: str) -> None:
    for name, entry in entries.items():
        recipe, version = name.split("/")
        colour = RECIPE_STYLE[recipe][1]
        line = LINES[SPOTTERS.index(version) % len(LINES)]
        curve = entry["det"][condition]
        axis.plot(_shown(curve["per_hour"]), curve["not_heard_pct"], line, color=colour, linewidth=1.2, label=name)
        lost, per_hour = _at_work(entry, condition)
        axis.plot(_shown([per_hour]), [lost], "o", color=colour, markersize=4)
    axis.set_xscale("log")
    axis.set_xlim(*AXIS)
    axis.set_ylim(0, 100)
    axis.xaxis.set_major_locator(LogLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:,.0f}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("triggers per hour of speech (left end: none)")
    axis.yaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0f} %"))
    axis.set_ylabel("words missed")
    legend(axis, 0.14, 2)


def _shown(per_hour: Sequence[float]) -> list[float]:
    return [max(rate, LEAST) for rate in per_hour]
