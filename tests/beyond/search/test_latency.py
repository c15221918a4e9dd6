"""Finalists are timed where the user wants it: here, or on a device."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT
from test_remote import Device

from search.fakes import FakeWorkers, a_search, fake_train
from underbudget import files
from underbudget.beyond import raspberry_pi
from underbudget.beyond.search import finalists, latency_limit, space, trials
from underbudget.beyond.search.plan import Search
from underbudget.device.errors import UserError
from underbudget.device.passes import COURSE
from underbudget.metrics import Limit
from underbudget.recipes import Recipe

MODEL = ROOT / "models" / "improved" / "kws_a.tflite.zlib"
LIMITS = (Limit("size_kb", 8), Limit("total_ms", 10_000))


pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def _one_front_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that all recipes make here takes the features of only one of the front ends."""
    choose = space.choose
    monkeypatch.setattr(space, "choose", lambda *given: {**choose(*given), "stem": 8, "hop": 320})


def train(recipe: Recipe, seed: int, data: object) -> tuple[dict[str, Any], bytes]:
    return fake_train(recipe, seed, data)[0], MODEL.read_bytes()


def timed(search: Search) -> dict[str, Any]:
    """Time the finalists of a search without training, twice; return what the journal says of it."""
    with trials.opened(search) as study:
        trials.run_trials(search, study, FakeWorkers(), train, None, lambda: None)
        finalists.run_seeds(search, study, FakeWorkers(), train, None, lambda: None)
        latency_limit.check_device(search, study)
        latency_limit.time_candidates(search, study)
        known = {key: value for key, value in study.user_attrs.items() if key.startswith("latency")}
        latency_limit.time_candidates(search, study)
        assert all(study.user_attrs[key] == value for key, value in known.items())
        found = finalists.finalists(search, study)
    assert all({j["metric"] for j in f.judged} == {"size_kb", "total_ms"} for f in found)
    return known


def check(known: dict[str, Any]) -> None:
    assert known
    for passes in known.values():
        assert {len(values) for values in passes.values()} == {COURSE.passes}
        assert all(0 < i < t < 10_000 for i, t in zip(passes["inference_ms"], passes["total_ms"], strict=True))


def test_here(tmp_path: Path) -> None:
    known = timed(a_search(tmp_path, trials=3, limits=LIMITS))
    check(known)


def test_on_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "root"
    root.mkdir()
    for name in ("scripts", "requirements-pi.txt"):
        (root / name).symlink_to(ROOT / name)
    target = Device(tmp_path)
    monkeypatch.setattr(raspberry_pi, "_fetch", lambda folder, _: folder.mkdir())  # this Python has the packages
    (target.tools / "an ssh").rename(target.tools / "ssh")
    monkeypatch.setenv("PATH", f"{target.tools}:{os.environ['PATH']}")
    monkeypatch.setattr(files, "ROOT", root)
    known = timed(a_search(root / "results", trials=3, limits=LIMITS, host="pi"))
    assert all(key.endswith(" on pi") for key in known)
    check(known)


def test_a_device_that_is_not_there_is_said_before_anything_is_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Device(
        tmp_path, before="print('ssh: connect to host pi port 22: Connection refused', file=sys.stderr); sys.exit(255)"
    )
    (target.tools / "an ssh").rename(target.tools / "ssh")
    monkeypatch.setenv("PATH", f"{target.tools}:{os.environ['PATH']}")
    search = a_search(tmp_path, limits=LIMITS, host="pi", trials=3)
    with trials.opened(search) as study:
        with pytest.raises(UserError, match="pi: no SSH server answers"):
            latency_limit.check_device(search, study)
        latency_limit.check_device(replace(search, limits=LIMITS[:1]), study)  # no limit on latency: it is not needed
        trials.run_trials(search, study, FakeWorkers(), train, None, lambda: None)
        with pytest.raises(UserError, match="pi: no SSH server answers"):
            latency_limit.check_device(search, study)
        for entry in finalists.candidates(search, study):
            study.set_user_attr(finalists.latency_key(search, entry.number), {"total_ms": [1.0]})
        latency_limit.check_device(search, study)  # all is timed: it is not needed either
        with pytest.raises(UserError, match="pi: no SSH server answers"):
            latency_limit.check_device(replace(search, trials=12), study)


def test_no_device_is_needed_for_candidates_that_failed_with_every_seed(tmp_path: Path) -> None:
    def failing(recipe: Recipe, seed: int, data: object) -> tuple[dict[str, Any], bytes]:
        return {"error": "the training diverged"}, b""

    search = a_search(tmp_path, limits=LIMITS, host="a host that is not there", trials=3)
    with trials.opened(search) as study:
        trials.run_trials(search, study, FakeWorkers(), train, None, lambda: None)
        finalists.run_seeds(search, study, FakeWorkers(), failing, None, lambda: None)
        latency_limit.time_candidates(search, study)
