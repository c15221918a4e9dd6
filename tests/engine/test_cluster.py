"""A cluster of machines, here several nodes of Ray on this one: lost machines, code that is sent, refusals."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from helpers import ROOT

from device.errors import UserError
from engine import tasks
from pipeline.engine.pool import Done, open_pool

pytest.importorskip("pipeline.engine.cluster", reason="Ray is not installed: python3 scripts/00_setup.py --search")


LOOK = {"health_check_period_ms": 500, "health_check_timeout_ms": 500, "health_check_failure_threshold": 2}


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


def runs(process: int) -> bool:
    return Path(f"/proc/{process}").exists()


def test_a_machine_that_is_lost_costs_nothing(cluster: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    started, machines = cluster
    end = tmp_path / "end"
    capfd.readouterr()
    with open_pool(1) as pool:  # RAY_ADDRESS decides
        assert pool.slots == 4
        pool.submit("where", tasks.where)
        (place,) = pool.wait()
        assert place.value.endswith("/scripts/pipeline/files.py")
        assert not place.value.startswith(str(ROOT))  # the code was sent, and there is nothing else of this folder
        for number in range(6):
            pool.submit(str(number), tasks.note, tmp_path / str(number), end)
        while sum((tmp_path / str(number)).exists() for number in range(6)) < 4:
            assert pool.wait(0.05) == []
        begun = [int(path.read_text()) for path in tmp_path.iterdir()]
        started.remove_node(machines[0], allow_graceful=False)
        while pool.slots > 2 or sum(map(runs, begun)) > 2:  # until its tasks are gone, too
            assert pool.wait(0.05) == []
        end.touch()
        found: list[Done] = []
        while done := pool.wait():
            found += done
        assert pool.slots == 2
    assert sorted(done.key for done in found) == list("012345")
    assert [done.error for done in found] == [None] * 6
    lines = [len((tmp_path / str(number)).read_text().splitlines()) for number in range(6)]
    assert max(lines) == 2  # begun on the machine that was lost, and again on the other
    assert capfd.readouterr() == ("", "")  # nothing of what Ray has to say


def test_a_cluster_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    services = "ray._private.services"  # find no Ray that runs beside this test
    monkeypatch.setattr(f"{services}._find_address_from_flag", lambda _: set())
    monkeypatch.setattr(f"{services}.find_bootstrap_address", lambda _: None)
    for address in ("127.0.0.1:1", "nowhere.invalid:6379", "nonsense", "auto"):
        with pytest.raises(UserError, match="no Ray cluster answers"):
            open_pool(None, address)


def test_machines_that_would_make_other_models(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    from pipeline.engine import node

    def refuse(*_: Any, **__: Any) -> None:
        raise RuntimeError("Version mismatch: The cluster was started with:\n  Python: 3.9.1")

    monkeypatch.setattr(ray, "init", refuse)
    with pytest.raises(UserError, match=r"^local: its machines have another Python or Ray: [^\n]*3\.9\.1$"):
        open_pool(2)
    assert node.lacking() == []
    monkeypatch.setattr(node, "version", lambda name: "0")
    assert "tensorflow==" in node.lacking()[0]
