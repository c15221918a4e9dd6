"""A search whose driver is killed (kill -9) at random moments: no result is lost, half written or counted twice."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from helpers import ROOT

from pipeline.search import journal
from search.fakes import a_search

TRIALS = 6
CODE = """
import os, sys
os.fsync = lambda _: None
from pathlib import Path
from pipeline.engine.one_by_one import OneByOne
from pipeline.search import finalists, journal
from pipeline.search.driver import Driver
from search.fakes import a_search, fake_train
search = a_search(Path(sys.argv[1]), trials=int(sys.argv[2]))
nothing = lambda *_: None
with journal.opened(search.folder, search.made_from) as study, OneByOne() as pool:
    Driver(search, study, pool, fake_train, None, nothing).run()
    finalists.run_seeds(search, study, pool, fake_train, None, nothing)
"""


def start(results: Path) -> subprocess.Popen[bytes]:
    path = f"{ROOT / 'scripts'}:{ROOT / 'tests'}"
    return subprocess.Popen([sys.executable, "-c", CODE, str(results), str(TRIALS)], env={"PYTHONPATH": path})


def kept(results: Path) -> Any:
    search = a_search(results, trials=TRIALS)
    with journal.opened(search.folder, search.made_from) as study:
        return journal.entries(study), study.user_attrs


def test_a_killed_search_ends_as_one_that_was_let_alone(tmp_path: Path) -> None:
    started = time.monotonic()
    assert start(tmp_path / "whole").wait(timeout=300) == 0
    seconds = time.monotonic() - started
    rng, ended = random.Random(5), 0
    for share in (0.3, 0.3, 0.3):
        process = start(tmp_path / "killed")
        time.sleep(share * seconds * (0.8 + 0.4 * rng.random()))
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=60)
        entries, attributes = kept(tmp_path / "killed")
        now = sum(len(e.rungs) for e in entries) + len(attributes)
        assert now >= ended
        ended = now
    assert start(tmp_path / "killed").wait(timeout=300) == 0
    assert kept(tmp_path / "killed") == kept(tmp_path / "whole")
