"""Build one model from data to card: train, convert, check, slim, compress, evaluate."""

import hashlib
import subprocess
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget import files
from underbudget.data.identity import Identity
from underbudget.data.sources import DataSets, Sources, load_data
from underbudget.determinism import import_tensorflow
from underbudget.device import artifact
from underbudget.device.artifact import FORECASTING
from underbudget.device.errors import UserError
from underbudget.evaluation import outputs_for
from underbudget.metrics import KB, TASK_METRICS
from underbudget.recipes import ARITHMETIC, Recipe, Version
from underbudget.store import store_of
from underbudget.tasks import Task, prepare
from underbudget.tasks.forecasting import Forecasting

TOOLS = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy", "zopfli")


@dataclass(frozen=True)
class Made:
    """A trained model as files, checked on validation data.

    Attributes:
        compressed: the file that is published.
        in_float: the TFLite file before its weights were quantised.
        converted, slimmed: the TFLite file as it came from the converter, and without what the runtime needs not.
        sparsity: share of the weights that are 0.
        checks: "validation", its metrics; "conversion_check", how it compares with the Keras model; "curve", what was
            seen in each epoch, if it was trained in epochs.
    """

    compressed: bytes
    in_float: bytes
    converted: bytes
    slimmed: bytes
    sparsity: float
    checks: dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A model to be built, all but its data.

    Attributes:
        made_from: what decides its bytes; a model of the same is up to date.
        made_with: the command that builds it again.
        folder: where it goes.
    """

    version: Version
    recipe_name: str
    seed: int
    made_from: dict[str, Any]
    made_with: str
    folder: Path

    @property
    def recipe(self) -> Recipe:
        return self.version.recipes[self.recipe_name]

    @property
    def card_path(self) -> Path:
        return self.folder / f"{self.version.name}.json"

    def is_up_to_date(self) -> bool:
        """Tell whether the model is there, made from the same."""
        try:
            card, _ = artifact.load(self.folder, self.version.name)
            return bool(card.content["made_from"] == self.made_from)
        except (UserError, KeyError):
            return False

    def __str__(self) -> str:
        description = self.made_from["data"]["description"]
        return f"{self.version.name}: recipe {self.recipe_name!r}, seed {self.seed}, {description}"


def build(
    version: Version, recipe_name: str, seed: int, sources: Sources, made_with: str, folder: Path | None = None
) -> Path:
    """Build `version` by one of its recipes unless it is up to date; return the path of its card.

    The model goes to models/local/RECIPE; to models/own/RECIPE if it is made from the user's own data, and to
    models/synthetic/RECIPE if its data are synthetic. A model there that was made from
    another file of the user's own data is first moved to models/own/RECIPE/DATA.

    Args:
        made_with: the command that builds it again, for the card.
        folder: where it goes instead.

    Raises:
        UserError: bad data, or a TFLite file that does not do what the Keras model does.
    """
    # loaded once: what is trained on is what the card says, whatever another run puts in its place meanwhile
    loaded = [load_data(sources, *version.data_of(recipe_name))]
    ordered = plan(version, recipe_name, seed, loaded[0], made_with)
    if folder:
        ordered = replace(ordered, folder=folder)
    if ordered.is_up_to_date():
        print(f"{version.name}: {files.shown(ordered.card_path)} is up to date")
    else:
        print(ordered, flush=True)
        # handed over: the samples are not held while a model is trained on their features
        made = produce(ordered, loaded.pop)
        if folder is None:
            _set_aside(ordered)
        write(ordered, *made)
    return ordered.card_path


def plan(
    version: Version, recipe_name: str, seed: int, data: DataSets, made_with: str, study: str | None = None
) -> Plan:
    """Say what a model would be made from, and where it goes.

    Args:
        study: the run belongs to this study and goes to models/local/STUDY/seed-N (models/synthetic/…); of own data to
            models/own/STUDY/DATA/seed-N, so that studies on two stations lie side by side.
    """
    made_from = {
        "recipe_name": recipe_name,
        "recipe": version.recipes[recipe_name].to_dict(),
        "constraints": [asdict(c) for c in version.limits],
        "seed": seed,
        "data": asdict(data.identity),
        **({"other_sounds": asdict(data.other.identity)} if data.other else {}),
        "tools": {name: installed(name) for name in TOOLS},
        "arithmetic": ARITHMETIC[version.task],
    }
    own = [identity.folder for identity in data.identities if identity.own]
    place = "/".join([study, *own, f"seed-{seed}"]) if study else recipe_name
    return Plan(version, recipe_name, seed, made_from, made_with, store_of(*data.identities).models / place)


def produce(ordered: Plan, load: Callable[[], DataSets]) -> tuple[Made, dict[str, Any]]:
    """Make a model and test it; return it and its card. Nothing is written.

    Raises:
        UserError: bad data, or a TFLite file that does not do what the Keras model does.
    """
    started = time.monotonic()
    import_tensorflow()
    from underbudget.export.compress import zlib_compress
    from underbudget.export.costs import costs
    from underbudget.export.slim import bytes_by_part

    version = ordered.version
    task = prepare(ordered.recipe, load())
    made = make(ordered.recipe, task, ordered.seed, version.name)
    outputs = outputs_for(version.name, made.slimmed, task, "test")
    metrics = task.metrics(outputs, "test")
    return made, {
        "format": artifact.CARD_FORMAT,
        "name": version.name,
        "task": version.task,
        **task.card(),
        "file": {
            "sha256": hashlib.sha256(made.compressed).hexdigest(),
            "compressed_bytes": len(made.compressed),
            "slimmed_bytes": len(made.slimmed),
            "converted_bytes": len(made.converted),
            "converted_compressed_bytes": len(zlib_compress(made.converted)),
            "converted_parts_bytes": bytes_by_part(made.converted),
            "slimmed_parts_bytes": bytes_by_part(made.slimmed),
        },
        "costs": asdict(costs(made.slimmed)),
        "sparsity": made.sparsity,
        "test": metrics,
        "results": judge(version, metrics, len(made.compressed), task.identity),
        **made.checks,
        **(_beside_last_reading(task, outputs) if isinstance(task, Forecasting) else {}),
        "made_from": ordered.made_from,
        "made_with": ordered.made_with,
        "wall_seconds": round(time.monotonic() - started, 1),
        "peak_memory_mib": _peak_memory_mib(),
    }


def _beside_last_reading(task: Forecasting, outputs: NDArray[np.float32]) -> dict[str, Any]:
    """Return the errors of repeating the last reading on the test split, and what they say of a model's."""
    figures, windows = task.last_reading_errors("test"), len(task.inputs("train"))
    remarks = [f"{remark}: {windows:,} windows to train may be too few" for remark in task.remarks(outputs, "test")]
    if figures[f"{TASK_METRICS[FORECASTING][0]}_95"] is None:
        remarks.append(f"no intervals: {figures['windows']:,} windows to test are fewer than five days")
    return {
        "last_reading": {metric: figures[metric] for metric in TASK_METRICS[FORECASTING]},
        **({"remarks": remarks} if remarks else {}),
    }


def _peak_memory_mib() -> int:
    """Return the peak memory of this process. (getrusage would count what its parent held when it started this one.)"""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def _set_aside(ordered: Plan) -> None:
    """Move the model that is where a new one is to go, if it was made from another file of the user's own data."""
    try:
        card, _ = artifact.load(ordered.folder, ordered.version.name)
        before = Identity(**card.content["made_from"]["data"])
    except (UserError, KeyError, TypeError):
        return  # there is none, or a damaged one
    if before.own and before.name != Identity(**ordered.made_from["data"]).name:
        aside = ordered.folder / before.folder
        aside.mkdir(exist_ok=True)
        for path in ordered.folder.glob(f"{ordered.version.name}.*"):
            path.replace(aside / path.name)
        print(f"{ordered.version.name}: the model of {before.name} was moved to {files.shown(aside)}", flush=True)


def write(ordered: Plan, made: Made, card: dict[str, Any]) -> None:
    """Write a model and its card, the card last."""
    with files.atomic_write(ordered.folder / f"{ordered.version.name}.tflite.zlib") as partial:
        partial.write_bytes(made.compressed)
    files.write_json(ordered.card_path, {**card, "commit": _commit()})


def _commit() -> str | None:
    """Return the commit of this checkout, with "+changes" if its scripts have been changed since; None outside git."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(files.ROOT), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + (
            "+changes" if git("status", "--porcelain", "--", "scripts") else ""
        )
    except (OSError, subprocess.CalledProcessError):
        return None


def train(recipe: Recipe, task: Task, seed: int) -> Any:
    """Train a recipe's network, in this process; return the tf_keras model, whose `history.history` has the losses."""
    from underbudget.training import forecasting, loop, spotting

    loop.seed_everything(seed)
    if isinstance(task, Forecasting):
        return forecasting.train(task, recipe, seed)
    return spotting.train(task, recipe, seed)


def make(recipe: Recipe, task: Task, seed: int, name: str) -> Made:
    """Train a model, export it and check it on validation data; the test split is not looked at.

    Args:
        name: for messages.

    Raises:
        UserError: the TFLite file does not do what the Keras model does.
    """
    from underbudget.export.shrink import shrink
    from underbudget.training import loop

    model = train(recipe, task, seed)
    curve = _curve(model)  # before anything is predicted: Keras then forgets it
    on_grid = recipe.qat is not None
    int8, smallest = recipe.export.int8_weights, recipe.export.order_for_compression
    small = shrink(model, int8, task.inputs("validation"), on_grid=on_grid, smallest=smallest)
    what, distance, allowed = task.conversion_check(small.reference, small.outputs, int8 and not on_grid)
    if not distance <= allowed:
        raise UserError(f"{name}: the conversion to TFLite failed: {what} is {distance:.4g}, allowed {allowed:g}")
    checks = {
        "validation": task.metrics(small.outputs, "validation"),
        "conversion_check": {"metric": what, "difference": round(distance, 6), "tolerance": allowed},
        "curve": {what: [float(f"{v:.4g}") for v in values] for what, values in curve.items()},
    }
    sparsity = round(loop.sparsity_of(model.get_weights()), 4)
    return Made(small.file, small.converted, small.quantised, small.slimmed, sparsity, checks)


def _curve(model: Any) -> dict[str, list[float]]:
    """Return what its training kept; see underbudget.training.loop.keep_curve."""
    history = getattr(model, "history", None)  # none of a model that was fitted in another way
    return history.history if history else {}


def judge(version: Version, metrics: dict[str, Any], size: int, data: Identity) -> list[dict[str, Any]]:
    """Return each limit with its value and whether it is met.

    Latency is not known here (see results/latency). On synthetic data no limit is met or missed.
    """
    values = {**metrics, "size_kb": round(size / KB, 4)}
    judged: list[dict[str, Any]] = []
    for limit in version.limits:
        value = values.get(limit.metric)
        met = None if value is None or data.synthetic else limit.met_by(value)
        judged.append({**asdict(limit), "value": value, "met": met})
    return judged
