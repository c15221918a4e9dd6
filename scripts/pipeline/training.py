"""One training loop for all: a whole epoch is one compiled TensorFlow graph over arrays in memory.

Keras' own loop spends milliseconds a step on machinery; the forecasters' steps themselves take microseconds.
"""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper
from tensorflow_model_optimization.sparsity import keras as sparsity

from pipeline.progress import bar
from pipeline.recipe import Pruning, Recipe

Batch = Callable[[tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


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
    optimizer = keras.optimizers.Adam(recipe.learning_rate)
    optimizer.build(trained.trainable_variables)

    def step(indices: tf.Tensor) -> tf.Tensor:
        inputs, targets = batch(indices)
        with tf.GradientTape() as tape:
            value = loss(targets, trained(inputs, training=True))
        variables = trained.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(value, variables), variables, strict=True))
        return value

    @tf.function(jit_compile=xla)  # type: ignore[untyped-decorator]
    def epoch(full: tf.Tensor, rest: tf.Tensor) -> tf.Tensor:
        """Full batches [steps, b], then the shorter last batch (empty if there is none)."""
        total = tf.constant(0.0)
        for i in tf.range(tf.shape(full)[0]):
            total += step(full[i])
        if rest.shape[0]:
            total += step(rest)
        return total / steps

    order = np.random.default_rng(seed)
    best, best_weights = -np.inf, None
    with bar(range(recipe.epochs), "training", "epoch") as epochs:
        for _ in epochs:
            shuffled = order.permutation(samples).astype(np.int32)
            split = samples // recipe.batch_size * recipe.batch_size
            full = shuffled[:split].reshape(-1, recipe.batch_size)
            value = epoch(tf.constant(full), tf.constant(shuffled[split:]))
            shown = {"loss": f"{float(value):.4g}"}
            if score is not None:
                now = score(trained)
                shown["validation"] = f"{now:.4g}"
                if now > best:
                    best, best_weights = now, trained.get_weights()
            epochs.set_postfix(shown, refresh=False)
    if best_weights is not None:
        trained.set_weights(best_weights)
    return _stripped(trained) if recipe.pruning else trained


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
