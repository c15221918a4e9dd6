"""A cluster of machines, here several nodes of Ray on this one: a lost machine, code that is sent, refusals."""

import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

from processes import tasks
from underbudget import processes
from underbudget.device.errors import UserError
from underbudget.processes import open_workers

pytest.importorskip("ray", reason="Ray is not installed: python3 scripts/00_setup.py --search")

LOOK = {"health_check_period_ms": 500, "health_check_timeout_ms": 500, "health_check_failure_threshold": 2}


pytestmark = pytest.mark.slow


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A head without processors, and two machines with two each; RAY_ADDRESS names it."""
    from ray.cluster_utils import Cluster

    monkeypatch.setenv("PYTHONPATH", str(ROOT / "tests"))  # where the tasks of the tests are
    head = {"num_cpus": 0, "include_dashboard": False, "_system_config": LOOK}
    started = Cluster(initialize_head=True, head_node_args=head)
    machines = [started.add_node(num_cpus=2) for _ in range(2)]
    monkeypatch.setenv("RAY_ADDRESS", started.address)
    yield started, machines
    started.shutdown()


def test_a_machine_that_is_lost_costs_nothing(cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    started, machines = cluster
    end = tmp_path / "end"
    notes = [tmp_path / str(number) for number in range(6)]
    waiting = iter([("where", tasks.where), *((path.name, tasks.note, path, end) for path in notes)])

    def begun() -> list[str]:
        """The processes in which tasks have begun; a task that was lost begins twice."""
        return [line for path in notes if path.exists() for line in path.read_text().splitlines()]

    def lose_a_machine() -> None:
        while len(begun()) < 4:
            time.sleep(0.05)
        started.remove_node(machines[0], allow_graceful=False)
        while sum(Path("/proc", process).exists() for process in begun()) > 2:  # until its tasks are gone, too
            time.sleep(0.05)
        end.touch()

    loser = threading.Thread(target=lose_a_machine, daemon=True)
    capfd.readouterr()
    with open_workers(1) as workers:  # RAY_ADDRESS decides
        loser.start()
        found = {done.key: done for done in workers.run(lambda: next(waiting, None))}
    assert sorted(found) == [*"012345", "where"]
    assert [done.error for done in found.values()] == [None] * 7
    assert found["where"].value.endswith("/scripts/underbudget/files.py")
    assert not found["where"].value.startswith(str(ROOT))  # the code was sent, and nothing else of this folder
    assert len(begun()) > 6  # begun on the machine that was lost, and again on the other
    assert capfd.readouterr() == ("", "")  # nothing of what Ray has to say


def test_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    services = "ray._private.services"  # find no Ray that runs beside this test
    monkeypatch.setattr(f"{services}._find_address_from_flag", lambda _: set())
    monkeypatch.setattr(f"{services}.find_bootstrap_address", lambda _: None)
    for address in ("127.0.0.1:1", "nowhere.invalid:6379", "nonsense", "auto"):
        with pytest.raises(UserError, match="no Ray cluster answers"):
            open_workers(2, address)


def test_machines_that_would_make_other_models(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with:\n  Python: 3.9.1")

    def time_out(*_: Any, **__: Any) -> None:
        raise Exception("timed out")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UserError, match=r"^local: its machines have another Python or Ray: [^\n]*3\.9\.1$"):
        open_workers(2)
    monkeypatch.setattr(ray, "init", time_out)
    with pytest.raises(UserError, match=r"^Ray does not start here \(Exception: timed out\): run with JOBS=1"):
        open_workers(2)
    monkeypatch.setattr(sys, "executable", "/my projects/.venv/bin/python")
    with pytest.raises(UserError, match=r"^/my projects/.*: Ray starts nothing below a path with a space: JOBS=1"):
        open_workers(2)
    assert processes._checked(processes._tools(), tasks.square, 3) == (9, None)
    value, error = processes._checked({**processes._tools(), "tensorflow": "0"}, tasks.square, 3)
    assert value is None
    assert error is not None
    assert "has other packages" in error
