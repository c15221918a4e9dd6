"""Where tasks run, each with one thread in a process of its own: here one by one, or many at once by Ray.

A process of its own means: no task depends on those before it, its memory is given back when it ends, and one that is
killed or runs out of memory takes no other with it.
"""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from device.errors import UserError

ONE_THREAD = {f"{name}_THREADS": "1" for name in ("TF_NUM_INTRAOP", "TF_NUM_INTEROP", "OMP_NUM")}


@dataclass(frozen=True)
class Done:
    """A task that ended: its value, or what went wrong, in one line."""

    key: str
    value: Any = None
    error: str | None = None


class Pool(Protocol):
    """Runs tasks. As it is left, tasks that have not ended are stopped."""

    def __enter__(self) -> "Pool": ...

    def __exit__(self, *exception: object) -> None: ...

    @property
    def slots(self) -> int:
        """How many tasks run at once; of a cluster: now."""
        ...

    def share(self, value: Any) -> Any:
        """Put a large value where every task finds it, once for each machine.

        Returns:
            What stands for it among the arguments of `submit`: the task is given the value, whose arrays are read-only.
        """
        ...

    def submit(self, key: str, function: Callable[..., Any], *arguments: Any) -> None:
        """Have function(*arguments) computed: a function of a module, whose arguments and value can be pickled."""
        ...

    def wait(self, timeout: float | None = None) -> list[Done]:
        """Wait until a task has ended, or `timeout` seconds; return all that ended since, each once.

        None are returned when the time is over, or when there is nothing to wait for.
        """
        ...

    def cancel(self, key: str) -> None:
        """Stop a task, or forget it if it has not started; `wait` won't return it."""
        ...


def open_pool(jobs: int | None, address: str | None = None) -> Pool:
    """Return a pool of `jobs` tasks at once.

    Args:
        jobs: 1: one by one, without Ray; None: as many as this machine has cores. A cluster takes what it can.
        address: of a Ray cluster (default: the variable RAY_ADDRESS).

    Raises:
        UserError: Ray is not installed, or the cluster can't be used.
    """
    address = address or os.environ.get("RAY_ADDRESS")
    if jobs == 1 and not address:
        from pipeline.engine.one_by_one import OneByOne

        return OneByOne()
    try:
        from pipeline.engine.cluster import RayPool
    except ImportError:
        raise UserError(
            "several tasks at once need Ray: python3 scripts/00_setup.py --search installs it; or run with JOBS=1"
        ) from None
    return RayPool(jobs, address)


def as_ended(pool: Pool) -> Iterator[Done]:
    """Yield the tasks of a pool as they end, until none is left."""
    while ended := pool.wait():
        yield from ended


def error_line(error: BaseException) -> str:
    """Say in one line what went wrong in a task."""
    if isinstance(error, UserError):
        text = str(error)
    elif isinstance(error, MemoryError):
        text = "out of memory"
    else:
        text = f"{type(error).__name__}: {error}"
    return " ".join(text.split())


def end_of(status: int) -> str:
    """Say how a process ended that gave no answer; `status` is below 0 for a signal."""
    return f"its process was ended by signal {-status}: out of memory?" if status < 0 else f"it exited with {status}"
