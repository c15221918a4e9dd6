"""The same seed gives the same bits on other x86-64 processors and with other numbers of threads.

Other processors are emulated by qemu-user (Debian, Ubuntu: apt install qemu-user), which takes minutes each.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import files

STEPS = Path(__file__).with_name("steps.py")
QEMU = shutil.which("qemu-x86_64")
needs_qemu = pytest.mark.skipif(QEMU is None, reason="needs qemu-x86_64 (package qemu-user)")


def digests(threads: int, *emulator: str) -> list[str]:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(files.SCRIPTS), "TF_NUM_INTRAOP_THREADS": str(threads)}
    command = [*emulator, sys.executable, str(STEPS)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=3600)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def here() -> list[str]:
    return digests(2)


@pytest.mark.parametrize("threads", [1, 4])
def test_with_other_numbers_of_threads(here: list[str], threads: int) -> None:
    assert len(here) == 10
    assert digests(threads) == here


@needs_qemu
@pytest.mark.parametrize(("processor", "threads"), [("Haswell", 2), ("EPYC", 1)])
def test_on_other_processors(here: list[str], processor: str, threads: int) -> None:
    assert QEMU is not None
    assert digests(threads, QEMU, "-cpu", processor) == here
