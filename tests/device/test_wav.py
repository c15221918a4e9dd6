"""The WAV reader against libsndfile and SciPy, on streams, and on headers with any field wrong."""

import io
import struct
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.io.wavfile
import soundfile
from helpers import wav_bytes
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from underbudget.device.errors import UserError
from underbudget.device.wav import LEAST_AFTER, READ_BYTES, STREAMED, SUBTYPE, Mix, read_mono

RATE = 16_000
NOISE = np.random.default_rng(3).uniform(-1, 0.999, (2000, 3))


def read(content: bytes, longest: float = 1.0) -> NDArray[np.float32]:
    return read_mono(io.BytesIO(content), "clip.wav", longest)[0]


def by_soundfile(content: bytes) -> NDArray[Any]:
    samples, _ = soundfile.read(io.BytesIO(content), dtype="float64", always_2d=True)
    return np.asarray(samples.mean(axis=1))


def written(subtype: str, kind: str = "WAV", channels: int = 1, rate: int = RATE) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, NOISE[:, :channels], rate, subtype=subtype, format=kind)
    return out.getvalue()


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX"])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_equals_libsndfile_and_scipy(subtype: str, kind: str, channels: int) -> None:
    content = written(subtype, kind, channels, 44_100)
    samples, rate = read_mono(io.BytesIO(content), "clip.wav")
    assert rate == 44_100 and samples.dtype == np.float32
    np.testing.assert_allclose(samples, by_soundfile(content), atol=1e-7)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # SciPy's on chunks that it skips
        rate, raw = scipy.io.wavfile.read(io.BytesIO(content))
    assert rate == 44_100
    scale = {"u1": 2.0**7, "i2": 2.0**15, "i4": 2.0**31}.get(raw.dtype.str[1:], 1.0)
    other = (raw - 128.0 * (subtype == "PCM_U8")) / scale
    np.testing.assert_allclose(samples, other.reshape(len(other), -1).mean(axis=1), atol=1e-7)


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("subtype", ["ALAW", "ULAW"])
def test_telephones_are_read_as_libsndfile_reads_them(subtype: str, channels: int) -> None:
    content = written(subtype, channels=channels, rate=8000)
    np.testing.assert_array_equal(read(content), by_soundfile(content))


@pytest.mark.parametrize("subtype", ["IMA_ADPCM", "MS_ADPCM", "GSM610"])
def test_refuses_other_encodings(subtype: str) -> None:
    rate = 8000 if subtype == "GSM610" else RATE
    with pytest.raises(UserError, match=r"clip.wav: WAV encoding .* is not supported; convert it with: ffmpeg -i"):
        read(written(subtype, rate=rate))


@pytest.mark.parametrize(("bits", "width"), [(12, 2), (20, 3), (20, 4), (24, 4)])
def test_fewer_bits_lie_at_the_upper_end_of_their_bytes(bits: int, width: int) -> None:
    values = np.random.default_rng(0).integers(-(2 ** (bits - 1)), 2 ** (bits - 1), 500)
    stored = (values << (8 * width - bits)).astype("<i4").view(np.uint8).reshape(-1, 4)[:, :width].tobytes()
    header = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, width * RATE, width, bits))
    np.testing.assert_allclose(read(riff(header, chunk(b"data", stored))), values / 2.0 ** (bits - 1), atol=1e-7)


LEFT = np.random.default_rng(5).uniform(-0.5, 0.5, 3000).astype(np.float32)


@pytest.mark.parametrize(
    ("channels", "heard"),
    [
        ((LEFT, LEFT / 2), 0.75 * LEFT),
        ((LEFT, -LEFT), LEFT),  # a balanced microphone on a stereo input
        ((-0.9 * LEFT, LEFT), LEFT),
        ((LEFT, 0 * LEFT), LEFT),  # a channel without a microphone
        ((0 * LEFT + 0.4, LEFT), LEFT),  # and with an offset
        ((0 * LEFT, 0 * LEFT, 0 * LEFT, LEFT), LEFT),
    ],
)
def test_channels_do_not_cancel_each_other(channels: tuple[NDArray[np.float32], ...], heard: NDArray[Any]) -> None:
    frames = np.stack(channels, axis=1)
    np.testing.assert_allclose(Mix()(frames), heard, atol=1e-6)
    mix = Mix()
    in_blocks = np.concatenate([mix(frames[at : at + 100]) for at in range(0, len(frames), 100)])
    np.testing.assert_allclose(in_blocks, heard, atol=1e-6)


def chunk(kind: bytes, content: bytes, size: int | None = None) -> bytes:
    return struct.pack("<4sI", kind, len(content) if size is None else size) + content + b"\0" * (len(content) % 2)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    body = b"".join(chunks)
    return struct.pack("<4sI4s", b"RIFF", len(body) + 4 if size is None else size, b"WAVE") + body


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, RATE, 2 * RATE, 2, 16))
SOUND = np.arange(-500, 500).astype("<i2").tobytes()
HEARD = np.arange(-500, 500) / 2.0**15


@pytest.mark.parametrize(
    "content",
    [
        riff(FORMAT, chunk(b"data", SOUND)),
        riff(chunk(b"LIST", b"INFOx"), FORMAT, chunk(b"fact", b"\0" * 4), chunk(b"data", SOUND)),  # 5 bytes and a pad
        riff(chunk(b"bext", b"\0" * 3_000_001), FORMAT, chunk(b"data", SOUND)),
        riff(FORMAT, chunk(b"data", SOUND), chunk(b"LIST", b"INFO")),
        riff(FORMAT, chunk(b"data", SOUND), size=0),
        riff(FORMAT, chunk(b"data", SOUND + b"\1")),  # half a sample more
        riff(chunk(b"LIST", b"INFOx")[:-1], FORMAT, chunk(b"data", SOUND)),  # without its pad byte
        riff(FORMAT, chunk(b"data", SOUND)) + b"ID3\3" + b"\xff" * 3000,  # a music player's tag
        riff(FORMAT, chunk(b"data", SOUND)) + b"\xff" * 44,
        riff(FORMAT, chunk(b"data", SOUND, len(SOUND) + 44)),  # a recorder's file size in place of the sound's
        riff(FORMAT, chunk(b"data", SOUND, 1 << 30)),
        riff(FORMAT, chunk(b"data", SOUND, len(SOUND) - 2 * RATE // LEAST_AFTER)),  # too small
    ],
)  # fmt: skip
def test_skips_what_is_not_sound(content: bytes) -> None:
    np.testing.assert_array_equal(read(content), HEARD)


@pytest.mark.parametrize(
    ("whole", "size"),
    [
        (0xFFFFFFFF, 0xFFFFFFFF),  # ffmpeg
        (0x7FFFF024, STREAMED),  # sox
        (0x80000024, 0x80000000),  # arecord
        (36, 0),  # GStreamer; a recorder that was killed
        (0, 0),
        (0xFFFFFFFF, 0),
    ],
)
def test_a_stream_is_read_to_its_end(whole: int, size: int) -> None:
    content = riff(FORMAT, chunk(b"data", SOUND + b"\1", size), size=whole)[:-1]
    np.testing.assert_array_equal(read(content), HEARD)
    with pytest.raises(UserError, match=r"clip.wav: .* s long, at most 0.02 s fits"):
        read(content, 0.02)


def test_an_empty_file_with_notes_after_it_is_no_stream() -> None:
    with pytest.raises(UserError, match="holds no sound"):
        read(riff(FORMAT, chunk(b"data", b""), chunk(b"LIST", b"INFO")))


def test_long_recordings_are_read_in_blocks() -> None:
    long = np.resize(np.arange(-5000, 5000), 2 * READ_BYTES + 7).astype("<i2")
    samples = read(riff(FORMAT, chunk(b"data", long.tobytes())), 1e6)
    np.testing.assert_array_equal(samples, long / 2.0**15)


@pytest.mark.parametrize("type_", ["<f4", "<f8"])
@pytest.mark.parametrize(
    ("value", "result"), [(1.5, 1.0), (-7.9, -1.0), (float("nan"), None), (float("inf"), None), (32_767.0, None)]
)
def test_floats_are_cut_at_full_scale_and_refused_beyond_reason(type_: str, value: float, result: float | None) -> None:
    width = int(type_[-1])
    header = chunk(b"fmt ", struct.pack("<HHIIHH", 3, 1, RATE, width * RATE, width, 8 * width))
    content = riff(header, chunk(b"data", np.array([0.25, value], type_).tobytes()))
    if result is None:
        with pytest.raises(UserError, match=r"its floats reach (nan|inf|32767), full scale is 1"):
            read(content)
    else:
        assert read(content).tolist() == [0.25, result]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a WAV file"),
        (b"ID3 this is an mp3", "not a WAV file"),
        (b"RIFX" + riff(FORMAT)[4:], "not a WAV file"),
        (riff(), "ends before its sound begins"),
        (riff(FORMAT), "ends before its sound begins"),
        (riff(FORMAT, chunk(b"LIST", b"", 1 << 30)), "ends before its sound begins"),
        (riff(chunk(b"data", SOUND)), "header has no format"),
        (riff(chunk(b"fmt ", b"\1\0\1\0"), chunk(b"data", SOUND)), "header is damaged"),
        (riff(FORMAT, chunk(b"data", b"")), "holds no sound"),
        (wav_bytes(np.zeros(RATE + 1600)), "1.10 s long"),
    ],
)
def test_refuses_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(UserError, match=f"clip.wav: .*{message}") as caught:
        read(content)
    assert "\n" not in str(caught.value)


def numbers(*usual: int, bits: int) -> st.SearchStrategy[int]:
    return st.sampled_from(usual) | st.integers(0, 2**bits - 1)


@given(
    encoding=numbers(1, 3, 0xFFFE, bits=16),
    channels=numbers(1, 2, bits=16),
    rate=numbers(RATE, 48_000, bits=32),
    frame=numbers(1, 2, 3, 4, 6, 8, bits=16),
    bits=numbers(8, 16, 24, 32, 64, bits=16),
    extension=st.binary(max_size=30) | st.just(struct.pack("<HHIH", 22, 16, 0, 1) + SUBTYPE),
    sizes=st.tuples(*[st.none() | numbers(0, 36, 0xFFFFFFFF, bits=32)] * 3),
    sound=st.binary(max_size=200),
    end=st.integers(0, 60) | st.just(10_000),
)  # fmt: skip
def test_any_header_gives_sound_or_one_line(
    encoding: int,
    channels: int,
    rate: int,
    frame: int,
    bits: int,
    extension: bytes,
    sizes: tuple[int | None, ...],
    sound: bytes,
    end: int,
) -> None:
    fields = struct.pack("<HHIIHH", encoding, channels, rate, 7, frame, bits) + extension
    content = riff(chunk(b"fmt ", fields, sizes[0]), chunk(b"data", sound, sizes[1]), size=sizes[2])[:end]
    try:
        samples, heard = read_mono(io.BytesIO(content), "clip.wav", 1.0)
    except UserError as error:
        assert "\n" not in str(error)
        return
    assert heard == rate and 0 < len(samples) <= rate
    assert np.abs(samples).max() <= 1
    assert len(samples) * frame <= len(content)
    if sizes == (None, None, None) and end == 10_000:
        assert len(samples) == len(sound) // frame


@given(
    subtype=st.sampled_from(["PCM_U8", "PCM_16", "PCM_24", "FLOAT"]),
    kind=st.sampled_from(["WAV", "WAVEX"]),
    place=st.integers(0, 99),
    value=st.integers(0, 255),
)
def test_a_wrong_byte_in_a_header_is_read_as_libsndfile_does_or_refused(
    subtype: str, kind: str, place: int, value: int
) -> None:
    whole = written(subtype, kind)
    content = bytearray(whole)
    content[place] = value
    try:
        samples = read(bytes(content))
    except UserError as error:
        assert "\n" not in str(error)
        return
    try:
        expected = by_soundfile(bytes(content))
    except soundfile.LibsndfileError:
        expected = by_soundfile(whole)  # more lenient than libsndfile: as though nothing were wrong
    count = min(len(samples), len(expected))
    assert count
    np.testing.assert_allclose(samples[:count], expected[:count].clip(-1, 1), atol=1e-7)
