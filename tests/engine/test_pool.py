"""Pools of tasks: values, errors, memory that is shared, tasks that are stopped."""

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

from device.errors import UserError
from engine import tasks
from pipeline.engine.pool import Done, Pool, open_pool


@pytest.fixture(scope="module", params=["one by one", "Ray"])
def pool(request: pytest.FixtureRequest) -> Iterator[Pool]:
    if request.param == "Ray":
        pytest.importorskip("ray", reason="Ray is not installed: python3 scripts/00_setup.py --search")
    with open_pool(1 if request.param == "one by one" else 2) as opened:
        yield opened


def all_of(pool: Pool) -> dict[str, Done]:
    found: dict[str, Done] = {}
    while done := pool.wait():
        for one in done:
            assert one.key not in found
            found[one.key] = one
    return found


def test_every_task_is_done_once(pool: Pool) -> None:
    for number in range(3):
        pool.submit(str(number), tasks.square, number)
    assert {key: done.value for key, done in all_of(pool).items()} == {"0": 0, "1": 1, "2": 4}
    assert pool.wait() == []


def test_each_task_has_a_process_of_its_own_with_one_thread(pool: Pool) -> None:
    for key in "ab":
        pool.submit(key, tasks.process)
    pool.submit("settings", tasks.settings)
    found = all_of(pool)
    assert found["a"].value != found["b"].value
    threads, xla = found["settings"].value
    assert threads == "1"
    assert "AVX2" in xla


def test_a_shared_value_arrives_and_is_read_only(pool: Pool) -> None:
    shared = pool.share({"a": np.arange(100_000, dtype=np.int16)}["a"])
    pool.submit("a", tasks.total, shared)
    pool.submit("b", tasks.total, pool.share(np.empty(0)))
    found = all_of(pool)
    assert found["a"].value == (float(np.arange(100_000, dtype=np.int16).sum()), False)
    assert found["b"].value[0] == 0


def test_a_task_that_fails_says_why_in_one_line_and_the_others_go_on(pool: Pool) -> None:
    for kind in ("user", "memory", "other", "killed"):
        pool.submit(kind, tasks.fail, kind)
    pool.submit("good", tasks.square, 3)
    found = all_of(pool)
    assert (found["user"].error, found["memory"].error) == ("bad data", "out of memory")
    assert found["other"].error == "ValueError: other"
    assert "out of memory?" in str(found["killed"].error)
    assert (found["good"].value, found["good"].error) == (9, None)


def test_a_task_leaves_no_temporary_files(pool: Pool, tmp_path: Path) -> None:
    told = {end: tmp_path / end for end in ("well", "killed")}
    for end, path in told.items():
        pool.submit(end, tasks.leave_behind, path, end)
    found = all_of(pool)
    assert found["well"].error is None
    assert "out of memory?" in str(found["killed"].error)
    assert not any(Path(path.read_text()).exists() for path in told.values())


def test_a_task_is_stopped(pool: Pool, tmp_path: Path) -> None:
    pool.submit("long", tasks.note, tmp_path / "long", tmp_path / "never")
    pool.submit("short", tasks.square, 2)
    while not (tmp_path / "long").exists():
        pool.wait(0.05)
    pool.cancel("long")
    pool.submit("last", tasks.square, 3)
    seen = all_of(pool)
    assert "last" in seen
    assert "long" not in seen


def test_nothing_is_waited_for_longer_than_asked(pool: Pool, tmp_path: Path) -> None:
    pool.submit("long", tasks.note, tmp_path / "long", tmp_path / "end")
    while not (tmp_path / "long").exists():
        assert pool.wait(0.01) == []
    (tmp_path / "end").touch()
    assert all_of(pool)["long"].value == "long"


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])  # SIGINT goes to all, as Ctrl-C does
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_driver_that_is_stopped_takes_its_tasks_with_it(jobs: int, sent: signal.Signals, tmp_path: Path) -> None:
    if jobs > 1:
        pytest.importorskip("ray", reason="Ray is not installed: python3 scripts/00_setup.py --search")
    code = (  # which does not ignore SIGINT, as a job in the background does
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"import sys; sys.path[:0] = [{str(ROOT / 'scripts')!r}, {str(ROOT / 'tests')!r}]\n"
        "from pathlib import Path; from engine import tasks; from pipeline.engine.pool import open_pool\n"
        f"with open_pool({jobs}) as pool:\n"
        f"    pool.submit('a', tasks.note, Path({str(tmp_path / 'a')!r}), Path({str(tmp_path / 'never')!r}))\n"
        "    pool.wait()"
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=clean_environment(), start_new_session=True, stderr=subprocess.PIPE) as driver:
        while not (tmp_path / "a").exists() or not (text := (tmp_path / "a").read_text()).endswith("\n"):
            assert driver.poll() is None
            time.sleep(0.05)
        if sent == signal.SIGKILL:
            driver.kill()
        else:
            os.killpg(driver.pid, sent)
        _, said = driver.communicate(timeout=60)
    task = Path("/proc", text.strip())
    end = time.monotonic() + 30
    while task.exists() and time.monotonic() < end:
        time.sleep(0.05)
    assert not task.exists()
    assert driver.returncode == -sent
    assert sent == signal.SIGKILL or said.splitlines()[-1].startswith(b"KeyboardInterrupt")


def test_without_ray_the_user_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    monkeypatch.delitem(sys.modules, "pipeline.engine.cluster", raising=False)
    with pytest.raises(UserError, match=r"00_setup\.py --search"):
        open_pool(2)
