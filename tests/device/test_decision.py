"""When a word counts as heard, by hand and by rule; the thresholds on cards; what is kept of what was heard."""

import errno
import io
import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, wav_bytes
from hypothesis import given
from hypothesis import strategies as st
from test_cards import CARDS, run

from underbudget.device import artifact
from underbudget.device.audio import RATE, read_wav
from underbudget.device.errors import UserError
from underbudget.device.keep import keep
from underbudget.device.listen import HOP, Decider, Detection, Frame, LastSecond, Settings, Smoother, settings_of

MODELS = ROOT / "models" / "report"
PUBLISHED = artifact.load(MODELS, "kws_a")[0]


WORDS = ("yes", "no", "up")


LOUD, FAINT = 9.0, 1.0  # levels of the background


def frame(time: float, word: str, score: float, loudness: float = LOUD) -> Frame:
    """One at which one word is as likely as said, and the others are not."""
    return Frame(time, {other: score if other == word else 0.0 for other in WORDS}, loudness)


def detected(frames: list[Frame], threshold: float, min_gap: float = 0.8) -> list[Frame]:
    decider = Decider(Settings(threshold=threshold, min_gap=min_gap))
    return [frame for frame in frames if decider.detects(frame)]


def test_what_is_detected_is_loud_and_likely_and_not_too_soon() -> None:
    frames = [
        frame(1.0, "yes", 0.9, FAINT),
        frame(1.25, "yes", 0.7),
        frame(1.5, "yes", 0.8),  # detected: 0.8 is enough; deaf until 2.25
        frame(2.0, "no", 0.99),
        frame(2.25, "up", 0.85),  # detected: it is no longer too soon
        frame(3.0, "up", 0.3),
    ]
    assert detected(frames, 0.8, min_gap=0.75) == [frames[2], frames[4]]
    assert detected(frames, 0.99, min_gap=0.75) == [frames[3]]  # nothing was detected before
    assert detected(frames, 0.2, min_gap=0.75) == [frames[1], frames[3], frames[5]]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_a_steady_probability_stays_and_a_short_one_counts_less_than_by_the_mean(said: list[float]) -> None:
    smoother = Smoother(WORDS, len(said) * HOP / RATE)
    for probability in said:
        smoothed = smoother.smooth(frame(0.0, "no", probability)).scores["no"]
    assert min(said) - 1e-9 <= smoothed <= np.mean(said) + 1e-9
    for _ in said:
        assert smoother.smooth(frame(0.0, "no", 0.0)).scores["yes"] == 0
    assert smoother.smooth(frame(0.0, "no", 1.0)).scores["no"] == pytest.approx(1 / len(said) ** 2)


def test_loudness_and_offset_of_what_is_new_are_those_of_the_whole_second() -> None:
    rng = np.random.default_rng(0)
    hum = 0.1 + 0.05 * np.sin(2 * np.pi * 50 * np.arange(40 * HOP) / RATE)
    sound = (rng.normal(0, np.repeat(rng.uniform(1e-4, 0.2, 80), HOP // 2)) + hum).astype(np.float32)
    last = LastSecond()
    for end in range(HOP, len(sound) + 1, HOP):
        last.push(sound[end - HOP : end])
        second = np.pad(sound[:end], (RATE, 0))[-RATE:]
        np.testing.assert_array_equal(last.sound, second)
        assert last.offset() == pytest.approx(np.mean(sound[max(0, end - RATE) : end], dtype=float), abs=1e-8)
        # without the mean of the 80 samples around each; at both ends, of the first and the last sample over again
        around = np.convolve(np.pad(second, (40, 39), mode="edge").astype(float), np.full(80, 1 / 80), mode="valid")
        blocks = np.square(second - around).reshape(10, 1600)
        np.testing.assert_allclose(last.loudness(), np.sqrt(blocks.mean(axis=1)), rtol=1e-9)


def test_a_word_is_detected_again_only_after_it_has_been_unlikely() -> None:
    still = [frame(1 + 0.1 * step, "yes", 0.9) for step in range(30)]
    assert detected(still, 0.5) == still[:1]
    said_again = [*still[:10], frame(2.05, "yes", 0.4, FAINT), *still[11:]]
    assert detected(said_again, 0.5) == [still[0], still[11]]
    too_soon = [*still[:3], frame(1.25, "yes", 0.4), *still[3:]]
    assert detected(too_soon, 0.5) == [still[0], still[8]]  # unlikely meanwhile, but within the minimum gap


def test_another_word_that_is_likelier_does_not_make_a_word_unlikely() -> None:
    def both(time: float, yes: float, no: float) -> Frame:
        return Frame(time, {"yes": yes, "no": no}, LOUD)

    frames = [both(1, 0.6, 0.3), both(2, 0.35, 0.4), both(3, 0.6, 0.1), both(4, 0.2, 0.1), both(5, 0.6, 0.1)]
    assert detected(frames, 0.3) == [frames[0], frames[1], frames[4]]


FRAMES = st.lists(st.tuples(st.lists(st.floats(0, 1), min_size=3, max_size=3), st.booleans()), max_size=60).map(
    lambda drawn: [
        Frame(0.08 * at, dict(zip(WORDS, p, strict=True)), LOUD if loud else FAINT)
        for at, (p, loud) in enumerate(drawn)
    ]
)


@given(frames=FRAMES, threshold=st.floats(0, 1), min_gap=st.floats(0, 2))
def test_every_frame_is_decided_by_the_rule(frames: list[Frame], threshold: float, min_gap: float) -> None:
    """What the listener decides step by step, against the rule looked up in all that was before."""
    found = detected(frames, threshold, min_gap)
    for at, now in enumerate(frames):
        before = [m for m in found if m.time < now.time]
        same = [m.time for m in before if m.word == now.word]
        meanwhile = [m for m in frames[: at + 1] if same and m.time > same[-1]]
        again = not same or any(m.scores[now.word] < threshold for m in meanwhile)
        late = not before or now.time >= before[-1].time + min_gap
        assert (now in found) == (now.loudness == LOUD and now.confidence >= threshold and late and again)


def with_listening(field: Any, folder: Path) -> artifact.Card:
    (folder / "x.json").write_text(json.dumps({**CARDS["kws_a"], "listening": field}))
    return artifact.read_card(folder / "x.json")


def test_the_card_names_the_settings_of_each_sensitivity(tmp_path: Path) -> None:
    thresholds = {"low": 0.95, "middle": 0.9, "high": 0.5}
    card = with_listening({**thresholds, "validation": "anything"}, tmp_path)
    assert [settings_of(card, s) for s in artifact.SENSITIVITIES] == [Settings(t) for t in thresholds.values()]
    assert settings_of(replace(card, thresholds={}), "low") == Settings()
    card = with_listening({**thresholds, "smoothing": 0.25, "level_ratio": 2}, tmp_path)
    assert settings_of(card, "low") == Settings(0.95, smoothing=0.25, level_ratio=2.0)


@pytest.mark.parametrize(
    ("field", "message"),
    [
        (None, "listening is None, not an object"),
        ({"low": 0.9, "middle": 0.8}, "lacks listening.high"),
        ({"low": 0.9, "middle": 0.8, "high": "0.7"}, "listening.high is '0.7'"),
        ({"low": 0.9, "middle": 0.8, "high": -0.1}, "listening.high is -0.1"),
        ({"low": 0.9, "middle": 0.8, "high": 0.7, "smoothing": None}, "listening.smoothing is None"),
        ({"low": 1.5, "middle": 0.8, "high": 0.1}, "listening.low is 1.5"),
        ({"low": 0.7, "middle": 0.8, "high": 0.1}, "do not fall from low to high"),
    ],
)
def test_thresholds_that_are_none(field: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=rf"x\.json: not a model card \(.*{message}") as caught:
        with_listening(field, tmp_path)
    assert len(str(caught.value).splitlines()) == 1


FOUND = Detection(12.34, "yes", 0.876, 0.1)
SOUND = np.random.default_rng(0).uniform(-1, 0.99, RATE).astype(np.float32)


def test_what_was_heard_is_kept_and_nothing_is_overwritten(tmp_path: Path) -> None:
    paths = [keep(tmp_path / "heard", FOUND, SOUND * scale) for scale in (1, 0.5, 0.25)]
    assert [p.name for p in paths] == [f"000012.34s_yes_0.88{more}.wav" for more in ("", "_2", "_3")]
    for path, scale in zip(paths, (1, 0.5, 0.25), strict=True):
        kept = read_wav(io.BytesIO(path.read_bytes()), path.name)
        np.testing.assert_allclose(kept, SOUND * scale, atol=1 / 65536)


@pytest.mark.parametrize("word", ["../../up", "a/b", "naïve 语", "x" * 40])
def test_any_label_makes_a_name_within_the_folder(word: str, tmp_path: Path) -> None:
    path = keep(tmp_path, replace(FOUND, word=word), SOUND)
    assert path.parent == tmp_path
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_one_line_and_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.FileIO):
        def write(self, data: Any) -> int:
            super().write(bytes(data)[:100])
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda path, mode: Full(path, mode.replace("b", "")))
    with pytest.raises(UserError, match=r"the disk is full: free some space, or listen without --keep") as caught:
        keep(tmp_path, FOUND, SOUND)
    assert len(str(caught.value).splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"can't be written .*name another folder"):
        keep(tmp_path / "file", FOUND, SOUND)


@pytest.fixture
def spoken(tmp_path: Path) -> tuple[Path, Path]:
    """A model whose card names thresholds, and a recording in which it takes a burst of noise for a word."""
    folder = Path(shutil.copytree(MODELS, tmp_path / "models"))
    card = json.loads((folder / "kws_a.json").read_text())
    card["listening"] = {"low": 1.0, "middle": 0.0, "high": 0.0}
    (folder / "kws_a.json").write_text(json.dumps(card))
    sound = np.random.default_rng(1).normal(0, 1e-3, 4 * RATE)
    sound[2 * RATE : 2 * RATE + 6000] *= 100
    (tmp_path / "sound.wav").write_bytes(wav_bytes(sound))
    return folder / "kws_a.tflite.zlib", tmp_path / "sound.wav"


@pytest.mark.slow
def test_the_listener_takes_the_cards_threshold_and_keeps_what_it_hears(
    spoken: tuple[Path, Path], tmp_path: Path
) -> None:
    listen = ("10_listen.py", "--model", str(spoken[0]), "--wav", str(spoken[1]), "--json")
    options = [(), ("--sensitivity", "low"), ("--threshold", "1"), ("--keep", str(tmp_path / "kept"))]
    done = {option: run(*listen, *option) for option in options}
    assert {each.returncode for each in done.values()} == {0}
    lines = {option: each.stdout.splitlines() for option, each in done.items()}
    counts = {option: len(found) for option, found in lines.items()}
    assert counts[()] > 0
    assert counts["--sensitivity", "low"] == counts["--threshold", "1"] == 0
    kept = sorted((tmp_path / "kept").iterdir())
    found = [json.loads(line) for line in lines["--keep", str(tmp_path / "kept")]]
    assert len(kept) == len(found) == counts[()]
    with spoken[1].open("rb") as file:
        whole = read_wav(file, "sound.wav")
    for path, detection in zip(kept, found, strict=True):
        assert path.name == f"{detection['time']:09.2f}s_{detection['word']}_{detection['confidence']:.2f}.wav"
        end = round(detection["time"] * RATE)
        second = read_wav(io.BytesIO(path.read_bytes()), path.name)
        np.testing.assert_allclose(second, np.pad(whole, (0, RATE))[end - RATE : end], atol=1e-4)


@pytest.mark.slow
def test_a_folder_that_can_not_be_written_is_said_before_anything_is_heard(
    spoken: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    done = run("10_listen.py", "--model", str(spoken[0]), "--wav", str(spoken[1]), "--keep", str(tmp_path / "file"))
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"error: {tmp_path / 'file'}: can't be made (File exists): name another folder\n"


@pytest.mark.slow
def test_a_card_without_thresholds_is_said(spoken: tuple[Path, Path]) -> None:
    card = spoken[0].with_name("kws_a.json")
    content = json.loads(card.read_text())
    content.pop("listening")
    card.write_text(json.dumps(content))
    listen = ("10_listen.py", "--model", str(spoken[0]), "--wav", str(spoken[1]))
    assert "threshold 0.8 at any sensitivity, as its card has none" in run(*listen, "--sensitivity", "low").stderr
    assert "threshold 0.9" in run(*listen, "--threshold", "0.9").stderr
