"""Where 10_listen.py takes its sound from: WAV files and streams, raw sound, a microphone; and what it says of them."""

import io
import json
import re
import struct
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import ROOT, clean_environment, wav_bytes
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from underbudget.data.sources import Sources, load_speech
from underbudget.data.speech import by_speaker
from underbudget.device.audio import RATE, resample, resample_blocks
from underbudget.device.wav import BLOCKS_A_SECOND, HEADERLESS, stream_mono

NONE: Mapping[str, str] = {}
MODEL = "smallest/kws_a"  # it detects what espeak-ng says; live/kws_a, the listener's own, only some of it
LISTEN = [sys.executable, str(ROOT / "scripts" / "10_listen.py")]


def listen(
    *arguments: str, stdin: bytes = b"", variables: Mapping[str, str] = NONE
) -> subprocess.CompletedProcess[bytes]:
    environment = {**clean_environment(), **variables}
    command = [*LISTEN, "--model", MODEL, *arguments]  # of two models the last counts
    return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=120)


def words(done: subprocess.CompletedProcess[bytes]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [json.loads(line)["word"] for line in done.stdout.splitlines()]


def pcm(sound: NDArray[np.float64]) -> bytes:
    return np.clip(np.round(sound * 32767), -32768, 32767).astype("<i2").tobytes()


def header(riff: int, data: int, rate: int = RATE, channels: int = 1) -> bytes:
    form = struct.pack("<HHIIHH", 1, channels, rate, rate * 2 * channels, 2 * channels, 16)
    return (
        b"RIFF"
        + struct.pack("<I", riff)
        + b"WAVEfmt "
        + struct.pack("<I", 16)
        + form
        + struct.pack("<4sI", b"data", data)
    )


@pytest.fixture(scope="module")
def spoken(real_data: Sources) -> tuple[NDArray[np.float64], list[str]]:
    """Test clips in faint noise with two seconds between them, and their words: the default listener detects them."""
    speech = by_speaker(load_speech(real_data))
    label, clips = speech.labels("test"), list(speech.clips("test"))
    rng = np.random.default_rng(2)
    parts, said = [np.zeros(RATE)], []
    for word in ("yes", "stop", "left", "up"):
        (at,) = rng.choice(np.flatnonzero(speech.words[label] == word), 1)
        parts += [clips[at], np.zeros(2 * RATE)]
        said.append(word)
    sound = np.concatenate(parts)
    return sound + rng.normal(0, 3e-4, len(sound)), said


@pytest.fixture(scope="module")
def expected(spoken: tuple[NDArray[np.float64], list[str]]) -> list[str]:
    """What is detected in it as plain raw sound."""
    found = words(listen("--raw", "--json", stdin=pcm(spoken[0])))
    assert len(found) >= 3 and set(found) <= set(spoken[1])
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "sizes", [(0xFFFFFFFF, 0xFFFFFFFF), (0, 0), (36, 0), (None, 0), (None, 2 * RATE), (None, None)]
)
def test_a_wav_stream_is_read_by_its_header_whatever_sizes_it_says(
    sizes: tuple[int | None, int | None], spoken: tuple[NDArray[np.float64], list[str]], expected: list[str]
) -> None:
    data = pcm(spoken[0])
    whole, size = len(data) + 36 if sizes[0] is None else sizes[0], len(data) + 44 if sizes[1] is None else sizes[1]
    done = listen("--raw", "--json", stdin=header(whole, size) + data)
    assert words(done) == expected
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"{MODEL}: listening to standard input (16 kHz) for down, go,")
    assert "threshold 0.999" in line


@pytest.mark.slow
@pytest.mark.parametrize("way", ["--raw", "--wav -", "--wav /dev/stdin", "--wav FILE"])
def test_another_rate_and_two_channels(
    way: str, spoken: tuple[NDArray[np.float64], list[str]], expected: list[str], tmp_path: Path
) -> None:
    times = np.arange(len(spoken[0]) * 441 // 160) * 160 / 441
    stereo = np.repeat(np.interp(times, np.arange(len(spoken[0])), spoken[0])[:, None], 2, axis=1)
    stream = header(0xFFFFFFFF, 0xFFFFFFFF, 44_100, 2) + pcm(stereo)
    (tmp_path / "FILE").write_bytes(stream)
    arguments = way.replace("FILE", str(tmp_path / "FILE")).split()
    assert words(listen(*arguments, "--json", stdin=stream)) == expected


@pytest.mark.slow
@pytest.mark.parametrize("arguments", [("--raw",), ("--wav", "/dev/stdin"), ("--wav", "-")])
def test_a_live_stream_is_listened_to_while_it_comes(
    arguments: tuple[str, ...], spoken: tuple[NDArray[np.float64], list[str]], expected: list[str]
) -> None:
    command = [*LISTEN, *arguments, "--json"]
    environment = clean_environment()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(header(0xFFFFFFFF, 0xFFFFFFFF) + pcm(spoken[0]))
        process.stdin.flush()  # and it does not end
        assert [json.loads(process.stdout.readline())["word"] for _ in expected] == expected
        process.kill()


@pytest.mark.slow
def test_a_single_clip_is_detected(spoken: tuple[NDArray[np.float64], list[str]], tmp_path: Path) -> None:
    """A word at the end of the sound, with nothing after it: it is detected in the second of silence that follows."""
    second = spoken[0][RATE // 2 : 2 * RATE]  # the first clip, and half a second before it
    (tmp_path / "clip.wav").write_bytes(wav_bytes(second))
    assert words(listen("--raw", "--json", stdin=pcm(second))) == spoken[1][:1]
    assert words(listen("--wav", str(tmp_path / "clip.wav"), "--json")) == spoken[1][:1]


@pytest.mark.slow
@pytest.mark.parametrize("stdin", [b"", b"x", b"\0\0\1", header(0xFFFFFFFF, 0xFFFFFFFF), header(36, 0) + b"\1"])
@pytest.mark.parametrize("way", [("--raw",), ("--wav", "-")])
def test_no_sound_is_an_error(stdin: bytes, way: tuple[str, ...]) -> None:
    done = listen(*way, stdin=stdin)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error: no sound came in from standard input")


@pytest.mark.slow
def test_a_closed_standard_input_is_no_sound() -> None:
    done = subprocess.run(f"{' '.join(LISTEN)} --raw <&-", shell=True, capture_output=True, env=clean_environment())
    assert done.returncode == 1
    assert b"no sound came in" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.slow
def test_another_kind_of_file_is_not_taken_for_raw_sound() -> None:
    out = io.BytesIO()
    soundfile.write(out, np.zeros(RATE), RATE, format="FLAC")
    done = listen("--raw", stdin=out.getvalue())
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith("error: standard input: neither WAV nor raw sound")


@pytest.mark.slow
def test_zeros_are_said_once() -> None:
    noise = pcm(np.random.default_rng(0).normal(0, 1e-3, RATE))
    done = listen("--raw", stdin=noise + bytes(2 * 6 * RATE) + noise + bytes(2 * 6 * RATE))
    assert done.returncode == 0
    started, said, why = done.stderr.decode().splitlines()
    assert "listening" in started and said.startswith("no sound at all for 5 s: is the microphone muted")
    assert why.startswith("no word was detected")
    assert b"muted" not in listen("--raw", stdin=noise + bytes(2 * 3 * RATE)).stderr
    assert b"muted" in listen("--raw", stdin=noise + pcm(np.full(6 * RATE, 0.1))).stderr  # an offset is no sound


@pytest.mark.slow
@pytest.mark.parametrize("disturbance", ["offset", "hum", "antiphase", "dead channel", "mu-law"])
def test_words_are_heard_whatever_the_recorder_adds(
    disturbance: str, spoken: tuple[NDArray[np.float64], list[str]], expected: list[str], tmp_path: Path
) -> None:
    sound, path = spoken[0], tmp_path / "x.wav"
    times = np.arange(len(sound)) / RATE
    made = {
        "offset": np.clip(sound + 0.1, -1, 1),
        "hum": sound + 0.02 * np.sin(2 * np.pi * 50 * times),
        "antiphase": np.stack([sound, -sound], axis=1),
        "dead channel": np.stack([sound, np.zeros(len(sound))], axis=1),
        "mu-law": sound,
    }[disturbance]
    soundfile.write(path, made, RATE, subtype="ULAW" if disturbance == "mu-law" else "PCM_16")
    done = listen("--wav", str(path), "--json")
    assert words(done) == expected
    assert b"Ctrl-C" not in done.stderr  # a file ends by itself


@pytest.mark.slow
def test_why_nothing_was_heard_is_said(spoken: tuple[NDArray[np.float64], list[str]], tmp_path: Path) -> None:
    path = str(tmp_path / "x.wav")
    soundfile.write(path, spoken[0], RATE)
    done = listen("--wav", path, "--threshold", "1")
    assert not words(done)
    assert re.search(rb"no word was detected: the likeliest was \w+, [01]\.\d\d at [\d.]+ s, of 1 that", done.stderr)
    soundfile.write(path, 1e-4 * spoken[0], RATE)
    assert b"nothing was louder than its background: is the sound very quiet" in listen("--wav", path).stderr
    soundfile.write(path, np.clip(100 * spoken[0], -1, 1), 8000)
    said = listen("--wav", path).stderr
    assert b"recorded at 8 kHz, not 16: fewer words" in said and said.count(b"the sound is clipped") == 1


PORTAUDIO = """
class PortAudioError(Exception):
    pass

def query_devices(number):
    return {"name": f"card {number}"}
"""
MICROPHONE = '''
import os, sys
import numpy as np
SOUND = np.frombuffer(open(os.environ["SOUND"], "rb").read(), "<i2").astype(np.float32)[:, None] / 32768

class InputStream:
    """A card of one rate that plays a file, and after that ends as Ctrl-C does."""

    def __init__(self, samplerate=None, blocksize=0, **_):
        if samplerate not in (None, RATE):
            raise PortAudioError("Error opening InputStream: Invalid sample rate [PaErrorCode -9997]")
        self.samplerate, self.device, self.at = float(RATE), 3, 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def read(self, frames):
        if self.at + frames > len(SOUND):
            raise KeyboardInterrupt
        self.at += frames
        return SOUND[self.at - frames : self.at], OVERFLOWED
'''


def sounddevice(folder: Path, content: str) -> dict[str, str]:
    """Return variables by which a module in place of sounddevice is found."""
    (folder / "sounddevice.py").write_text(content)
    return {"PYTHONPATH": str(folder)}


@pytest.mark.slow
@pytest.mark.parametrize("rate", [RATE, 48_000])
def test_a_microphone_of_any_rate(
    rate: int, spoken: tuple[NDArray[np.float64], list[str]], expected: list[str], tmp_path: Path
) -> None:
    times = np.arange(len(spoken[0]) * rate // RATE) * RATE / rate
    (tmp_path / "sound").write_bytes(pcm(np.interp(times, np.arange(len(spoken[0])), spoken[0])))
    stand_in = sounddevice(tmp_path, f"{PORTAUDIO}{MICROPHONE}\nRATE, OVERFLOWED = {rate}, True\n")
    done = listen("--json", variables={**stand_in, "SOUND": str(tmp_path / "sound")})
    assert done.returncode == 130
    assert [json.loads(line)["word"] for line in done.stdout.splitlines()] == expected
    said = done.stderr.decode()
    assert f"{MODEL}: listening to the microphone card 3 ({rate // 1000} kHz) for down," in said
    assert said.count("sound was lost") == 1


NO_RATE = 'def InputStream(*_, **__): raise PortAudioError("Invalid sample rate [PaErrorCode -9997]")\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("raise ModuleNotFoundError(\"No module named 'sounddevice'\")", "sounddevice is not installed"),
        ('raise OSError("PortAudio library not found")', "PortAudio library missing"),
        (PORTAUDIO + NO_RATE, "the microphone can't be opened (Invalid sample rate [PaErrorCode -9997])"),
    ],
)
def test_what_a_microphone_needs_is_said(content: str, message: str, tmp_path: Path) -> None:
    done = listen(variables=sounddevice(tmp_path, content))
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert line.startswith(f"error: {message}")
    remedies = {
        "sounddevice": "pip install sounddevice",
        "PortAudio": "sudo apt install libportaudio2",
        "the": "arecord -q -D plughw:1 -f S16_LE -r 16000 -c 1 -t raw",
    }
    assert remedies[message.split()[0]] in line


@pytest.mark.parametrize("rate", [8000, 11_025, 22_050, 44_100, 48_000, 96_000])
@given(lengths=st.lists(st.integers(0, 3000), max_size=12), seed=st.integers(0, 99))
def test_resampling_block_by_block_is_resampling_the_whole(rate: int, lengths: list[int], seed: int) -> None:
    blocks = [np.random.default_rng(seed).normal(0, 0.1, n).astype(np.float32) for n in lengths]
    whole = resample(np.concatenate([np.zeros(0, np.float32), *blocks]), rate)
    found = np.concatenate([np.zeros(0, np.float32), *resample_blocks(blocks, rate)])
    assert len(whole) <= len(found)
    np.testing.assert_allclose(found[: len(whole)], whole, atol=1e-6)


CHUNK = b"LIST" + struct.pack("<I", 26) + b"INFOISFT" + b"\xff" * 18
SOUND = np.random.default_rng(0).uniform(-1, 0.99, 5000)


@pytest.mark.parametrize("headerless", [False, True])
@pytest.mark.parametrize("kind", ["WAV", "WAVEX", "RF64"])
@pytest.mark.parametrize("width", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
def test_a_stream_has_the_samples_of_the_file(kind: str, width: str, headerless: bool) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.stack([SOUND, SOUND], axis=1), 22_050, format=kind, subtype=width)
    blocks, rate = stream_mono(io.BytesIO(out.getvalue()), "x", headerless)
    samples = np.concatenate(list(blocks))
    truth = soundfile.read(io.BytesIO(out.getvalue()))[0].mean(axis=1)
    assert rate == 22_050
    np.testing.assert_allclose(samples, truth, atol=1e-6)


@pytest.mark.parametrize("size", [10_000, 4000, 9001, 10_100])
def test_what_follows_the_declared_sound_is_sound_but_for_another_chunk(size: int) -> None:
    data = pcm(SOUND)
    blocks, _ = stream_mono(io.BytesIO(header(len(data) + 36, size) + data), "x")
    np.testing.assert_array_equal(np.concatenate(list(blocks)), np.frombuffer(data, "<i2") / np.float32(32768))
    with_chunk = data[: size // 2 * 2] + CHUNK
    blocks, _ = stream_mono(io.BytesIO(header(len(with_chunk) + 36, min(size // 2 * 2, len(data))) + with_chunk), "x")
    assert sum(map(len, blocks)) == min(size, len(data)) // 2


@given(content=st.binary(max_size=5000))
def test_sound_without_a_header_comes_whole(content: bytes) -> None:
    if content.startswith((b"RIFF", b"RF64", b"BW64", b"OggS", b"fLaC", b"ID3", b"FORM", b"RIFX", b".snd")):
        return
    blocks, rate = stream_mono(io.BytesIO(content), "x", headerless=True)
    samples = [*blocks]
    assert rate == HEADERLESS.rate
    assert all(len(block) <= rate // BLOCKS_A_SECOND + 12 for block in samples)
    np.testing.assert_array_equal(
        np.concatenate([np.zeros(0), *samples]), np.frombuffer(content[: len(content) // 2 * 2], "<i2") / 32768
    )
