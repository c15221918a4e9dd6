"""Build one model from data to card: train, convert, check, slim, compress, evaluate."""

import hashlib
import time
from dataclasses import asdict
from importlib.metadata import version as installed
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from device import artifact
from device.artifact import FORECASTING
from device.errors import UserError
from device.latency import peak_memory_mib
from device.runtime import Model
from pipeline import files, freshness
from pipeline.cli import import_tensorflow
from pipeline.data.identity import Identity
from pipeline.data.sources import Sources, load_other_sounds, load_speech, load_weather
from pipeline.metrics import KB
from pipeline.progress import progress_bar
from pipeline.recipe import Recipe, Version
from pipeline.store import store_of

if TYPE_CHECKING:  # TensorFlow takes seconds to import: a model that is up to date must not wait for it
    import tf_keras as keras

    from pipeline.train.task import Task

TOOLS = ("tensorflow", "tf-keras", "tensorflow-model-optimization", "ai-edge-litert", "numpy", "zopfli")


def build(
    version: Version, recipe_name: str, seed: int, sources: Sources, made_with: str, study: str | None = None
) -> Path:
    """Build `version` by one of its recipes unless it is up to date; return the path of its card.

    The model goes to models/local/RECIPE, or to models/synthetic/RECIPE if its data are synthetic.

    Args:
        made_with: the command that builds it again, for the card.
        study: the run belongs to this study and goes to models/local/STUDY/seed-N (or models/synthetic/…).

    Raises:
        UserError: bad data, or a TFLite file that does not do what the Keras model does.
    """
    recipe = version.recipes[recipe_name]
    identity = data_identity(version.task, sources)
    folder = store_of(identity).models / (f"{study}/seed-{seed}" if study else recipe_name)
    card_path = folder / f"{version.name}.json"
    made_from = {
        "recipe_name": recipe_name,
        "recipe": recipe.to_dict(),
        "constraints": [asdict(c) for c in version.constraints],
        "seed": seed,
        "data": asdict(identity),
        **({"other_sounds": asdict(load_other_sounds(sources).identity)} if recipe.other else {}),
        "tools": {name: installed(name) for name in TOOLS},
        "code": freshness.task_digest(version.task),
    }
    if _is_fresh(folder, version.name, made_from):
        print(f"{version.name}: {card_path.relative_to(files.ROOT)} is up to date")
        return card_path
    started = time.monotonic()
    print(f"{version.name}: recipe {recipe_name!r}, seed {seed}, {identity.description}", flush=True)
    import_tensorflow()
    from pipeline.export.costs import costs
    from pipeline.export.deflate import zlib_compress, zopfli_compress
    from pipeline.export.flatbuffer import bytes_by_part
    from pipeline.train import loop, task

    data = task.prepare(version.task, recipe, sources)
    loop.seed_everything(seed)
    model = data.train(recipe, seed)
    converted, slimmed, checks = _export(version.name, model, recipe, data)
    compressed = zopfli_compress(slimmed) if recipe.deflate_layout else zlib_compress(slimmed)
    metrics = evaluate(version.name, artifact.decode_model(compressed, version.name), data)
    card = {
        "format": artifact.CARD_FORMAT,
        "name": version.name,
        "task": version.task,
        **data.card(),
        "file": {
            "sha256": hashlib.sha256(compressed).hexdigest(),
            "compressed_bytes": len(compressed),
            "slimmed_bytes": len(slimmed),
            "converted_bytes": len(converted),
            "converted_compressed_bytes": len(zlib_compress(converted)),
            "converted_parts_bytes": bytes_by_part(converted),
            "slimmed_parts_bytes": bytes_by_part(slimmed),
        },
        "costs": asdict(costs(slimmed)),
        "sparsity": round(loop.sparsity_of(model.get_weights()), 4),
        "test": metrics,
        "results": judge(version, metrics, len(compressed)),
        **checks,
        "made_from": made_from,
        "made_with": made_with,
        "commit": freshness.commit(),
        "wall_seconds": round(time.monotonic() - started, 1),
        "peak_memory_mib": peak_memory_mib(),
    }
    with files.atomic_write(folder / f"{version.name}.tflite.zlib") as partial:
        partial.write_bytes(compressed)
    files.write_json(card_path, card)
    return card_path


def data_identity(task: str, sources: Sources) -> Identity:
    """Return what a model of a task would be made from.

    Raises:
        UserError: bad data, or none.
    """
    return (load_weather(sources) if task == FORECASTING else load_speech(sources)).identity


def judge(version: Version, metrics: dict[str, Any], size: int) -> list[dict[str, Any]]:
    """Return each constraint with its value and whether it is met; latency is not known here (see results/latency)."""
    values = {**metrics, "size_kb": round(size / KB, 4)}
    judged: list[dict[str, Any]] = []
    for constraint in version.constraints:
        value = values.get(constraint.metric)
        met = None if value is None else constraint.met_by(value)
        judged.append({**asdict(constraint), "value": value, "met": met})
    return judged


def _export(name: str, model: "keras.Model", recipe: Recipe, task: "Task") -> tuple[bytes, bytes, dict[str, Any]]:
    """Return the TFLite file as converted and as slimmed, its validation metrics, and how it compares with Keras."""
    from pipeline.export import convert, deflate, flatbuffer, quantise

    converted = convert.convert(model)
    if recipe.quantise:
        converted = quantise.quantise_weights(converted, on_grid=recipe.qat is not None)
    slimmed = flatbuffer.slim(converted)
    if recipe.deflate_layout:
        slimmed = deflate.lay_out_for_deflate(slimmed)
    inputs = task.inputs("validation")
    outputs = Model(converted, name).predict(inputs)
    if not np.array_equal(outputs.ravel(), Model(slimmed, name).predict(inputs).ravel()):
        raise UserError(f"{name}: slimming changed the model's outputs: report this as a bug")
    reference = model.predict(inputs, batch_size=1024, verbose=0)
    what, distance, allowed = task.parity(reference, outputs, recipe.quantise and not recipe.qat)
    if not distance <= allowed:
        raise UserError(f"{name}: the conversion to TFLite failed: {what} is {distance:.4g}, allowed {allowed:g}")
    parity = {"what": what, "value": round(distance, 6), "allowed": allowed}
    return converted, slimmed, {"validation": task.metrics(outputs, "validation"), "parity": parity}


def evaluate(name: str, content: bytes, task: "Task") -> dict[str, Any]:
    """Compute the figures of a TFLite file on the task's test split, through the TFLite runtime.

    Raises:
        UserError: the file does not fit the task.
    """
    inputs = task.inputs("test")
    with progress_bar(None, f"testing {name}", "inputs", len(inputs)) as progress:
        return task.metrics(Model(content, name).predict(inputs, progress.update), "test")


def _is_fresh(folder: Path, name: str, made_from: dict[str, Any]) -> bool:
    try:
        return bool(artifact.load(folder, name)[0].content["made_from"] == made_from)
    except (UserError, KeyError):
        return False
