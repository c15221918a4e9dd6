"""What our own recipes are made of: changed clips, the linear forecaster, the choice among trials."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from device.frontend import Mfcc
from pipeline.data import synthetic
from pipeline.data.weather import INPUT_STEPS, OUTPUT_STEPS
from pipeline.recipe import Augmentation, RateDistortion
from pipeline.store import ResultStore
from pipeline.study import trials
from pipeline.train import rate_distortion
from pipeline.train.augment import augment_clip, augmented_features, coloured_noise

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


@settings(max_examples=20, deadline=None)
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
    first = augmented_features(speech, front_end, few)
    assert first.shape == (2, int((speech.split == 0).sum()), 49, 4, 1)
    assert not np.array_equal(first[0], first[1])
    (path,) = data_folder.rglob("augmented-*.npy")
    stamp = path.stat().st_mtime_ns
    np.testing.assert_array_equal(augmented_features(speech, front_end, Augmentation(copies=2, mixup=0.3)), first)
    assert path.stat().st_mtime_ns == stamp  # mixing is done in training
    augmented_features(speech, front_end, Augmentation(copies=2, gain_db=1))
    assert len(list(data_folder.rglob("augmented-*.npy"))) == 2


def test_another_split_has_copies_of_its_own(data_folder: Path) -> None:
    speech = synthetic.make_speech(3)
    turned = replace(speech, split=speech.split[::-1].copy(), identity=replace(speech.identity, split="turned"))
    few = Augmentation(copies=1)
    for each in (speech, turned):
        clips = each.subset("train")[0]
        copy = augmented_features(each, Mfcc(coefficients=4), few)
        assert copy.shape[1] == len(clips)
    assert len(list(data_folder.rglob("augmented-*.npy"))) == 2


def straight_lines(n: int, noise: float) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    time = np.arange(INPUT_STEPS + OUTPUT_STEPS)[:, None]
    lines = rng.normal(size=(n, 1, 2)) * 10 + rng.normal(size=(n, 1, 2)) * time
    lines += noise * rng.normal(size=lines.shape)
    return lines[:, :INPUT_STEPS].astype(np.float32), lines[:, INPUT_STEPS:].astype(np.float32)


@pytest.mark.parametrize("step", [1 / 4, 1 / 16])
def test_the_linear_forecaster_extends_lines_and_moves_with_the_readings(step: float) -> None:
    inputs, targets = straight_lines(4000, noise=0.05)
    weights = rate_distortion.fit_rate_distortion(inputs, targets, RateDistortion(step=step, rate=1e-5), seed=0)
    np.testing.assert_array_equal(weights / step, np.round(weights / step))
    own = np.arange(12)[:, None] % 2 == np.arange(12) % 2
    np.testing.assert_allclose((weights * own).sum(axis=0), 1)  # of its own column
    np.testing.assert_allclose((weights * ~own).sum(axis=0), 0, atol=1e-6)  # of the other one
    found = inputs.reshape(-1, 12) @ weights
    last = np.abs(inputs[:, -1:] - targets).mean()
    assert np.abs(found - targets.reshape(-1, 12)).mean() < 0.2 * last


def test_bytes_are_traded_for_error() -> None:
    inputs, targets = straight_lines(2000, noise=0.5)
    cheap, good = (
        rate_distortion.fit_rate_distortion(inputs, targets, RateDistortion(1 / 8, rate), seed=0)
        for rate in (3e-3, 1e-6)
    )

    def error(weights: Any) -> float:
        return float(np.abs(inputs.reshape(-1, 12) @ weights - targets.reshape(-1, 12)).mean())

    assert rate_distortion.compressed_bytes(cheap) < rate_distortion.compressed_bytes(good)
    assert error(good) < error(cheap)


def trial(seed: int, size: int, **quality: float) -> dict[str, Any]:
    seen = {name.removeprefix("v_"): value for name, value in quality.items() if name.startswith("v_")}
    test = {name: value for name, value in quality.items() if not name.startswith("v_")}
    return {"version": "kws_a", "seed": seed, "bytes": size, "validation": seen, "test": test}


def test_trials_are_chosen_by_validation_alone() -> None:
    kws = [trial(1, 9, v_accuracy_pct=95, accuracy_pct=90), trial(2, 9, v_accuracy_pct=94, accuracy_pct=99)]
    assert trials.chosen(kws)["seed"] == 1
    th = [
        trial(1, 9, v_t_mae_c=0.40, v_rh_mae_pct=2.00, t_mae_c=0.1),
        trial(2, 9, v_t_mae_c=0.36, v_rh_mae_pct=2.02, t_mae_c=0.9),
    ]
    assert trials.chosen(th)["seed"] == 2


def test_summaries_are_of_the_version_and_metric_asked_for() -> None:
    trials = [trial(1, 100, accuracy_pct=90.0), trial(2, 120, accuracy_pct=92.0)]
    found = trials.summary(trials, "kws_a", "accuracy_pct")
    assert found is not None
    assert (found.seeds, found.mean, found.bytes_mean, found.bytes_least) == (2, 91.0, 110.0, 100)
    assert found.low == pytest.approx(91 - 12.7062)  # t for one degree of freedom, times 1
    assert trials.summary(trials, "kws_b", "accuracy_pct") is None


def test_the_trials_of_a_study_are_gathered(tmp_path: Path) -> None:
    place = ResultStore(tmp_path, tmp_path, tmp_path)
    assert place.trials("any") == []
    place.trials_path("any").write_text("".join(json.dumps(trial(n, 1)) + "\n" for n in (1, 2)))
    assert [t["seed"] for t in place.trials("any")] == [1, 2]
