"""Mini Speech Commands from any container, its split, what is refused, and when kept data are read again."""

import gzip
import io
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import espeakng_loader
import numpy as np
import pytest
from helpers import ROOT, wav_bytes, zip_bytes

from underbudget.data import speech
from underbudget.data.identity import SPLITS
from underbudget.data.sources import Sources, load_speech
from underbudget.data.speech import LABELS, read_speech
from underbudget.device.errors import UserError

CLIPS = {
    f"{word}/0000000{i}_nohash_0.wav": wav_bytes(np.full(12_000, 0.1 * i), rate=16_000)
    for word in LABELS
    for i in range(3)
}


def tarred(clips: dict[str, bytes], mode: Any = "w:gz") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as archive:
        for name, content in clips.items():
            item = tarfile.TarInfo(f"mini_speech_commands/{name}")
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content))
    return out.getvalue()


def zipped(clips: dict[str, bytes]) -> bytes:
    members = {f"mini_speech_commands/{name}": content for name, content in clips.items()}
    return zip_bytes({**members, **{f"__MACOSX/{name}": b"finder" for name in members}})


@pytest.mark.parametrize("pack", [zipped, tarred, lambda c: tarred(c, "w:xz"), None])
def test_reads_a_folder_and_every_archive_alike(tmp_path: Path, pack: Any) -> None:
    path = tmp_path / "clips"
    if pack is None:
        for name, content in CLIPS.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(content)
    else:
        path.write_bytes(pack(CLIPS))
    read = read_speech(path, user=True)
    assert read.name.tolist() == sorted(CLIPS)
    assert read.audio.shape == (24, 16_000)
    assert (read.audio[2, :12_000] == round(0.2 * 32767)).all()
    assert not read.audio[:, 12_000:].any()
    assert [LABELS[i] for i in read.label] == [name.split("/")[0] for name in read.name]
    assert read.identity.digest == read_speech(path, user=True).identity.digest
    assert read.identity.split == "speaker hash 80/10/10"


@pytest.mark.parametrize(
    ("name", "split"),
    [  # as the data set's own validation_list.txt and testing_list.txt have them
        ("bed/026290a7_nohash_0.wav", "validation"),
        ("bed/060cd039_nohash_0.wav", "validation"),
        ("bed/0c40e715_nohash_0.wav", "test"),
        ("bed/0ea0e2f4_nohash_0.wav", "test"),
    ],
)
def test_speaker_hash_equals_the_published_lists(name: str, split: str) -> None:
    assert SPLITS[speech.split_clips([name], None)[0][0]] == split


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an archive"),
        (b"hello", "not an archive"),
        (gzip.compress(b"just text"), "not an archive"),
        (tarred({k: v for k, v in CLIPS.items() if not k.startswith("yes")}), "no clips yes/"),
        (tarred({**CLIPS, "go/empty.wav": b""}), "go/empty.wav: holds no sound"),
        (tarred({**CLIPS, "go/song.wav": b"RIFF" + b"\0" * (5 << 20)}), "bytes, more than"),
        (tarred({**CLIPS, "go/text.wav": b"not a wav"}), "go/text.wav: not a WAV file"),
        (tarred({**CLIPS, "go/long.wav": wav_bytes(np.zeros(20_000))}), "go/long.wav: 1.25 s long"),
    ],
)
def test_refuses_bad_speech(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "clips.archive"
    path.write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_speech(path, user=True)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_other_clips_as_the_official_ones(tmp_path: Path) -> None:
    path = tmp_path / "mini_speech_commands.zip"
    path.write_bytes(zipped(CLIPS))
    with pytest.raises(UserError, match="not the official"):
        read_speech(path, user=False)


def test_refuses_a_changed_split_list(tmp_path: Path) -> None:
    path = tmp_path / "kws_test_split.txt"
    path.write_text("./data/mini_speech_commands/go/0ea0e2f4_nohash_1.wav\n")
    with pytest.raises(UserError, match="checksum differs"):
        speech.read_list(path, "0" * 64)


def test_own_data_are_kept_until_they_change(tmp_path: Path, data_folder: Path) -> None:
    path = tmp_path / "clips.tar"
    path.write_bytes(tarred(CLIPS, "w"))
    first = load_speech(Sources(speech=path))
    kept = (data_folder / "own" / "speech.npz").stat().st_mtime_ns
    assert load_speech(Sources(speech=path)).identity == first.identity
    assert (data_folder / "own" / "speech.npz").stat().st_mtime_ns == kept
    path.write_bytes(tarred({**CLIPS, "go/00000009_nohash_0.wav": wav_bytes(np.zeros(100))}, "w"))
    assert load_speech(Sources(speech=path)).identity.digest != first.identity.digest


def test_a_bad_archive_leaves_earlier_data_alone(tmp_path: Path, data_folder: Path) -> None:
    path = tmp_path / "clips.tar"
    path.write_bytes(tarred(CLIPS, "w"))
    load_speech(Sources(speech=path))
    before = (data_folder / "own" / "speech.npz").read_bytes()
    path.write_bytes(tarred(CLIPS, "w:gz")[:-200])
    with pytest.raises(UserError):
        load_speech(Sources(speech=path))
    assert (data_folder / "own" / "speech.npz").read_bytes() == before
    assert [p.name for p in (data_folder / "own").iterdir()] == ["speech.npz"]


def test_real_clips_are_the_official_ones_in_the_courses_split(real_data: Sources) -> None:
    clips = load_speech(real_data)
    assert clips.identity.source == "official"
    assert clips.identity.split == "the course's lists"
    assert np.bincount(clips.split).tolist() == [6400, 800, 800]
    assert np.bincount(clips.label).tolist() == [1000] * 8


def test_synthetic_data_are_named_and_kept_apart(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from underbudget.data import synthetic

    tiny = synthetic.make_speech(5)
    monkeypatch.setattr(synthetic, "make_speech", lambda: tiny)
    clips = load_speech(Sources(data="synthetic"))
    assert clips.identity.synthetic
    assert "SYNTHETIC" in capsys.readouterr().out
    assert not (data_folder / "real").exists()
    assert (data_folder / "synthetic" / "speech.npz").exists()


def test_espeak_ng_in_a_path_that_is_longer_than_it_takes(tmp_path: Path) -> None:
    deep = tmp_path / ("deep/" * 40) / "espeak-ng-data"
    deep.parent.mkdir(parents=True)
    deep.symlink_to(espeakng_loader.get_data_path())
    code = f"""
import espeakng_loader
espeakng_loader.get_data_path = lambda: {str(deep)!r}
from underbudget.data.synthetic import _Synthesiser
with _Synthesiser() as say:
    assert abs(say("yes", "en-us+m3", 50, 160)).max() > 0.01
"""
    path = {**os.environ, "PYTHONPATH": str(ROOT / "scripts")}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=path)
    assert (done.returncode, done.stderr) == (0, "")
