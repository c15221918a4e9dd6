"""How a spotter is trained: what the loop is given of its task."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.data.speech import OTHER
from underbudget.networks import layers
from underbudget.recipes import Augmentation, Fit, KerasFit, Recipe
from underbudget.tasks.spotting import Spotting
from underbudget.training import keras_fit, loop
from underbudget.training.augment import augmented_features, other_features

Array = NDArray[np.float32]
SCORED = 32  # clips at once, when a model is scored on validation data


def train(task: Spotting, recipe: Recipe, seed: int) -> keras.Model:
    """Train a network by a recipe; the task keeps the features of its clips, not their samples."""
    assert isinstance(recipe.fit, Fit)  # as every spotter's is
    if isinstance(recipe.fit, KerasFit):
        return keras_fit.train(task, recipe)
    given = problem(task, recipe.fit)
    task.forget_samples()
    return loop.fit_network(recipe.network, recipe.fit, given, seed)


def problem(task: Spotting, fit: Fit) -> loop.Problem:
    """Return the training data, augmented if the fit says so, with its share of other sounds.

    Raises:
        ValueError: the fit asks for other sounds and there are none, or the other way round.
    """
    if bool(fit.unknown_share) != (task.other is not None):
        raise ValueError("a recipe with other sounds is trained with them, any other without")
    batch = _augmented(task, fit, fit.augmentation) if fit.augmentation else _plain(task, fit)
    samples = len(_targets(task, fit))
    shapes = task.front_end.shape, (len(task.labels),)
    return loop.Problem(*shapes, samples, batch, cross_entropy, _accuracy(task))


def _targets(task: Spotting, fit: Fit) -> Array:
    """Return one-hot targets [n, labels], of which a share is spread over all: of clips, then of other sounds."""
    label = task.truth("train")
    if fit.unknown_share:
        count = round(len(label) * fit.unknown_share / (1 - fit.unknown_share))
        label = np.append(label, np.full(count, task.labels.index(OTHER), np.int32))
    one_hot = np.eye(len(task.labels), dtype=np.float32)[label]
    smoothing = fit.label_smoothing
    return (one_hot * (1 - smoothing) + smoothing / len(task.labels)).astype(np.float32)


def _plain(task: Spotting, fit: Fit) -> loop.Batch:
    inputs, targets = tf.constant(task.inputs("train")), tf.constant(_targets(task, fit))
    return lambda indices, _: (tf.gather(inputs, indices), tf.gather(targets, indices))


def _copies(task: Spotting, augmentation: Augmentation, samples: int) -> tf.Tensor:
    """Return features [copies, samples, *front_end.shape] of clips, then of other sounds."""
    parts = [augmented_features(task.speech, task.front_end, augmentation, task.other)]
    if task.other is not None:
        count = samples - len(task.truth("train"))
        parts.append(other_features(task.other, task.speech, task.front_end, augmentation, count))
    features = tf.zeros((augmentation.copies, samples, *task.front_end.shape), tf.float16)
    for number, copy in enumerate(zip(*parts, strict=True)):  # tf.constant of all would hold them three times meanwhile
        features = tf.raw_ops.InplaceUpdate(x=features, i=[number], v=np.concatenate(copy)[None])
    return features


def _augmented(task: Spotting, fit: Fit, augmentation: Augmentation) -> loop.Batch:
    """Return a batch function that picks a random augmented copy of each sample, masks it and mixes clips."""
    targets = tf.constant(_targets(task, fit))
    inputs = _copies(task, augmentation, len(targets))
    masks = {1: augmentation.time_mask, 2: augmentation.band_mask}  # by axis: frames, bands

    def batch(indices: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        drawn = tf.random.stateless_uniform([6, indices.shape[0]], seed)
        copy = tf.cast(drawn[0] * augmentation.copies, tf.int32)
        x, y = tf.cast(tf.gather_nd(inputs, tf.stack([copy, indices], 1)), tf.float32), tf.gather(targets, indices)
        for axis, longest in masks.items():
            x = _masked(x, axis, longest, drawn[2 * axis - 1 : 2 * axis + 1])
        other = drawn[5, :, None] * augmentation.mixup
        x += other[:, :, None, None] * (tf.reverse(x, [0]) - x)
        return x, y + other * (tf.reverse(y, [0]) - y)

    return batch


def _accuracy(task: Spotting) -> Callable[[keras.Model], float]:
    """Return a function that computes a model's accuracy on the validation split."""
    seen, truth = task.inputs("validation"), task.truth("validation")
    batches = np.resize(seen, (-(-len(seen) // SCORED), SCORED, *seen.shape[1:]))  # the first fill up the last

    @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
    def outputs(model: keras.Model) -> tf.Tensor:
        return tf.map_fn(lambda batch: layers.forward(model, batch), tf.constant(batches))

    def accuracy(model: keras.Model) -> float:
        scores = outputs(model).numpy().reshape(-1, len(task.labels))[: len(truth)]
        return float((scores.argmax(axis=1) == truth).mean())

    return accuracy


def _masked(x: tf.Tensor, axis: int, longest: int, drawn: tf.Tensor) -> tf.Tensor:
    """Set up to `longest` frames (axis 1) or bands (2) of each sample to zero: where, how many [2, b], from 0 to 1."""
    if not longest:
        return x
    size = x.shape[axis]
    at = tf.range(size, dtype=tf.float32)
    start, length = drawn[0, :, None] * size, drawn[1, :, None] * longest
    kept = 1 - tf.cast((at >= start) & (at < start + length), tf.float32)
    return x * tf.reshape(kept, [-1, *(size if a == axis else 1 for a in (1, 2)), 1])


def cross_entropy(truth: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return the mean over clips; in parts that are the same bits everywhere, which TensorFlow's softmax is not."""
    centred = logits - tf.reduce_max(logits, axis=1, keepdims=True)
    log_sum = tf.math.log(tf.reduce_sum(tf.exp(centred), axis=1, keepdims=True))
    return tf.reduce_mean(tf.reduce_sum(truth * (log_sum - centred), axis=1))
