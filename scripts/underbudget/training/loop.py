"""The training loop of both tasks: a whole epoch is one graph over arrays in memory, compiled by XLA.

Keras' own loop spends milliseconds per step on machinery; the forecasters' steps themselves take microseconds.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray
from tensorflow_model_optimization.python.core.sparsity.keras import pruning_wrapper
from tensorflow_model_optimization.sparsity import keras as sparsity

from underbudget.device.errors import UserError
from underbudget.networks import Network, layers
from underbudget.networks.folding import fold_batch_norm
from underbudget.progress import progress_bar
from underbudget.recipes import QAT, Fit, Pruning

Batch = Callable[[tf.Tensor, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
Loss = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
Update = Callable[[list[tf.Tensor]], None]
Order = tuple[tf.Tensor, tf.Tensor]
TrainEpoch = Callable[..., tf.Tensor]
BUFFER = 100  # batches, of the course's code


@dataclass(frozen=True)
class Problem:
    """What a task gives the loop to train on.

    Attributes:
        input_shape, output_shape: of one sample.
        samples: the number of training samples; each epoch takes them in a new random order.
        batch: inputs and targets of the samples at the given indices [b], in graph mode; for what it draws at random,
            it is given a seed, two integers that differ in each step.
        loss: of targets and outputs.
        score: of the model on validation data.
    """

    input_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    samples: int
    batch: Batch
    loss: Loss
    score: Callable[[keras.Model], float]

    def steps(self, batch_size: int) -> int:
        """Return the number of optimiser steps of one epoch."""
        return -(-self.samples // batch_size)


def fit_network(network: Network, fit: Fit, problem: Problem, seed: int) -> keras.Model:
    """Create a network, train it, and continue with quantisation-aware training if the fit has one.

    Its curve is kept; see keep_curve.

    Raises:
        UserError: the network has no use for such inputs: its strides leave nothing of them, say.
    """
    try:
        untrained = network.create(problem.input_shape, problem.output_shape)
    except ValueError as error:
        raise UserError(f"{network}: it can't take inputs of shape {problem.input_shape}: {error}") from None
    trained = train(untrained, fit, problem, seed)
    curve: dict[str, list[float]] = trained.history.history
    model = fold_batch_norm(trained, network, for_grid=fit.qat is not None)
    if fit.qat:
        curve["quantised_loss"] = train_qat(model, fit.qat, fit.batch_size, problem, seed)
    keep_curve(model, curve)
    return model


def keep_curve(model: keras.Model, curve: dict[str, list[float]]) -> None:
    """Keep what was seen in each epoch where Keras' own fit leaves it: in model.history.history.

    Args:
        curve: "loss"; "validation", if each epoch was judged; "quantised_loss", of quantisation-aware training.
    """
    model.history = keras.callbacks.History()
    model.history.history = curve


def train(model: keras.Model, fit: Fit, problem: Problem, seed: int) -> keras.Model:
    """Train `model` with Adam for the fit's epochs, with magnitude pruning if the fit has it.

    Returns:
        The trained model, without pruning wrappers; its curve is kept.
    """
    trained, epoch = training(model, fit, problem)
    best, best_weights = -np.inf, None
    curve: dict[str, list[float]] = {"loss": []}
    with progress_bar(range(fit.epochs), "training", "epoch") as epochs:
        epochs.set_postfix_str("compiling")  # seconds, or minutes, in which no epoch ends
        for order in shuffled_orders(epochs, problem.samples, fit.batch_size, seed, fit.batches):
            curve["loss"].append(float(epoch(*order)))
            if fit.checkpoint == "best_validation":
                now = problem.score(trained)
                curve.setdefault("validation", []).append(now)
                if now > best:  # the first of equals
                    best, best_weights = now, trained.get_weights()
            epochs.set_postfix({what: f"{values[-1]:.4g}" for what, values in curve.items()}, refresh=False)
    if best_weights is not None:
        trained.set_weights(best_weights)
    model = _stripped(trained) if fit.pruning else trained
    keep_curve(model, curve)
    return model


def training(model: keras.Model, fit: Fit, problem: Problem) -> tuple[keras.Model, TrainEpoch]:
    """Prepare a training: return the model, in pruning wrappers if the fit prunes, and a function for one epoch."""
    steps = problem.steps(fit.batch_size)
    trained = _prunable(model, fit.pruning, steps) if fit.pruning else model
    variables = trained.trainable_variables
    rate = fit.learning_rate
    cosine = fit.schedule == "cosine"
    schedule = _cosine_schedule(rate, fit.epochs * steps, warm_up=0.05) if cosine else rate
    optimizer = keras.optimizers.Adam(schedule, weight_decay=fit.weight_decay or None)
    optimizer.exclude_from_weight_decay([v for v in variables if v.shape.rank < 2])
    optimizer.build(variables)

    def update(gradients: list[tf.Tensor]) -> None:
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    return trained, _compiled(trained, problem, update)


def train_qat(model: keras.Model, qat: QAT, batch_size: int, problem: Problem, seed: int) -> list[float]:
    """Continue training with every trainable weight on a grid, in place; return the loss of each epoch."""
    epoch, losses = qat_training(model, qat, batch_size, problem), []
    with progress_bar(range(qat.epochs), "quantisation-aware training", "epoch") as epochs:
        epochs.set_postfix_str("compiling")
        for order in shuffled_orders(epochs, problem.samples, batch_size, seed):
            losses.append(float(epoch(*order)))
            epochs.set_postfix({"loss": f"{losses[-1]:.4g}"}, refresh=False)
    return losses


def qat_training(model: keras.Model, qat: QAT, batch_size: int, problem: Problem) -> TrainEpoch:
    """Prepare quantisation-aware training: round the weights in place, and return a function for one epoch.

    Forward and backward passes use the rounded weights; exact copies beside them, counted in grid steps, are updated
    (the straight-through estimator: Courbariaux et al., BinaryConnect, arXiv:1511.00363). The grid of a kernel ends at
    127 steps, so that int8 holds it.
    """
    variables = model.trainable_variables
    steps = [
        np.float32(qat.relative_scale * np.sqrt(np.mean(np.square(v.numpy()))) if v.shape.rank > 1 else qat.bias_scale)
        for v in variables
    ]
    exact = [tf.Variable(v / step) for v, step in zip(variables, steps, strict=True)]
    total = qat.epochs * problem.steps(batch_size)
    optimizer = keras.optimizers.Adam(_cosine_schedule(qat.learning_rate, total, warm_up=0.0))
    optimizer.build(exact)

    def round_all() -> None:
        for variable, value, step in zip(variables, exact, steps, strict=True):
            largest = 127.0 if variable.shape.rank > 1 else np.inf
            variable.assign(tf.clip_by_value(tf.round(value), -largest, largest) * step)

    def update(gradients: list[tf.Tensor]) -> None:
        optimizer.apply_gradients(zip(gradients, exact, strict=True))  # Adam does not depend on their scale
        round_all()

    round_all()
    return _compiled(model, problem, update)


def _compiled(model: keras.Model, problem: Problem, update: Update) -> TrainEpoch:
    """Return an epoch as one compiled function of what `shuffled_orders` yields; it returns the mean loss."""

    def step(indices: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        inputs, targets = problem.batch(indices, seed)
        with tf.GradientTape() as tape:
            value = problem.loss(targets, layers.forward(model, inputs, seed))
        update(tape.gradient(value, model.trainable_variables))
        return value

    @tf.function(jit_compile=True, autograph=False)  # type: ignore[untyped-decorator]
    def epoch(batches: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
        steps = batches.shape[0]

        def body(i: tf.Tensor, total: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
            return i + 1, total + step(batches[i], seeds[i])

        return tf.while_loop(lambda i, _: i < steps, body, (0, 0.0))[1] / steps

    return epoch


def shuffled_orders(
    epochs: Iterable[int], samples: int, batch_size: int, seed: int, batches: str = "drawn"
) -> Iterator[Order]:
    """Yield a new random order for each epoch: batches of indices [steps, b] and seeds [steps, 2].

    The last batch is filled up with the first samples of the order: XLA compiles a step once per size of batch.

    Args:
        batches: as a fit has it.
    """
    order, draws = np.random.default_rng(seed), np.random.default_rng([seed, 1])
    steps = -(-samples // batch_size)

    def filled(sequence: NDArray[Any]) -> NDArray[np.int32]:
        return np.resize(sequence.astype(np.int32), (steps, batch_size))

    kept = filled(order.permutation(samples) if batches == "fixed" else np.arange(samples))
    for _ in epochs:
        drawn = filled(order.permutation(samples)) if batches == "drawn" else kept[_through_buffer(steps, order)]
        yield tf.constant(drawn), tf.constant(draws.integers(2**31, size=(steps, 2), dtype=np.int32))


def _through_buffer(count: int, rng: np.random.Generator) -> list[int]:
    """Return the numbers below `count` as tf.data's `shuffle` orders them: each drawn from the next BUFFER."""
    waiting, order = list(range(min(BUFFER, count))), []
    for following in range(len(waiting), count + len(waiting)):
        place = rng.integers(len(waiting))
        order.append(waiting[place])
        if following < count:
            waiting[place] = following
        else:
            del waiting[place]
    return order


def _cosine_schedule(learning_rate: float, steps: int, warm_up: float) -> Any:
    """Rise linearly to the learning rate over `warm_up` of the steps, then fall to 0 on a cosine (arXiv:1608.03983)."""
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
    """Apply the masks a last time (the last step changed pruned weights again) and remove the wrappers."""
    for layer in model.layers:
        if isinstance(layer, pruning_wrapper.PruneLowMagnitude):
            layer.pruning_obj.weight_mask_op()
    return sparsity.strip_pruning(model)


def seed_everything(seed: int) -> None:
    """Seed Python, numpy and TensorFlow, and make TensorFlow's kernels deterministic."""
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def sparsity_of(weights: list[NDArray[np.float32]]) -> float:
    """Return the share of zeros among the elements of all kernels (arrays of two or more dimensions)."""
    kernels = [w for w in weights if w.ndim > 1]
    return sum(int((w == 0).sum()) for w in kernels) / sum(w.size for w in kernels)
