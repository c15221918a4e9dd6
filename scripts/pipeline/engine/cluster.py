"""Tasks by Ray: on all cores of this machine, or on a cluster of machines."""

import logging
import os
import secrets
import socket
import sys
from collections.abc import Callable
from typing import Any

from device.errors import UserError
from device.quiet import held_stderr
from pipeline import files
from pipeline.engine import node
from pipeline.engine.forked import LostError, in_fork
from pipeline.engine.pool import ONE_THREAD, Done, error_line

os.environ |= {  # read as Ray is imported
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_DEDUP_LOGS_SKIP_REGEX": "^",  # matches, and so hides, whatever it would print here of other processes
    "RAY_DEFAULT_PYTHON_VERSION_MATCH_LEVEL": "minor",  # 3.11.7 and 3.11.8 work together
}
import ray
from ray import exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

TRIES = 3  # of a task whose process or machine is lost
SENT = {"scripts", "results", "results/reference", node.REQUIREMENTS, "requirements.lock"}  # to a cluster's machines
CONNECT_S = 10  # to connect to a cluster
NO_ANSWER = "no Ray cluster answers that takes your token: correct RAY_ADDRESS (host:port, or auto): docs/cluster.md"
LOST = (exceptions.WorkerCrashedError, exceptions.NodeDiedError, exceptions.ObjectLostError, LostError)


class RayPool:
    """A pool of many; see pipeline.engine.pool.Pool. What tasks print goes to Ray's logs.

    Args:
        jobs: tasks at once, if Ray is started here; None: as many as cores.
        address: of a cluster; None: Ray is started here.

    Raises:
        UserError: the cluster can't be reached, or its machines are of another kind.
    """

    def __init__(self, jobs: int | None, address: str | None) -> None:
        self._run = ray.remote(num_cpus=1, max_retries=0)(in_fork)
        self._tasks: dict[Any, tuple[str, int, Callable[..., Any], tuple[Any, ...]]] = {}
        if address:
            _check_answers(address)
            names = (p.relative_to(files.ROOT).as_posix() for p in (*files.ROOT.iterdir(), *files.RESULTS.iterdir()))
            left = [f"/{name}" for name in names if name not in SENT]
            sent = {"working_dir": str(files.ROOT), "excludes": [*left, "__pycache__"]}
            _connect(address, {"env_vars": {**ONE_THREAD, "PYTHONPATH": "scripts"}, **sent})
            try:
                self._prepare(address)
            except BaseException:
                ray.shutdown()
                raise
        else:
            # nobody else on this machine has it; one for all pools of this process, since Ray remembers the first
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(16))
            path = os.pathsep.join(filter(None, sys.path))
            _connect("local", {"env_vars": {**ONE_THREAD, "PYTHONPATH": path}}, num_cpus=jobs, include_dashboard=False)

    def __enter__(self) -> "RayPool":
        return self

    def __exit__(self, *exception: object) -> None:
        with held_stderr():
            ray.shutdown()

    @property
    def slots(self) -> int:
        return int(sum(machine["Resources"].get("CPU", 0) for machine in _machines()))

    def share(self, value: Any) -> Any:
        return ray.put(value)

    def submit(self, key: str, function: Callable[..., Any], *arguments: Any) -> None:
        self._start(key, 1, function, arguments)

    def wait(self, timeout: float | None = None) -> list[Done]:
        while self._tasks:
            ended, others = ray.wait(list(self._tasks), timeout=timeout)
            ended += ray.wait(others, num_returns=len(others), timeout=0)[0] if others else []
            done = [done for task in ended if (done := self._end(task))]
            if done or not ended:
                return done
        return []

    def cancel(self, key: str) -> None:
        for task in [task for task, (other, *_) in self._tasks.items() if other == key]:
            del self._tasks[task]
            ray.cancel(task, force=True)

    def _start(self, key: str, attempt: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        self._tasks[self._run.remote(function, *arguments)] = key, attempt, function, arguments

    def _end(self, task: Any) -> Done | None:
        """Return what came of a task; none if it was lost and is tried again."""
        key, attempt, function, arguments = self._tasks.pop(task)
        try:
            return Done(key, *ray.get(task))
        except exceptions.OutOfMemoryError:
            return Done(key, error="out of memory")
        except exceptions.RuntimeEnvSetupError as error:
            *_, last = str(error).strip().splitlines()  # before it come tracebacks of Ray's own
            raise UserError(f"a machine of the cluster could not be set up: {last}") from None
        except exceptions.RayError as error:
            cause = error.cause if isinstance(error, exceptions.RayTaskError) else error
            if isinstance(cause, LOST) and attempt < TRIES:
                self._start(key, attempt + 1, function, arguments)
                return None
            return Done(key, error=error_line(cause))

    def _prepare(self, address: str) -> None:
        """Check the cluster's machines; have Ray install the packages if any lacks one.

        Raises:
            UserError: a machine that would not make the same models, or no machine.
        """
        machines = [machine for machine in _machines() if machine["Resources"].get("CPU")]
        if not machines:
            raise UserError(
                f"{address}: this cluster has no machine with a free processor: start one (docs/cluster.md)"
            )
        asked = ray.remote(num_cpus=0)(node.lacking)
        for machine in machines:
            there = NodeAffinitySchedulingStrategy(machine["NodeID"], soft=False)
            name = f"{address}: {machine['NodeManagerAddress']}"
            try:
                lacking = ray.get(asked.options(scheduling_strategy=there).remote())
            except exceptions.RayError as error:
                raise UserError(f"{name}: {error_line(error)}") from None
            if node.AVX2 in lacking:
                raise UserError(f"{name} has no AVX2, so it would make other models: leave it out")
            if lacking:
                packages = [f"-r ${{RAY_RUNTIME_ENV_CREATE_WORKING_DIR}}/{node.REQUIREMENTS}"]
                self._run = self._run.options(runtime_env={"pip": {"packages": packages}})


def _machines() -> list[dict[str, Any]]:
    return [machine for machine in ray.nodes() if machine["Alive"]]


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
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    try:
        with held_stderr():
            ray.init(address, runtime_env=environment, configure_logging=False, log_to_driver=False, **options)
    except (ConnectionError, exceptions.RayError):
        raise UserError(f"{address}: {NO_ANSWER}") from None
    except RuntimeError as error:
        if "Version mismatch" not in str(error):
            raise
        raise UserError(f"{address}: its machines have another Python or Ray: {error_line(error)}") from None
