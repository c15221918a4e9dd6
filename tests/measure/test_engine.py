"""The simulation of many workers."""

import pytest

from pipeline.measure.engine import speed_up
from pipeline.report.engine import engine_table

FREE = {"task_s": 0.0, "driver_s": 0.0}


def test_equal_trials_without_costs_scale_with_the_workers() -> None:
    assert speed_up(1, [60.0], FREE, trials=100) == pytest.approx(1)
    assert speed_up(10, [60.0], FREE, trials=100) == pytest.approx(10)
    assert speed_up(1000, [60.0], FREE, trials=100) == pytest.approx(100)  # no more than there are trials


def test_costs_slow_it_down() -> None:
    assert speed_up(10, [60.0], {"task_s": 60.0, "driver_s": 0.0}, trials=100) == pytest.approx(5)
    # a driver that takes 1 s for each trial of 10 s can't keep more than 10 workers busy
    busy = {"task_s": 0.0, "driver_s": 1.0}
    assert speed_up(1000, [10.0], busy, trials=1000) == pytest.approx(10, rel=0.02)


def test_the_table_says_what_was_measured() -> None:
    costs = {"start_s": 1.0, "task_s": 0.01, "driver_s": 0.001}
    result = {
        "empty_tasks": {"one by one": costs, "Ray": costs},
        "trial": "report/th_b",
        "models_per_hour": {"1": 100.0, "2": 190.0},
        "simulation": {"trials": 10, "mean_trial_s": 60.0, "speed_up": {"10": 9.9}, "most_workers": 60_000},
    }
    table = engine_table(result)
    assert "| two workers against one | 1.90 times |" in table
    assert "| 60,000 |" in table
