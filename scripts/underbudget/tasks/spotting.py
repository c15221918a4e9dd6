"""The keyword task: one second of sound in, one of some words out, or that it was none of them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import tensorflow as tf
import tf_keras as keras
from numpy.typing import NDArray

from underbudget.data.identity import Identity
from underbudget.data.other_sounds import OtherSounds
from underbudget.data.speech import OTHER, Speech
from underbudget.device.artifact import SPOTTING
from underbudget.device.errors import UserError
from underbudget.device.frontend import FrontEnd, extractor, to_dict
from underbudget.device.runtime import lay_out
from underbudget.intervals import wilson
from underbudget.networks import layers
from underbudget.recipes import Augmentation, Fit, Recipe
from underbudget.training import loop
from underbudget.training.augment import HalfFeatures, augmented_features, other_features

Array = NDArray[np.float32]
SCORED = 32  # clips at once, when a model is scored on validation data


class Spotting:
    """Spoken words as features of one front end; see underbudget.tasks.Task.

    Args:
        labels: in the order of the model's outputs; None: the words of `speech`, and OTHER if there are other sounds.
            Clips of words that are not among them are left out; a label that is no word of `speech` is never right.
        other: what a fit with a share of other sounds trains on.

    Raises:
        UserError: a label is there twice, or none is a word of `speech`.
    """

    kind = SPOTTING

    def __init__(
        self,
        speech: Speech,
        front_end: FrontEnd,
        labels: tuple[str, ...] | None = None,
        other: OtherSounds | None = None,
    ) -> None:
        words = tuple(map(str, speech.words))
        labels = labels or (words if other is None else (*words, OTHER))
        known = np.isin(words, labels)
        if not known.any() or len(set(labels)) < len(labels):
            problem = "one is there twice" if known.any() else f"none is one of the words {', '.join(words)}"
            raise UserError(f"labels {','.join(labels)}: {problem}: give the model's, in its order")
        self._left_out = [word for word in words if word not in labels]
        if self._left_out:
            kept = known[speech.label]
            parts = {name: getattr(speech, name)[kept] for name in ("audio", "label", "split", "name")}
            speech = replace(speech, **parts)
        self._speech, self._front_end, self._labels, self._other = speech, front_end, labels, other
        self._inputs: dict[str, Array] = {}

    @property
    def identity(self) -> Identity:
        return self._speech.identity

    def card(self) -> dict[str, Any]:
        return {"front_end": to_dict(self._front_end), "labels": list(self._labels)}

    def train(self, recipe: Recipe, seed: int) -> keras.Model:
        assert isinstance(recipe.fit, Fit)  # as every spotter's is
        problem = self.problem(recipe.fit)
        self._forget_samples()
        return loop.fit_network(recipe.network, recipe.fit, problem, seed)

    def _forget_samples(self) -> None:
        """Keep features only: the samples would take a quarter of a GB while the network is compiled and trained."""
        for split in ("validation", "test"):
            self.inputs(split)
        self._speech = replace(self._speech, audio=self._speech.audio[:0].copy())

    def problem(self, fit: Fit) -> loop.Problem:
        """Return the training data, augmented if the fit says so, with its share of other sounds.

        Raises:
            ValueError: the fit asks for other sounds and there are none, or the other way round.
        """
        if bool(fit.unknown_share) != (self._other is not None):
            raise ValueError("a recipe with other sounds is trained with them, any other without")
        batch = self._augmented(fit, fit.augmentation) if fit.augmentation else self._plain(fit)
        samples = len(self._targets(fit))
        shapes = self._front_end.shape, (len(self._labels),)
        return loop.Problem(*shapes, samples, batch, cross_entropy, self._accuracy())

    def _targets(self, fit: Fit) -> Array:
        """Return one-hot targets [n, labels], of which a share is spread over all: of clips, then of other sounds."""
        label = self._truth("train")
        if fit.unknown_share:
            count = round(len(label) * fit.unknown_share / (1 - fit.unknown_share))
            label = np.append(label, np.full(count, self._labels.index(OTHER), np.int32))
        one_hot = np.eye(len(self._labels), dtype=np.float32)[label]
        smoothing = fit.label_smoothing
        return (one_hot * (1 - smoothing) + smoothing / len(self._labels)).astype(np.float32)

    def _plain(self, fit: Fit) -> loop.Batch:
        inputs, targets = tf.constant(self.inputs("train")), tf.constant(self._targets(fit))
        return lambda indices, _: (tf.gather(inputs, indices), tf.gather(targets, indices))

    def _copies(self, augmentation: Augmentation, samples: int) -> HalfFeatures:
        """Return features [copies, samples, *front_end.shape] of clips, then of other sounds."""
        clips = augmented_features(self._speech, self._front_end, augmentation)
        if self._other is None:
            return clips
        count = samples - clips.shape[1]
        return np.concatenate([clips, other_features(self._other, self._front_end, augmentation, count)], axis=1)

    def _augmented(self, fit: Fit, augmentation: Augmentation) -> loop.Batch:
        """Return a batch function that picks a random augmented copy of each sample, masks it and mixes clips."""
        targets = tf.constant(self._targets(fit))
        inputs = tf.constant(self._copies(augmentation, len(targets)))
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

    def _accuracy(self) -> Callable[[keras.Model], float]:
        """Return a function that computes a model's accuracy on the validation split."""
        seen, truth = self.inputs("validation"), self._truth("validation")
        batches = np.resize(seen, (-(-len(seen) // SCORED), SCORED, *seen.shape[1:]))  # the first fill up the last

        @tf.function(jit_compile=True)  # type: ignore[untyped-decorator]
        def outputs(model: keras.Model) -> tf.Tensor:
            return tf.map_fn(lambda batch: layers.forward(model, batch), tf.constant(batches))

        def accuracy(model: keras.Model) -> float:
            scores = outputs(model).numpy().reshape(-1, len(self._labels))[: len(truth)]
            return float((scores.argmax(axis=1) == truth).mean())

        return accuracy

    def inputs(self, split: str) -> Array:
        """Return features [clips, *front_end.shape], computed once."""
        if split not in self._inputs:
            extract = extractor(self._front_end)
            self._inputs[split] = np.stack([extract(clip) for clip in self._speech.clips(split)])
        return self._inputs[split]

    def metrics(self, outputs: Array, split: str) -> dict[str, Any]:
        """Compute accuracy on clips of words with its 95 % Wilson interval, and the confusion matrix.

        The matrix has one row per true label; a word that is taken for none is wrong.
        """
        truth = self._truth(split)
        count = len(self._labels)
        scores = lay_out(outputs, (count,))
        if scores is None:
            raise UserError(
                f"the model puts out {outputs.shape[1:]}, the labels are {count} ({','.join(self._labels)}): name what"
                " each output stands for, words or not, in its order"
            )
        predicted = scores.argmax(axis=1)
        confusion = np.zeros((count, count), int)
        np.add.at(confusion, (truth, predicted), 1)
        correct = int((truth == predicted).sum())
        return {
            "clips": len(truth),
            "correct": correct,
            "accuracy_pct": round(100 * correct / len(truth), 3),
            "accuracy_pct_95": [round(100 * v, 3) for v in wilson(correct, len(truth))],
            "confusion": confusion.tolist(),
        }

    def remarks(self, outputs: Array, split: str) -> list[str]:
        """Say which words are not tested, and whether another order of labels would give far more."""
        from scipy.optimize import linear_sum_assignment  # here alone: no training needs it

        result = []
        if self._left_out:
            result.append(f"clips of {', '.join(self._left_out)} are left out: none of its labels")
        metrics = self.metrics(outputs, split)
        confusion, clips = np.array(metrics["confusion"]), metrics["clips"]
        meant, places = linear_sum_assignment(confusion, maximize=True)
        correct = int(confusion[meant, places].sum())
        # of guesses, too, the best order is better: it must make most answers right
        if correct > clips / 2 and wilson(correct, clips)[0] > wilson(metrics["correct"], clips)[1]:
            order = [self._labels[i] for i in meant[places.argsort()]]
            result.append(
                f"another order of labels would give {100 * correct / clips:.2f} %: {','.join(order)}: is the order of"
                " the labels right?"
            )
        return result

    def conversion_check(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        differ = float((reference.argmax(axis=1) != outputs.argmax(axis=1)).mean())
        return "share of clips that TFLite and Keras label differently", differ, 0.05 if quantised else 0.002

    def _truth(self, split: str) -> NDArray[np.int32]:
        """Return the true labels in the order of the model's outputs."""
        words = self._speech.words
        place = np.array([self._labels.index(word) if word in self._labels else -1 for word in words], np.int32)
        return place[self._speech.labels(split)]


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
