"""What a choice changes is told by runs that differ in nothing else, with the right sign."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from helpers import study_run

from underbudget.reproduction.results import Results, read_results
from underbudget.reproduction.verdicts import one_run_decides
from underbudget.results_page.assumption_tables import assumptions, forecaster_training
from underbudget.store import PUBLISHED


def made(**studies: Sequence[dict[str, Any]]) -> Results:
    return replace(read_results(PUBLISHED), runs={name: list(runs) for name, runs in studies.items()})


def forecasters(ending: str, error: float) -> list[dict[str, Any]]:
    return [
        study_run(f"{name}{ending}", seed, t_mae_c=error + seed / 1000, rh_mae_pct=1 + error + seed / 1000)
        for name in ("th_a", "th_b")
        for seed in range(3)
    ]


RUNS = {
    "report": forecasters("", 0.4),
    "steps": forecasters("_longer", 0.3),
    "batches": forecasters("_neighbours", 0.45),
    "years": forecasters("_2009", 0.6) + forecasters("_2024", 0.5),
}


def test_each_choice_is_told_by_the_difference_of_its_means() -> None:
    rows = [line.split(" | ") for line in forecaster_training(made(**RUNS)).splitlines()[2:]]
    steps, batches, year, years = (row[1].split(" ")[0] for row in rows)
    # the authors' batches stand beside the longer runs, which take as many steps
    assert (steps, batches) == ("-0.100", "+0.150")
    assert (year, years) == ("+0.200", "+0.100")
    assert rows[0][4].startswith("-0.100 (") and rows[0][4].endswith(" |")
    assert forecaster_training(made(**{**RUNS, "years": []})) == ""


def test_the_authors_batches_stand_beside_ours_in_as_many_steps() -> None:
    (row,) = [line for line in assumptions(made(**RUNS)).splitlines() if line.startswith("| forecasters | batches |")]
    assert "| th_a_longer median 0.301 (" in row and "; th_a_neighbours median 0.451 (" in row
    assert "median 0.401 (" not in row


def test_a_verdict_that_one_run_decides_says_so() -> None:
    """Wilson's intervals by hand: 31 of 50 has 48.2 to 74.1 %, 32 of 50 has 50.1 to 75.9 %, 21 of 30 52.1 to 83.3 %."""
    assert one_run_decides(32, 50) == " (with one run more or fewer, inconclusive)"
    assert one_run_decides(20, 30) == " (with one run more or fewer, reproduced)"
    assert one_run_decides(46, 50) == one_run_decides(50, 50) == one_run_decides(0, 30) == ""
