"""Charts of few results, whose figures, points and words are those counted by hand."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure

from underbudget.reproduction.host import EMULATED_RESULT
from underbudget.reproduction.results import Results, read_results
from underbudget.results_page import frontiers, model_charts, run_charts
from underbudget.store import ResultStore

CARDS = {name: json.loads((ROOT / "models" / "report" / f"{name}.json").read_text()) for name in ("th_b", "kws_a")}
RUNS = {
    "report": [{"version": "th_b", "t_mae_c": t, "rh_mae_pct": 1.9} for t in (0.5, 0.4, 2.57)],
    "improved": [{"version": "kws_a", "accuracy_pct": accuracy} for accuracy in (90.0, 92.0)],
}


@pytest.fixture
def few(tmp_path: Path) -> Results:
    """Two published models, three runs of one recipe, one of which failed, and two of another."""
    store = ResultStore(tmp_path / "models", tmp_path / "results")
    (store.models / "report").mkdir(parents=True)
    for name in CARDS:
        for path in (ROOT / "models" / "report").glob(f"{name}.*"):
            shutil.copyfile(path, store.models / "report" / path.name)
    store.runs.mkdir(parents=True)
    for study, runs in RUNS.items():
        lines = [
            {"version": run.pop("version"), "recipe": "improved", "seed": seed, "bytes": 1000 + 100 * seed, "test": run}
            for seed, run in enumerate(map(dict, runs), 1)
        ]
        store.study_path(study).write_text("".join(json.dumps(line) + "\n" for line in lines))
    store.latency.mkdir()
    stages = {"resample": 100_000, "features": 200_000, "set": 9_000_000, "invoke": 300_000, "get": 50_000}
    models = {CARDS["kws_a"]["file"]["sha256"]: {"instructions": {"stages": stages}}}
    content = {"device": {"kind": "emulated"}, "protocol": {}, "models": models}
    (store.latency / EMULATED_RESULT).write_text(json.dumps(content))
    return read_results(store)


def axis() -> Axes:
    return Figure((4, 4)).subplots()


def points(drawn: Axes) -> dict[str, list[tuple[float, float]]]:
    """The points of a chart, by what its legend calls them."""
    scattered = [each for each in drawn.collections if isinstance(each, PathCollection)]
    return {str(each.get_label()): [tuple(at) for at in np.asarray(each.get_offsets()).tolist()] for each in scattered}


def test_a_point_is_as_many_bytes_and_as_good_as_its_file(few: Results) -> None:
    drawn = axis()
    frontiers.spotter_frontier(drawn, few)
    found = points(drawn)
    # the report's own figures: kB and %
    assert found["the report"] == [(24.12 * 1024, 90.88), (32.72 * 1024, 91.12), (35.19 * 1024, 90.12)]
    card = CARDS["kws_a"]
    ours = (card["file"]["converted_compressed_bytes"], card["test"]["accuracy_pct"])  # as the report's were
    assert found["the report's recipes, here, one seed"] == [ours]
    assert found["ours, improved: mean of 2 seeds (95 %)"] == [(1150, 91)]
    (interval,) = [each for each in drawn.collections if isinstance(each, LineCollection) and len(each.get_segments())]
    np.testing.assert_allclose(interval.get_segments()[0], [[1150, 91 - 12.7062], [1150, 91 + 12.7062]], atol=1e-3)
    drawn = axis()
    frontiers.forecaster_frontier(drawn, "t_mae_c", few)
    assert points(drawn)["the report"] == [(1.95 * 1024, 0.44), (1.66 * 1024, 0.47)]
    assert not drawn.lines  # the last reading was not measured


def test_shares_of_limits_by_hand(few: Results) -> None:
    (drawn,) = run_charts.limit_charts(few)
    errors = 100 - CARDS["kws_a"]["test"]["accuracy_pct"]  # of 10 % that are allowed
    assert f"kws_a accuracy: the report 0.91, report recipe, here {errors / 10:.2f};" in drawn.words
    size = CARDS["th_b"]["file"]["converted_compressed_bytes"] / 1024 / 1.7
    assert f"th_b size: the report {1.66 / 1.7:.2f}, report recipe, here {size:.2f};" in drawn.words
    shares = re.findall(r"(?:the report|recipe, here) \d\.\d\d", drawn.words)
    markers = re.findall(r'<g id="PathCollection_\d+">(.*?)</g>\s*</g>', drawn.svg, re.DOTALL)
    assert sum(group.count("<use ") for group in markers) == len(shares) + 2  # in the legend


def test_every_seed_is_a_dot_and_failed_ones_are_counted_at_the_edge(few: Results) -> None:
    temperature, _, accuracy = run_charts.seed_charts(few)
    assert temperature.words == "th_b, report recipe: 3 runs, 0.400 to 2.570."
    assert ">1 ↑<" in temperature.svg
    assert accuracy.words == "kws_a, improved recipe: 2 runs, 90.00 to 92.00."
    assert "↑" not in accuracy.svg


def test_which_word_was_heard_for_which(few: Results) -> None:
    matrix = np.array(CARDS["kws_a"]["test"]["confusion"])
    (drawn,) = model_charts.confusion_charts(few)
    assert drawn.words.startswith(f"{sum(matrix[i][i] for i in range(8))} of 800 clips right; ")
    numbers = [int(text) for text in re.findall(r">(\d+)</text>", drawn.svg)]
    assert sorted(numbers) == sorted(matrix[matrix > 0].tolist())
    (said, heard), labels = divmod(int((matrix * (1 - np.eye(8))).argmax()), 8), CARDS["kws_a"]["labels"]
    assert f" {matrix[said][heard]} times" in drawn.words and labels[said] in drawn.words


def test_latency_by_stage_and_bytes_by_part(few: Results) -> None:
    (latency,) = model_charts.latency_charts(few)
    said = "report/kws_a: resample 0.1, features 0.2, inference 0.35."  # 0.3 to invoke, 0.05 to get
    assert latency.words == f"In million instructions. {said}"
    forecasters, spotters = model_charts.bytes_charts(few)
    for drawn, name in ((forecasters, "th_b"), (spotters, "kws_a")):
        parts: dict[str, Any] = CARDS[name]["file"]["slimmed_parts_bytes"]
        assert sum(parts.values()) == CARDS[name]["file"]["slimmed_bytes"]
        assert f"weights {parts['weights']:,}" in drawn.words


def test_without_results_there_is_nothing_to_draw(tmp_path: Path) -> None:
    nothing = read_results(ResultStore(tmp_path, tmp_path))
    for charts in (run_charts.seed_charts, model_charts.step_charts, model_charts.latency_charts):
        assert charts(nothing) == []
    assert model_charts.bytes_charts(nothing) == model_charts.confusion_charts(nothing) == []


def test_forecasts_stand_beside_those_that_need_no_network(few: Results) -> None:
    naive = {"last reading repeated": {"t_mae_c_by_step": [0.125, 0.75], "rh_mae_pct_by_step": [1.0, 3.25]}}
    temperature, humidity = model_charts.step_charts(replace(few, naive={"forecasts": naive}))
    assert temperature.words.startswith("last reading repeated: 0.12 °C at the first step, 0.75 °C at the last; ")
    test = CARDS["th_b"]["test"]
    assert f"report/th_b: {test['rh_mae_pct_by_step'][0]:.2f} % at the first step" in humidity.words
