"""The keyword task: a second of sound in, one of some words out, or that it was none of them; how that is judged."""

from dataclasses import replace
from typing import Any

import numpy as np
import scipy  # which imports its parts as they are used
from numpy.typing import NDArray

from underbudget.data.identity import Identity
from underbudget.data.other_sounds import OtherSounds
from underbudget.data.speech import OTHER, Speech
from underbudget.device.artifact import SPOTTING, is_word
from underbudget.device.errors import UserError
from underbudget.device.frontend import FrontEnd, extractor, to_dict
from underbudget.device.runtime import lay_out
from underbudget.intervals import cluster_bootstrap, wilson

Array = NDArray[np.float32]
USE = {  # what a card says to those who take the model elsewhere
    "for": "experiments with a few short words, spoken one by one near a microphone",
    "not_for": "anything that matters: other speech and noise trigger it, and nobody measured it by age or dialect",
    "input": "one second of sound: mono, 16,000 samples from -1 to 1, as the features of front_end",
    "output": "one score per label (logits; softmax gives probabilities)",
    "licence": "Apache-2.0, as far as the licence of the data it was made from allows",
}
_STFT = "abs(tf.signal.stft(sound, frame, step, fft_length=frame))"
_LOG = f"log({_STFT} @ tf.signal.linear_to_mel_weight_matrix(mel_bins, frame // 2 + 1, 16000, low, high) + 1e-6)"
FEATURES = {  # by kind of front end, what it computes, by names of its parameters
    "stft": f"tf.image.resize({_STFT}[..., None], [height, width])",
    "mfcc": f"tf.signal.mfccs_from_log_mel_spectrograms({_LOG})[:, :coefficients]; where lifter is not 0, coefficient"
    " n is multiplied by 1 + lifter / 2 * sin(pi * n / lifter)",
    "logmel": f"({_LOG} + 2) / 3",
}


class Spotting:
    """Spoken words as features of one front end; see underbudget.tasks.

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
        self.speech, self.front_end, self.labels, self.other = speech, front_end, labels, other
        self._inputs: dict[str, Array] = {}

    @property
    def identity(self) -> Identity:
        return self.speech.identity

    def card(self) -> dict[str, Any]:
        """Return what a card says of the model's use, inputs and outputs."""
        front_end = to_dict(self.front_end)
        use = {**USE, "features": FEATURES[front_end["kind"]]}
        return {"use": use, "front_end": front_end, "labels": list(self.labels)}

    def inputs(self, split: str) -> Array:
        """Return features [clips, *front_end.shape], computed once."""
        if split not in self._inputs:
            extract = extractor(self.front_end)
            self._inputs[split] = np.stack([extract(clip) for clip in self.speech.clips(split)])
        return self._inputs[split]

    def forget_samples(self) -> None:
        """Keep features only: the samples would take a quarter of a GB while the network is compiled and trained."""
        for split in ("validation", "test"):
            self.inputs(split)
        self.speech = replace(self.speech, audio=self.speech.audio[:0].copy())
        if self.other:
            self.other = replace(self.other, samples=self.other.samples[:0].copy())

    def truth(self, split: str) -> NDArray[np.int32]:
        """Return the true labels [clips], as places among the model's outputs."""
        words = self.speech.words
        place = np.array([self.labels.index(word) if word in self.labels else -1 for word in words], np.int32)
        return place[self.speech.labels(split)]

    def metrics(self, outputs: Array, split: str) -> dict[str, Any]:
        """Compute accuracy on clips of words, and the confusion matrix.

        The 95 % intervals are Wilson's, for which each clip stands alone, and a bootstrap of speakers.

        The matrix has one row per true label; a word that is taken for none is wrong. If a model has labels that are
        no words, such as `_other_`, there is also its accuracy when it must choose one of its words.

        Raises:
            UserError: another number of outputs than of labels.
        """
        truth = self.truth(split)
        count = len(self.labels)
        scores = lay_out(outputs, (count,))
        if scores is None:
            raise UserError(
                f"the model puts out {outputs.shape[1:]}, the labels are {count} ({','.join(self.labels)}): name what"
                " each output stands for, words or not, in its order"
            )
        predicted = scores.argmax(axis=1)
        confusion = np.zeros((count, count), int)
        np.add.at(confusion, (truth, predicted), 1)
        correct = int((truth == predicted).sum())
        of_speakers = cluster_bootstrap(truth == predicted, self.speech.speakers(split))
        words = np.array([is_word(label) for label in self.labels])
        chosen = np.where(words, scores, -np.inf).argmax(axis=1)
        among_words = round(100 * float((truth == chosen).mean()), 3)
        return {
            "clips": len(truth),
            "correct": correct,
            "accuracy_pct": round(100 * correct / len(truth), 3),
            "accuracy_pct_95": [round(100 * v, 3) for v in wilson(correct, len(truth))],
            "accuracy_pct_95_speakers": [round(100 * v, 3) for v in of_speakers],
            **({"among_words_pct": among_words} if 1 < words.sum() < count else {}),
            "confusion": confusion.tolist(),
        }

    def remarks(self, outputs: Array, split: str) -> list[str]:
        """Say which words are not tested, whether another order of labels would give far more, or that it guesses.

        Raises:
            UserError: as `metrics`.
        """
        result = []
        if self._left_out:
            result.append(f"clips of {', '.join(self._left_out)} are left out: none of its labels")
        metrics = self.metrics(outputs, split)
        confusion, clips = np.array(metrics["confusion"]), metrics["clips"]
        meant, places = scipy.optimize.linear_sum_assignment(confusion, maximize=True)
        correct = int(confusion[meant, places].sum())
        # of guesses, too, the best order is better: it must make most answers right
        if correct > clips / 2 and wilson(correct, clips)[0] > wilson(metrics["correct"], clips)[1]:
            order = [self.labels[i] for i in meant[places.argsort()]]
            result.append(
                f"another order of labels would give {100 * correct / clips:.2f} %: {','.join(order)}: is the order of"
                " the labels right?"
            )
        elif metrics["accuracy_pct_95"][0] <= 100 / len(set(self.truth(split))):
            result.append("this is no better than guessing: is the front end that with which it was trained?")
        return result

    def conversion_check(self, reference: Array, outputs: Array, quantised: bool) -> tuple[str, float, float]:
        """Compare TFLite's outputs with Keras': return what is compared, the distance, and the largest allowed."""
        differ = float((reference.argmax(axis=1) != outputs.argmax(axis=1)).mean())
        return "share of clips that TFLite and Keras label differently", differ, 0.05 if quantised else 0.002
