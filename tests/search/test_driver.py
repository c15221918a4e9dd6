"""A search without training: what is tried, what is trained on, and that nothing is lost or done twice."""

from pathlib import Path
from typing import Any

import optuna
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.errors import UserError
from pipeline.search import journal
from pipeline.search.driver import Driver, sizes_of
from pipeline.search.halving import LAST
from pipeline.search.journal import Entry
from pipeline.search.plan import Search, merit
from search.fakes import FakePool, a_search, failing_train, fake_train


def run(search: Search, pool: FakePool, train: Any = fake_train) -> list[Entry]:
    def nothing(study: optuna.Study, running: int) -> None:
        pass

    with journal.opened(search.folder, search.made_from) as study:
        Driver(search, study, pool, train, None, nothing).run()
        return journal.entries(study)


def content(entries: list[Entry]) -> list[Any]:
    return [(e.number, e.state, e.cohort, e.choices, e.rungs, e.error) for e in entries]


@pytest.mark.parametrize("slots", [1, 4])
def test_each_trial_ends_and_the_best_are_trained_in_full(tmp_path: Path, slots: int) -> None:
    entries = run(a_search(tmp_path), FakePool(slots))
    assert [e.number for e in entries] == list(range(30))
    assert {e.state for e in entries} == {"stopped", "finished"}
    assert sum(len(e.rungs) for e in entries) <= 30 + 10 + 4 + 1
    for cohort in {e.cohort for e in entries}:
        members = [e for e in entries if e.cohort == cohort]
        (best,) = [e for e in members if e.state == "finished"]
        further = [e for e in members if len(e.rungs) > 1]
        assert all(merit(best.rungs[1]["validation"]) >= merit(e.rungs[1]["validation"]) for e in further)
        least = min(merit(e.rungs[0]["validation"]) for e in further)
        assert all(merit(e.rungs[0]["validation"]) <= least for e in members if e not in further)


def test_no_recipe_is_trained_to_be_thrown_away_for_its_size(tmp_path: Path) -> None:
    entries = run(a_search(tmp_path, size_kb=4), FakePool())
    assert all(r["bytes"] < 4096 for e in entries for r in e.rungs)
    assert max(r["bytes"] for e in entries for r in e.rungs) > 3600  # nor is much of what is allowed left


def test_the_same_seed_gives_the_same_search_and_another_another(tmp_path: Path) -> None:
    first, again = (run(a_search(tmp_path / name), FakePool()) for name in ("a", "b"))
    assert content(first) == content(again)
    other = run(a_search(tmp_path / "c", seed=23), FakePool())
    assert [e.choices for e in other[1:]] != [e.choices for e in first[1:]]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stops=st.lists(st.integers(1, 20), max_size=4), cut=st.integers(1, 40))
def test_a_search_that_is_stopped_goes_on_as_if_it_had_not_been(
    tmp_path_factory: pytest.TempPathFactory, stops: list[int], cut: int
) -> None:
    whole, stopped = (a_search(tmp_path_factory.mktemp(name), trials=20) for name in ("whole", "stopped"))
    pool = FakePool()
    expected = run(whole, pool)
    trained: list[str] = []
    for stop in stops:
        pools = FakePool(stop_after=stop)
        try:
            run(stopped, pools)
        except KeyboardInterrupt:
            path = stopped.folder / journal.JOURNAL
            with path.open("ab") as file:  # the line that was being written when it was killed
                file.write(b'{"op_code": 8, "worker_id"'[:cut])
            (stopped.folder / f"{journal.JOURNAL}.lock").write_text("")
        trained += pools.keys
    last = FakePool()
    assert content(run(stopped, last)) == content(expected)
    assert sorted(trained + last.keys) == sorted(pool.keys)


def test_more_trials_go_on_from_there(tmp_path: Path) -> None:
    before = run(a_search(tmp_path, trials=12), FakePool())
    pool = FakePool()
    after = run(a_search(tmp_path, trials=24), pool)
    assert content(after)[:12] == content(before)
    assert len(after) == 24
    assert not {key.split("/")[0] for key in pool.keys} & {str(n) for n in range(12)}


def test_a_trial_that_fails_is_recorded_and_the_search_goes_on(tmp_path: Path) -> None:
    entries = run(a_search(tmp_path), FakePool(), failing_train)
    failed = [e for e in entries if e.state == "failed"]
    assert failed
    assert {e.error for e in failed} == {"out of memory"}
    assert all(e.choices["batch"] == 256 for e in failed)
    assert len(entries) == 30
    assert any(len(e.rungs) > LAST for e in entries)


def test_the_model_of_bytes_learns(tmp_path: Path) -> None:
    def heavier(recipe: Any, seed: int, data: object) -> Any:
        result, file = fake_train(recipe, seed, data)
        return {**result, "bytes": round(1.12 * result["bytes"])}, file

    entries = run(a_search(tmp_path, size_kb=6), FakePool(), heavier)
    wrong = [abs(e.rungs[0]["bytes"] / e.expected_bytes - 1) for e in entries]
    assert wrong[0] > 0.08
    assert sum(wrong[-5:]) / 5 < 0.03
    assert sizes_of(entries).models["ds_tc_resnet"].error < 0.05


def test_two_searches_of_one_name_do_not_meet(tmp_path: Path) -> None:
    search = a_search(tmp_path)
    with journal.opened(search.folder, search.made_from), pytest.raises(UserError, match="running already"):
        run(search, FakePool())


def test_trials_from_other_data_are_not_mixed(tmp_path: Path) -> None:
    run(a_search(tmp_path, trials=2), FakePool())
    with pytest.raises(UserError, match="made from other data: give another name"):
        run(a_search(tmp_path, trials=2, made_from={"data": "other"}), FakePool())
