"""Successive halving: whatever comes of trainings, in whatever order, the best third of each cohort goes on."""

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from device.frontend import Mfcc
from pipeline.recipe import QAT, Recipe
from pipeline.search.halving import COHORT, KEPT, LAST, RUNGS, Progress, cohort_of, shortened, to_run, to_stop

OUTCOMES = st.one_of(st.floats(-10, 10), st.just(-math.inf), st.none())  # none: it failed


@settings(deadline=None)
@given(data=st.data(), total=st.integers(1, 25), slots=st.integers(1, 5))
def test_the_best_third_goes_on(data: st.DataObject, total: int, slots: int) -> None:
    trials: list[Progress] = []
    running: list[tuple[int, int]] = []
    while True:
        asked_all = len(trials) == total
        for number in to_stop(trials, asked_all):
            trials[number] = replace(trials[number], stopped=True)
        waiting = [pair for pair in to_run(trials, asked_all) if pair not in running]
        if waiting and len(running) < slots:
            running.append(waiting[0])
        elif not asked_all and len(running) < slots:
            trials.append(Progress(len(trials), cohort_of(trials)))
        elif running:
            number, rung = running.pop(data.draw(st.integers(0, len(running) - 1)))
            trial, merit = trials[number], data.draw(OUTCOMES)
            assert not trial.stopped
            assert len(trial.merits) == rung
            trials[number] = (
                replace(trial, failed=True) if merit is None else replace(trial, merits=(*trial.merits, merit))
            )
        else:
            break
    assert all(t.failed or t.stopped for t in trials)
    for cohort in range(cohort_of(trials) + 1):
        members = [t for t in trials if t.cohort == cohort]
        assert len(members) <= COHORT
        for rung in range(LAST):
            ended = [t for t in members if len(t.merits) > rung]
            on = [t for t in ended if len(t.merits) > rung + 1 or (t.failed and len(t.merits) == rung + 1)]
            good = [t for t in ended if t.merits[rung] > -math.inf]
            assert len(on) == min(math.ceil(len(ended) / KEPT), len(good))
            assert all(a.merits[rung] >= b.merits[rung] for a in on for b in ended if b not in on)


@given(epochs=st.integers(0, 500), qat=st.integers(1, 100))
def test_a_rung_has_its_share_of_the_epochs(epochs: int, qat: int) -> None:
    recipe = Recipe("ds_tc_resnet", 1, 0.01, epochs, "cross_entropy", Mfcc(), qat=QAT(0.5, qat))
    assert shortened(recipe, LAST) == recipe
    lengths = [shortened(recipe, rung).epochs for rung in range(len(RUNGS))]
    assert lengths == sorted(lengths)
    assert abs(lengths[0] - epochs / 9) <= 1
    assert all((n > 0) == (epochs > 0) for n in lengths)
