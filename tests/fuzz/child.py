"""One script on one input, in a child process with limits of time and memory; and what counts as a finding."""

import faulthandler
import os
import re
import resource
import runpy
import signal
import sys
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

SECONDS, BYTES = 120, 8 << 30  # TensorFlow takes most of both; the machine may be busy
CITED = re.compile("'.*?'")
NO_NUMBER = re.compile(r"\b(nan|inf|infinity)\b", re.IGNORECASE)


@dataclass(frozen=True)
class Outcome:
    """How a script ended: its exit status, or minus the signal that ended it, or None where its time was up."""

    status: int | None
    stdout: str
    stderr: str


def run_script(script: Path, arguments: tuple[str, ...], stdin: bytes, folder: Path, seconds: float) -> Outcome:
    """Run a script in a child of this process, which has imported what scripts import: that saves most of the time.

    Args:
        folder: where the script's standard input and output are kept.
    """
    streams = [folder / name for name in ("stdin", "stdout", "stderr")]
    streams[0].write_bytes(stdin)
    for path in streams[1:]:
        path.write_bytes(b"")
    child = os.fork()
    if child == 0:
        _become(script, arguments, streams)
    status = _wait(child, seconds)
    return Outcome(status, *(path.read_text(encoding="utf-8", errors="replace") for path in streams[1:]))


def _wait(child: int, seconds: float) -> int | None:
    """Return the exit status of a child, or minus its signal; end it and what it started when its time is up."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _become(script: Path, arguments: tuple[str, ...], streams: list[Path]) -> None:
    """Be the script, as if it had been started from a shell; never returns."""
    code: int | str | None = 1
    try:
        os.setsid()
        faulthandler.disable()  # pytest has it write to the terminal
        for number, (path, flags) in enumerate(zip(streams, (os.O_RDONLY, os.O_WRONLY, os.O_WRONLY), strict=True)):
            os.dup2(os.open(path, flags | os.O_APPEND), number)
        sys.stdin, sys.stdout, sys.stderr = (
            open(number, mode, encoding="utf-8", closefd=False)  # noqa: SIM115 - as long as the process lives
            for number, mode in enumerate("rww")
        )
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        sys.argv = [str(script), *arguments]
        runpy.run_path(str(script), run_name="__main__")
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(int(code or 0))


def finding(outcome: Outcome) -> str | None:
    """Tell what is wrong with how a script ended; None if nothing is: a result of numbers, or an error in one line."""
    errors = [line for line in outcome.stderr.splitlines() if line.startswith("error: ")]
    if outcome.status is None:
        return "it hangs"
    if outcome.status < 0:
        return f"it ends with {signal.Signals(-outcome.status).name}"
    if "Traceback" in outcome.stderr:
        return f"it ends in a traceback: {outcome.stderr.splitlines()[-1]}"
    if outcome.status not in (0, 1):
        return f"its exit status is {outcome.status}"
    if outcome.status == 0 and NO_NUMBER.search(CITED.sub("", outcome.stdout)):
        return "its result has NaN or infinity"
    if len(errors) != outcome.status:
        return f"its exit status is {outcome.status}, and it tells {len(errors)} errors"
    return None
