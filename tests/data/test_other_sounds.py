"""Other sounds: where they come from, what they are, how they are split, and that they are named for what they are."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, wav_bytes, zip_bytes
from hypothesis import given
from hypothesis import strategies as st

from underbudget.data import other_sounds, sources, synthetic
from underbudget.data.identity import SPLITS
from underbudget.data.other_sounds import KINDS, MOST_OF_A_WORD, Recording, collect, read_other_sounds
from underbudget.data.sources import Sources, load_other_sounds
from underbudget.device import artifact
from underbudget.device.errors import UserError


def sound(seconds: float = 0.01, level: float = 0.1) -> bytes:
    return wav_bytes(np.full(round(16_000 * seconds), level))


GIVEN = {
    **{f"other_sounds/train/speech/{speaker}-1-000{n}.wav": sound() for speaker in range(20) for n in range(2)},
    **{f"other_sounds/train/words/computer_{n:03}.wav": sound() for n in range(20)},
    **{f"other_sounds/test/words/alexa_{n:03}.wav": sound() for n in range(4)},
    "other_sounds/train/noise/rain.wav": sound(2, 0.2),
    "other_sounds/train/noise/wind.wav": sound(3, 0.3),
    "other_sounds/test/noise/tap.wav": sound(1.5, 0.4),
}


def archive(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(zip_bytes(members))
    return path


def test_folders_tell_split_and_kind(tmp_path: Path) -> None:
    read = read_other_sounds(archive(tmp_path / "own.zip", GIVEN), "local")
    (tap,) = read.recordings("test", ("noise",))
    assert (tap.name, tap.kind, len(tap.audio)) == ("test/noise/tap.wav", "noise", 24_000)
    assert (tap.audio == round(0.4 * 32767)).all()
    assert {r.word for r in read.recordings("test", ("words",))} == {"alexa"}
    assert read.identity.source == "local" and "own.zip (the user's own)" in read.identity.description
    assert sum(1 for split in SPLITS for _ in read.recordings(split)) == len(GIVEN)


def test_no_speaker_is_in_two_splits_and_a_fifth_of_training_is_for_validation(tmp_path: Path) -> None:
    read = read_other_sounds(archive(tmp_path / "own.zip", GIVEN), "local")
    speakers = {split: {r.name.split("-")[0] for r in read.recordings(split, ("speech",))} for split in SPLITS}
    assert (len(speakers["train"]), len(speakers["validation"]), len(speakers["test"])) == (16, 4, 0)
    assert not speakers["train"] & speakers["validation"]
    assert len(list(read.recordings("validation", ("words",)))) == 4
    assert [len(list(read.recordings(split, ("noise",)))) for split in SPLITS] == [1, 1, 1]


def test_speech_commands_gives_its_other_words_split_by_its_own_rule(tmp_path: Path) -> None:
    clips = {f"bed/{speaker}_nohash_0.wav": sound() for speaker in ("026290a7", "0c40e715", "004ae714")}
    path = archive(tmp_path / "x.zip", {**clips, "go/026290a7_nohash_0.wav": sound(), "LICENSE": b"text"})
    read = read_other_sounds(path, "official")
    found = {r.name: split for split in SPLITS for r in read.recordings(split)}
    assert found == {
        "bed/026290a7_nohash_0.wav": "validation",  # as validation_list.txt and testing_list.txt have them
        "bed/0c40e715_nohash_0.wav": "test",
        "bed/004ae714_nohash_0.wav": "train",
    }


SAID = """file,kind,transcript
validation/speech/1.wav,speech,"I SAID: Stop!"
validation/speech/2.wav,speech,nobody stops here
test/speech/3.wav,speech,
"""
COLLECTION = {
    **{f"my_sounds/train/words/bed/{n}.wav": sound() for n in range(10)},
    "my_sounds/validation/words/bed/0.wav": sound(),
    "my_sounds/validation/words/go/0.wav": sound(),
    "my_sounds/validation/speech/1.wav": sound(),
    "my_sounds/validation/speech/2.wav": sound(),
    "my_sounds/validation/manifest.csv": SAID.encode(),
    "my_sounds/test/words/cat/0.wav": sound(),
    "my_sounds/test/words/cat/c0ffee00_nohash_0.wav": sound(),
    "my_sounds/test/speech/3.wav": sound(),
    "my_sounds/test/noise/kitchen/go/1.wav": sound(),
    "my_sounds/test/rooms/hall.wav": sound(),
}


def test_folders_below_a_kind_and_a_split_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = read_other_sounds(archive(tmp_path / "my.zip", COLLECTION), "local")
    found = {
        (split, r.kind, r.word if r.kind == "words" else r.name) for split in SPLITS for r in read.recordings(split)
    }
    assert found == {
        ("train", "words", "bed"),
        ("validation", "words", "bed"),
        ("validation", "speech", "validation/speech/2.wav"),
        ("test", "words", "cat"),
        ("test", "speech", "test/speech/3.wav"),
        ("test", "noise", "test/noise/kitchen/go/1.wav"),
    }
    assert len(list(read.recordings("train"))) == 10  # none of them for validation: other folders are
    assert len(list(read.recordings("test", ("words",)))) == 2  # whatever Speech Commands' own rule says
    said = capsys.readouterr().out
    assert "left out: 1 recordings of rooms, which are impulse responses; 1 in which one of the words is said" in said
    assert "without 1 in which one of the words is said, 16 recordings" in read.identity.description


def test_what_lies_below_a_kind_is_of_that_kind(tmp_path: Path) -> None:
    sounds = {f"collection/{kind}/{source}/1.wav": sound() for kind in KINDS for source in ("one", "two")}
    read = read_other_sounds(archive(tmp_path / "x.zip", sounds), "local")
    assert sorted(read.kind) == ["noise", "noise", "speech", "speech", "words", "words"]


def test_recordings_of_one_name_are_refused(tmp_path: Path) -> None:
    path = archive(tmp_path / "x.zip", {f"{top}/test/noise/1.wav": sound() for top in "ab"})
    with pytest.raises(UserError, match=r"there are two test/noise/1\.wav"):
        read_other_sounds(path, "local")


def test_what_has_no_split_is_split_in_fifths_and_a_single_recording_is_for_training(tmp_path: Path) -> None:
    clips = {f"_other_/{n}.wav": sound() for n in range(10)}
    read = read_other_sounds(archive(tmp_path / "x.zip", {**clips, "_background_noise_/hum.wav": sound()}), "local")
    # clips as short as a word, such as 10_listen.py --keep writes, count as words
    assert [len(list(read.recordings(split, ("words",)))) for split in SPLITS] == [6, 2, 2]
    assert [len(list(read.recordings(split, ("noise",)))) for split in SPLITS] == [1, 0, 0]


def test_a_word_with_many_clips_is_sampled(tmp_path: Path) -> None:
    clips = {f"bed/{n}.wav": sound() for n in range(MOST_OF_A_WORD + 10)}
    read = read_other_sounds(archive(tmp_path / "x.zip", clips), "local")
    assert len(read.name) == MOST_OF_A_WORD


@pytest.mark.parametrize(
    ("members", "source", "message"),
    [
        ({"go/1.wav": sound()}, "local", "no other sounds"),
        ({"1.wav": sound()}, "local", "no other sounds"),
        ({"noise/1.wav": b"text"}, "local", "noise/1.wav: not a WAV file"),
        ({"noise/1.wav": sound(), "x/manifest.csv": b"file,transcript\n" + b"x" * 200_000}, "local", "not a CSV file"),
        ({"rooms/1.wav": sound()}, "local", "no other sounds"),
        ({"noise/1.wav": sound()}, "mirror", "checksum differs"),
    ],
)
def test_refuses_bad_sounds_in_one_line(tmp_path: Path, members: dict[str, bytes], source: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_other_sounds(archive(tmp_path / "x.zip", members), source)
    assert "\n" not in str(caught.value)


def test_refuses_more_than_memory_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_sounds, "MOST_SECONDS_IN_ALL", 36)
    with pytest.raises(UserError, match="more than 0 hours"):
        path = archive(tmp_path / "x.zip", {f"noise/{n}.wav": sound(19) for n in range(2)})
        read_other_sounds(path, "local")


@given(
    st.lists(
        st.tuples(st.lists(st.integers(-32768, 32767), min_size=1), st.sampled_from(KINDS), st.sampled_from(SPLITS)),
        min_size=1,
        max_size=8,
    )
)
def test_recordings_come_back_as_they_were(drawn: list[tuple[list[int], str, str]]) -> None:
    given = [Recording(np.array(a, np.int16), kind, f"{kind}/{i}", s) for i, (a, kind, s) in enumerate(drawn)]
    kept = collect(given[::-1], "local", "x", "y")
    back = {r.name: r for split in SPLITS for kind in KINDS for r in kept.recordings(split, (kind,))}
    assert back.keys() == {r.name for r in given}
    for r in given:
        np.testing.assert_array_equal(back[r.name].audio, r.audio)
        assert (back[r.name].kind, back[r.name].split) == (r.kind, r.split)
    assert kept.identity.digest == collect(given, "local", "x", "y").identity.digest
    other = replace(given[0], split=SPLITS[SPLITS.index(given[0].split) - 1])
    assert kept.identity.digest != collect([other, *given[1:]], "local", "x", "y").identity.digest


def test_kept_until_the_source_changes(tmp_path: Path, data_folder: Path) -> None:
    path = archive(tmp_path / "own.zip", GIVEN)
    first = load_other_sounds(Sources(other=path))
    kept = (data_folder / "own" / "other_sounds.npz").stat().st_mtime_ns
    again = load_other_sounds(Sources(other=path))
    assert again.identity == first.identity
    assert (data_folder / "own" / "other_sounds.npz").stat().st_mtime_ns == kept
    archive(path, {**GIVEN, "train/noise/more.wav": sound()})
    assert load_other_sounds(Sources(other=path)).identity.digest != first.identity.digest


@pytest.mark.slow
def test_made_from_the_clips_where_there_are_none_and_named_so(
    data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = synthetic.make_speech(10)
    monkeypatch.setattr(sources, "load_speech", lambda _: tiny)
    made = load_other_sounds(Sources("synthetic"))
    assert made.identity.source == "made" and "made from the training clips" in made.identity.description
    for split in SPLITS:
        assert {r.kind for r in made.recordings(split)} == set(KINDS)
    assert made.identity == load_other_sounds(Sources("synthetic")).identity
    assert [path.parent.name for path in data_folder.rglob("*.npz")] == ["synthetic"]
    turned = replace(tiny, identity=replace(tiny.identity, digest="another"))
    monkeypatch.setattr(sources, "load_speech", lambda _: turned)
    load_other_sounds(Sources("synthetic"))  # not what was made of other clips
    with np.load(data_folder / "synthetic" / "other_sounds.npz") as kept:
        assert "another" in str(kept["origin"])


def test_a_path_that_is_not_there_is_said() -> None:
    with pytest.raises(UserError, match=r"nowhere: no such file.*speech_commands_v0.02 for a download of 2.4 GB"):
        load_other_sounds(Sources(other=Path("nowhere")))


def test_the_collected_sounds(real_data: Sources) -> None:
    if real_data.mirror is None or not (real_data.mirror / "other_sounds.tar").exists():
        pytest.skip("other_sounds.tar is not at hand")
    read = load_other_sounds(real_data)
    counts = {
        (split, kind): len(list(read.recordings(split, (kind,)))) for split in ("train", "test") for kind in KINDS
    }
    assert read.identity.source == "mirror"
    assert [counts["test", kind] for kind in KINDS] == [100, 140, 6]
    assert [counts["train", kind] for kind in KINDS] == [200, 352, 8]
    card = artifact.load(ROOT / "models" / "live", "kws_a")[0]
    assert read.identity.digest == card.content["made_from"]["other_sounds"]["digest"]


def test_the_harder_collection(real_data: Sources) -> None:
    if real_data.mirror is None or not (real_data.mirror / "other_sounds_2.tar").exists():
        pytest.skip("other_sounds_2.tar is not at hand")
    read = read_other_sounds(real_data.mirror / "other_sounds_2.tar", "local")
    counts = {split: [len(list(read.recordings(split, (kind,)))) for kind in KINDS] for split in SPLITS}
    assert counts == {"train": [275, 1119, 283], "validation": [136, 411, 110], "test": [271, 428, 143]}
    assert read.identity.source == "mirror" and "own" not in read.identity.description
