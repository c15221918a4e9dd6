"""What a home does to a sound: rooms by a calculation by hand, noise of the training part alone, the codec."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from underbudget.data.noise import knocks
from underbudget.data.other_sounds import ROOMS, Recording, collect
from underbudget.device.audio import RATE
from underbudget.training import surroundings
from underbudget.training.surroundings import Surroundings, half_coded

ROOM = np.zeros(3000, np.int16)
ROOM[[32, 2500]] = 30_000, 15_000
HUM = (8000 * np.sin(2 * np.pi * 50 * np.arange(RATE) / RATE)).astype(np.int16)
HOME = collect(
    [
        Recording(ROOM, ROOMS, "train/rooms/hall", "train"),
        Recording(HUM, "noise", "train/noise/hum", "train"),
        Recording(np.full(RATE, 999, np.int16), "noise", "test/noise/x", "test"),
    ],
    "local",
    "a hall that hums",
    "as given",
)


def test_a_room_adds_its_echoes_and_leaves_the_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "IN_ROOM", 1.0)
    sound = np.random.default_rng(0).normal(0, 0.1, RATE).astype(np.float32)
    by_hand = np.zeros(RATE)
    by_hand[32:] += 2 * sound[:-32]
    by_hand[2500:] += sound[:-2500]
    played = Surroundings(HOME).play(sound, np.random.default_rng(1))
    np.testing.assert_allclose(played / played.std(), by_hand / by_hand.std(), atol=1e-4)
    assert played.std() == pytest.approx(sound.std(), rel=1e-4)


def test_without_other_sounds_nothing_is_played_and_noise_is_coloured() -> None:
    sound = np.ones(RATE, np.float32)
    nowhere = Surroundings(None)
    assert all(nowhere.play(sound, np.random.default_rng(seed)) is sound for seed in range(20))
    assert not any(is_hum(nowhere.noise(RATE, np.random.default_rng(seed))) for seed in range(20))


def is_hum(noise: np.ndarray) -> bool:  # type: ignore[type-arg]
    power = np.abs(np.fft.rfft(noise)) ** 2
    return bool(power[50] > 0.9 * power.sum())


def test_half_of_the_noise_was_recorded_and_is_of_the_training_part() -> None:
    at_home = Surroundings(HOME)
    drawn = [at_home.noise(2 * RATE, np.random.default_rng(seed))[:RATE] for seed in range(100)]
    assert 30 < sum(map(is_hum, drawn)) < 70
    assert all(noise.std() == pytest.approx(1, rel=0.05) for noise in drawn if is_hum(noise))


def test_every_second_clip_goes_through_the_codec_and_stays_where_it_is() -> None:
    rng = np.random.default_rng(0)
    words = [np.convolve(rng.normal(0, 0.1, RATE), np.ones(8) / 8, "same").astype(np.float32) for _ in range(5)]
    coded = half_coded(words)
    for number, (word, after) in enumerate(zip(words, coded, strict=True)):
        assert len(after) == RATE
        if number % 2:
            assert 0.7 < np.corrcoef(word, after)[0, 1] < 0.9999  # the same sound at the same time, but not its samples
        else:
            assert after is word


@given(seed=st.integers(0, 1000))
def test_knocks_fade_and_have_a_level_of_one(seed: int) -> None:
    sound = knocks(RATE, np.random.default_rng(seed))
    assert sound.std() == pytest.approx(1, rel=1e-3)
    assert np.abs(sound).max() > 3  # what is as loud all the time has 1.4, noise 4 only at times
