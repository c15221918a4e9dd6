"""Seconds of other sounds, and spotters with the further class that is trained on them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from underbudget.data import synthetic
from underbudget.data.noise import tones
from underbudget.data.other_sounds import KINDS, OtherSounds, Recording, collect
from underbudget.data.speech import LABELS, OTHER, Speech
from underbudget.device.errors import UserError
from underbudget.device.frontend import Mfcc
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import Augmentation, Fit, Recipe
from underbudget.tasks.spotting import Spotting
from underbudget.training import loop, spotting, unknown
from underbudget.training.augment import other_features
from underbudget.training.unknown import OtherSeconds, loudest_place

FRONT_END = Mfcc(coefficients=4)
FEW = Augmentation(copies=2, mixup=0.2)
FIT = Fit("cross_entropy", learning_rate=5e-3, epochs=2, augmentation=FEW, unknown_share=0.25)


def recording(kind: str, samples: int, name: str = "x", split: str = "train") -> Recording:
    audio = np.random.default_rng(samples).integers(-9000, 9000, samples).astype(np.int16)
    return Recording(audio, kind, f"{kind}/{name}", split)


def some_sounds() -> OtherSounds:
    found = [recording(kind, 40_000, f"{n}", split) for kind in KINDS for n, split in enumerate(("train", "test"))]
    return collect(found, "local", "noise", "as given")


@given(
    lengths=st.lists(st.tuples(st.sampled_from(KINDS), st.integers(1, 50_000)), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
)
def test_every_recording_gives_a_second(lengths: list[tuple[str, int]], seed: int) -> None:
    seconds = OtherSeconds([recording(kind, samples) for kind, samples in lengths])
    rng = np.random.default_rng(seed)
    for _ in range(5):
        drawn = seconds.draw(rng)
        assert drawn.shape == (16_000,)
        assert drawn.dtype == np.float32
        assert np.isfinite(drawn).all()


@given(at=st.integers(0, 47_000), seed=st.integers(0, 1000))
def test_a_second_of_a_word_holds_its_loudest_part(at: int, seed: int) -> None:
    audio = np.zeros(48_000, np.int16)
    audio[at : at + 1000] = 20_000
    place = loudest_place(audio)
    assert place - unknown.LEVEL_BLOCK < at + 1000 and at < place + unknown.LEVEL_BLOCK
    drawn = OtherSeconds([Recording(audio, "words", "x", "train")]).draw(np.random.default_rng(seed))
    assert (drawn == np.float32(20_000 / 32768)).sum() >= 200  # what of it lies in its loudest block


def test_kinds_have_their_shares() -> None:
    loud = {"speech": 1000, "words": 2000, "noise": 3000}
    made = [Recording(np.full(20_000, level, np.int16), kind, kind, "train") for kind, level in loud.items()]
    rng, seconds = np.random.default_rng(0), OtherSeconds(made)
    tops = np.array([np.median(seconds.draw(rng)) * 32768 for _ in range(600)])
    assert (np.abs(tops - 2000) < 1).mean() == pytest.approx(unknown.SHARES["words"], abs=0.06)
    made_up = unknown.COLOURED + unknown.TONES + unknown.KNOCKS + unknown.BABBLE
    assert (np.abs(tops - 3000) < 1).mean() == pytest.approx(unknown.SHARES["noise"] * (1 - made_up), abs=0.06)


def test_pieces_of_clips_are_too_short_for_a_word() -> None:
    """Each clip has its own level: a run of one level is a piece."""
    clips = [np.full(16_000, level, np.float32) for level in np.linspace(0.1, 0.9, 50)]
    seconds = OtherSeconds([recording("speech", 40_000)], clips)
    drawn = [seconds.draw(np.random.default_rng(seed)) for seed in range(100)]
    spliced = [second for second in drawn if set(second.tolist()) <= {float(clip[0]) for clip in clips}]
    assert 15 < len(spliced) < 45
    for second in spliced:
        edges = np.flatnonzero(np.diff(second)) + 1
        longest = np.diff([0, *edges, 16_000]).max()
        assert len(edges) >= 3 and longest < 2 * unknown.SPLICE_SAMPLES[1]  # two of one clip may meet


def test_tones_are_lines_in_the_spectrum_and_noise_is_not() -> None:
    def flatness(sound: NDArray[np.float32]) -> float:  # geometric mean of the power over its mean: 1 for white noise
        power = np.abs(np.fft.rfft(sound * np.hanning(len(sound)))) ** 2 + 1e-12
        return float(np.exp(np.log(power).mean()) / power.mean())

    rng = np.random.default_rng(0)
    made = [tones(16_000, rng) for _ in range(100)]
    assert max(flatness(sound) for sound in made) < 0.2 < flatness(rng.normal(size=16_000).astype(np.float32))
    np.testing.assert_allclose([sound.std() for sound in made], 1, rtol=1e-5)


def test_there_must_be_recordings() -> None:
    with pytest.raises(ValueError, match="no recordings"):
        OtherSeconds([])


def test_features_are_kept_and_of_training_sounds_alone(speech: Speech, data_folder: Path) -> None:
    sounds = some_sounds()
    first = np.stack(list(other_features(sounds, speech, FRONT_END, FEW, 5)))
    assert first.shape == (2, 5, 49, 4, 1)
    (path,) = data_folder.rglob("augmented-*.npy")
    stamp = path.stat().st_mtime_ns
    np.testing.assert_array_equal(list(other_features(sounds, speech, FRONT_END, FEW, 5)), first)
    assert path.stat().st_mtime_ns == stamp
    kept = [r for split in ("train", "test") for r in sounds.recordings(split)]
    silent = [replace(r, audio=r.audio * 0) if r.split == "test" else r for r in kept]
    without = collect(silent, "local", "noise", "as given")
    np.testing.assert_array_equal(list(other_features(without, speech, FRONT_END, FEW, 5)), first)


@pytest.fixture(scope="module")
def speech() -> Speech:
    return synthetic.make_speech(10)


def test_other_sounds_have_their_share_of_an_epoch(speech: Speech, data_folder: Path) -> None:
    task = Spotting(speech, FRONT_END, other=some_sounds())
    problem = spotting.problem(task, FIT)
    clips = len(speech.labels("train"))
    assert problem.samples == round(clips / 0.75)
    assert problem.output_shape == (9,)
    x, y = problem.batch(np.arange(clips, problem.samples, dtype=np.int32), np.array([1, 2], np.int32))
    assert x.shape == (problem.samples - clips, 49, 4, 1)
    assert (np.asarray(y).argmax(axis=1) == 8).all()
    _, y = problem.batch(np.arange(clips, dtype=np.int32)[::-1].copy(), np.array([1, 2], np.int32))
    assert not np.asarray(y)[:, 8].any()


def test_masks_are_of_neighbours_and_no_longer_than_asked_for(speech: Speech, data_folder: Path) -> None:
    changes = replace(FEW, copies=1, time_mask=0, mixup=0.0)
    bands, frames = replace(changes, band_mask=3), replace(changes, time_mask=10)
    indices, seed = np.zeros(200, np.int32), np.array([1, 2], np.int32)

    def batch(augmentation: Augmentation) -> Any:
        fit = replace(FIT, unknown_share=0.0, augmentation=augmentation)
        return np.asarray(spotting.problem(Spotting(speech, FRONT_END), fit).batch(indices, seed)[0])[..., 0]

    whole = batch(changes)
    assert (whole != 0).all()
    for masked, axis, longest in (batch(bands), 2, 3), (batch(frames), 1, 10):
        zero = masked == 0
        np.testing.assert_array_equal(masked[~zero], whole[~zero])
        assert (zero.any(axis=3 - axis) == zero.all(axis=3 - axis)).all()  # all frames of a band, or none
        line = zero.all(axis=3 - axis)
        lengths = line.sum(axis=1)
        assert set(lengths) <= set(range(longest + 1)) and lengths.max() >= longest - 1
        edges = np.abs(np.diff(np.pad(line, ((0, 0), (1, 1))).astype(int), axis=1)).sum(axis=1)
        assert set(edges) <= {0, 2}  # one run each
        assert len(np.unique(line.argmax(axis=1))) > 2


def test_a_spotter_with_the_further_class_is_judged_on_the_words(speech: Speech, data_folder: Path) -> None:
    task = Spotting(speech, FRONT_END, other=some_sounds())
    assert task.card()["labels"] == [*LABELS, OTHER]
    loop.seed_everything(1)
    model = spotting.train(task, Recipe(DsTcResnet(filters=6, blocks=(1,)), FRONT_END, FIT), 1)
    assert model.predict(task.inputs("validation"), verbose=0).shape[1] == 9
    truth = speech.labels("test")
    sure = np.eye(9, dtype=np.float32)[truth]
    assert task.metrics(sure, "test")["accuracy_pct"] == 100
    sure[0] = np.eye(9)[8]  # taken for none of them
    found = task.metrics(sure, "test")
    assert found["correct"] == len(truth) - 1
    assert found["confusion"][truth[0]][8] == 1
    assert not any(found["confusion"][8])


@pytest.mark.parametrize(
    ("labels", "message"),
    [((*LABELS, "go"), "one is there twice"), (("one", OTHER), "none is one of the words down, go")],
)
def test_labels_are_different_and_some_are_words_of_the_clips(
    speech: Speech, labels: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        Spotting(speech, FRONT_END, labels)


def test_the_order_of_the_labels_is_the_models(speech: Speech) -> None:
    labels = (OTHER, *LABELS[::-1])
    task = Spotting(speech, FRONT_END, labels)
    outputs = np.eye(9, dtype=np.float32)[[labels.index(LABELS[i]) for i in speech.labels("test")]]
    assert task.metrics(outputs, "test")["accuracy_pct"] == 100


@pytest.mark.parametrize(("fit", "sounds"), [(FIT, None), (replace(FIT, unknown_share=0.0), some_sounds())])
def test_a_recipe_and_its_data_go_together(speech: Speech, fit: Fit, sounds: Any) -> None:
    with pytest.raises(ValueError, match="other sounds is trained with them"):
        spotting.problem(Spotting(speech, FRONT_END, other=sounds), fit)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"unknown_share": 1.0}, "unknown_share is 1.0, not a number from 0 to 0.99"),
        ({"unknown_share": -0.1}, "unknown_share is -0.1"),
        ({"augmentation": None}, "other sounds need augmentation"),
    ],
)
def test_a_share_is_a_share_and_needs_augmentation(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(FIT, **wrong)
