"""The same seed gives the same bytes on other x86-64 processors and with other numbers of threads.

Other processors are emulated by qemu-user (Debian, Ubuntu: apt install qemu-user), which takes minutes each.
"""

import json
import os
import shutil
import subprocess
import sys

import pytest
from helpers import ROOT

from underbudget import files

PROOF = ROOT / "tests" / "proof"
SUMS = json.loads((PROOF / "sums.json").read_text(encoding="utf-8"))
QEMU = shutil.which("qemu-x86_64")
needs_qemu = pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (package qemu-user)")


def sums(threads: int, *emulator: str) -> dict[str, str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(files.SCRIPTS), "TF_NUM_INTRAOP_THREADS": str(threads)}
    command = [*emulator, sys.executable, str(PROOF / "kinds.py")]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=7200)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, str] = json.loads(done.stdout)
    return found


@pytest.mark.parametrize("threads", [1, 4])
def test_with_other_numbers_of_threads(threads: int) -> None:
    assert sums(threads) == SUMS


@needs_qemu
@pytest.mark.parametrize(("processor", "threads"), [("Haswell", 2), ("EPYC", 1)])
def test_on_other_processors(processor: str, threads: int) -> None:
    assert QEMU is not None
    assert sums(threads, QEMU, "-cpu", processor) == SUMS
