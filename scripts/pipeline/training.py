"""One training loop for all: a whole epoch is one compiled TensorFlow graph over arrays in memory.

Keras' own loop spends milliseconds a step on machinery; the forecasters' steps themselves take microseconds.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper
from tensorflow_model_optimization.sparsity import keras as sparsity

from pipeline.progress import bar
from pipeline.recipe import Pruning, Recipe, Rounding

Batch = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Update = Callable[[list[tf.Tensor]], None]


def train(
    model: keras.Model,
    recipe: Recipe,
    samples: int,
    batch: Batch,
    loss: Loss,
    seed: int,
    score: Callable[[keras.Model], float] | None = None,
    xla: bool = False,
) -> keras.Model:
    """Train `model` with Adam for the recipe's epochs, pruning it on the way if the recipe says so.

    Args:
        samples: how many training samples there are; each epoch takes them in a new random order.
        batch: inputs and targets of the samples at the given indices [b], in graph mode.
        loss: of targets and outputs.
        score: of the model on validation data; with it, the epoch with the best (first of equals) is kept.
        xla: compile the epoch with XLA: far faster for networks of a few thousand weights, slower for the spotters.

    Returns:
        The trained model, without pruning wrappers.
    """
    steps = -(-samples // recipe.batch_size)
    trained = _prunable(model, recipe.pruning, steps) if recipe.pruning else model
    variables = trained.trainable_variables
    optimizer = keras.optimizers.Adam(
        _cosine(recipe.learning_rate, recipe.epochs * steps, warm_up=0.05) if recipe.cosine else recipe.learning_rate
    )
    optimizer.build(variables)

    def update(gradients: list[tf.Tensor]) -> None:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    epoch = _epoch(trained, batch, loss, update, xla)
    best, best_weights = -np.inf, None
    with bar(range(recipe.epochs), "training", "epoch") as epochs:
        for shuffled in _orders(epochs, samples, recipe.batch_size, seed):
            shown = {"loss": f"{float(epoch(*shuffled)):.4g}"}
            if score is not None:
                now = score(trained)
                shown["validation"] = f"{now:.4g}"
                if now > best:
                    best, best_weights = now, trained.get_weights()
            epochs.set_postfix(shown, refresh=False)
    if best_weights is not None:
        trained.set_weights(best_weights)
    return _stripped(trained) if recipe.pruning else trained


def train_rounded(
    model: keras.Model,
    rounding: Rounding,
    batch_size: int,
    samples: int,
    batch: Batch,
    loss: Loss,
    seed: int,
    xla: bool = False,
) -> None:
    """Train on with every trainable weight on a grid, in place: forward and back through the rounded weights.

    What is updated are exact copies beside them (the straight-through estimator: Courbariaux et al., BinaryConnect,
    arXiv:1511.00363), counted in steps of the grid. A kernel's grid reaches to 127 steps, so int8 holds it.

    Args:
        samples, batch, loss, xla: as in `train`.
    """
    variables = model.trainable_variables
    steps = [
        np.float32(rounding.step * np.sqrt(np.mean(np.square(v.numpy()))) if v.shape.rank > 1 else rounding.bias_step)
        for v in variables
    ]
    exact = [tf.Variable(v / step) for v, step in zip(variables, steps, strict=True)]
    total = rounding.epochs * -(-samples // batch_size)
    optimizer = keras.optimizers.Adam(_cosine(rounding.learning_rate, total, warm_up=0.0))
    optimizer.build(exact)

    def round_all() -> None:
        for variable, value, step in zip(variables, exact, steps, strict=True):
            largest = 127.0 if variable.shape.rank > 1 else np.inf
            variable.assign(tf.clip_by_value(tf.round(value), -largest, largest) * step)

    def update(gradients: list[tf.Tensor]) -> None:
        optimizer.apply_gradients(zip(gradients, exact, strict=True))  # Adam does not mind their scale
        round_all()

    round_all()
    epoch = _epoch(model, batch, loss, update, xla)
    with bar(range(rounding.epochs), "training rounded", "epoch") as epochs:
        for shuffled in _orders(epochs, samples, batch_size, seed):
            epochs.set_postfix({"loss": f"{float(epoch(*shuffled)):.4g}"}, refresh=False)


def _epoch(model: keras.Model, batch: Batch, loss: Loss, update: Update, xla: bool) -> Callable[..., tf.Tensor]:
    """A compiled epoch: of full batches of indices [steps, b], and the shorter last one (empty if there is none)."""

    def step(indices: tf.Tensor) -> tf.Tensor:
        inputs, targets = batch(indices)
        with tf.GradientTape() as tape:
            value = loss(targets, model(inputs, training=True))
        update(tape.gradient(value, model.trainable_variables))
        return value

    @tf.function(jit_compile=xla)  # type: ignore[untyped-decorator]
    def epoch(full: tf.Tensor, rest: tf.Tensor) -> tf.Tensor:
        total, steps = tf.constant(0.0), tf.shape(full)[0]
        for i in tf.range(tf.shape(full)[0]):
            total += step(full[i])
        if rest.shape[0]:
            total += step(rest)
            steps += 1
        return total / tf.cast(steps, tf.float32)

    return epoch


def _orders(epochs: Iterable[int], samples: int, batch_size: int, seed: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """For each epoch a new order of all samples, as `_epoch` takes it."""
    order = np.random.default_rng(seed)
    full = samples // batch_size * batch_size
    for _ in epochs:
        shuffled = order.permutation(samples).astype(np.int32)
        yield tf.constant(shuffled[:full].reshape(-1, batch_size)), tf.constant(shuffled[full:])


def _cosine(learning_rate: float, steps: int, warm_up: float) -> Any:
    """Up to the learning rate within a share of the steps, then down to 0 along a cosine (arXiv:1608.03983)."""
    first = int(warm_up * steps)
    if not first:
        return keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    return keras.optimizers.schedules.CosineDecay(0.0, steps - first, warmup_target=learning_rate, warmup_steps=first)


def _prunable(model: keras.Model, pruning: Pruning, steps: int) -> keras.Model:
    schedule = sparsity.PolynomialDecay(
        pruning.initial_sparsity,
        pruning.final_sparsity,
        begin_step=steps * pruning.begin_epoch,
        end_step=steps * pruning.end_epoch,
    )
    return sparsity.prune_low_magnitude(model, pruning_schedule=schedule)


def _stripped(model: keras.Model) -> keras.Model:
    """Apply the masks a last time (the last step grew pruned weights again) and take the wrappers off."""
    for layer in model.layers:
        if isinstance(layer, pruning_wrapper.PruneLowMagnitude):
            layer.pruning_obj.weight_mask_op()
    return sparsity.strip_pruning(model)


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and TensorFlow, and have TensorFlow's kernels repeat themselves."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def sparsity_of(weights: list[NDArray[np.float32]]) -> float:
    """Share of zeros among the elements of all kernels (arrays of two or more dimensions)."""
    kernels = [w for w in weights if w.ndim > 1]
    return sum(int((w == 0).sum()) for w in kernels) / sum(w.size for w in kernels)
