"""A pool that computes at once, and trainings that take no time."""

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from device.artifact import SPOTTING
from device.errors import UserError
from pipeline.engine.pool import Done
from pipeline.metrics import Constraint
from pipeline.recipe import Recipe
from pipeline.search.plan import Search
from pipeline.search.sizes import learn

SIZES = learn([])


class FakePool:
    """Computes a task when it is waited for, the first first; raises `stop_after` so many."""

    def __init__(self, slots: int = 1, stop_after: int | None = None) -> None:
        self.slots, self.left, self.tasks, self.keys = slots, stop_after, list[Any](), list[str]()

    def __enter__(self) -> "FakePool":
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    def share(self, value: Any) -> Any:
        return value

    def submit(self, key: str, function: Callable[..., Any], *arguments: Any) -> None:
        self.tasks.append((key, function, arguments))
        assert len(self.tasks) <= self.slots

    def wait(self, timeout: float | None = None) -> list[Done]:
        if self.left == 0:
            raise KeyboardInterrupt
        if self.left is not None:
            self.left -= 1
        if not self.tasks:
            return []
        key, function, arguments = self.tasks.pop(0)
        self.keys.append(key)
        try:
            return [Done(key, function(*arguments))]
        except UserError as error:
            return [Done(key, error=str(error))]

    def cancel(self, key: str) -> None:
        self.tasks = [task for task in self.tasks if task[0] != key]


def fake_train(recipe: Recipe, seed: int, data: object) -> tuple[dict[str, Any], bytes]:
    """Better with more bytes, more epochs and a learning rate near 0.006; each with its own luck."""
    told = json.dumps([recipe.to_dict(), seed])  # without fields at their defaults: a new one changes no luck
    luck = zlib.crc32(told.encode()) / 2**32 - 0.5
    size = SIZES.expected(recipe) * (1 + 0.04 * luck)
    off = abs(recipe.learning_rate - 0.006) * 100
    accuracy = 97 - 6000 / size - off - 2 * (1 - recipe.epochs / 150) + luck
    return {"validation": {"accuracy_pct": round(accuracy, 3)}, "bytes": round(size), "seconds": 1.0}, b""


def failing_train(recipe: Recipe, seed: int, data: object) -> tuple[dict[str, Any], bytes]:
    """As fake_train, but some recipes fail."""
    if recipe.batch_size == 256:
        raise UserError("out of memory")
    return fake_train(recipe, seed, data)


def a_search(results: Path, trials: int = 30, size_kb: float = 8, **changes: Any) -> Search:
    limits = (Constraint("size_kb", size_kb), Constraint("accuracy_pct", 94))
    fields = {"name": "small", "task": SPOTTING, "limits": limits, "trials": trials, "seed": 22, "given": {}}
    return Search(**{**fields, "made_from": {"data": "some"}, "results": results, **changes})
