"""What the README says in sentences is true of the published results, by another way of counting."""

import json
import zlib
from dataclasses import replace

from helpers import ROOT

from underbudget.reproduction.results import read_results
from underbudget.results_page import sentences
from underbudget.store import PUBLISHED

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_two_files_meet_every_limit_of_all_five() -> None:
    """The limits are written out here once more, as the homework states them."""
    text = sentences.headline(read_results(PUBLISHED))
    assert text in README
    for name, limits in (
        ("improved/th_b", {"t_mae_c": 0.5, "rh_mae_pct": 1.8, "bytes": 1.7 * 1024}),
        ("smallest/kws_a", {"accuracy_pct": 90, "bytes": 25 * 1024}),
    ):
        file = (ROOT / "models" / f"{name}.tflite.zlib").read_bytes()
        test = json.loads((ROOT / "models" / f"{name}.json").read_text())["test"]
        assert f"({'models/' + name}.json) of {len(file):,} bytes" in text
        assert len(zlib.decompress(file)) > len(file)
        assert len(file) < limits.pop("bytes")
        for metric, limit in limits.items():
            assert test[metric] > limit if metric == "accuracy_pct" else test[metric] < limit


def test_the_listener_is_set_beside_its_aims() -> None:
    text = sentences.listening_aims(read_results(PUBLISHED))
    assert text in README
    (entry,) = [e for e in PUBLISHED.listening()["models"].values() if e["model"] == "live/kws_a"]
    clean = entry["test"]["middle"]["clean"]
    assert f"{100 * clean['words']['heard'] / clean['words']['said']:.1f} % of the words" in text
    assert f"{clean['speech']['triggers'] / clean['speech']['hours']:.0f} times" in text
    assert "35.1 % of 1,206 clips" in text


def test_the_naive_forecasts_are_judged_as_the_models_are() -> None:
    results = read_results(PUBLISHED)
    text = sentences.naive(results)
    assert text in README
    assert "0.466 °C and 2.088 % and meets 2 of the 4 limits on error" in text
    assert "0.359 °C and 1.735 % and meets 4." in text
    assert text.endswith("Worse than no change: `report/th_b` (0.505 °C).\n")
    perfect = {name: {**f, "t_mae_c": 0.6} for name, f in results.naive_forecasts().items()}
    turned = sentences.naive(replace(results, naive={"forecasts": perfect}))
    assert "meets 0 of the 4" in turned
    assert "Worse" not in turned
