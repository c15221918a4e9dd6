"""What int8 weights cost a spotter: the same weights in float and in int8, by each kind of kernel that may run them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget import files
from underbudget.data.sources import Sources, load_speech
from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.runtime import Model
from underbudget.export.compress import zlib_compress
from underbudget.export.quantise import quantise_weights
from underbudget.progress import progress_bar
from underbudget.store import store_of
from underbudget.tasks.spotting import Spotting
from underbudget.versions.catalogue import KERAS_STUDY, KERAS_SUFFIX, SPOTTERS, VERSIONS

FLOAT, INT8, BUILT_IN = "float", "int8", "int8, built-in kernels"
FIRST_IN_FLOAT, FIRST_DEQUANTISED = "int8, first layer in float", "int8, first layer dequantised"
STUDY, OF = "kernels", "report"  # its own results, and the study whose runs it tests, beside KERAS_STUDY


def path_in_float(folder: Path, name: str) -> Path:
    """Return where a study keeps the file of a run before its weights were quantised."""
    return folder / f"{name}.float.tflite.zlib"


def measure_all(sources: Sources) -> Path:
    """Test each run of the report's spotters, ours and Keras', by each kind of kernel, but those tested before.

    Returns:
        The path of the results: a line per run and kind, as studies have them; the kind is part of the version's name.

    Raises:
        UserError: bad data, or no run.
    """
    speech = load_speech(sources)
    store = store_of(speech.identity)
    path = store.study_path(STUDY)
    runs = [
        (name, int(folder.name.removeprefix("seed-")), kept)
        for study, suffix in ((OF, ""), (KERAS_STUDY, KERAS_SUFFIX))
        for name in (spotter + suffix for spotter in SPOTTERS)
        for folder in (store.models / study).glob("seed-*")
        if (kept := path_in_float(folder, name)).exists()
    ]
    if not runs:
        raise UserError(f"{store.models / OF}: no runs: run scripts/14_seeds.py {OF} first")
    names = {name for name, *_ in runs}
    recipes = {name: VERSIONS[name.removesuffix(KERAS_SUFFIX)].recipes[OF] for name in names}
    tasks = {name: Spotting(speech, recipe.inputs) for name, recipe in recipes.items()}  # type: ignore[arg-type]
    sums = {run: hashlib.sha256(run[2].read_bytes()).hexdigest() for run in runs}
    lines = [line for line in files.read_json_lines(path) if line["sha256"] in sums.values()]
    tested = {line["sha256"] for line in lines}
    with progress_bar(sorted(run for run in runs if sums[run] not in tested), "testing", "run") as bar:
        for run in bar:
            name, seed, kept = run
            lines += [{**line, "seed": seed, "sha256": sums[run]} for line in measure(kept, name, tasks[name])]
            lines.sort(key=lambda line: (line["version"].split(",")[0], line["seed"]))
            files.write_text(path, "".join(json.dumps(line) + "\n" for line in lines))
    return path


def measure(path: Path, name: str, task: Spotting) -> list[dict[str, Any]]:
    """Test the weights of one run with each kind of kernel.

    Args:
        path: of the run's file in float.

    Raises:
        UserError: it is no model of this task.
    """
    in_float = artifact.decode_model(path.read_bytes(), str(path))
    int8 = quantise_weights(in_float)
    contents = {
        FLOAT: in_float,
        INT8: int8,
        BUILT_IN: int8,
        FIRST_IN_FLOAT: quantise_weights(in_float, first_layer="float"),
        FIRST_DEQUANTISED: quantise_weights(in_float, first_layer="dequantised"),
    }
    rounds_inputs = [INT8, BUILT_IN] if int8 != contents[FIRST_IN_FLOAT] else []  # a small first layer stays in float
    found = []
    for kind, content in contents.items():
        model = Model(content, name, built_in=kind == BUILT_IN)
        scores = {
            split: task.metrics(model.predict(task.inputs(split)), split)["accuracy_pct"]
            for split in ("validation", "test")
        }
        found.append(
            {
                "version": f"{name}, {kind}",
                "recipe": KERAS_STUDY if name.endswith(KERAS_SUFFIX) else OF,
                "converted_bytes": len(zlib_compress(content)),
                **{split: {"accuracy_pct": score} for split, score in scores.items()},
            }
        )
        if kind in rounds_inputs:
            inputs = task.inputs("test")
            lost = (inputs != 0) & (round_inputs(inputs, built_in=kind == BUILT_IN) == 0)
            found[-1]["inputs_rounded_to_zero_pct"] = round(100 * float(lost.mean()), 2)
    return found


def round_inputs(inputs: NDArray[np.float32], built_in: bool) -> NDArray[np.float32]:
    """Round a layer's inputs as kernels do that multiply them in int8: with one scale per clip.

    The scale of the built-in kernels is max |x| / 127. XNNPACK's takes 255 steps from the smallest to the largest x,
    zero included, so inputs that are never negative, as magnitudes are, get twice as many steps.

    Args:
        inputs: (clips, ...).
    """
    axes = tuple(range(1, inputs.ndim))
    if built_in:
        scale = np.abs(inputs).max(axes, keepdims=True) / 127
    else:
        scale = (inputs.max(axes, keepdims=True, initial=0) - inputs.min(axes, keepdims=True, initial=0)) / 255
    scale = np.maximum(scale, np.finfo(np.float32).tiny)  # of a silent clip
    return (np.round(inputs / scale) * scale).astype(np.float32)
