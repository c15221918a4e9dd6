"""Trials without training: what is tried, what is trained on, and that nothing is lost or done twice."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.trial import FrozenTrial, TrialState

from search.fakes import FakeWorkers, a_search, fake_train
from underbudget import build, files
from underbudget.beyond.search import space, trials
from underbudget.beyond.search.plan import Search
from underbudget.beyond.search.trials import JOURNAL, RUNGS, at_rung, recipe_of, rungs_of
from underbudget.data import synthetic
from underbudget.data.sources import DataSets
from underbudget.device.artifact import FORECASTING
from underbudget.device.errors import UserError
from underbudget.metrics import Limit, score
from underbudget.networks.dense import Linear
from underbudget.recipes import Fit, Recipe

pytestmark = pytest.mark.slow


def run(search: Search, workers: FakeWorkers, train: Any = fake_train) -> list[FrozenTrial]:
    with trials.opened(search) as study:
        trials.run_trials(search, study, workers, train, None, lambda: None)
        return trials.begun(study)


def content(known: list[FrozenTrial]) -> list[Any]:
    return [(t.number, t.state, t.user_attrs) for t in known]


@pytest.mark.parametrize("slots", [1, 4])
def test_each_trial_ends_and_the_best_are_trained_in_full(tmp_path: Path, slots: int) -> None:
    known = run(a_search(tmp_path), FakeWorkers(slots))
    assert [t.number for t in known] == list(range(30))
    assert {t.state for t in known} == {TrialState.PRUNED, TrialState.COMPLETE}
    assert {len(rungs_of(t)) for t in known if t.state == TrialState.COMPLETE} == {len(RUNGS)}
    for rung in (1, 2):
        before = [t for t in known if len(rungs_of(t)) >= rung]
        further = [t for t in before if len(rungs_of(t)) > rung]
        assert 1 <= len(further) < len(before) / 2
        merits = {t.number: score(rungs_of(t)[rung - 1]["validation"]) for t in before}
        assert max(merits, key=lambda number: merits[number]) in {t.number for t in further}


def test_a_rung_is_a_share_of_all_epochs() -> None:
    full = space.recipe_of(space.fitted(space.START[FORECASTING][0], 2048))
    fits = [at_rung(full, rung).fit for rung in range(3)]
    assert [fit.epochs for fit in fits if isinstance(fit, Fit)] == [11, 33, 100]
    assert at_rung(full, 2) == full


def test_no_recipe_is_trained_to_be_thrown_away_for_its_size(tmp_path: Path) -> None:
    results = [r for t in run(a_search(tmp_path, size_kb=4), FakeWorkers()) for r in rungs_of(t)]
    assert all(r["bytes"] < 4096 for r in results)
    assert max(r["bytes"] for r in results) > 3600  # nor is much of what is allowed left


def test_a_file_that_is_too_large_goes_no_further(tmp_path: Path) -> None:
    def heavier(recipe: Any, seed: int, data: object) -> Any:
        result, file = fake_train(recipe, seed, data)
        return {**result, "bytes": result["bytes"] + 4096 * (recipe.network.stride == 2)}, file

    known = run(a_search(tmp_path, size_kb=4), FakeWorkers(), heavier)
    too_large = [t for t in known if rungs_of(t)[0]["bytes"] >= 4096]
    assert too_large
    assert {(t.state, len(rungs_of(t))) for t in too_large} == {(TrialState.PRUNED, 1)}


def test_the_same_seed_gives_the_same_search_and_another_another(tmp_path: Path) -> None:
    first, again = (run(a_search(tmp_path / name), FakeWorkers()) for name in ("a", "b"))
    assert content(first) == content(again)
    other = run(a_search(tmp_path / "c", seed=23), FakeWorkers())
    assert [recipe_of(t) for t in other[2:]] != [recipe_of(t) for t in first[2:]]


@given(stops=st.lists(st.integers(1, 15), min_size=1, max_size=3), slots=st.integers(1, 3))
def test_a_search_that_is_stopped_goes_on(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int], slots: int
) -> None:
    search = a_search(tmp_path_factory.mktemp("stopped"), trials=15)
    trained = []
    for stop in [*stops, None]:
        workers = FakeWorkers(slots, stop)
        try:
            known = run(search, workers)
        except KeyboardInterrupt:
            with (search.folder / JOURNAL).open("ab") as file:  # the line that was being written when it was killed
                file.write(b'{"op_code": 8, "worker_id"')
            (search.folder / f"{JOURNAL}.lock").write_text("")
        trained += workers.trained
    assert [t.number for t in known] == list(range(15))
    assert TrialState.RUNNING not in {t.state for t in known}
    assert len(trained) == len(set(trained))  # nothing was trained twice
    assert len({recipe_of(t) for t in known}) > 10  # nor proposed twice


def test_more_trials_go_on_from_there(tmp_path: Path) -> None:
    before = run(a_search(tmp_path, trials=12), FakeWorkers())
    workers = FakeWorkers()
    after = run(a_search(tmp_path, trials=24), workers)
    assert content(after)[:12] == content(before)
    assert len(after) == 24
    assert not {recipe for recipe, _ in workers.trained} & {at_rung(recipe_of(t), 0) for t in before}


def test_a_recipe_that_fails_is_remembered_and_the_search_goes_on(tmp_path: Path) -> None:
    def failing(recipe: Any, seed: int, data: object) -> Any:
        diverged = recipe.fit.batch_size == 256
        return ({"error": "the training diverged"}, b"") if diverged else fake_train(recipe, seed, data)

    known = run(a_search(tmp_path), FakeWorkers(), failing)
    failed = [t for t in known if "error" in rungs_of(t)[-1]]
    assert failed
    assert all(t.user_attrs["choices"]["batch"] == 256 for t in failed)
    assert len(known) == 30
    assert TrialState.COMPLETE in {t.state for t in known}


def test_what_the_machine_fails_is_tried_again_by_the_next_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Recipe] = []

    def failing(recipe: Recipe, seed: int, data: object) -> Any:
        asked.append(recipe)
        if len(asked) in (2, 5):
            raise MemoryError
        return fake_train(recipe, seed, data)

    search = a_search(tmp_path, trials=6)
    known = run(search, FakeWorkers(), failing)
    lost = [t for t in known if t.state == TrialState.RUNNING]
    assert len(lost) == 2
    assert "trial 0: lost: out of memory" in capsys.readouterr().out
    workers = FakeWorkers()
    again = run(search, workers)
    assert {asked[1], asked[4]} <= {recipe for recipe, _ in workers.trained}
    assert TrialState.RUNNING not in {t.state for t in again}
    assert len(again) == 6


def test_a_machine_that_fails_everything_stops_the_search(tmp_path: Path) -> None:
    def failing(recipe: Recipe, seed: int, data: object) -> Any:
        raise OSError("no space")

    with pytest.raises(UserError, match="3 trainings were lost, the last one because of: OSError: no space; finished"):
        run(a_search(tmp_path), FakeWorkers(), failing)


def test_a_training_tells_failures_of_its_recipe_from_those_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = space.recipe_of({"architecture": "linear", "coefficient_step": 0.25, "width": 0.001, "share": 1})
    data = DataSets(synthetic.make_weather(2000))
    result, file = trials.train(recipe, 1, data)
    assert result["bytes"] == len(file) > 0
    assert np.isfinite(score(result["validation"]))

    def fail(error: Exception) -> Any:
        def make(*_: object) -> Any:
            raise error

        monkeypatch.setattr(build, "make", make)
        return trials.train(recipe, 1, data)

    assert fail(UserError("the conversion\nto TFLite failed")) == ({"error": "the conversion to TFLite failed"}, b"")
    for error in (files.DiskFullError("full"), MemoryError(), OSError()):
        with pytest.raises(type(error)):
            fail(error)


def test_two_searches_of_one_name_do_not_meet(tmp_path: Path) -> None:
    search = a_search(tmp_path)
    with trials.opened(search), pytest.raises(UserError, match="running already"):
        run(search, FakeWorkers())


def test_trials_from_other_data_are_not_mixed(tmp_path: Path) -> None:
    run(a_search(tmp_path, trials=2), FakeWorkers())
    with pytest.raises(UserError, match="made from other data: give another name"):
        run(a_search(tmp_path, trials=2, made_from={"data": "other"}), FakeWorkers())


def test_damaged_trials_are_told(tmp_path: Path) -> None:
    search = a_search(tmp_path)
    search.folder.mkdir(parents=True)
    (search.folder / JOURNAL).write_bytes(b"\1 nonsense\n" * 1000)
    with pytest.raises(UserError, match=r"trials\.log: damaged: remove it"):
        run(search, FakeWorkers())


def test_the_first_recipes_are_the_published_ones(tmp_path: Path) -> None:
    from underbudget.versions.catalogue import VERSIONS

    limits = (Limit("size_kb", 1.6),)
    first, second = run(a_search(tmp_path, trials=2, task=FORECASTING, limits=limits), FakeWorkers(), fake_forecaster)
    assert recipe_of(first).fit == VERSIONS["th_a"].recipes["improved"].fit
    assert recipe_of(second).network == VERSIONS["th_b"].recipes["improved"].network == Linear()


def fake_forecaster(recipe: Recipe, seed: int, data: object) -> Any:
    result, file = fake_train(recipe, seed, data)
    return {**result, "validation": {"t_mae_c": 0.4, "rh_mae_pct": 1.9}}, file
