"""Trainings, each with one thread in a process of its own: here one by one, or many at once by Ray.

A process of its own means: no training depends on those before it, its memory is given back when it ends, and one that
is killed or runs out of memory takes no other with it.
"""

import ctypes
import logging
import os
import pickle
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any, Protocol

from underbudget import determinism, files
from underbudget.build import TOOLS
from underbudget.device.errors import UserError
from underbudget.device.quiet import held_stderr

COMPUTING = (*determinism.SETTINGS, "TF_CPP_MIN_LOG_LEVEL")
SET_PARENT_DEATH_SIGNAL = 1  # of prctl(2)
RETRIES = 2  # of a task whose process or machine is lost, by Ray
CONNECT_S = 10  # to connect to a cluster
NO_ANSWER = "no Ray cluster answers that takes your token: correct RAY_ADDRESS (host:port, or auto): docs/search.md"

RAY_SETTINGS = {  # read as Ray is imported
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",  # matches, and so hides, whatever it would print here of other processes
    "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",  # 3.11.7 and 3.11.8 work together
    "RAY_task_oom_retries": str(RETRIES),
}

Task = tuple[Any, ...]  # its key, a function of a module, and the arguments of that, which can be pickled
NextTask = Callable[[], Task | None]


@dataclass(frozen=True)
class Finished:
    """A task that ended: its key, its value, or what went wrong, in one line."""

    key: Any
    value: Any = None
    error: str | None = None


class Workers(AbstractContextManager["Workers"], Protocol):
    """Run tasks. As they are left, tasks that have not ended are stopped."""

    def share(self, value: Any) -> Any:
        """Put a large value where every task finds it; return what stands for it among the arguments of a task."""
        ...

    def run(self, next_task: NextTask) -> Iterator[Finished]:
        """Yield each task as it ends, until none is left.

        Args:
            next_task: is called whenever there is room for one more; None: there is none, until another has ended.
        """
        ...


def open_workers(jobs: int, address: str | None = None) -> Workers:
    """Return what runs `jobs` tasks at once.

    Args:
        jobs: 1: one by one, without Ray. A cluster takes what it can.
        address: of a Ray cluster (default: the variable RAY_ADDRESS).

    Raises:
        UserError: Ray is not installed, or the cluster can't be used.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    if jobs == 1 and not address:
        return OneByOne()
    os.environ |= RAY_SETTINGS
    try:
        import ray  # noqa: F401
    except ImportError:
        raise UserError(
            "several models at once need Ray: python3 scripts/00_setup.py --search installs it; or run with JOBS=1"
        ) from None
    return RayWorkers(jobs, address)


class OneByOne(Workers):
    """One task at a time; what it prints is seen."""

    def __exit__(self, *exception: object) -> None:
        pass

    def share(self, value: Any) -> Any:
        return value

    def run(self, next_task: NextTask) -> Iterator[Finished]:
        while task := next_task():
            key, *call = task
            with tempfile.TemporaryDirectory(prefix="task-") as folder:  # also of what a task that is killed has left
                environment = {
                    **os.environ,
                    **determinism.SETTINGS,
                    **determinism.ONE_THREAD,
                    "PYTHONPATH": _path(),
                    "TMPDIR": folder,
                }
                status = subprocess.run(
                    [sys.executable, "-m", "underbudget.processes", answer := f"{folder}/answer"],
                    input=pickle.dumps(call), env=environment, start_new_session=True,  # Ctrl-C is not for it
                    check=False,
                ).returncode  # fmt: skip
                if status:
                    yield Finished(key, error=f"its process ended with status {status}: out of memory?")
                else:
                    yield Finished(key, *pickle.loads(Path(answer).read_bytes()))  # noqa: S301 # the task's own


class RayWorkers(Workers):
    """Many tasks at once, by Ray: on this machine, or on a cluster. What tasks print goes to Ray's logs.

    Args:
        jobs: tasks at once, if Ray is started here.
        address: of a cluster; None: Ray is started here.

    Raises:
        UserError: the cluster can't be reached, or is of another kind.
    """

    def __init__(self, jobs: int, address: str | None) -> None:
        import ray

        self._ray = ray
        settings = {name: value for name, value in os.environ.items() if name in COMPUTING} | determinism.ONE_THREAD
        if address:
            _check_answers(address)
            left = [f"/{path.name}" for path in files.ROOT.iterdir() if path != files.SCRIPTS]
            sent = {"working_dir": str(files.ROOT), "excludes": [*left, "__pycache__"]}
            _connect(address, {"env_vars": {**settings, "PYTHONPATH": "scripts"}, **sent})
        else:
            if " " in sys.executable:  # Ray cuts the command of a worker there, and waits for minutes
                raise UserError(f"{sys.executable}: Ray starts nothing below a path with a space: JOBS=1, or move this")
            # nobody else on this machine has it; one for all that this process starts: Ray remembers the first
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
            here = {"env_vars": {**settings, "PYTHONPATH": _path()}}
            _connect("local", here, num_cpus=jobs, include_dashboard=False)
        signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))  # Ray's own ends in a page of addresses
        self._call = ray.remote(num_cpus=1, max_calls=1, max_retries=RETRIES)(_checked)

    def __exit__(self, *exception: object) -> None:
        with held_stderr():
            self._ray.shutdown()

    def share(self, value: Any) -> Any:
        return self._ray.put(value)

    def run(self, next_task: NextTask) -> Iterator[Finished]:
        running: dict[Any, Any] = {}
        while True:
            slots = int(self._ray.cluster_resources().get("CPU", 0))  # machines come and go
            while len(running) < max(1, slots) and (task := next_task()):
                key, *call = task
                running[self._call.remote(_tools(), *call)] = key
            if not running:
                return
            (ended,), _ = self._ray.wait(list(running))
            yield self._done(running.pop(ended), ended)

    def _done(self, key: Any, ended: Any) -> Finished:
        try:
            return Finished(key, *self._ray.get(ended))
        except self._ray.exceptions.OutOfMemoryError:
            return Finished(key, error="out of memory")
        except self._ray.exceptions.RayError as error:
            return Finished(key, error=error_line(error))


def error_line(error: BaseException) -> str:
    """Say in one line what went wrong in a task."""
    if isinstance(error, UserError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "out of memory"
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def _call(function: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """Return function(*arguments), or what went wrong."""
    try:
        return function(*arguments), None
    except Exception as error:
        return None, error_line(error)


def _checked(tools: dict[str, str], function: Callable[..., Any], *arguments: Any) -> tuple[Any, str | None]:
    """Call a function on a machine that makes the same models as the one that asks; no temporary file is left."""
    if not determinism.has_avx2():
        return None, f"{socket.gethostname()} has no AVX2, so it would make other models: leave it out"
    if tools != _tools():
        return None, f"{socket.gethostname()} has other packages: start its Ray from the .venv of the same make setup"
    with tempfile.TemporaryDirectory(prefix="task-") as folder:  # TensorFlow leaves some files for each training
        before, tempfile.tempdir = tempfile.tempdir, folder
        try:
            return _call(function, *arguments)
        finally:
            tempfile.tempdir = before


def _tools() -> dict[str, str]:
    return {name: installed(name) for name in TOOLS}


def _path() -> str:
    return os.pathsep.join(filter(None, sys.path))


def _check_answers(address: str) -> None:
    """Ask for a connection, since Ray itself would try for minutes.

    Raises:
        UserError: nobody answers.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), CONNECT_S).close()
    except (OSError, ValueError, OverflowError):
        raise UserError(f"{address}: {NO_ANSWER}") from None


def _connect(address: str, environment: dict[str, Any], **options: Any) -> None:
    import ray

    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        with held_stderr():
            ray.init(address, runtime_env=environment, configure_logging=False, log_to_driver=False, **options)
    except (ConnectionError, ray.exceptions.RayError):
        raise UserError(f"{address}: {NO_ANSWER}") from None
    except Exception as error:  # Ray raises it as such where the machine is too busy or too full
        if "Version mismatch" not in str(error):
            raise UserError(f"Ray does not start here ({error_line(error)}): run with JOBS=1, or again later") from None
        raise UserError(f"{address}: its machines have another Python or Ray: {error_line(error)}") from None


def _main() -> None:
    """Compute the one task that standard input holds, and write its value or error to the file that is named."""
    ctypes.CDLL(None).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    call = pickle.load(sys.stdin.buffer)  # noqa: S301 # the parent's own
    Path(sys.argv[1]).write_bytes(pickle.dumps(_call(*call)))


if __name__ == "__main__":
    _main()
