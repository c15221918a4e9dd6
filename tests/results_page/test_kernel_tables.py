"""What int8 weights cost: the table, the sentence and the chart of few made-up runs, counted by hand."""

from dataclasses import replace
from typing import Any

import pytest
from helpers import study_run

from underbudget.reproduction.claims import version_claim
from underbudget.reproduction.results import Results, read_results
from underbudget.results_page import kernel_tables
from underbudget.store import PUBLISHED

ACCURACIES = {  # of three seeds
    "float": (90.0, 90.5, 91.0),
    "int8": (89.0, 89.5, 90.5),
    "int8, built-in kernels": (88.5, 89.0, 90.5),
    "int8, first layer in float": (90.0, 90.5, 91.0),
    "int8, first layer dequantised": (90.0, 90.25, 91.0),
}


ZEROS = {"int8": 61.4, "int8, built-in kernels": 70.6}


def made() -> list[dict[str, Any]]:
    return [
        {
            **study_run(f"kws_c, {kind}", seed, 36_000, accuracy_pct=accuracy),
            "inputs_rounded_to_zero_pct": ZEROS.get(kind),
        }
        for kind, seen in ACCURACIES.items()
        for seed, accuracy in enumerate(seen)
    ]


@pytest.fixture
def results() -> Results:
    keras = [study_run("kws_c_keras, int8", seed, accuracy_pct=seen) for seed, seen in enumerate((89.0, 90.125))]
    keras += [study_run("kws_c_keras, float", seed, accuracy_pct=seen) for seed, seen in enumerate((90.0, 90.5))]
    return replace(read_results(PUBLISHED), runs={"kernels": made() + keras})


def test_three_sources_beside_each_other(results: Results) -> None:
    lines = [line.split(" | ") for line in kernel_tables.kernels(results).splitlines()[2:]]
    others = [f"| `{name}`, {kind}" for name in ("kws_a", "kws_b") for kind in ("float", "int8 (built-in)")]
    assert [line[0] for line in lines[:4]] == others  # that only the second implementation has
    assert lines[0][1:] == ["–", "–", "–", "90.68 ± 0.82 %; 304 of 384 runs (75–83 %) pass |"]
    del lines[:4]
    kinds = ["float", "int8 (XNNPACK)", "int8 (built-in)", "first layer in float", "first layer dequantised"]
    assert [line[0] for line in lines] == [f"| `kws_c`, {kind}" for kind in kinds]
    assert lines[0][1:3] == ["36,000", "90.50 ± 0.50 %; 2 of 3 runs (21–94 %) pass"]  # 90 itself is no pass
    assert lines[1][3].startswith("89.56 ± 0.80 %; 1 of 2 runs (9–91 %) pass; p = ")
    assert lines[1][3].endswith(" against ours") and lines[0][4].count("; p = ") == 2
    assert " against ours; p = " in lines[0][4] and lines[0][4].endswith(" against Keras' |")
    # of the 128 runs of the second implementation, as its authors count them
    assert lines[0][4].startswith("90.01 ± 0.74 %; 64 of 128 runs (41–59 %) pass; p = ")
    assert lines[2][4].startswith("88.94 ± 0.88 %; 11 of 128 runs (5–15 %) pass; p = ")
    assert [line[4] for line in lines].count("– |") == 3


def test_losses_are_counted_seed_by_seed(results: Results) -> None:
    text = kernel_tables.kernel_loss(results)
    assert "Over 3 runs of `kws_c`, the network itself has 90.50 % in float, and 2 of 3 runs" in text
    assert "pass (by these alone: inconclusive); the report has 90.12 %" in text
    assert "loses 0.83 points (0.12 to 1.55) by XNNPACK's kernels and 1.17 points (-0.27 to 2.60) by the" in text
    assert "in float it loses 0.00 points (0.00 to 0.00)" in text
    assert "XNNPACK's kernels round 61 % of that layer's inputs to zero, the built-in ones 71 %." in text
    (chart,) = kernel_tables.kernel_charts(results)
    assert "int8: mean 89.67 %, 1 of 3 runs (6–79 %) pass" in chart.words
    nothing = replace(results, runs={})
    assert kernel_tables.kernel_loss(nothing) == "" and kernel_tables.kernel_charts(nothing) == []


def test_the_claim_says_how_the_same_weights_do_in_float() -> None:
    runs = [study_run("kws_c", seed, 36_000, accuracy_pct=89.0 + seed / 10) for seed in range(3)]
    text = "; the same weights in float: 2 of 3 runs (21–94 %) meet that on accuracy"
    assert version_claim("kws_c", runs, by_kernels=made()).evidence == version_claim("kws_c", runs).evidence + text
