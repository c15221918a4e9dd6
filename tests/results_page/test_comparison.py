"""Two recipes side by side, against differences taken by hand and SciPy's interval of paired samples."""

import csv
from pathlib import Path
from typing import Any

import pytest
import scipy.stats
from helpers import study_run

from underbudget.overrides import chosen
from underbudget.results_page.comparison import Side, compared, write

# seeds 1 to 4 of kws_b: accuracy, bytes
NARROW = [(89.0, 30_000), (91.0, 30_100), (90.5, 30_200), (92.5, 30_300)]
WIDE = [(90.5, 40_000), (91.5, 40_400), (92.5, 35_000), (93.5, 35_500)]


def side(text: str, figures: list[tuple[float, int]], macs: int, first: int = 1) -> Side:
    version, recipe = chosen(text)
    runs: list[dict[str, Any]] = [
        # as converted, none would be small enough: what counts is the file itself
        {**study_run(version.name, seed, size, accuracy_pct=accuracy), "macs": macs, "converted_bytes": 36_000}
        for seed, (accuracy, size) in enumerate(figures, first)
    ]
    return Side(version, recipe, runs)


def test_differences_are_paired_by_seed_and_have_students_interval() -> None:
    comparison = compared(side("kws_b", NARROW, 700), side("kws_b width=0.4", WIDE, 1_900), judged=True)
    assert comparison is not None
    accuracy, size, macs = comparison.rows()
    assert (accuracy.a, accuracy.b, accuracy.difference) == (90.75, 92.0, 1.25)  # 1.5, 0.5, 2 and 1 by hand
    for row, place in ((accuracy, 0), (size, 1)):
        theirs, ours = ([figures[place] for figures in of] for of in (WIDE, NARROW))
        low, high = scipy.stats.ttest_rel(theirs, ours).confidence_interval()
        assert row.interval == pytest.approx((low, high))
    assert size.difference == 7575  # (10,000 + 10,300 + 4,800 + 5,200) / 4
    assert (macs.difference, macs.interval) == (1_200, (1_200, 1_200))
    table = comparison.table()
    assert "| multiply-accumulates, per inference | 700 | 1,900 | +1,200 |" in table
    # 1.25 less and more 3.182 (Student's t of 3 degrees of freedom) times 0.6455 / 2
    assert "| accuracy, % | 90.75 | 92.00 | +1.25 (+0.22 to +2.28) |" in table
    # above 90 %: seeds 2, 3 and 4, all; below 35 kB, 35,840 bytes: all, seeds 3 and 4
    assert "| runs that meet all limits but latency | 3 of 4 | 2 of 4 |  |" in table


def test_only_seeds_of_both_sides_are_compared() -> None:
    comparison = compared(side("kws_b", NARROW, 700), side("kws_a improved", WIDE[:3], 900, first=3), judged=True)
    assert comparison is not None
    accuracy, *_ = comparison.rows()
    assert (accuracy.a, accuracy.b) == (91.5, 91.0)  # seeds 3 and 4: 90.5 and 92.5, the first two of WIDE
    assert accuracy.interval is None
    assert "fewer than 3 give no interval" in comparison.notes()[0]
    assert "| accuracy, % | 91.50 | 91.00 | -0.50 |" in comparison.table()
    assert compared(side("kws_b", NARROW, 1), side("kws_a", WIDE, 1, first=9), judged=True) is None


def test_a_comparison_to_hand_in(tmp_path: Path) -> None:
    comparison = compared(side("kws_b", NARROW, 700), side("kws_b width=0.4", WIDE, 1_900), judged=True)
    assert comparison is not None
    table, page = write(comparison, tmp_path, "make compare A=kws_b B='kws_b width=0.4' SEEDS=4")
    assert table.name == "kws_b-report_and_kws_b-report-width=0.4.csv"
    rows = list(csv.reader(table.read_text().splitlines()))
    assert rows[0] == [
        "figure",
        "unit",
        "A: kws_b report",
        "B: kws_b report width=0.4",
        "B less A",
        "95 % low",
        "95 % high",
    ]
    assert rows[1][:5] == ["accuracy", "%", "90.75", "92", "1.25"]
    assert rows[-1] == ["runs that meet all limits but latency", "of 4 runs", "3", "2"]
    text = page.read_text()
    assert text.startswith(comparison.table())
    assert "- make compare A=kws_b B='kws_b width=0.4' SEEDS=4\n" in text


def test_limits_are_not_judged_on_synthetic_data() -> None:
    comparison = compared(side("kws_b", NARROW, 700), side("kws_a", WIDE, 900), judged=False)
    assert comparison is not None
    assert "limits" not in comparison.table() + comparison.as_csv()
    assert comparison.notes()[0].startswith("SYNTHETIC DATA")


def test_a_training_that_failed_is_named() -> None:
    version, recipe = chosen("th_a")
    errors = [1.7, 1.8, 8.0, 1.7]
    runs = [
        {**study_run("th_a", seed, 1_900, t_mae_c=0.4, rh_mae_pct=error), "macs": 1}
        for seed, error in enumerate(errors, 1)
    ]
    comparison = compared(Side(version, recipe, runs), Side(version, "improved", runs[:2]), judged=True)
    assert comparison is not None
    assert not any("did not learn" in note for note in comparison.notes())  # seed 3 is not compared
    comparison = compared(Side(version, recipe, runs), Side(version, "improved", runs), judged=True)
    assert comparison is not None
    assert "th_a report: seed 3 did not learn one output" in comparison.notes()
