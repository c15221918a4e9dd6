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
from underbudget.data.other_sounds import (
    COLLECTIONS,
    KINDS,
    MOST_OF_A_WORD,
    ROOMS,
    Recording,
    Said,
    collect,
    join,
    read_other_sounds,
)
from underbudget.data.sources import Sources, load_other_sounds
from underbudget.data.speech import LABELS
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


SAID = """file,kind,speaker,source,transcript
train/speech/0.wav,speech,anna,,"Don't STOP!"
train/speech/1.wav,speech,ben,,it stopped
validation/speech/1.wav,speech,carl,,"I SAID: Stop!"
validation/speech/2.wav,speech,carl,,nobody stops here
test/speech/3.wav,speech,,,
test/noise/kitchen/go/1.wav,noise,dora,kitchens,
"""
TIMES = """file,word,start,end
validation/speech/2.wav,Nobody,0.001,0.003
validation/speech/2.wav,stops,0.003,0.0075
"""
COLLECTION = {
    **{f"my_sounds/train/words/bed/{n}.wav": sound() for n in range(10)},
    "my_sounds/validation/words/bed/0.wav": sound(),
    "my_sounds/validation/words/go/0.wav": sound(),
    "my_sounds/validation/speech/1.wav": sound(),
    "my_sounds/validation/speech/2.wav": sound(),
    **{f"my_sounds/train/speech/{n}.wav": sound() for n in range(2)},
    "my_sounds/manifest.csv": SAID.encode(),  # the names in it tell the split
    "my_sounds/validation/word_times.csv": TIMES.encode(),
    "my_sounds/test/words/cat/0.wav": sound(),
    "my_sounds/test/words/cat/c0ffee00_nohash_0.wav": sound(),
    "my_sounds/test/speech/3.wav": sound(),
    "my_sounds/test/noise/kitchen/go/1.wav": sound(),
    "my_sounds/test/rooms/hall.wav": sound(),
}


def test_folders_below_a_kind_and_a_split_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    read = read_other_sounds(archive(tmp_path / "my.zip", COLLECTION), "local")
    found = {
        (split, r.kind, r.word if r.kind == "words" else r.name)
        for split in SPLITS
        for r in read.recordings(split, (*KINDS, ROOMS))
    }
    assert found == {
        ("train", "words", "bed"),
        ("train", "speech", "train/speech/0.wav"),
        ("train", "speech", "train/speech/1.wav"),
        ("validation", "words", "bed"),
        ("validation", "speech", "validation/speech/1.wav"),
        ("validation", "speech", "validation/speech/2.wav"),
        ("test", "words", "cat"),
        ("test", "speech", "test/speech/3.wav"),
        ("test", "noise", "test/noise/kitchen/go/1.wav"),
        ("test", "rooms", "test/rooms/hall.wav"),
    }
    assert len(list(read.recordings("train", ("words",)))) == 10  # none of them for validation: other folders are
    assert len(list(read.recordings("test", ("words",)))) == 2  # whatever Speech Commands' own rule says
    assert "other sounds: 5 of speech, 13 of words, 1 of noise, 1 of rooms" in capsys.readouterr().out


def test_manifests_tell_who_speaks_what_and_when(tmp_path: Path) -> None:
    read = read_other_sounds(archive(tmp_path / "my.zip", COLLECTION), "local")
    by_name = {r.name: r for split in SPLITS for r in read.recordings(split)}
    assert by_name["validation/speech/2.wav"].said == (Said("nobody", 0.001, 0.003), Said("stops", 0.003, 0.0075))
    assert by_name["train/speech/0.wav"].said == (Said("don't", 0, 0.01), Said("stop", 0, 0.01))  # at any time
    assert by_name["test/speech/3.wav"].said is None  # which is not known
    assert by_name["validation/speech/1.wav"].speaker == "carl"
    assert by_name["test/speech/3.wav"].speaker == "test/speech/3.wav"
    assert by_name["test/noise/kitchen/go/1.wav"].source == "kitchens"


def test_a_manifest_of_a_spreadsheet_is_read_and_rows_of_no_recording_are_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = "\ufefffile,speaker\r\ntest/speech/a.wav,anna\r\nspeech/b.wav,bob\r\n".encode()
    members = {"test/speech/a.wav": sound(), "test/speech/b.wav": sound(), "test/manifest.csv": manifest}
    read = read_other_sounds(archive(tmp_path / "my.zip", members), "local")
    assert [r.speaker for r in read.recordings("test")] == ["anna", "test/speech/b.wav"]
    assert (
        "not there: 1 recordings of manifest.csv and word_times.csv, such as 'speech/b.wav'" in capsys.readouterr().out
    )


def test_what_says_a_word_is_not_trained_on_and_stays_in_a_test(tmp_path: Path) -> None:
    read = read_other_sounds(archive(tmp_path / "my.zip", COLLECTION), "local")
    kept = {r.name: r for split in SPLITS for r in join([read], LABELS).recordings(split, (*KINDS, ROOMS))}
    assert {r.name for split in SPLITS for r in read.recordings(split, (*KINDS, ROOMS))} - kept.keys() == {
        "train/speech/0.wav"
    }
    assert kept["validation/speech/1.wav"].said == tuple(Said(word, 0, 0.01) for word in ("i", "said", "stop"))
    assert "validation/words/bed/0.wav" not in {r.name for r in join([read], ("Bed",)).recordings("validation")}
    with pytest.raises(UserError, match="two recordings have the same name"):
        join([read, read], LABELS)


def test_a_speaker_s_recordings_are_in_one_split(tmp_path: Path) -> None:
    rows = "".join(f"speech/{n}.wav,{'abcde'[n % 5]}\n" for n in range(20))
    clips = {f"speech/{n}.wav": sound() for n in range(20)}
    path = archive(tmp_path / "x.zip", {**clips, "speech/manifest.csv": f"file,speaker\n{rows}".encode()})
    read = read_other_sounds(path, "local")
    speakers = {split: {r.speaker for r in read.recordings(split)} for split in SPLITS}
    assert [len(of) for of in speakers.values()] == [3, 1, 1]
    assert set().union(*speakers.values()) == {*"abcde"}


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
        ({"noise/1.wav": sound(), "x/manifest.csv": b"file,transcript\n" + b"x" * 200_000}, "local", "not such a CSV"),
        ({"noise/1.wav": sound(), "x/word_times.csv": b"file,word,start,end\na,b,1,x\n"}, "local", "not such a CSV"),
        ({"noise/1.wav": sound(), "x/word_times.csv": b"file,word,start\na,b,1\n"}, "local", "not such a CSV"),
        (
            {"noise/1.wav": sound(), "x/word_times.csv": b"file,word,start,end\na,b,2,1\n"},
            "local",
            "a: b from 2 to 1 s",
        ),
        ({"noise/1.wav": sound(), "x/word_times.csv": b"file,word,start,end\na,b,nan,1\n"}, "local", "b from nan to 1"),
        ({"noise/1.wav": sound(), "x/manifest.csv": b"file;speaker\na;b\n"}, "local", "no column 'file'"),
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
    words = (Said("go", 0.1, 0.2), Said("up", 0.3, 0.45))
    given = [
        Recording(np.array(a, np.int16), kind, f"{kind}/{i}", s, f"who {i}", "k" * (i % 2), (None, (), words)[i % 3])
        for i, (a, kind, s) in enumerate(drawn)
    ]
    kept = collect(given[::-1], "local", "x", "y")
    back = {r.name: r for split in SPLITS for kind in KINDS for r in kept.recordings(split, (kind,))}
    assert back.keys() == {r.name for r in given}
    for r in given:
        np.testing.assert_array_equal(back[r.name].audio, r.audio)
        assert replace(back[r.name], audio=r.audio) == replace(r, audio=r.audio)
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
    mirror = real_data.mirror
    if mirror is None or not all((mirror / name).exists() for name in COLLECTIONS):
        pytest.skip("the collected sounds are not at hand")
    read = load_other_sounds(real_data)
    kinds = (*KINDS, ROOMS)
    counts = {split: [len(list(read.recordings(split, (kind,)))) for kind in kinds] for split in SPLITS}
    # of 510 sentences for training one of the words is said in 35
    assert counts == {"train": [475, 1471, 291, 18], "validation": [203, 499, 112, 7], "test": [414, 568, 149, 10]}
    speakers = [{r.speaker.replace("libri-", "") for r in read.recordings(split)} for split in SPLITS]
    assert not speakers[0] & speakers[1] and not speakers[0] & speakers[2] and not speakers[1] & speakers[2]
    said = [(s, len(r.audio) / 16_000) for r in read.recordings("test", ("speech",)) for s in r.said or ()]
    words = [(s.start, s.end) == (0, seconds) for s, seconds in said if s.word in LABELS]
    assert (words.count(False), words.count(True)) == (45, 2)  # 45 by the times; two in sentences that have none
    assert read.identity.source == "mirror" and "own" not in read.identity.description
    card = artifact.load(ROOT / "models" / "live", "kws_a")[0]
    assert read.identity.digest == card.content["made_from"]["other_sounds"]["digest"]
