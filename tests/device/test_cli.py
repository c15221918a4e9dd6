"""Ctrl-C, where a library makes something else of it: a script ends with one line and status 130 all the same."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import ROOT, clean_environment

SCRIPT = """
import os, signal, sys, time
sys.path.insert(0, {scripts!r})
from underbudget.device.command_line import run

signal.signal(signal.SIGINT, signal.default_int_handler)  # as at a terminal


def press() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(20)


class Callback:
    def __del__(self) -> None:  # Python drops what is raised in here
        press()


def becomes_an_error() -> None:
    try:
        press()
    except KeyboardInterrupt:
        raise SystemError("a built-in function returned a result with an exception set") from None


def becomes_an_error_that_a_user_reads() -> None:
    try:
        press()
    except KeyboardInterrupt:
        raise FileNotFoundError(2, "No such file", "model.tflite") from None


def is_dropped() -> None:
    Callback()
    time.sleep(20)


def is_no_interrupt() -> None:
    raise SystemError("a fault of the program")


run({main})
"""


pytestmark = pytest.mark.slow


def ended(main: str) -> subprocess.CompletedProcess[str]:
    """Run a script whose function `main` is named."""
    return subprocess.run(
        [sys.executable, "-c", SCRIPT.format(scripts=str(ROOT / "scripts"), main=main)],
        capture_output=True, text=True, env=clean_environment(), timeout=60,
    )  # fmt: skip


@pytest.mark.parametrize("main", ["press", "becomes_an_error", "becomes_an_error_that_a_user_reads", "is_dropped"])
def test_ctrl_c_ends_a_script_in_one_line(main: str) -> None:
    done = ended(main)
    assert done.returncode == 130
    assert done.stderr == "\nstopped; no partial files were left, earlier results are saved\n"


@pytest.mark.parametrize("error", ["KeyboardInterrupt", "ImportError"])  # numpy may make the latter of it
def test_ctrl_c_while_a_script_imports_ends_it_in_one_line(error: str, tmp_path: Path) -> None:
    (tmp_path / "numpy.py").write_text(
        "import os, signal, time\n"
        "try:\n    os.kill(os.getpid(), signal.SIGINT); time.sleep(20)\n"
        f"except KeyboardInterrupt:\n    raise {error}"
    )
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "11_forecast.py"), "log.csv"],
        capture_output=True, text=True, env={**clean_environment(), "PYTHONPATH": str(tmp_path)}, timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # as at a terminal
    )  # fmt: skip
    assert done.returncode == -signal.SIGINT
    assert done.stderr == "\nstopped; no partial files were left, earlier results are saved\n"


def test_a_fault_of_the_program_is_no_ctrl_c() -> None:
    done = ended("is_no_interrupt")
    assert done.returncode == 1
    assert "SystemError: a fault of the program" in done.stderr
