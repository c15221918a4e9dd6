"""Tasks in processes of their own, one by one and by Ray: values, errors, what is left when they are stopped."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, clean_environment

from processes import tasks
from underbudget.device.errors import UserError
from underbudget.processes import Finished, Task, Workers, open_workers

NO_RAY = "Ray is not installed: python3 scripts/00_setup.py --search"


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module", params=["one by one", "Ray"])
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    if request.param == "Ray":
        pytest.importorskip("ray", reason=NO_RAY)
    with open_workers(1 if request.param == "one by one" else 2) as opened:
        yield opened


def all_of(workers: Workers, *asked: Task) -> dict[str, Finished]:
    waiting = iter(asked)
    ended = list(workers.run(lambda: next(waiting, None)))
    found = {done.key: done for done in ended}
    assert len(found) == len(ended) == len(asked)
    return found


def test_every_task_is_done_once(workers: Workers) -> None:
    found = all_of(workers, *((number, tasks.square, number) for number in range(3)))
    assert sorted((done.key, done.value) for done in found.values()) == [(0, 0), (1, 1), (2, 4)]
    assert all_of(workers) == {}


def test_a_task_may_follow_from_one_that_ended(workers: Workers) -> None:
    waiting: list[Task] = [(0, tasks.square, 3)]
    ended = []
    for done in workers.run(lambda: waiting.pop() if waiting else None):
        ended.append(done.value)
        if done.key < 2:
            waiting.append((done.key + 1, tasks.square, done.value))
    assert ended == [9, 81, 6561]


def test_each_task_has_a_process_of_its_own_with_one_thread(workers: Workers) -> None:
    found = all_of(
        workers, ("a", tasks.process), ("b", tasks.process), ("c", tasks.process), ("settings", tasks.settings)
    )
    processes = {found[key].value for key in "abc"}
    assert len(processes) == 3
    assert os.getpid() not in processes
    threads, xla = found["settings"].value
    assert threads == "1"
    assert "AVX2" in xla


def test_a_shared_value_arrives(workers: Workers) -> None:
    array = np.arange(100_000, dtype=np.int16)
    shared = workers.share(array)
    found = all_of(workers, ("a", tasks.total, shared), ("b", tasks.total, workers.share(np.empty(0))))
    assert (found["a"].value, found["b"].value) == (float(array.sum()), 0)


def test_a_task_that_fails_says_why_in_one_line_and_the_others_go_on(workers: Workers) -> None:
    failing = [(kind, tasks.fail, kind) for kind in ("user", "memory", "other", "killed")]
    found = all_of(workers, *failing, ("good", tasks.square, 3))
    assert (found["user"].error, found["memory"].error) == ("bad data", "out of memory")
    assert found["other"].error == "ValueError: other"
    killed = found["killed"].error
    assert killed
    assert "process" in killed or "worker" in killed
    assert "\n" not in killed
    assert (found["good"].value, found["good"].error) == (9, None)


def test_a_task_leaves_no_temporary_files(workers: Workers, tmp_path: Path) -> None:
    found = all_of(workers, ("left", tasks.leave_behind, tmp_path / "told"))
    assert found["left"].error is None
    assert not Path((tmp_path / "told").read_text()).exists()


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])  # SIGINT goes to all, as Ctrl-C does
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_driver_that_is_stopped_takes_its_tasks_with_it(jobs: int, sent: signal.Signals, tmp_path: Path) -> None:
    if jobs > 1:
        pytest.importorskip("ray", reason=NO_RAY)
    code = (  # which ignores no signal, whatever the shell of the tests does
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_DFL)\n"
        f"import sys; sys.path[:0] = [{str(ROOT / 'scripts')!r}, {str(ROOT / 'tests')!r}]\n"
        "from pathlib import Path; from processes import tasks; from underbudget.processes import open_workers\n"
        "from underbudget.device.command_line import run\n"
        f"waiting = iter([('a', tasks.note, Path({str(tmp_path / 'a')!r}), Path({str(tmp_path / 'never')!r}))])\n"
        "def main():\n"
        f"    with open_workers({jobs}) as workers:\n"
        "        list(workers.run(lambda: next(waiting, None)))\n"
        "run(main)"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=clean_environment(), start_new_session=True, stderr=subprocess.PIPE) as driver:
        while not (tmp_path / "a").exists() or not (text := (tmp_path / "a").read_text()).endswith("\n"):
            assert driver.poll() is None
            time.sleep(0.05)
        try:
            if sent == signal.SIGINT:
                os.killpg(driver.pid, sent)
            else:
                driver.send_signal(sent)
            _, said = driver.communicate(timeout=60)
        finally:
            driver.kill()  # or the tests would wait for it for ever
    task = Path("/proc", text.strip())
    end = time.monotonic() + 30
    while task.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not task.exists()
    by_hand = sent == signal.SIGINT or (sent == signal.SIGTERM and jobs > 1)
    assert driver.returncode == (130 if by_hand else -sent)
    lines = [line for line in said.decode().splitlines() if line]
    assert lines == (["stopped; no partial files were left, earlier results are saved"] if by_hand else [])


def test_without_ray_the_user_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"00_setup\.py --search"):
        open_workers(2)
