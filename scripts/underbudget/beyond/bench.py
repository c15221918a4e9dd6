"""Time our front ends and training steps side by side with what others use: eager tf.signal, Keras' fit, PyTorch."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from underbudget.data.sources import Sources, load_data
from underbudget.device.audio import RATE
from underbudget.device.errors import UserError
from underbudget.device.frontend import FrontEnd, Stft, extractor
from underbudget.recipes import Fit
from underbudget.reproduction.reference import PUBLISHED_SEED
from underbudget.tasks import prepare
from underbudget.tasks.forecasting import Forecasting
from underbudget.versions.catalogue import VERSIONS

ROUNDS = 5  # both sides in turn
CLIPS = 50  # per round
COPIES = 4  # of the augmented clips: a step takes as long with more of them
PEERS = {"keras": "Keras' fit", "torch": "PyTorch"}
OURS_ALONE = (  # settings that make our sums portable (see underbudget/determinism.py) and would slow others
    "NPY_DISABLE_CPU_FEATURES",
    "OPENBLAS_CORETYPE",
    "OPENBLAS_NUM_THREADS",
    "TENSORFLOW_USE_CUSTOM_CONTRACTION_KERNEL",
    "TF_ENABLE_ONEDNN_OPTS",
    "XLA_FLAGS",
)


def side_by_side(title: str, ours: Callable[[], float], theirs: Callable[[], float]) -> dict[str, Any]:
    """Time both sides in turn; print and return their medians in milliseconds, and the ratios' median and range."""
    pairs = [(ours(), theirs()) for _ in range(ROUNDS)]
    low, *_, high = ratios = sorted(b / a for a, b in pairs)
    mine, other = (round(1000 * statistics.median(side), 4) for side in zip(*pairs, strict=True))
    ratio = {"median": round(statistics.median(ratios), 2), "low": round(low, 2), "high": round(high, 2)}
    spread = f"{ratio['low']:.1f} to {ratio['high']:.1f}"
    print(f"{title}: {mine} ms, the other side {other} ms: {ratio['median']:.1f} times faster ({spread})", flush=True)
    return {"what": title, "ours_ms": mine, "theirs_ms": other, "ratio": ratio}


def front_end_row(front_end: FrontEnd) -> dict[str, Any]:
    """Time the features of one clip: our front end beside the course's eager one."""
    clips = np.random.default_rng(0).uniform(-1, 1, (CLIPS, RATE)).astype(np.float32)

    def seconds_each(function: Callable[[Any], Any]) -> float:
        started = time.perf_counter()
        for clip in clips:
            function(clip)
        return (time.perf_counter() - started) / CLIPS

    ours, theirs = extractor(front_end), _eager(front_end)
    seconds_each(ours), seconds_each(theirs)  # warm-up
    title = f"{type(front_end).__name__.upper()} of a clip, beside eager tf.signal"
    return side_by_side(title, lambda: seconds_each(ours), lambda: seconds_each(theirs))


def _eager(front_end: Any) -> Callable[[Any], Any]:
    """Return the course's STFT or MFCC of a clip by eager tf.signal (without a lifter, which takes no time)."""
    import tensorflow as tf

    p, mel = front_end, None
    if not isinstance(p, Stft):
        mel = tf.signal.linear_to_mel_weight_matrix(p.mel_bins, p.frame // 2 + 1, RATE, p.low, p.high)

    def features(clip: Any) -> Any:
        spectrum = tf.abs(tf.signal.stft(clip, p.frame, p.step, p.frame))
        if mel is None:
            return tf.image.resize(spectrum[..., None], p.shape[:2])
        log_mel = tf.math.log(tf.tensordot(spectrum, mel, 1) + 1e-6)
        return tf.signal.mfccs_from_log_mel_spectrograms(log_mel)[..., : p.coefficients, None]

    return features


def step_row(peer: str, name: str, recipe_name: str, sources: Sources, qat: bool = False) -> dict[str, Any]:
    """Time an epoch of a version's recipe beside one of a peer, "keras" or "torch", and return milliseconds per step.

    Both are warm and train the same network on the same data. Keras' fit does not prune, and augments nothing.

    Args:
        qat: time the recipe's quantisation-aware part, not its own epochs.

    Raises:
        UserError: the peer fails; bad data, or none.
    """
    from underbudget.networks.folding import fold_batch_norm
    from underbudget.training import forecasting, loop, spotting
    from underbudget.training.augment import augmented_features

    version = VERSIONS[name]
    recipe = version.recipes[recipe_name]
    fit = recipe.fit
    assert isinstance(fit, Fit)  # the callers ask for recipes that take steps
    data = load_data(sources, *version.data_of(recipe_name))
    task = prepare(recipe, data)

    def problem_of(fit: Fit) -> loop.Problem:
        return forecasting.problem(task, fit) if isinstance(task, Forecasting) else spotting.problem(task, fit)

    plain = problem_of(replace(fit, augmentation=None))
    inputs, targets = plain.batch(np.arange(plain.samples), np.zeros(2, np.int32))
    copies: Any = inputs[None]
    if fit.augmentation:
        fit = replace(fit, augmentation=replace(fit.augmentation, copies=COPIES))
        copies = np.stack(list(augmented_features(data.main, recipe.inputs, fit.augmentation)))  # type: ignore[arg-type]
    problem = problem_of(fit)
    steps = problem.steps(fit.batch_size)
    loop.seed_everything(PUBLISHED_SEED)
    model = recipe.network.create(problem.input_shape, problem.output_shape)
    with tempfile.TemporaryDirectory() as folder:
        np.savez(f"{folder}/data.npz", copies=copies, targets=targets)
        model.save(f"{folder}/network.keras")
        asked = {"peer": peer, "folder": folder, "relative_scale": fit.qat.relative_scale if fit.qat and qat else 0}
        asked["filters"] = max(getattr(layer, "filters", None) or 0 for layer in model.layers)
        if qat:
            assert fit.qat is not None  # the callers ask for recipes that have it
            folded = fold_batch_norm(model, recipe.network, for_grid=True)
            epoch = loop.qat_training(folded, fit.qat, fit.batch_size, problem)
        else:
            epoch = loop.training(model, fit, problem)[1]
        orders = loop.shuffled_orders(iter(int, 1), problem.samples, fit.batch_size, PUBLISHED_SEED)

        def ours() -> float:
            order = next(orders)
            started = time.perf_counter()
            float(epoch(*order))
            return (time.perf_counter() - started) / steps

        ours()  # compiles
        kind = "quantisation-aware optimiser step" if qat else "optimiser step"
        title = f"{kind} of {recipe_name}/{name}, beside {PEERS[peer]}"
        with _peer({**recipe.to_dict(), **asked}) as theirs:
            return side_by_side(title, ours, lambda: theirs() / steps)


@contextmanager
def _peer(asked: dict[str, Any]) -> Iterator[Callable[[], float]]:
    """Start a peer's training in a process of its own; yield a function that times an epoch of it, in seconds.

    Raises:
        UserError: the peer fails.
    """
    environment = {name: value for name, value in os.environ.items() if name not in OURS_ALONE}
    command = [sys.executable, str(Path(__file__).with_name("baselines.py"))]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None  # they are pipes
        stdin, stdout = process.stdin, process.stdout

        def ask(line: str) -> float:
            print(line, file=stdin, flush=True)
            if not (answer := stdout.readline()):
                raise UserError(f"{PEERS[asked['peer']]}, beside which our training is timed, failed: see above")
            return float(answer)

        ask(json.dumps(asked))
        yield lambda: ask("")
        stdin.close()
