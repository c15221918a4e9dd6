"""The table and the curves of listeners: what is shown is what was measured, and what is missing is said."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from helpers import ROOT

from underbudget.beyond.listening.scores import CLEAN, CONDITIONS, NOISY
from underbudget.device import artifact
from underbudget.reproduction.results import Results, read_results
from underbudget.results_page.listening_tables import (
    det_chart,
    det_charts,
    listeners,
    listening,
    listening_goals,
    listening_kinds,
)
from underbudget.store import PUBLISHED

SHA256 = artifact.load_file(ROOT / "models" / "improved" / "kws_a.tflite.zlib")[0].sha256
WORDS = {"said": 1800, "twice": 45, "twice_pct": 2.5, "pct": 91.26, "pct_95": [90.0, 92.4]}
SHORT = {"clips": 140, "pct": 12.34, "pct_95": [8.1, 18.4]}
NONE = {"hours": 0.1, "triggers": 0, "per_hour": 0.0, "per_hour_95": [0.0, 29.96]}
FOUND: dict[str, Any] = {
    **dict.fromkeys(CONDITIONS, WORDS),
    "others": {**SHORT, "taken_for": {"up": 3, "go": 2}, "by_kind": {"short words": SHORT}},
    "speech": {"hours": 0.5, "triggers": 702, "per_hour": 1404.0, "per_hour_95": [1302.1, 1511.8]},
    "noise": {**NONE, "by_kind": {"marc-moreaux/kitchen20": {**NONE, "triggers": 3}, "x": NONE, "y": NONE}},
    "silence": NONE,
}
ENTRY: dict[str, Any] = {
    "speech": {"split": "speaker hash"},
    "test_words_by_known_speakers": 41,
    "thresholds": {"middle": 0.87},
    "test": {"middle": FOUND},
    "det": {"heard_pct": {condition: [98.0, 91.26, 0.0] for condition in CONDITIONS}, "speech": [4000, 1404, 0]},
}


def results(entry: dict[str, Any], sha256: str = SHA256) -> Results:
    measured = {"sounds": {"source": "made", "description": "reversed clips"}, "models": {sha256: entry}}
    return replace(read_results(PUBLISHED), listening=measured)


def cells(text: str, beginning: str) -> list[str]:
    (line,) = [line for line in text.splitlines() if line.startswith(f"| {beginning}")]
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_table_shows_shares_rates_and_how_they_were_measured() -> None:
    text = listening(results(ENTRY))
    share = "91.3 (90.0–92.4)"
    assert cells(text, "`")[:6] == ["`improved/kws_a`", share, share, share, share, "2.5"]
    assert cells(text, "`")[6:] == ["12.3 (8.1–18.4)", "1,404 (1,302–1,512)", "0 (< 30)", "0"]
    assert "1,800 words, 41 of them by speakers of the training data (split: speaker hash)" in text
    assert "140 clips of other words; 30.0 min of transcribed speech; 6.0 min of noise" in text
    assert "reversed clips, synthetic since there were no real ones" in text


def test_what_was_not_measured_is_not_shown() -> None:
    assert listening(replace(read_results(PUBLISHED), listening={})) == ""
    entry = copy.deepcopy(ENTRY)
    entry["test"]["middle"].update(speech=None, others=None, rooms=None)
    assert "| – | 2.5 | – | – | 0 (< 30) | 0 |" in listening(results(entry))
    assert det_charts(results(entry)) == []


def test_another_groups_listener_is_shown_if_it_heard_the_same() -> None:
    name, published = "mlperf_tiny-kws-float", read_results(PUBLISHED)
    assert cells(listening(published), f"[{name}](https://")[0].count("kws_ref_model_float32") == 1
    assert cells(listeners(published), name)[0] == f"{name}, 33,074 B (stripped like ours 31,062)"
    assert f"{name}: " in det_charts(published)[0].words
    assert name not in listening(results(ENTRY)) + listeners(results(ENTRY))  # ours heard other sounds there


def test_the_published_listener_stands_beside_its_aims_and_by_kinds() -> None:
    live = results(ENTRY, artifact.load_file(ROOT / "models" / "live" / "kws_a.tflite.zlib")[0].sha256)
    assert cells(listening_goals(live), "words detected in quiet")[1:3] == ["93", "91.3 (90.0–92.4)"]
    assert cells(listening_goals(live), "words detected twice")[1:] == ["0.5", "2.5", "0.5", "–"]
    assert cells(listening_kinds(live), "short words: % of 140 clips")[1] == "12.3 (8.1–18.4)"
    assert cells(listening_kinds(live), "kitchens: triggers in 6.0 min")[1] == "3"
    assert cells(listening_kinds(live), "other noise: triggers in 12.0 min")[1] == "0"
    assert cells(listening_kinds(live), "most often taken for")[1] == "up, go"
    assert listening_kinds(results(ENTRY)) == ""


@pytest.mark.parametrize(("at", "condition"), enumerate((CLEAN, NOISY)))
def test_there_is_a_curve_in_quiet_and_in_noise(at: int, condition: str) -> None:
    chart = det_charts(results(ENTRY))[at]
    assert condition in chart.title
    assert "improved/kws_a: 8.7 % of words missed, 1,404 false accepts per hour" in chart.words
    assert chart.svg.count("improved/kws_a") == 1  # in the legend; others were not measured


def test_a_listener_of_own_words_has_its_curve() -> None:
    assert "own/words/kitchen: 8.7 % of words missed" in det_chart({"own/words/kitchen": ENTRY}, CLEAN, ()).words
