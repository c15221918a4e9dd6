"""Latency results: which one counts, and what a run measures."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipeline.measure.device import performance_governor
from pipeline.measure.host import EMULATED, EMULATED_RESULT, PI
from pipeline.measure.ssh import Connection
from pipeline.store import ResultStore
from pipeline.study.results import Results, read_results

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


@pytest.fixture
def governed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, str]:
    """A governor's file, and an ssh that runs commands here with a sudo that only runs them."""
    governor = tmp_path / "scaling_governor"
    governor.write_text("ondemand\n")
    monkeypatch.setattr("pipeline.measure.device.GOVERNORS", str(governor))
    tools = tmp_path / "bin"
    tools.mkdir()
    for name, text in (
        ("sudo", '#!/bin/sh\nshift\nexec "$@"\n'),
        (
            "ssh",
            '#!/bin/sh\ncase "$*" in *"-O exit"*) exit 0;; esac\nfor last; do :; done\n'
            f'PATH={tools}:$PATH sh -c "$last"\n',
        ),
    ):
        (tools / name).write_text(text)
        (tools / name).chmod(0o755)
    return governor, str(tools / "ssh")


def test_the_governor_is_restored(governed: tuple[Path, str]) -> None:
    governor, ssh = governed
    with Connection("pi", ssh) as connection, performance_governor(connection) as during:
        assert during == "performance"
        assert governor.read_text().strip() == "performance"
    assert governor.read_text().strip() == "ondemand"


def test_the_governor_is_restored_after_an_error(governed: tuple[Path, str]) -> None:
    governor, ssh = governed
    with pytest.raises(KeyboardInterrupt), Connection("pi", ssh) as connection, performance_governor(connection):
        raise KeyboardInterrupt
    assert governor.read_text().strip() == "ondemand"


def test_without_the_right_to_set_it_the_governor_in_force_is_named(governed: tuple[Path, str]) -> None:
    governor, ssh = governed
    (Path(ssh).parent / "sudo").write_text("#!/bin/sh\nexit 1\n")
    with Connection("pi", ssh) as connection, performance_governor(connection) as during:
        assert during == "ondemand"
    assert governor.read_text().strip() == "ondemand"
    assert os.access(governor, os.R_OK)
