"""The keyword task: what it holds while a network is trained, and models with other labels than the eight words."""

import weakref
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from underbudget.data import synthetic
from underbudget.data.identity import Identity
from underbudget.data.speech import LABELS, Speech
from underbudget.device.errors import UserError
from underbudget.device.frontend import Mfcc, extractor
from underbudget.tasks.spotting import Spotting
from underbudget.training import loop
from underbudget.training.spotting import train
from underbudget.versions.catalogue import VERSIONS


def test_samples_are_not_held_during_training(monkeypatch: pytest.MonkeyPatch) -> None:
    speech = synthetic.make_speech(40)
    extract = extractor(Mfcc())
    expected = {split: [extract(clip) for clip in speech.clips(split)] for split in ("validation", "test")}
    samples = weakref.ref(speech.audio)
    task = Spotting(speech, Mfcc())
    del speech

    def fit(*_: Any) -> None:
        assert samples() is None

    monkeypatch.setattr(loop, "fit_network", fit)
    recipe = VERSIONS["kws_a"].recipes["report"]
    for _ in range(2):
        train(task, recipe, 1)
    for split, features in expected.items():
        assert np.array_equal(task.inputs(split), features)


EACH = 20  # test clips of each word
COURSE = ("down", "stop", "right", "left", "up", "yes", "no", "go")  # the order of the course's labels


def spotting(labels: tuple[str, ...] | None) -> Spotting:
    """The task on silent clips."""
    label = np.repeat(np.arange(8, dtype=np.int32), EACH)
    names = np.array([f"{LABELS[i]}/{n}.wav" for n, i in enumerate(label)])
    audio, split = np.zeros((8 * EACH, 16000), np.int16), np.full(8 * EACH, 2, np.int8)
    return Spotting(Speech(audio, label, split, names, Identity("local", "silence", "", "")), Mfcc(), labels)


def answers(labels: tuple[str, ...], words: list[str]) -> NDArray[np.float32]:
    """Outputs of a model with these labels that says these words."""
    return np.eye(len(labels), dtype=np.float32)[[labels.index(word) for word in words]]


SAID = [word for word in LABELS for _ in range(EACH)]
TWELVE = ("_silence_", "_unknown_", "yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")


def test_further_labels_are_wrong_answers() -> None:
    task = spotting(TWELVE)
    said = [{"up": "_unknown_", "go": "off"}.get(word, word) for word in SAID]
    metrics = task.metrics(answers(TWELVE, said), "test")
    assert (metrics["clips"], metrics["correct"]) == (8 * EACH, 6 * EACH)
    assert np.array(metrics["confusion"]).shape == (12, 12)
    assert metrics["among_words_pct"] == 75  # "yes", the first of its words, in place of "up" is no better
    outputs = answers(TWELVE, said) + np.float32(0.1) * answers(TWELVE, SAID)
    assert task.metrics(outputs, "test")["among_words_pct"] == 87.5  # "off" is a word too
    assert "among_words_pct" not in spotting(None).metrics(answers(LABELS, SAID), "test")
    assert metrics["confusion"][TWELVE.index("go")][TWELVE.index("off")] == EACH
    assert task.remarks(answers(TWELVE, SAID), "test") == []


def test_words_that_a_model_does_not_know_are_left_out_and_named() -> None:
    labels = ("yes", "no", "up", "down", "_unknown_")
    task = spotting(labels)
    known = [word for word in SAID if word in labels]
    metrics = task.metrics(answers(labels, known), "test")
    assert (metrics["clips"], metrics["accuracy_pct"]) == (4 * EACH, 100)
    assert len(task.inputs("test")) == 4 * EACH
    assert task.remarks(answers(labels, known), "test") == [
        "clips of go, left, right, stop are left out: none of its labels"
    ]


def test_another_order_of_labels_is_pointed_out() -> None:
    rng = np.random.default_rng(0)
    outputs = answers(COURSE, [word if rng.random() < 0.8 else str(rng.choice(COURSE)) for word in SAID])
    right = spotting(COURSE).metrics(outputs, "test")["accuracy_pct"]
    (remark,) = spotting(None).remarks(outputs, "test")
    assert f"would give {right:.2f} %: {','.join(COURSE)}:" in remark
    assert spotting(COURSE).remarks(outputs, "test") == []


def test_a_model_that_guesses_has_no_better_order() -> None:
    for seed in range(20):
        guessed = np.random.default_rng(seed).normal(size=(8 * EACH, 8)).astype(np.float32)
        assert "order of labels" not in "".join(spotting(None).remarks(guessed, "test"))


def test_a_model_that_guesses_is_said_to() -> None:
    always_up = answers(COURSE, ["up"] * len(SAID))
    (remark,) = spotting(COURSE).remarks(always_up, "test")
    assert remark.startswith("this is no better than guessing: is the front end")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (("a", "b"), "labels a,b: none is one of the words down, go"),
        (("yes", "no", "yes"), "labels yes,no,yes: one is there twice"),
    ],
)
def test_labels_that_cannot_be(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        spotting(labels)


def test_another_number_of_outputs_than_of_labels() -> None:
    with pytest.raises(UserError, match=r"puts out \(12,\), the labels are 8 \(down,go,"):
        spotting(None).metrics(np.zeros((8 * EACH, 12), np.float32), "test")
    assert spotting(None).metrics(answers(LABELS, SAID)[:, None, :], "test")["accuracy_pct"] == 100
