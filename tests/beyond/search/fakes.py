"""Workers that compute at once, and trainings that take no time."""

import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from underbudget.beyond.search.plan import Search
from underbudget.beyond.search.sizes import expected
from underbudget.device.artifact import SPOTTING
from underbudget.metrics import Limit
from underbudget.processes import Finished, NextTask, Task, Workers, error_line
from underbudget.recipes import Fit, Recipe


class FakeWorkers(Workers):
    """Compute tasks in order, `slots` at once; are interrupted after `stop_after` of them."""

    def __init__(self, slots: int = 1, stop_after: int | None = None) -> None:
        self.slots, self.left, self.trained = slots, stop_after, list[tuple[Any, ...]]()

    def __exit__(self, *exception: object) -> None:
        pass

    def share(self, value: Any) -> Any:
        return value

    def run(self, next_task: NextTask) -> Iterator[Finished]:
        running: list[Task] = []
        while True:
            while len(running) < self.slots and (task := next_task()):
                running.append(task)
            if not running:
                return
            if self.left == len(self.trained):
                raise KeyboardInterrupt
            key, function, *arguments = running.pop(0)
            self.trained.append(tuple(arguments[:2]))  # the recipe and the seed
            try:
                yield Finished(key, function(*arguments))
            except Exception as error:
                yield Finished(key, error=error_line(error))


def fake_train(recipe: Recipe, seed: int, data: object) -> tuple[dict[str, Any], bytes]:
    """Better with more bytes, more epochs and a learning rate near 0.006; each with its own luck."""
    luck = zlib.crc32(repr((recipe, seed)).encode()) / 2**32 - 0.5
    size = expected(recipe) * (1 + 0.04 * luck)
    accuracy = 97 - 6000 / size + luck
    if isinstance(recipe.fit, Fit):
        accuracy -= abs(recipe.fit.learning_rate - 0.006) * 100 + 2 * (1 - recipe.fit.epochs / 150)
    return {"validation": {"accuracy_pct": round(accuracy, 3)}, "bytes": round(size), "seconds": 1.0}, b"a file"


def a_search(results: Path, trials: int = 30, size_kb: float = 8, **changes: Any) -> Search:
    limits = (Limit("size_kb", size_kb), Limit("accuracy_pct", 94))
    fields = {"name": "small", "task": SPOTTING, "limits": limits, "trials": trials, "seed": 22, "given": {}}
    return Search(**{**fields, "made_from": {"data": "some"}, "results": results, **changes})
