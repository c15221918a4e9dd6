"""The runs of a study: the choice among them, their summary, their file."""

import json
from pathlib import Path
from typing import Any

import pytest

from underbudget.reproduction.runs import chosen, summary
from underbudget.store import ResultStore


def run(seed: int, size: int, **quality: float) -> dict[str, Any]:
    seen = {name.removeprefix("v_"): value for name, value in quality.items() if name.startswith("v_")}
    test = {name: value for name, value in quality.items() if not name.startswith("v_")}
    return {"version": "kws_a", "recipe": "improved", "seed": seed, "bytes": size, "validation": seen, "test": test}


def test_trials_are_chosen_by_validation_alone() -> None:
    kws = [run(1, 9, v_accuracy_pct=95, accuracy_pct=90), run(2, 9, v_accuracy_pct=94, accuracy_pct=99)]
    assert chosen(kws)["seed"] == 1
    th = [
        run(1, 9, v_t_mae_c=0.40, v_rh_mae_pct=2.00, t_mae_c=0.1),
        run(2, 9, v_t_mae_c=0.36, v_rh_mae_pct=2.02, t_mae_c=0.9),
    ]
    assert chosen(th)["seed"] == 2


def test_summaries_are_of_the_version_and_metric_asked_for() -> None:
    runs = [run(1, 100, accuracy_pct=90.0), run(2, 120, accuracy_pct=92.0)]
    found = summary(runs, "kws_a", "accuracy_pct")
    assert found is not None
    assert (found.seeds, found.mean, found.bytes_mean, found.bytes_least) == (2, 91.0, 110.0, 100)
    assert found.low == pytest.approx(91 - 12.7062)  # t for one degree of freedom, times 1
    assert summary(runs, "kws_b", "accuracy_pct") is None


def test_the_trials_of_a_study_are_gathered(tmp_path: Path) -> None:
    store = ResultStore(tmp_path, tmp_path)
    store.runs.mkdir()
    assert store.study_runs("any") == []
    store.study_path("any").write_text("".join(json.dumps(run(n, 1)) + "\n" for n in (1, 2)))
    assert [t["seed"] for t in store.study_runs("any")] == [1, 2]
