"""Latency results: which one counts, and what a run measures."""

import json
from pathlib import Path
from typing import Any

from underbudget.reproduction.host import EMULATED, EMULATED_RESULT, PI
from underbudget.reproduction.results import Results, read_results
from underbudget.store import ResultStore

MODEL = "some-sha256"


def results(tmp_path: Path, kinds: dict[str, str]) -> Results:
    """Of devices by file name; each timed the model with the number of its letters."""
    store = ResultStore(tmp_path, tmp_path)
    store.latency.mkdir()
    for name, kind in kinds.items():
        entry: dict[str, Any] = {"total_ms": {"mean": len(name)}, "instructions": {"total": len(name)}}
        content = {"device": {"kind": kind}, "protocol": {}, "models": {MODEL: entry}}
        (store.latency / name).write_text(json.dumps(content))
    return read_results(store)


def test_a_pi_comes_before_the_host(tmp_path: Path) -> None:
    found = results(tmp_path, {"a-host.json": "host", "raspberry.json": PI, "z.json": "other"}).timed(MODEL)
    assert found is not None
    assert (found[0], found[1]["total_ms"]["mean"]) == (PI, len("raspberry.json"))


def test_emulated_times_are_no_times(tmp_path: Path) -> None:
    found = results(tmp_path, {EMULATED_RESULT: EMULATED})
    assert found.timed(MODEL) is None
    assert found.counted(MODEL) == {"total": len(EMULATED_RESULT)}
    assert found.counted("another") is None


def test_the_host_is_never_a_pi(tmp_path: Path) -> None:
    found = results(tmp_path, {"host.json": "host", EMULATED_RESULT: EMULATED}).timed(MODEL)
    assert found is not None
    assert found[0] == "host"
