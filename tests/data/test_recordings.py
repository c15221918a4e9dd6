"""Recordings in other formats than WAV, and what else lies in a folder of recordings."""

import io
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import wav_bytes, zip_bytes
from hypothesis import given
from hypothesis import strategies as st
from test_speech import CLIPS

from underbudget.data.recording import decode
from underbudget.data.sources import Sources, load_speech
from underbudget.data.speech import read_speech
from underbudget.device.errors import UserError

TONE = (0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)).astype(np.float32)
FORMATS = {"flac": ("FLAC", "PCM_16"), "ogg": ("OGG", "VORBIS"), "opus.ogg": ("OGG", "OPUS"), "mp3": ("MP3", None)}


def encoded(ending: str, seconds: float = 1.0, rate: int = 48_000, channels: int = 1) -> bytes:
    tone = 0.5 * np.sin(2 * np.pi * 440 * np.arange(round(seconds * rate)) / rate)
    out = io.BytesIO()
    kind, subtype = FORMATS[ending]
    soundfile.write(out, np.stack([tone] * channels, axis=1), rate, format=kind, subtype=subtype)
    return out.getvalue()


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("rate", [16_000, 48_000])
@pytest.mark.parametrize("ending", list(FORMATS))
def test_decodes_and_resamples_every_format(ending: str, rate: int, channels: int) -> None:
    heard = decode(encoded(ending, rate=rate, channels=channels), f"Go.{ending.upper()}", longest=1.0)
    assert heard.dtype == np.float32 and heard.shape == (16_000,)
    np.testing.assert_allclose(heard[400:-400], TONE[400:-400], atol=1e-3 if ending == "flac" else 0.03)


def test_a_flac_is_its_wav_to_the_bit() -> None:
    sound = np.random.default_rng(0).integers(-32768, 32768, 5000).astype(np.int16)
    both = []
    for kind in ("WAV", "FLAC"):
        out = io.BytesIO()
        soundfile.write(out, sound, 44_100, format=kind)
        both.append(decode(out.getvalue(), f"a.{kind}", 1.0))
    np.testing.assert_array_equal(both[0], both[1])


@pytest.mark.parametrize("ending", list(FORMATS))
def test_refuses_long_empty_and_damaged_recordings(ending: str) -> None:
    content = encoded(ending, 1.5)
    with pytest.raises(UserError, match=r"1\.5\d s long, at most 1 s fits"):
        decode(content, f"a.{ending}", 1.0)
    for bad in (b"", b"some text", content[:60], encoded(ending, 0.0)):
        with pytest.raises(UserError, match=f"^a.{ending}: (can't be decoded|holds no sound|cut short)"):
            decode(bad, f"a.{ending}", 1.0)


@pytest.mark.parametrize(("kind", "subtype", "ending"), [
    ("AIFF", "PCM_16", "aiff"), ("AIFF", "PCM_24", "aif"), ("AU", "PCM_16", "au"), ("CAF", "PCM_24", "caf"),
    ("W64", "FLOAT", "w64"), ("RF64", "PCM_16", "wav"), ("WAV", "IMA_ADPCM", "wav"), ("WAV", "ULAW", "wav"),
    ("OGG", "OPUS", "opus"), ("OGG", "VORBIS", "oga"), ("WAV", "PCM_16", "mp3"), ("FLAC", "PCM_16", "wav"),
])  # fmt: skip
def test_what_libsndfile_reads_is_read_whatever_its_name_ends_in(kind: str, subtype: str, ending: str) -> None:
    out = io.BytesIO()
    soundfile.write(out, np.stack([TONE] * 2, axis=1), 16_000, format=kind, subtype=subtype)
    heard = decode(out.getvalue(), f"a.{ending}", longest=1.1)
    coarse = {"IMA_ADPCM", "ULAW", "OPUS", "VORBIS"}
    np.testing.assert_allclose(heard[400:15_600], TONE[400:15_600], atol=0.05 if subtype in coarse else 1e-4)


FFMPEG = """#!/bin/sh
while [ "$1" != -i ]; do shift; done
tail -c +5 "$2"
"""


def test_what_ffmpeg_reads_is_read_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"m4a:" + wav_bytes(TONE)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    if shutil.which("ffmpeg") is None:
        with pytest.raises(UserError, match=r"a.m4a: can't be decoded .*ffmpeg is not installed.*: ffmpeg -i"):
            decode(content, "a.m4a", 1.0)
    (tmp_path / "ffmpeg").write_text(FFMPEG)  # one that takes off the first four bytes
    (tmp_path / "ffmpeg").chmod(0o700)
    np.testing.assert_allclose(decode(content, "a.m4a", 1.0), TONE, atol=1e-4)


@given(
    ending=st.sampled_from(list(FORMATS)),
    changes=st.lists(st.tuples(st.integers(0, 199), st.integers(0, 255)), max_size=4),
    cut=st.none() | st.integers(0, 3000),
)
def test_any_damage_gives_a_clip_or_one_line(
    capfd: pytest.CaptureFixture[str], ending: str, changes: list[tuple[int, int]], cut: int | None
) -> None:
    content = bytearray(encoded(ending, 0.2, 16_000))
    for place, value in changes:
        content[place] = value
    try:
        heard = decode(bytes(content[:cut]), f"a.{ending}", 1.0)
    except UserError as error:
        assert "\n" not in str(error)
    else:
        assert 0 < len(heard) <= 16_000 and np.abs(heard).max() < 1.2
    assert "Traceback" not in capfd.readouterr().err


def lay(folder: Path, clips: dict[str, bytes]) -> Path:
    for name, content in clips.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def test_mixed_formats_in_a_folder_and_in_a_zip(tmp_path: Path) -> None:
    clips = {**CLIPS, "go/a.flac": encoded("flac"), "up/b.OGG": encoded("ogg"), "yes/c.mp3": encoded("mp3", 0.5)}
    folder = read_speech(lay(tmp_path / "own", clips), user=True)
    (tmp_path / "own.zip").write_bytes(zip_bytes(clips))
    archive = read_speech(tmp_path / "own.zip", user=True)
    assert folder.name.tolist() == archive.name.tolist() == sorted(clips)
    np.testing.assert_array_equal(folder.audio, archive.audio)
    assert folder.identity.digest == archive.identity.digest
    np.testing.assert_allclose(folder.audio[list(folder.name).index("go/a.flac")] / 32768, TONE, atol=0.05)


def test_what_is_left_out_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = lay(tmp_path / "own", {**CLIPS, "go/notes.txt": b"x", "yes/a.m4a": b"x", "readme.md": b"x", "go/.b": b"x"})
    (folder / "up" / "gone.wav").symlink_to("/no/such/file.wav")
    (folder / "up" / "folder.wav").mkdir()
    os.mkfifo(folder / "up" / "pipe.wav")
    assert len(read_speech(folder, user=True).name) == len(CLIPS)
    assert "files that are no recordings are left out: 4, first go/notes.txt" in (said := capsys.readouterr().out)
    assert shutil.which("ffmpeg") or "of these 1 are read where ffmpeg is installed; or convert each: ffmpeg -i" in said


def test_two_recordings_of_one_name_are_not_taken_for_one(tmp_path: Path) -> None:
    clip = CLIPS["go/00000001_nohash_0.wav"]
    folder = lay(tmp_path / "own", {**CLIPS, "anna/go/1.wav": clip, "ben/go/1.wav": clip})
    with pytest.raises(UserError, match=r"there are two go/1.wav: give each recording of a word a name of its own"):
        read_speech(folder, user=True)


def test_the_folder_around_the_recordings_is_no_word(tmp_path: Path) -> None:
    folder = lay(tmp_path / "go", {**CLIPS, "loose.wav": b"not one of the clips"})
    assert len(read_speech(folder, user=True).name) == len(CLIPS)


def test_a_folder_that_leads_back_to_itself_ends(tmp_path: Path) -> None:
    folder = lay(tmp_path / "own", CLIPS)
    (folder / "back").symlink_to(folder)
    (folder / "go" / "back").symlink_to(folder)
    assert len(read_speech(folder, user=True).name) == len(CLIPS)


def test_a_linked_folder_of_a_word_is_read(tmp_path: Path) -> None:
    folder = lay(tmp_path / "own", CLIPS)
    (folder / "go").rename(tmp_path / "elsewhere")
    (folder / "go").symlink_to(tmp_path / "elsewhere")
    assert len(read_speech(folder, user=True).name) == len(CLIPS)


def test_a_renamed_recording_is_seen(tmp_path: Path, data_folder: Path) -> None:
    folder = lay(tmp_path / "own", CLIPS)
    load_speech(Sources(speech=folder))
    (folder / "go" / "00000001_nohash_0.wav").rename(folder / "no" / "00000007_nohash_0.wav")
    assert "no/00000007_nohash_0.wav" in load_speech(Sources(speech=folder)).name
