"""One version from data to card: train, convert, check, slim, compress, evaluate."""

import hashlib
import time
from dataclasses import asdict
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import numpy as np
import tf_keras as keras

from device import artifact
from device.errors import UserError
from device.latency import peak_memory_mib
from device.runtime import Model
from pipeline import files, pack, shrink, training
from pipeline.data import Sources
from pipeline.progress import bar
from pipeline.recipe import VERSIONS, Recipe, Version
from pipeline.task import Task, prepare

TOOLS = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy", "zopfli")
# what a result depends on, beside its recipe, seed and data; a change of these files makes it stale
CODE = tuple(
    files.ROOT / "scripts" / package / f"{name}.py"
    for package, names in (
        ("device", ("audio", "frontend", "runtime")),
        (
            "pipeline",
            ("augment", "forecasting", "linear", "models", "pack", "shrink", "spotting", "training", "version"),
        ),
    )
    for name in names
)


def make(version: Version, recipe_name: str, seed: int, sources: Sources, study: str | None = None) -> Path:
    """Make `version` with one of its recipes unless it stands already; returns the path of its card.

    The model goes to models/local/RECIPE, or to models/standin/RECIPE if its data are generated.

    Args:
        study: the run belongs to this one, and goes to models/local/STUDY/seed-N (or models/standin/…).

    Raises:
        UserError: bad data, or a TFLite file that does not do what the Keras model does.
    """
    recipe = version.recipes[recipe_name]
    task = prepare(version.task, recipe, sources)
    folder = files.MODELS / ("standin" if task.identity.stand_in else "local")
    folder /= f"{study}/seed-{seed}" if study else recipe_name
    card_path = folder / f"{version.name}.json"
    made_from = {
        "recipe_name": recipe_name,
        "recipe": recipe.to_dict(),
        "constraints": [asdict(c) for c in version.constraints],
        "seed": seed,
        "data": asdict(task.identity),
        "tools": {name: installed(name) for name in TOOLS},
        "code": files.code_digest(CODE),
    }
    if _fresh(folder, version.name, made_from):
        print(f"{version.name}: {card_path.relative_to(files.ROOT)} is up to date")
        return card_path
    started = time.monotonic()
    print(f"{version.name}: recipe {recipe_name!r}, seed {seed}, {task.identity.description}", flush=True)
    training.seed_everything(seed)
    model = task.train(recipe, seed)
    converted, slimmed, checks = _shrink(version.name, model, recipe, task)
    compressed = pack.compress(slimmed) if recipe.tight else shrink.compress(slimmed)
    metrics = evaluate(version.name, artifact.decode_model(compressed, version.name), task)
    card = {
        "format": artifact.CARD_FORMAT,
        "name": version.name,
        "task": version.task,
        **task.card(),
        "file": {
            "sha256": hashlib.sha256(compressed).hexdigest(),
            "compressed_bytes": len(compressed),
            "slimmed_bytes": len(slimmed),
            "converted_bytes": len(converted),
            "converted_compressed_bytes": len(shrink.compress(converted)),
            "converted_parts_bytes": shrink.bytes_by_part(converted),
            "slimmed_parts_bytes": shrink.bytes_by_part(slimmed),
        },
        "sparsity": round(training.sparsity_of(model.get_weights()), 4),
        "test": metrics,
        "results": judge(version, metrics, len(compressed)),
        **checks,
        "made_from": made_from,
        "made_with": _made_with(version, recipe_name, seed, study),
        "wall_seconds": round(time.monotonic() - started, 1),
        "peak_memory_mib": peak_memory_mib(),
    }
    with files.whole(folder / f"{version.name}.tflite.zlib") as partial:
        partial.write_bytes(compressed)
    files.write_json(card_path, card)
    return card_path


def _made_with(version: Version, recipe_name: str, seed: int, study: str | None) -> str:
    if version.name not in VERSIONS:
        return f"python scripts/02_baselines.py {study} --seeds {seed}"
    if study:
        return f"python scripts/14_seeds.py {study} --seeds {seed} --versions {version.name}"
    return f"make {version.name} RECIPE={recipe_name} SEED={seed}"


def judge(version: Version, metrics: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """Each constraint with its value and whether it is met; latency is not known here (see results/)."""
    values = {**metrics, "size_kb": round(size / 1024, 4)}
    judged: list[dict[str, Any]] = []
    for constraint in version.constraints:
        value = values.get(constraint.metric)
        met = None if value is None else constraint.met_by(value)
        judged.append({**asdict(constraint), "value": value, "met": met})
    return judged


def _shrink(name: str, model: keras.Model, recipe: Recipe, task: Task) -> tuple[bytes, bytes, dict[str, Any]]:
    """The TFLite file as converted and slimmed, its validation metrics, and how it compares with Keras there."""
    converted = shrink.convert(model)
    if recipe.quantise:
        converted = shrink.quantise_weights(converted, rounded=recipe.rounding is not None)
    slimmed = shrink.slim(converted)
    if recipe.tight:
        slimmed = pack.tighten(slimmed)
    inputs = task.inputs("validation")
    outputs = Model(converted, name).predict(inputs)
    if not np.array_equal(outputs.ravel(), Model(slimmed, name).predict(inputs).ravel()):
        raise UserError(f"{name}: slimming changed the model's outputs: report this as a bug")
    reference = model.predict(inputs, batch_size=1024, verbose=0)
    what, distance, allowed = task.parity(reference, outputs, recipe.quantise and not recipe.rounding)
    if not distance <= allowed:
        raise UserError(f"{name}: the conversion to TFLite failed: {what} is {distance:.4g}, allowed {allowed:g}")
    parity = {"what": what, "value": round(distance, 6), "allowed": allowed}
    return converted, slimmed, {"validation": task.metrics(outputs, "validation"), "parity": parity}


def evaluate(name: str, content: bytes, task: Task) -> dict[str, Any]:
    """Figures of a TFLite file on the task's test split, through the TFLite runtime.

    Raises:
        UserError: the file does not fit the task.
    """
    inputs = task.inputs("test")
    with bar(None, f"testing {name}", "inputs", len(inputs)) as progress:
        return task.metrics(Model(content, name).predict(inputs, progress.update), "test")


def _fresh(folder: Path, name: str, made_from: dict[str, Any]) -> bool:
    try:
        return bool(artifact.load(folder, name)[0].content["made_from"] == made_from)
    except (UserError, KeyError):
        return False
