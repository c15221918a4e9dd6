"""WAV clips of any width and rate against SciPy: read, mixed, resampled, fitted to a second, or refused."""

import io
from typing import Any

import numpy as np
import pytest
import scipy.signal
from helpers import wav_bytes
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from underbudget.device.audio import RATE, fit, read_wav, resampler, to_float, to_int16
from underbudget.device.errors import UserError

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).astype(np.float32)


def read(content: bytes, longest: float = 1.0) -> NDArray[Any]:
    return read_wav(io.BytesIO(content), "clip.wav", longest)


@pytest.mark.parametrize("rate", [8000, 22_050, 44_100, 48_000])
def test_resamples_to_16_khz(rate: int) -> None:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    heard = read(wav_bytes(tone, rate=rate))
    assert len(heard) == RATE
    np.testing.assert_allclose(heard[200:-200], TONE[200:-200], atol=2e-3)


@given(
    rate=st.sampled_from([8000, 11_025, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000]),
    length=st.integers(1, 5000),
    seed=st.integers(0, 99),
)
def test_resampler_equals_scipy(rate: int, length: int, seed: int) -> None:
    sound = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    factor = np.gcd(rate, RATE)
    expected = scipy.signal.resample_poly(sound, RATE // factor, rate // factor)
    run = resampler(rate, len(sound))
    run(sound[::-1])  # leaves nothing behind
    np.testing.assert_allclose(run(sound), expected, atol=2e-5)


@given(length=st.integers(0, 40_000))
def test_fit_gives_one_second_and_pads_at_the_end(length: int) -> None:
    fitted = fit(np.ones(length, np.float32))
    assert fitted.shape == (RATE,)
    assert fitted.sum() == min(length, RATE)
    assert not fitted[length:].any()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (wav_bytes(np.zeros(100), rate=44_101), "44101 Hz is not supported"),
        (wav_bytes(np.zeros(10), rate=16), "16 Hz is not supported"),
    ],
)
def test_refuses_what_is_not_a_clip(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=f"clip.wav.*{message}"):
        read(content)


def test_16_bit_samples_become_floats_and_the_same_samples_again() -> None:
    samples = np.array([-32768, -1, 0, 1, 32767], np.int16)
    audio = to_float(samples)
    np.testing.assert_array_equal(audio, np.array([-1, -1 / 32768, 0, 1 / 32768, 32767 / 32768], np.float32))
    np.testing.assert_array_equal(to_int16(audio), samples)
    np.testing.assert_array_equal(to_int16(np.array([-2.0, 1.0, 0.6 / 32768])), [-32768, 32767, 1])  # clipped, rounded
