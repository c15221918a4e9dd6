"""Augmentation: what it does to clips, and that its features are kept."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tqdm import tqdm

from underbudget.data import synthetic
from underbudget.data.noise import coloured_noise
from underbudget.device.frontend import Mfcc, extractor
from underbudget.recipes import Augmentation
from underbudget.training import augment
from underbudget.training.augment import _make_features, augment_clip, augmented_features

NOTHING = Augmentation(speed=(1, 1), shift_s=0, noise_db=(200, 200), gain_db=0)
NOISES = np.random.default_rng(0).normal(size=(3, 32_000)).astype(np.float32)


def test_no_change_leaves_a_clip_as_it_is() -> None:
    clip = np.random.default_rng(1).uniform(-1, 1, 16_000).astype(np.float32)
    np.testing.assert_allclose(augment_clip(clip, NOTHING, NOISES, np.random.default_rng(0)), clip, atol=1e-5)


def test_twice_the_speed_is_twice_the_pitch() -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000).astype(np.float32)
    fast = augment_clip(
        tone, Augmentation(speed=(2, 2), shift_s=0, noise_db=(90, 90)), NOISES, np.random.default_rng(0)
    )
    assert np.abs(np.fft.rfft(fast[4000:12_000])).argmax() == 880 / 2  # bins of 2 Hz
    assert np.abs(fast[:3900]).max() < 1e-3  # before it, silence
    assert np.abs(fast[-3900:]).max() < 1e-3


@given(decibel=st.floats(0, 60), seed=st.integers(0, 1000))
def test_noise_has_the_ratio_that_was_asked_for(decibel: float, seed: int) -> None:
    clip = np.random.default_rng(1).normal(size=16_000).astype(np.float32)
    asked = Augmentation(speed=(1, 1), shift_s=0, noise_db=(decibel, decibel), gain_db=0)
    added = augment_clip(clip, asked, NOISES, np.random.default_rng(seed)) - clip
    assert 20 * np.log10(clip.std() / added.std()) == pytest.approx(decibel, abs=0.5)


def test_noise_has_its_colour() -> None:
    """Power falls as 1 / f^a, a between 0 and 2: by 0 to 6 dB an octave."""
    for seed in range(20):
        noise = coloured_noise(32_000, np.random.default_rng(seed))
        assert noise.std() == pytest.approx(1, abs=1e-3)
        power = np.abs(np.fft.rfft(noise)) ** 2
        octave = power[4000:8000].mean() / power[2000:4000].mean()
        assert 0.2 < octave < 1.1


def test_copies_are_made_once(data_folder: Path) -> None:
    speech = synthetic.make_speech(3)
    few = Augmentation(copies=2)
    front_end = Mfcc(coefficients=4)
    first = np.stack(list(augmented_features(speech, front_end, few)))
    assert first.shape == (2, int((speech.split == 0).sum()), 49, 4, 1)
    assert not np.array_equal(first[0], first[1])
    (path,) = data_folder.rglob("augmented-*.npy")
    stamp = path.stat().st_mtime_ns
    again = augmented_features(speech, front_end, Augmentation(copies=2, mixup=0.3))
    np.testing.assert_array_equal(list(again), first)
    assert path.stat().st_mtime_ns == stamp  # mixing is done in training
    augmented_features(speech, front_end, Augmentation(copies=2, gain_db=1))
    assert len(list(data_folder.rglob("augmented-*.npy"))) == 2


def test_copies_do_not_depend_on_the_number_of_threads(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech, few, front_end = synthetic.make_speech(3), Augmentation(copies=4), Mfcc(coefficients=4)
    first = np.stack(list(augmented_features(speech, front_end, few)))
    (path,) = data_folder.rglob("augmented-*.npy")
    path.unlink()
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    np.testing.assert_array_equal(list(augmented_features(speech, front_end, few)), first)


def test_an_error_in_one_copy_leaves_no_file(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> None:
        raise MemoryError("no more")

    monkeypatch.setattr(augment, "augment_clip", fail)
    with pytest.raises(MemoryError, match="no more"):
        augmented_features(synthetic.make_speech(3), Mfcc(coefficients=4), Augmentation(copies=4))
    assert not list(data_folder.rglob("*.npy"))


def test_runs_at_once_share_the_copies_of_one(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    speech, few, front_end, waiting = synthetic.make_speech(3), Augmentation(copies=1), Mfcc(coefficients=4), Event()
    made: list[Path] = []

    def make(path: Path, *arguments: Any) -> None:
        made.append(path)
        assert waiting.wait(30)
        _make_features(path, *arguments)

    monkeypatch.setattr(augment, "_make_features", make)
    with ThreadPoolExecutor(2) as runs:
        futures = [runs.submit(augmented_features, speech, front_end, few) for _ in range(2)]
        while "another run computes it: waiting for that" not in capsys.readouterr().out:
            time.sleep(0.05)
        waiting.set()
        first, second = (list(future.result()) for future in futures)
    np.testing.assert_array_equal(first, second)
    assert made == list(data_folder.rglob("augmented-*"))  # no lock is left


def test_copies_do_not_depend_on_the_progress_bar(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disabled bar (TQDM_DISABLE=1, as many build servers set it) counts nothing."""
    monkeypatch.setattr(augment, "progress_bar", lambda *_: tqdm(disable=True))
    speech, few, front_end = synthetic.make_speech(3), Augmentation(copies=3), Mfcc(coefficients=4)
    copies = list(augmented_features(speech, front_end, few))
    clips = list(speech.clips("train"))
    for number, copy in enumerate(copies):  # seeded as the published models' were
        rng = np.random.default_rng([len(clips), number * len(clips)])
        noises = np.stack([coloured_noise(32_000, rng) for _ in range(augment.NOISES)])
        first = extractor(front_end)(augment_clip(clips[0], few, noises, rng))
        np.testing.assert_array_equal(copy[0], first.astype(np.float16))
    assert not np.array_equal(copies[0], copies[1])


def test_another_split_has_copies_of_its_own(data_folder: Path) -> None:
    speech = synthetic.make_speech(3)
    turned = replace(speech, split=speech.split[::-1].copy(), identity=replace(speech.identity, split="turned"))
    few = Augmentation(copies=1)
    for each in (speech, turned):
        clips = np.stack(list(each.clips("train")))
        (copy,) = augmented_features(each, Mfcc(coefficients=4), few)
        assert len(copy) == len(clips)
    assert len(list(data_folder.rglob("augmented-*.npy"))) == 2
