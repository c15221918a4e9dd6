"""A search whose driver is killed (kill -9) at random moments: no result is lost, half written or counted twice."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import ROOT

from search.fakes import a_search
from underbudget.beyond.search import trials

TRIALS = 4
CODE = """
import os, sys
os.fsync = lambda _: None
from pathlib import Path
from underbudget.processes import OneByOne
from underbudget.beyond.search import trials
from search.fakes import a_search, fake_train
search = a_search(Path(sys.argv[1]), trials=int(sys.argv[2]))
nothing = lambda *_: None
with trials.opened(search) as study, OneByOne() as workers:
    trials.run_trials(search, study, workers, fake_train, None, nothing)
"""


def start(results: Path) -> subprocess.Popen[bytes]:
    path = f"{ROOT / 'scripts'}:{ROOT / 'tests' / 'beyond'}"
    return subprocess.Popen([sys.executable, "-c", CODE, str(results), str(TRIALS)], env={"PYTHONPATH": path})


def kept(results: Path) -> tuple[int, int]:
    """How many trainings are kept, and how many trials have ended."""
    search = a_search(results, trials=TRIALS)
    with trials.opened(search) as study:
        known = trials.begun(study)
        ended = sum(trial.state.is_finished() for trial in known)
        return sum(len(trials.rungs_of(trial)) for trial in known), ended


@pytest.mark.slow
def test_a_killed_search_loses_nothing_and_ends(tmp_path: Path) -> None:
    started = time.monotonic()
    assert start(tmp_path / "whole").wait(timeout=600) == 0
    seconds = time.monotonic() - started
    rng, before = random.Random(5), (0, 0)
    for share in (0.3, 0.3, 0.3):
        process = start(tmp_path / "killed")
        time.sleep(share * seconds * (0.8 + 0.4 * rng.random()))
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        now = kept(tmp_path / "killed")
        assert all(a >= b for a, b in zip(now, before, strict=True))
        before = now
    assert start(tmp_path / "killed").wait(timeout=600) == 0
    assert kept(tmp_path / "killed")[1] == TRIALS
