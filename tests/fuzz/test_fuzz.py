"""The fuzzer itself: it runs, it repeats, and it finds what it should."""

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, clean_environment

from fuzz.cases import make_case, write_good
from fuzz.child import Outcome, finding, run_script

pytestmark = pytest.mark.slow


def test_twenty_inputs_without_a_finding(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fuzz", "--inputs", "20", "--minutes", "10", "--findings", str(tmp_path)]
    environment = {**clean_environment(), "PYTHONPATH": os.pathsep.join(("scripts", "tests"))}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "20 inputs, 0 findings (seed 22)"


def test_a_seed_makes_the_same_inputs(tmp_path: Path) -> None:
    good = tmp_path / "good"
    good.mkdir()
    write_good(good)
    made = []
    for name in ("one", "other"):
        folder = tmp_path / name
        cases = []
        for number in range(60):
            (folder / str(number)).mkdir(parents=True)
            case = make_case(random.Random(f"7:{number}"), folder / str(number), good)
            cases.append((case.script, [part.replace(str(folder), "") for part in case.arguments], case.stdin))
        made.append((cases, {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*.*")}))
    assert made[0] == made[1]
    assert {case[0] for case in made[0][0]} >= {"01_download.py", "10_listen.py", "11_forecast.py"}


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("print(1)", None),
        ("import sys; sys.exit('error: bad input')", None),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "SIGSEGV"),
        ("raise ValueError('bad')", "traceback: ValueError: bad"),
        ("while True: pass", "hangs"),
        ("print(float('nan'))", "NaN or infinity"),
        ("import sys; sys.exit(3)", "status is 3"),
        ("import sys; sys.exit('bad input')", "tells 0 errors"),
        ("b'x' * (1 << 40)", "traceback: MemoryError"),
    ],
)
def test_what_is_a_finding(tmp_path: Path, code: str, what: str | None) -> None:
    script = tmp_path / "script.py"
    script.write_text(code)
    found = finding(run_script(script, (), b"", tmp_path, seconds=2 if what == "hangs" else 60))
    assert (found is None) == (what is None)
    assert what is None or what in (found or "")


def test_an_error_in_words_of_its_own_is_no_finding() -> None:
    assert finding(Outcome(1, "", "row 3 is left out\nerror: x: traceback and nan are words\n")) is None
    assert finding(Outcome(0, "row 3: rh (%) is '-inf'; left out\n", "")) is None
