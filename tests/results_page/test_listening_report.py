"""The table and the curves of listeners: what is shown is what was measured, and what is missing is said."""

import copy
from dataclasses import replace
from typing import Any

import pytest
from helpers import ROOT

from underbudget.beyond.listening.scores import CONDITIONS
from underbudget.device import artifact
from underbudget.reproduction.results import Results, read_results
from underbudget.results_page.listening_tables import det_charts, listening
from underbudget.store import PUBLISHED

SHA256 = artifact.load_file(ROOT / "models" / "improved" / "kws_a.tflite.zlib")[0].sha256
FOUND: dict[str, Any] = {
    "words": {"said": 1800, "twice": 45, "pct": 91.26, "pct_95": [90.0, 92.4]},
    "others": {"clips": 140, "pct": 12.34, "pct_95": [8.1, 18.4]},
    "speech": {"hours": 0.5, "triggers": 702, "per_hour": 1404.0, "per_hour_95": [1302.1, 1511.8]},
    "noise": {"hours": 0.1, "triggers": 0, "per_hour": 0.0, "per_hour_95": [0.0, 29.96]},
    "silence": {"hours": 0.1, "triggers": 0, "per_hour": 0.0, "per_hour_95": [0.0, 29.96]},
}
ENTRY: dict[str, Any] = {
    "speech": {"split": "speaker hash"},
    "test_words_by_known_speakers": 41,
    "thresholds": {"middle": 0.87},
    "test": {"middle": dict.fromkeys(CONDITIONS, FOUND)},
    "det": {condition: {"not_heard_pct": [2.0, 8.74, 100.0], "per_hour": [4000, 1404, 0]} for condition in CONDITIONS},
}


def results(entry: dict[str, Any]) -> Results:
    measured = {"sounds": {"source": "made", "description": "reversed clips"}, "models": {SHA256: entry}}
    return replace(read_results(PUBLISHED), listening=measured)


def test_the_table_shows_shares_rates_and_how_they_were_measured() -> None:
    text = listening(results(ENTRY))
    (line,) = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[:4] == ["`improved/kws_a`", "0.87", "91.3 (90.0–92.4)", "2.5"]
    assert cells[4:6] == ["91.3 (90.0–92.4)", "12.3 (8.1–18.4)"]
    assert cells[6:] == ["1,404 (1,302–1,512)", "0 (< 30)", "0 in 6 min"]
    assert "1,800 words, 41 of them by speakers of the training data (split: speaker hash)" in text
    assert "30.0 min of speech; 6.0 min of noise" in text
    assert "reversed clips, synthetic since there were no real ones" in text


def test_what_was_not_measured_is_not_shown() -> None:
    assert listening(replace(read_results(PUBLISHED), listening={})) == ""
    entry = copy.deepcopy(ENTRY)
    for found in entry["test"]["middle"].values():
        found["speech"] = found["others"] = None
    assert "| – | – | 0 (< 30) | 0 in 6 min |" in listening(results(entry))
    assert det_charts(results(entry)) == []


@pytest.mark.parametrize("at", range(len(CONDITIONS)))
def test_there_is_a_curve_for_each_level_of_noise(at: int) -> None:
    chart = det_charts(results(ENTRY))[at]
    condition = list(CONDITIONS)[at]
    assert condition == "clean" or condition in chart.title
    assert "improved/kws_a: 8.7 % of words missed, 1,404 triggers per hour" in chart.words
    assert chart.svg.count("improved/kws_a") == 1  # in the legend; others were not measured
