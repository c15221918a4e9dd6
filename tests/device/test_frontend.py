"""Our features against tf.signal's, on random sound and on real clips."""

from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from underbudget.data.sources import Sources
from underbudget.device import artifact
from underbudget.device.frontend import FrontEnd, LogMel, Mfcc, Stft, Stream, extractor, from_dict, to_dict

# The references compute in float64: in quiet frames, whose logarithm is steep, tf.signal's own float32 rounding
# is worth up to 3e-3.


def reference_stft(audio: NDArray[Any]) -> NDArray[Any]:
    spectrogram = tf.abs(tf.signal.stft(audio.astype(np.float64), 256, 128, 256))[..., None]
    return tf.image.resize(spectrogram, [32, 32]).numpy()


def log_of_mel_bands(audio: NDArray[Any], high: float) -> Any:
    spectrogram = tf.abs(tf.signal.stft(audio.astype(np.float64), 640, 320, 640))
    mel = tf.signal.linear_to_mel_weight_matrix(40, 321, 16_000, 20.0, high, dtype=tf.float64)
    return tf.math.log(tf.matmul(spectrogram, mel) + 1e-6)


def reference_mfcc(audio: NDArray[Any]) -> NDArray[Any]:
    return tf.signal.mfccs_from_log_mel_spectrograms(log_of_mel_bands(audio, 4000.0))[..., :10, None].numpy()


def reference_log_mel(audio: NDArray[Any]) -> NDArray[Any]:
    return ((log_of_mel_bands(audio, 7600.0) + 2) / 3)[..., None].numpy()


def features(front_end: FrontEnd, clips: NDArray[Any]) -> NDArray[Any]:
    return np.stack([extractor(front_end)(clip) for clip in clips])


EACH = pytest.mark.parametrize(
    ("front_end", "reference"),
    [(Stft(), reference_stft), (Mfcc(), reference_mfcc), (LogMel(), reference_log_mel)],
    ids=["stft", "mfcc", "logmel"],
)


@EACH
@given(seed=st.integers(0, 2**32 - 1), loudness=st.floats(1e-3, 1.0))
def test_equals_tf_signal_on_random_sound(front_end: FrontEnd, reference: Any, seed: int, loudness: float) -> None:
    audio = (np.random.default_rng(seed).uniform(-1, 1, (2, 16_000)) * loudness).astype(np.float32)
    ours = features(front_end, audio)
    assert ours.dtype == np.float32
    assert ours.shape == (2, *front_end.shape)
    np.testing.assert_allclose(ours, reference(audio), atol=1e-4)


@EACH
def test_equals_tf_signal_on_silence(front_end: FrontEnd, reference: Any) -> None:
    silence = np.zeros((1, 16_000), np.float32)
    np.testing.assert_allclose(features(front_end, silence), reference(silence), atol=1e-4)


@EACH
def test_equals_tf_signal_on_real_clips(front_end: FrontEnd, reference: Any, real_data: Sources) -> None:
    from underbudget.data.sources import load_speech

    for audio in np.array_split(np.stack(list(load_speech(real_data).clips("test"))), 8):
        np.testing.assert_allclose(features(front_end, audio), reference(audio), atol=1e-4)


@EACH
def test_nothing_of_a_clip_reaches_the_next(front_end: FrontEnd, reference: Any) -> None:
    one, other = np.random.default_rng(0).uniform(-1, 1, (2, 16_000)).astype(np.float32)
    extract = extractor(front_end)
    first = extract(one)
    kept = first.copy()
    extract(other)
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(extract(one), kept)


@EACH
@pytest.mark.parametrize("hop", [1280, 6400])
def test_a_stream_equals_the_last_second(front_end: FrontEnd, reference: Any, hop: int) -> None:
    sound = np.random.default_rng(0).uniform(-1, 1, 5 * 6400).astype(np.float32)
    stream, extract = Stream(front_end, hop), extractor(front_end)
    so_far: NDArray[Any] = np.zeros(16_000, np.float32)
    for chunk in sound.reshape(-1, hop):
        so_far = np.concatenate([so_far, chunk])
        np.testing.assert_allclose(stream.push(chunk), extract(so_far[-16_000:]), atol=1e-4)


@EACH
def test_a_stream_refuses_hops_between_frames(front_end: FrontEnd, reference: Any) -> None:
    for hop in (0, 100, front_end.step + 1, 16_000 * 2):
        with pytest.raises(ValueError, match="hop"):
            Stream(front_end, hop)


def test_a_lifter_weighs_the_coefficients_as_htk_does() -> None:
    """HTK Book, 5.6: c'_n = (1 + L/2 sin(pi n / L)) c_n; here with more coefficients and a wider band."""
    audio = np.random.default_rng(1).uniform(-1, 1, (1, 16_000)).astype(np.float32)
    plain, liftered = (features(Mfcc(high=7600, coefficients=16, lifter=n), audio) for n in (0, 22))
    weights = [1 + 11 * np.sin(np.pi * n / 22) for n in range(16)]
    np.testing.assert_allclose(liftered[0, :, :, 0], plain[0, :, :, 0] * weights, atol=1e-3)
    expected = tf.signal.mfccs_from_log_mel_spectrograms(log_of_mel_bands(audio, 7600.0))[..., :16]
    np.testing.assert_allclose(plain[..., 0], expected, atol=1e-4)


@pytest.mark.parametrize(
    "front_end", [Stft(), Mfcc(), Mfcc(frame=512, step=256, coefficients=12, lifter=22), LogMel(mel_bins=24)]
)
def test_survives_its_card(front_end: FrontEnd) -> None:
    assert from_dict(to_dict(front_end)) == front_end


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"kind": "wavelet"},
        {"kind": "stft", "frame": -1},
        {"kind": "mfcc", "frame": "640"},
        {"kind": "stft", "x": 1},
        {"kind": "mfcc", "lifter": 20_000},
        {**to_dict(Mfcc()), "coefficients": 41},
        {**to_dict(LogMel()), "coefficients": 10},
        {**to_dict(LogMel()), "mel_bins": 400},
        {**to_dict(LogMel()), "high": 9000},
    ],
)
def test_refuses_unknown_front_ends(fields: dict[Any, Any]) -> None:
    with pytest.raises(ValueError, match="front_end"):
        from_dict(fields)


@pytest.mark.parametrize("name", ["report/kws_a", "report/kws_c", "improved/kws_a", "live/kws_a", "smallest/kws_a"])
def test_the_formula_on_a_card_gives_what_the_model_takes(name: str) -> None:
    card = artifact.load_file(ROOT / "models" / f"{name}.tflite.zlib")[0]
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 16_000).astype(np.float32)
    parameters = card.content["front_end"]
    formula, _, lift = card.content["use"]["features"].partition("; ")
    by_card = np.asarray(eval(formula, {"tf": tf, "sound": sound, "abs": tf.abs, "log": tf.math.log, **parameters}))
    if parameters.get("lifter"):
        weight = lift.partition("multiplied by ")[2]
        names = {"sin": np.sin, "pi": np.pi, "n": np.arange(parameters["coefficients"]), **parameters}
        by_card = by_card * eval(weight, names)
    assert card.front_end is not None
    ours = extractor(card.front_end)(sound)
    np.testing.assert_allclose(by_card.reshape(ours.shape), ours, atol=5e-3)
