"""Words of the user's own: read from any folder, cut where they are long, split, refused in one line."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from helpers import wav_bytes, zip_bytes
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from underbudget.data import own_words, sources
from underbudget.data.identity import SPLITS
from underbudget.data.other_sounds import Recording, collect, join
from underbudget.data.own_words import BY_FILE, BY_SPEAKER, FEW_SPEAKERS, GIVEN, LEAST_CLIPS, read_own_words
from underbudget.data.sources import Sources, load_other_sounds, load_speech
from underbudget.data.takes import is_clipped, is_cut_off, is_silent, loudest_second
from underbudget.device.errors import UserError


def take(seed: str, seconds: float = 0.02, level: float = 0.2, rate: int = 16_000) -> NDArray[np.float64]:
    """A recording like no other: noise that swells and fades."""
    count = round(rate * seconds)
    noise: NDArray[np.float64] = np.random.default_rng([*seed.encode()]).uniform(-level, level, count)
    return noise * np.hanning(count)


def clips(word: str, count: int = LEAST_CLIPS, seconds: float = 0.02) -> dict[str, bytes]:
    return {f"{word}/{n}.wav": wav_bytes(take(f"{word}/{n}", seconds)) for n in range(count)}


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
            f"{word}/{speaker % speakers:08x}_nohash_{speaker}.wav": wav_bytes(take(f"{word}{speaker}"))
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
    sound[30_000:34_000] = np.tile([-0.5, 0.5], 2000)
    own = read_own_words(archive(tmp_path / "own.zip", {**TWO, "computer/long.wav": wav_bytes(sound)})).speech
    (place,) = np.flatnonzero(own.name == "computer/long.wav")
    loud = np.flatnonzero(own.audio[place])
    assert len(loud) == 4000 and loud[0] == pytest.approx(6000, abs=320)
    assert "1 of them cut to a second around the loudest part" in own.identity.description


@given(samples=st.integers(1, 60_000), at=st.floats(0, 1), length=st.integers(1, 15_000), level=st.floats(0.01, 1))
def test_the_loudest_part_is_kept_whole(samples: int, at: float, length: int, level: float) -> None:
    sound = np.zeros(samples, np.float32)
    start = round(at * (samples - 1))
    sound[start : start + length] = level
    cut = loudest_second(sound)
    assert cut.shape == (16_000,)
    assert (cut > 0).sum() == (sound > 0).sum()


def test_a_click_is_not_taken_for_the_word() -> None:
    """Who starts a recorder with a key, waits a second and says the word, finds the word."""
    rng = np.random.default_rng(5)
    sound = rng.normal(0, 3e-4, 48_000).astype(np.float32)
    sound[:1600] += (rng.normal(0, 0.6, 1600) * np.exp(-np.arange(1600) / 300)).astype(np.float32)
    sound[24_000:30_000] += take("word", 0.375, 0.3).astype(np.float32)
    cut = loudest_second(sound)
    (at,) = (n for n in range(len(sound) - 16_000 + 1) if np.array_equal(sound[n : n + 16_000], cut))
    assert 24_000 - at > 3000 and at + 16_000 - 30_000 > 3000


def test_silent_quiet_clipped_and_cut_recordings_are_told_apart() -> None:
    rng = np.random.default_rng(0)
    word = np.pad(take("word", 0.5), 2000).astype(np.float32)
    noise = rng.normal(0, 1, len(word)).astype(np.float32)
    assert is_silent(np.zeros(16_000, np.float32)) and is_silent(3e-4 * noise)
    assert not is_silent(word) and not is_silent(word * 0.005) and not is_silent(0.1 * noise)
    assert is_clipped(np.clip(20 * word, -1, 1)) and is_clipped(np.clip(20 * word, -1, 1) * 0.96)
    assert not is_clipped(word) and not is_clipped(word / np.abs(word).max())
    assert is_cut_off(word[5000:]) and is_cut_off(word[:-5000]) and not is_cut_off(word)


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
    left = join([all_of_them, none], ("smart mirror", "computer"))
    assert left.name.tolist() == ["speech/computer", "words/jarvis_1"]
    assert "without 2 recordings in which one of the words is said" in left.identity.description
    assert join([all_of_them, none], ("left",)).identity.digest == all_of_them.identity.digest


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({}, "0 folders of words: give 1 to 40"),
        ({f"w{w}/{n}.wav": wav_bytes(take(f"{w}{n}")) for w in range(41) for n in range(2)}, "41 folders"),
        ({**TWO, **clips("jarvis", 3), **clips("alexa", 19)}, "at least 20 .*: alexa has 19, jarvis has 3"),
        ({**TWO, **clips("_foo_")}, "'_foo_' can't be a word"),
        ({**TWO, **clips("x" * 41)}, "can't be a word"),
        ({**clips("train"), **clips("test")}, "folders that are called train or test are no words"),
        ({**clips("_other_")}, "0 folders of words"),
        (
            {
                **clips("computer", 12),
                **{f"computer/copy{n}.wav": clips("computer")[f"computer/{n}.wav"] for n in range(12)},
            },
            r"computer has 12; left out: 12 copies \(first my_words/computer/copy0.wav\)",
        ),
        (
            {**TWO, **{f"jarvis/{n}.wav": wav_bytes(np.full(16_000, n / 100)) for n in range(24)}},  # muted, an offset
            "jarvis has 0; left out: 24 silent",
        ),
        (
            {**TWO, **{f"jarvis/{n}.m4a": b"\0\0\0 ftypM4A " + bytes(n) for n in range(24)}},
            "jarvis has 0; left out: 24 that can't be read: can't be decoded .* convert it with: ffmpeg",
        ),
    ],
)
def test_refuses_what_can_not_be_trained_on(tmp_path: Path, members: dict[str, bytes], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_own_words(archive(tmp_path / "own.zip", members))
    assert "\n" not in str(caught.value)


def layout(own: own_words.OwnWords) -> dict[str, list[int]]:
    """Clips of each word in each split."""
    speech = own.speech
    return {
        str(word): np.bincount(speech.split[speech.label == label], minlength=3).tolist()
        for label, word in enumerate(speech.words)
    }


def test_what_was_found_is_said_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    takes = {f"{word}/{who}/{n}.wav": wav_bytes(take(f"{word}{who}{n}")) for word in ("computer", "jarvis")
             for who in ("anna", "ben", "carl", "dora", "emil", "fay") for n in range(8)}  # fmt: skip
    own = read_own_words(archive(tmp_path / "own.zip", {**takes, **clips("_other_/speech", 24, 0.5), ".x/a.wav": b"x"}))
    said = capsys.readouterr().out
    assert (
        "own.zip: words: computer, jarvis; 6 speakers; 24 clips of other sounds; 96 clips of words, split by s" in said
    )
    assert len(said.splitlines()) == 1
    assert own.speech.identity.split == FEW_SPEAKERS
    by_split = [set(own.speech.speakers(split).tolist()) for split in SPLITS]
    assert [len(speakers) for speakers in by_split] == [4, 1, 1] and len(set().union(*by_split)) == 6
    assert set(layout(own)) == {"computer", "jarvis"}


def test_two_speakers_are_too_few_to_keep_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    takes = {f"{word}/{who}/{n}.wav": wav_bytes(take(f"{word}{who}{n}")) for word in ("computer", "jarvis")
             for who in ("anna", "ben") for n in range(10)}  # fmt: skip
    own = read_own_words(archive(tmp_path / "own.zip", takes))
    assert layout(own) == {"computer": [12, 4, 4], "jarvis": [12, 4, 4]} and own.speech.identity.split == BY_FILE
    assert "2 speakers; 40 clips of words, split by file, 60/20/20 (too few speakers" in capsys.readouterr().out


def test_a_given_split_is_kept(tmp_path: Path) -> None:
    parts = {"train": 20, "val": 6, "test": 8}
    takes = {f"{part}/{word}/{n}.wav": wav_bytes(take(f"{word}{part}{n}")) for word in ("computer", "jarvis")
             for part, count in parts.items() for n in range(count)}  # fmt: skip
    own = read_own_words(archive(tmp_path / "own.zip", takes))
    assert layout(own) == {"computer": [20, 6, 8], "jarvis": [20, 6, 8]} and own.speech.identity.split == GIVEN
    without = {name: content for name, content in takes.items() if not name.startswith("val/")}
    own = read_own_words(archive(tmp_path / "own.zip", without))
    assert layout(own) == {"computer": [16, 4, 8], "jarvis": [16, 4, 8]}
    assert own.speech.identity.split == f"{GIVEN}; validation by file"


def test_one_wake_word_is_enough(tmp_path: Path) -> None:
    for more in ({}, clips("not-wake-word", 24)):
        own = read_own_words(archive(tmp_path / "own.zip", {**clips("computer"), **more}))
        assert layout(own) == {"computer": [12, 4, 4]} and len(own.other.name) == len(more)


def test_one_word_in_two_spellings(tmp_path: Path) -> None:
    """A Mac decomposes letters, and a name has another case on another computer; both have a 0.wav."""
    both = {**clips("cafe\u0301", 12), **clips("caf\u00e9", 12), **clips("CAF\u00c9", 3), **clips("bonjour\u00a0monde")}
    own = read_own_words(archive(tmp_path / "own.zip", both))
    assert own.speech.words.tolist() == ["bonjour monde", "caf\u00e9"]
    assert np.bincount(own.speech.label).tolist() == [20, 27]


def test_what_is_left_out_or_doubtful_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flac = io.BytesIO()
    soundfile.write(flac, soundfile.read(io.BytesIO(TWO["computer/3.wav"]))[0], 16_000, format="FLAC")
    members = {
        **TWO,
        "computer/muted.wav": wav_bytes(np.zeros(16_000)),
        "computer/again.wav": TWO["computer/1.wav"],
        "computer/2.mp3": TWO["computer/2.wav"],  # a WAV under another name
        "computer/also 3.flac": flac.getvalue(),
        "computer/bad.wav": b"text",
        "computer/none.wav": wav_bytes(np.zeros(0)),
        "computer/loud.wav": wav_bytes(np.clip(20 * take("loud", 0.5), -1, 0.9999)),
        "computer/Thumbs.db": b"x",
        "computer/._1.wav": b"x",
        "__MACOSX/computer/1.wav": b"x",
        "smart mirror/0 of computer.wav": TWO["computer/0.wav"],
    }
    own = read_own_words(archive(tmp_path / "own.zip", members))
    assert np.bincount(own.speech.label).tolist() == [26, 21]
    assert "without 6 that are silent, copies or can't be read" in own.speech.identity.description
    _, left_out, check = capsys.readouterr().out.splitlines()
    for part in ("1 silent (first my_words/computer/muted.wav)", "3 copies", "computer/bad.wav", "computer/none.wav"):
        assert part in left_out
    assert "1 clipped: record at a lower level (first my_words/computer/loud.wav)" in check
    assert "1 of smart mirror that are also given as computer" in check


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
