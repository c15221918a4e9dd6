"""Which data are taken: real ones, the user's own beside them, and synthetic ones only where nothing else was named."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from test_speech import CLIPS, tarred
from test_weather import csv

from underbudget.data import array_cache, download, speech, synthetic
from underbudget.data.sources import DataSets, Sources, load_data, load_speech, load_weather
from underbudget.data.speech import BY_LISTS, BY_SPEAKER, Speech
from underbudget.device.errors import UserError
from underbudget.versions.catalogue import VERSIONS

SYNTHETIC = Sources("synthetic")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch, data_folder: Path) -> None:
    """Nothing can be downloaded; synthetic data are tiny."""

    def unreachable(remote: download.DownloadableFile, *_: Path) -> None:
        raise download.UnreachableError(f"{remote.name} can't be downloaded")

    monkeypatch.setattr(download, "_download", unreachable)
    weather, clips = synthetic.make_weather(2000), synthetic.make_speech(3)
    monkeypatch.setattr(synthetic, "make_weather", lambda: weather)
    monkeypatch.setattr(synthetic, "make_speech", lambda: clips)


@pytest.fixture
def mirror(tmp_path: Path) -> Path:
    """A folder with weather, and clips that count as the official ones."""
    folder = tmp_path / "mirror"
    folder.mkdir()
    (folder / "jena_station_10min.csv.xz").write_text(csv(90))
    (folder / "mini_speech_commands.tar.gz").write_bytes(tarred(CLIPS))
    return folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own.csv"
    path.write_text(csv(60))
    return path


def rows(sources: Sources) -> int:
    return len(load_weather(sources).values)


def test_own_weather_is_kept_beside_the_real(mirror: Path, own: Path) -> None:
    real = load_weather(Sources(mirror=mirror)).identity
    assert (real.source, real.own) == ("local", False)
    mine = load_weather(Sources(jena=own)).identity
    assert mine.own
    assert load_weather(Sources()).identity == real  # without mirror and network
    assert load_weather(Sources(jena=own)).identity == mine
    assert rows(SYNTHETIC) == 2000


def test_official_clips_are_official_however_they_are_named(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clips = mirror / "mini_speech_commands.tar.gz"
    assert load_speech(Sources(speech=clips)).identity.own
    clips.touch()
    monkeypatch.setattr(speech, "OFFICIAL_DIGEST", speech.read_speech(clips, user=True).identity.digest)
    assert not load_speech(Sources(speech=clips)).identity.own


def test_models_are_made_of_own_sounds_where_only_the_other_sounds_are_own(tmp_path: Path) -> None:
    mine = tmp_path / "sounds.tar"
    mine.write_bytes(tarred({name.replace("go/", "noise/"): clip for name, clip in CLIPS.items() if "go/" in name}))
    data: DataSets = load_data(replace(SYNTHETIC, other=mine), *VERSIONS["kws_a"].data_of("live"))
    assert [identity.own for identity in data.identities] == [False, True]


@pytest.mark.parametrize("before", [False, True], ids=["at first", "synthetic data are kept"])
@pytest.mark.parametrize("ask_again", [False, True])
def test_a_mirror_that_lacks_the_file_is_no_reason_for_synthetic_data(
    tmp_path: Path, before: bool, ask_again: bool
) -> None:
    if before:
        rows(SYNTHETIC)
    (tmp_path / "archive.zip").touch()
    for load, name in ((load_weather, "jena_climate_2009_2016.csv.zip"), (load_speech, "mini_speech_commands.tar.xz")):
        with pytest.raises(UserError, match=rf"{tmp_path} has none of .*{name}.*DATA_MIRROR=folder") as caught:
            load(Sources(mirror=tmp_path, ask_again=ask_again))
        assert "\n" not in str(caught.value)


def test_a_mirror_needs_only_what_is_asked_for(mirror: Path) -> None:
    (mirror / "jena_station_10min.csv.xz").unlink()
    (mirror / "mini_speech_commands.tar.gz").rename(mirror / "clips.tar.gz")
    assert load_speech(Sources(speech=mirror / "clips.tar.gz", mirror=mirror)).identity.own
    with pytest.raises(UserError, match="has none of"):
        load_weather(Sources(mirror=mirror))
    assert rows(replace(SYNTHETIC, mirror=mirror)) == 2000  # asked for


@pytest.mark.parametrize("sources", [Sources(mirror=Path("/no/such")), Sources(jena=Path("/no/such.csv"))])
def test_what_is_named_must_be_there(sources: Sources, data_folder: Path) -> None:
    with pytest.raises(UserError, match=r"^/no/such"):
        load_weather(sources)
    assert not data_folder.exists()


def test_own_data_that_can_not_be_read_are_an_error(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "exists", denied)
    with pytest.raises(UserError, match=r"own.csv: can't be read \(Permission denied\): correct that \(JENA\)"):
        load_weather(Sources(jena=own))


def test_own_data_and_synthetic_ones_exclude_each_other(own: Path) -> None:
    with pytest.raises(UserError, match=rf"^JENA={own} and DATA=synthetic: name one of them"):
        load_weather(replace(SYNTHETIC, jena=own))


def test_who_has_named_own_data_is_not_given_synthetic_ones_later(own: Path) -> None:
    rows(Sources(jena=own))
    with pytest.raises(UserError, match=rf"JENA={own}, as before.*DATA=synthetic"):
        load_weather(Sources())
    assert rows(SYNTHETIC) == 2000
    assert load_speech(Sources()).identity.synthetic  # of which nothing was named


@pytest.mark.parametrize("times", [1, 2])
def test_where_nothing_was_named_the_line_says_what_to_get(times: int, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(times):
        capsys.readouterr()
        assert rows(Sources()) == 2000
    said = capsys.readouterr().out
    assert "https://storage.googleapis.com/tensorflow/tf-keras-datasets/jena_climate_2009_2016.csv.zip" in said
    assert "DATA_MIRROR=folder" in said
    assert "*** SYNTHETIC weather" in said


@pytest.fixture
def lists(tmp_path: Path, mirror: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The course's lists: clip 0 of each word for training, 1 for validation, 2 for testing."""
    digest = speech.read_speech(mirror / "mini_speech_commands.tar.gz", user=True).identity.digest
    monkeypatch.setattr(speech, "OFFICIAL_DIGEST", digest)
    folder = tmp_path / "lists"
    folder.mkdir()
    known = {}
    for number, remote in enumerate(speech.LISTS):
        text = "".join(f"./data/{name}\n" for name in CLIPS if f"0000000{number}" in name)
        (folder / remote.name).write_text(text)
        known[remote] = hashlib.sha256(text.encode()).hexdigest()
    monkeypatch.setattr(speech, "LISTS", known)
    return folder


def test_lists_that_arrive_later_are_used(mirror: Path, lists: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for _ in range(2):
        without = load_speech(Sources(mirror=mirror))
        assert without.identity.split == BY_SPEAKER
        assert "split by speaker, not by the course's lists (kws_train_split.txt" in capsys.readouterr().out
    for path in lists.iterdir():
        path.rename(mirror / path.name)
    clips = load_speech(Sources(mirror=mirror))
    assert clips.identity == replace(without.identity, split=BY_LISTS)
    assert clips.split.tolist() == [0, 1, 2] * 8
    np.testing.assert_array_equal(clips.audio, without.audio)
    assert load_speech(Sources(mirror=mirror, by_speaker=True)).identity.split == BY_SPEAKER
    for path in mirror.iterdir():
        path.unlink()
    assert load_speech(Sources()).split.tolist() == [0, 1, 2] * 8  # without mirror and network
    assert "by speaker" not in capsys.readouterr().out


@pytest.mark.parametrize("split", [BY_LISTS, BY_SPEAKER])
def test_what_was_kept_with_its_split_is_still_right(mirror: Path, lists: Path, split: str) -> None:
    """As earlier versions kept it: in the split that it had when it was read."""
    archive = mirror / "mini_speech_commands.tar.gz"
    clips = speech.read_speech(archive, user=False)
    if split == BY_LISTS:
        places = np.array([0, 1, 2] * 8, np.int8)
        clips = replace(clips, split=places, identity=replace(clips.identity, split=BY_LISTS))
        lists = mirror / "none"
    array_cache.save(clips, array_cache.cache_path(Speech, "real"), array_cache.source_key(archive, False))
    for path in lists.glob("*.txt"):
        path.rename(mirror / path.name)
    assert load_speech(Sources(mirror=mirror)).split.tolist() == [0, 1, 2] * 8


def test_a_list_that_can_not_be_read_is_one_line(mirror: Path, lists: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (lists / "kws_train_split.txt").rename(mirror / "kws_train_split.txt")

    def denied(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    load_speech(Sources(mirror=mirror))
    monkeypatch.setattr(Path, "read_bytes", denied)
    with pytest.raises(UserError, match=r"kws_train_split.txt: can't be read \(Permission denied\)"):
        load_speech(Sources(mirror=mirror))


def test_an_older_recording_that_is_put_back_is_seen(tmp_path: Path) -> None:
    """Its size is that of the one it replaces, and its time older than all others."""
    (tmp_path / "yes").mkdir()
    for name, time in (("1.wav", 2_000), ("2.wav", 3_000)):
        (tmp_path / "yes" / name).write_bytes(b"RIFF")
        os.utime(tmp_path / "yes" / name, (time, time))
    before = array_cache.source_key(tmp_path, True)
    assert array_cache.source_key(tmp_path, True) == before
    os.utime(tmp_path / "yes" / "1.wav", (1_000, 1_000))
    assert array_cache.source_key(tmp_path, True) != before


def test_a_single_recording_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "yes.wav").write_bytes(b"RIFF0000WAVE")
    with pytest.raises(UserError, match="a single recording: name the folder that has a folder for each word"):
        speech.read_speech(tmp_path / "yes.wav", user=True)
