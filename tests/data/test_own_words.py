"""Words of the user's own: read from any folder, cut where they are long, split, refused in one line."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import wav_bytes, zip_bytes
from hypothesis import given
from hypothesis import strategies as st

from underbudget.data import own_words, sources
from underbudget.data.identity import SPLITS
from underbudget.data.other_sounds import Recording, collect, combine
from underbudget.data.own_words import BY_FILE, BY_SPEAKER, LEAST_CLIPS, around_loudest, read_own_words
from underbudget.data.sources import Sources, load_other_sounds, load_speech
from underbudget.device.errors import UserError


def clips(word: str, count: int = LEAST_CLIPS, seconds: float = 0.01) -> dict[str, bytes]:
    return {f"{word}/{n}.wav": wav_bytes(np.full(round(16_000 * seconds), (n + 1) / 100)) for n in range(count)}


TWO = {**clips("computer", 25), **clips("smart mirror")}
NOISE = {"_background_noise_/hum.wav": wav_bytes(np.full(32_000, 0.3)), **clips("_other_", 5, 1.0)}


def archive(path: Path, members: dict[str, bytes]) -> Path:
    path.write_bytes(zip_bytes({f"my_words/{name}": content for name, content in members.items()}))
    return path


def test_folders_are_words(tmp_path: Path) -> None:
    own = read_own_words(archive(tmp_path / "own.zip", {**TWO, "notes.txt": b"text"}))
    assert own.speech.words.tolist() == ["computer", "smart mirror"]
    assert np.bincount(own.speech.label).tolist() == [25, 20]
    assert [own.speech.words[i] for i in own.speech.label] == [name.split("/")[0] for name in own.speech.name]
    assert own.speech.identity.description == "own.zip (the user's own), 45 clips of 2 words"
    assert not len(own.other.name)


def test_each_word_is_in_each_split(tmp_path: Path) -> None:
    own = read_own_words(archive(tmp_path / "own.zip", TWO)).speech
    assert own.identity.split == BY_FILE
    for label, fifth in ((0, 5), (1, 4)):
        assert np.bincount(own.split[own.label == label], minlength=3)[1:].tolist() == [fifth, fifth]


def test_speakers_are_split_where_names_tell_enough_of_them(tmp_path: Path) -> None:
    def named(speakers: int) -> dict[str, bytes]:
        return {
            f"{word}/{speaker % speakers:08x}_nohash_{speaker}.wav": wav_bytes(np.full(100, 0.1))
            for word in ("computer", "jarvis")
            for speaker in range(100)
        }

    many = read_own_words(archive(tmp_path / "many.zip", named(100))).speech
    assert many.identity.split == BY_SPEAKER
    speakers = [{name[-21:-12] for name in many.name[many.split == i]} for i in range(3)]
    assert not speakers[0] & speakers[1] and not speakers[0] & speakers[2] and not speakers[1] & speakers[2]
    both = read_own_words(archive(tmp_path / "both.zip", {**named(100), **clips("computer")})).speech
    assert both.identity.split == f"{BY_SPEAKER}; where not named, {BY_FILE}"
    assert (
        dict(zip(many.name, many.split, strict=True)).items() <= dict(zip(both.name, both.split, strict=True)).items()
    )
    few = read_own_words(archive(tmp_path / "few.zip", named(1))).speech
    assert few.identity.split == BY_FILE


def test_long_recordings_are_cut_and_that_is_said(tmp_path: Path) -> None:
    sound = np.zeros(48_000)
    sound[30_000:34_000] = 0.5
    own = read_own_words(archive(tmp_path / "own.zip", {**TWO, "computer/long.wav": wav_bytes(sound)})).speech
    (place,) = np.flatnonzero(own.name == "computer/long.wav")
    loud = np.flatnonzero(own.audio[place])
    assert len(loud) == 4000 and loud[0] == pytest.approx(6000, abs=1)
    assert "1 of them cut to a second around the loudest part" in own.identity.description


@given(samples=st.integers(1, 60_000), at=st.floats(0, 1), length=st.integers(1, 15_000), level=st.floats(0.01, 1))
def test_the_loudest_part_is_kept_whole(samples: int, at: float, length: int, level: float) -> None:
    sound = np.zeros(samples, np.float32)
    start = round(at * (samples - 1))
    sound[start : start + length] = level
    cut = around_loudest(sound)
    assert cut.shape == (16_000,)
    assert (cut > 0).sum() == (sound > 0).sum()


def test_other_sounds_beside_the_words(tmp_path: Path) -> None:
    own = read_own_words(archive(tmp_path / "own.zip", {**TWO, **NOISE}))
    assert own.speech.words.tolist() == ["computer", "smart mirror"]
    found = {r.name: r for split in SPLITS for r in own.other.recordings(split)}
    assert found["_background_noise_/hum.wav"].kind == "noise"
    assert len(found["_background_noise_/hum.wav"].audio) == 32_000
    assert {r.kind for name, r in found.items() if name.startswith("_other_")} == {"words"}
    assert [sum(1 for _ in own.other.recordings(split, ("words",))) for split in SPLITS] == [3, 1, 1]


def test_no_word_is_among_the_other_sounds() -> None:
    audio = np.zeros(100, np.int16)
    names = ("words/smart_mirror_01", "words/jarvis_1", "Smart Mirror/a", "speech/computer")
    all_of_them = collect(
        [Recording(audio, name.split("/")[0] if "words" in name or "speech" in name else "words", name, "train")
         for name in names],
        "mirror", "x", "y",
    )  # fmt: skip
    none = collect([], "local", "own", "y")
    left = combine(all_of_them, ("smart mirror", "computer"), none)
    assert left.name.tolist() == ["speech/computer", "words/jarvis_1"]
    assert "without 2 recordings of the words" in left.identity.description
    assert combine(all_of_them, ("left",), none) is all_of_them


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "0 folders of recordings: give 2 to 40"),
        (clips("computer"), "1 folders of recordings: give 2 to 40"),
        ({f"w{w}/{n}.wav": wav_bytes(np.zeros(9)) for w in range(41) for n in range(2)}, "41 folders"),
        ({**TWO, **clips("jarvis", 3), **clips("alexa", 19)}, "at least 20 .*: alexa has 19, jarvis has 3"),
        ({**TWO, **clips("_silence_")}, "'_silence_' can't be a word"),
        ({**TWO, **clips("x" * 41)}, "can't be a word"),
        ({**TWO, **clips(" padded ")}, "can't be a word"),
        ({**TWO, "computer/bad.wav": b"text"}, "computer/bad.wav: not a WAV file"),
        ({**TWO, "computer/none.wav": wav_bytes(np.zeros(0))}, "computer/none.wav"),
    ],
)
def test_refuses_what_can_not_be_trained_on(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_own_words(archive(tmp_path / "own.zip", members))
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_own_words_do_not_touch_the_kept_speech(
    tmp_path: Path, data_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = archive(tmp_path / "own.zip", {**TWO, **NOISE})
    some = Sources("synthetic", speech=path, own_words=True)
    first = load_speech(some)
    assert sorted(p.name for p in (data_folder / "own" / "words").iterdir()) == ["other_sounds.npz", "speech.npz"]
    monkeypatch.setattr(sources, "read_own_words", None)  # kept
    again = load_speech(some)
    assert again.identity == first.identity
    assert again.words.tolist() == ["computer", "smart mirror"]
    made = load_other_sounds(some)
    assert "made from the training clips" in made.identity.description
    assert "and own.zip (the user's own), 6 recordings" in made.identity.description
    monkeypatch.setattr(sources, "read_own_words", own_words.read_own_words)
    archive(path, TWO)
    assert "own.zip" not in load_other_sounds(some).identity.description


@pytest.mark.parametrize("path", [None, Path("nowhere")])
def test_recordings_must_be_named(path: Path | None) -> None:
    with pytest.raises(UserError, match="name your recordings: SPEECH="):
        load_speech(replace(Sources(), speech=path, own_words=True))
