"""What a worker does: one training, whatever it is for."""

import math
import time
from typing import Any

from device.errors import UserError
from device.quiet import held_stderr
from pipeline import build
from pipeline.cli import import_tensorflow
from pipeline.data.sources import DataSets
from pipeline.metrics import TASK_METRICS
from pipeline.recipe import Recipe


def train(recipe: Recipe, seed: int, data: DataSets) -> tuple[dict[str, Any], bytes]:
    """Train a model; return its figures on validation data with its bytes and the seconds it took, and its file.

    Raises:
        UserError: bad data, a training that diverged, or a file that does not do what the model does.
    """
    started = time.monotonic()
    import_tensorflow()
    from pipeline.train.task import prepare

    with held_stderr():  # the search has a line of progress of its own
        task = prepare(recipe, data)
        made = build.make(recipe, task, seed, "model")
    validation = {name: made.checks["validation"][name] for name in TASK_METRICS[task.kind]}
    if not all(map(math.isfinite, validation.values())):
        raise UserError("the training diverged")
    seconds = round(time.monotonic() - started, 1)
    return {"validation": validation, "bytes": len(made.compressed), "seconds": seconds}, made.compressed


def finish(ordered: build.Plan, data: DataSets) -> tuple[bytes, dict[str, Any]]:
    """Make the model that is kept, and test it; return its file and its card."""
    return build.produce(ordered, lambda: data)
