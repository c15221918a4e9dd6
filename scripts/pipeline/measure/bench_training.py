"""Time an optimiser step of the spotters side by side with Keras' and PyTorch's, on the real features."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from device.errors import UserError
from pipeline.data.sources import Sources, load_speech
from pipeline.measure.bench import side_by_side
from pipeline.recipe import Recipe
from pipeline.reference import SEED

TORCH = "torch==2.13.0"
COPIES = 4  # of the augmented clips: a step takes as long with more of them
PEERS = Path(__file__).with_name("peers.py")
OURS_ALONE = (  # settings that make our sums portable (see pipeline/__init__.py) and would slow others
    "NPY_DISABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "XLA_FLAGS",
)


def bench_step(title: str, peer: str, recipe: Recipe, sources: Sources, qat: bool = False) -> dict[str, Any]:
    """Time an epoch of a recipe beside one of a peer, "keras" or "torch", and return milliseconds per step.

    Args:
        qat: time the recipe's quantisation-aware part, not its own epochs.

    Raises:
        UserError: PyTorch is asked for and missing.
    """
    from pipeline.train import loop, networks
    from pipeline.train.augment import augmented_features
    from pipeline.train.spotting import Spotting

    if peer == "torch" and find_spec("torch") is None:
        raise UserError(
            f"PyTorch, which our training is timed beside, is missing: install it with .venv/bin/pip install {TORCH},"
            " then run make bench again, which goes on from here"
        )
    front_end, augmentation = recipe.front_end, recipe.augmentation
    assert front_end is not None  # the callers name spotters
    if augmentation:
        augmentation = replace(augmentation, copies=COPIES)
        recipe = replace(recipe, augmentation=augmentation)
    speech = load_speech(sources)
    task = Spotting(speech, front_end)
    problem = task.problem(recipe)
    loop.seed_everything(SEED)
    model = networks.build(recipe, problem.input_shape, problem.output_shape)
    steps = problem.steps(recipe.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "features.npz"
        features: Any = task.inputs("train")[None]
        if augmentation:
            features = augmented_features(speech, front_end, augmentation)
        np.savez(data, features=features[..., 0], label=speech.labels("train"))
        if peer == "keras":
            network: Any = str(Path(folder) / "network.keras")
            model.save(network)
        else:
            network = _described(model, recipe, qat)
        if qat:
            assert recipe.qat is not None  # the callers ask for recipes that have it
            model = networks.fold_batch_norm(model, recipe)
            epoch = loop.qat_training(model, recipe.qat, recipe.batch_size, problem)
        else:
            epoch = loop.training(model, recipe, problem)[1]
        orders = loop.shuffled_orders(iter(int, 1), problem.samples, recipe.batch_size, SEED)

        def ours() -> float:
            order = next(orders)
            started = time.perf_counter()
            float(epoch(*order))
            return (time.perf_counter() - started) / steps

        ours()  # compiles
        asked = {"prepare": peer, "data": str(data), "network": network, "batch_size": recipe.batch_size}
        with _peer({**asked, "learning_rate": recipe.learning_rate}) as theirs:
            return side_by_side(title, ours, lambda: theirs() / steps)


def _described(model: Any, recipe: Recipe, qat: bool) -> dict[str, Any]:
    """Describe a network and how it is trained for PyTorch (see peers.py)."""
    import tf_keras as keras

    convolutions = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D)]
    norm = next(layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization))
    augmentation = recipe.augmentation
    return {
        "architecture": recipe.architecture,
        "filters": convolutions[-1].filters,
        "stem": recipe.stem,
        "stride": convolutions[len(recipe.stem)].strides,
        "blocks": recipe.blocks,
        "momentum": 1 - norm.momentum,  # PyTorch's is the share of the new moments
        "grid": recipe.qat.step if qat and recipe.qat else 0,
        "time_mask": augmentation.time_mask if augmentation else 0,
        "mixup": augmentation.mixup if augmentation else 0,
    }


@contextmanager
def _peer(asked: dict[str, Any]) -> Iterator[Callable[[], float]]:
    """Start a peer's training in a process of its own; yield a function that times an epoch of it, in seconds.

    Raises:
        UserError: the peer fails.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OURS_ALONE}
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, str(PEERS)], env=environment, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdin is not None and process.stdout is not None  # they are pipes

        def ask(question: dict[str, Any]) -> dict[str, Any]:
            assert process.stdin is not None and process.stdout is not None
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            if not answer:
                raise UserError(f"{asked['prepare']}, beside which our training is timed, failed: see above")
            return dict(json.loads(answer))

        ask(asked)
        yield lambda: float(ask({})["seconds"])
        process.stdin.close()
