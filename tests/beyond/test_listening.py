"""How listeners are measured: recordings with known contents, counts by hand, thresholds by rule, results kept."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT, script
from hypothesis import given
from hypothesis import strategies as st

from underbudget import files
from underbudget.beyond.listening import measure, scores
from underbudget.beyond.listening.long_recordings import FAINT, lay_out, level
from underbudget.beyond.listening.scores import CLEAN, CONDITIONS, THRESHOLDS, Condition, Scores, Sounds, figures
from underbudget.beyond.listening.sensitivity import LEAST_DETECTED_PCT, MOST_PER_HOUR, Point, choose
from underbudget.data.identity import Identity
from underbudget.data.other_sounds import Recording, collect
from underbudget.data.sources import Sources, load_speech
from underbudget.data.speech import LABELS, Speech, by_speaker
from underbudget.device import artifact
from underbudget.device.artifact import SENSITIVITIES
from underbudget.device.audio import RATE, Audio
from underbudget.device.errors import UserError
from underbudget.device.listen import HOP, Frame, KeywordDetector, Settings
from underbudget.intervals import poisson_rate, wilson
from underbudget.store import ResultStore

KWS_A = ROOT / "models" / "report" / "kws_a.tflite.zlib"


def tone(seconds: float, amplitude: float = 0.5) -> Audio:
    return (amplitude * np.sin(2 * np.pi * 440 * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("snr_db", [None, 10.0])
def test_of_no_items_there_is_faint_noise_alone(snr_db: float | None) -> None:
    recording = lay_out([], (1.0, 2.0), 3, BURSTS, snr_db)
    assert recording.intervals == ()
    assert level(recording.sound) == pytest.approx(FAINT, rel=0.1)


def test_items_lie_where_the_recording_says() -> None:
    items = [tone(0.5), tone(1.25), tone(1)]
    recording = lay_out(items, (1.0, 2.0), seed=3)
    assert recording.hours == pytest.approx(2.75 / 3600)
    for item, (start, end) in zip(items, recording.intervals, strict=True):
        at = round(start * RATE)
        assert round(end * RATE) - at == len(item)
        np.testing.assert_allclose(recording.sound[at : at + len(item)], item, atol=10 * FAINT)
    gaps = [later[0] - earlier[1] for earlier, later in zip(recording.intervals, recording.intervals[1:], strict=False)]
    assert all(1 <= gap <= 2 for gap in gaps)
    assert recording.intervals[0][0] >= 1  # the listener's first second tells it the background
    assert len(recording.sound) / RATE - recording.intervals[-1][1] >= 2


@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_is_so_much_below_each_item(snr_db: float) -> None:
    noises = [(np.random.default_rng(n).uniform(-1, 1, RATE) / (n + 1)).astype(np.float32) for n in range(2)]
    items = [tone(1, 0.5), tone(1, 0.05)]
    plain, noisy = (lay_out(items, (1.0, 1.0), 3, noises, db) for db in (None, snr_db))
    assert plain.intervals == noisy.intervals
    added = noisy.sound - plain.sound
    for item, (start, end) in zip(items, plain.intervals, strict=True):
        during = added[round(start * RATE) : round(end * RATE)]
        assert 20 * np.log10(level(item) / level(during)) == pytest.approx(snr_db, abs=0.3)


def test_silence_around_a_word_does_not_lower_its_level() -> None:
    assert level(np.pad(tone(0.4), (4800, 4800))) == pytest.approx(level(tone(0.4)), rel=1e-3)
    assert level(np.zeros(100, np.float32)) == 0


def observed(frames: list[tuple[float, str]], intervals: list[tuple[float, float]], hours: float = 1.0) -> Scores:
    """Moments at which a word is likely, each after one at which none is."""
    likely = [Frame(time, {**dict.fromkeys(LABELS, 0.0), word: 0.9}, loud=True) for time, word in frames]
    unlikely = [Frame(frame.time - 0.01, dict.fromkeys(LABELS, 0.0), loud=True) for frame in likely]
    both = sorted([*likely, *unlikely], key=lambda frame: frame.time)
    return Scores(tuple(both), tuple(intervals), hours)


def test_figures_of_a_hand_made_session() -> None:
    intervals = [(10.0 * n, 10.0 * n + 1) for n in range(1, 6)]
    said = ("yes", "no", "up", "go", "stop")
    heard = [
        (5.0, "left"),  # extra: nothing was said
        (10.9, "yes"),  # heard
        (20.9, "go"),  # confused
        (30.8, "down"),  # "up" is heard all the same; this one is extra, and the word is detected twice
        (31.9, "up"),
        (42.1, "go"),  # too late: missed, and extra
    ]
    noise = observed([], [(0.0, 1800.0)], hours=0.5)
    others = observed([(2.5, "up"), (5.9, "go"), (6.8, "go")], [(2.0, 3.0), (5.0, 6.0), (9.0, 9.5)])
    speech = observed([(1.0, "yes"), (3.0, "no"), (3.2, "no")], [(0.0, 900.0)], hours=0.25)
    silence = observed([], [])
    parts = {
        "words": observed(heard, intervals),
        "speech": speech,
        "others": others,
        "noise": noise,
        "silence": silence,
    }
    found = figures(Condition(said, parts), 0.8)
    share = {"pct": 40.0, "pct_95": [round(100 * v, 2) for v in wilson(2, 5)]}
    assert found["words"] == {"said": 5, "heard": 2, "confused": 1, "missed": 2, "extra": 3, "twice": 1, **share}
    assert (found["others"]["clips"], found["others"]["accepted"]) == (3, 2)
    assert (found["speech"]["triggers"], found["speech"]["per_hour"]) == (2, 8.0)  # 3.2 s is too soon after 3.0 s
    assert found["speech"]["per_hour_95"] == [round(v, 2) for v in poisson_rate(2, 0.25)]
    assert found["noise"] == {"hours": 0.5, "triggers": 0, "per_hour": 0.0, "per_hour_95": [0.0, 5.99]}
    assert found["silence"] is None  # of which there was none
    assert figures(Condition(said, parts), 0.95)["words"]["missed"] == 5


def points(*rows: tuple[float, float, float | None]) -> list[Point]:
    return [Point(*row) for row in rows]


def test_thresholds_keep_to_what_a_sensitivity_allows() -> None:
    curve = points((0.2, 2, 500), (0.4, 3, 60), (0.6, 5, 30), (0.7, 6, 9), (0.8, 8, 4), (0.9, 15, 1), (0.95, 70, 0))
    assert choose(curve) == {"low": 0.9, "middle": 0.7, "high": 0.4}


def test_a_model_that_triggers_too_often_still_hears_words() -> None:
    curve = points(
        (0.2, 2, 5000), (0.4, 9, 900), (0.6, 14, 600), (0.8, 29, 400), (0.85, 49, 300), (0.9, 90, 100), (0.95, 99, 0)
    )
    assert choose(curve) == {"low": 0.85, "middle": 0.8, "high": 0.6}


def test_a_model_that_hears_little_takes_the_threshold_at_which_it_hears_most() -> None:
    assert set(choose(points((0.2, 75, 5000), (0.4, 70, 900), (0.6, 90, 600))).values()) == {0.4}


def test_without_speech_the_words_alone_choose() -> None:
    curve = points((0.2, 2, None), (0.4, 9, None), (0.6, 14, None), (0.8, 29, None), (0.85, 49, None), (0.9, 90, None))
    assert choose(curve) == {"low": 0.85, "middle": 0.8, "high": 0.6}


@given(
    drawn=st.lists(
        st.tuples(st.floats(0, 1), st.floats(0, 100), st.none() | st.floats(0, 5000)),
        min_size=1,
        unique_by=lambda r: r[0],
    )
)
def test_thresholds_fall_from_low_to_high_and_keep_their_rule(
    drawn: list[tuple[float, float, float | None]],
) -> None:
    curve = points(*sorted(drawn, key=lambda row: row[0]))
    chosen = choose(curve)
    assert sorted(chosen.values(), reverse=True) == [chosen[s] for s in SENSITIVITIES]
    at = {point.threshold: point for point in curve}
    most = min(point.not_heard_pct for point in curve)
    for sensitivity in SENSITIVITIES:
        point = at[chosen[sensitivity]]
        quiet = point.per_hour is not None and point.per_hour <= MOST_PER_HOUR[sensitivity]
        assert quiet or point.not_heard_pct <= max(100 - LEAST_DETECTED_PCT[sensitivity], most)


RNG = np.random.default_rng(5)
BURSTS = [(tone(1) * RNG.uniform(0, 1, RATE)).astype(np.float32) for _ in range(6)]
SOUNDS = Sounds(
    [(word, burst) for word, burst in zip(("yes", "no", "up"), BURSTS, strict=False)],
    [np.concatenate(BURSTS)],
    BURSTS[3:],
    [RNG.normal(0, 0.1, 2 * RATE).astype(np.float32)],
)


def test_what_is_tried_afterwards_is_what_the_listener_hears() -> None:
    """On one recording, thresholds tried on kept frames against a listener with that threshold from the start."""
    card, content = artifact.load_file(KWS_A)
    recording = lay_out([clip for _, clip in SOUNDS.words] + BURSTS, (0.1, 0.5), seed=1)
    kept = scores.observe(card, content, recording)
    numbers = []
    for threshold in (0.1, 0.4, 0.5, 0.6, 0.99):
        listener = KeywordDetector(card, content, Settings(threshold))
        chunks = recording.sound[: len(recording.sound) // HOP * HOP].reshape(-1, HOP)
        live = [(d.time, d.word, d.confidence) for chunk in chunks if (d := listener.process(chunk))]
        assert [(m.time, m.word, m.confidence) for m in kept.detected(threshold)] == live
        numbers.append(len(live))
    assert max(numbers) > 2


def test_a_class_for_everything_else_is_never_heard() -> None:
    card, content = artifact.load_file(KWS_A)
    labels = ("_other_", *card.labels[1:])
    recording = lay_out(BURSTS, (0.1, 0.5), seed=1)
    plain, other = (scores.observe(c, content, recording) for c in (card, replace(card, labels=labels)))
    assert {m.word for m in other.frames} <= set(labels[1:])
    by_time = {m.time: m for m in plain.frames}
    for m in other.frames:
        assert m.scores == {word: score for word, score in by_time[m.time].scores.items() if word != "down"}


def test_every_condition_is_listened_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "SILENCE", 2)
    card, content = artifact.load_file(KWS_A)
    sessions = scores.listen(card, content, SOUNDS, list(CONDITIONS))
    assert list(sessions) == list(CONDITIONS)
    assert set(sessions[CLEAN].parts) == {"words", "speech", "others", "noise", "silence"}
    for session in sessions.values():
        assert sorted(session.said) == ["no", "up", "yes"]
        curve = scores.curve(session)
        assert [point.threshold for point in curve] == list(THRESHOLDS)
    assert figures(sessions[CLEAN], THRESHOLDS[0])["silence"]["triggers"] == 0


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A model whose clips and other sounds are a few bursts, and where its result goes."""
    folder = tmp_path / "models"
    folder.mkdir()
    shutil.copyfile(KWS_A, folder / "kws_a.tflite.zlib")
    card = artifact.load_file(KWS_A)[0].content
    (folder / "kws_a.json").write_text(json.dumps({key: card[key] for key in card if key != "listening"}))
    made_from = card["made_from"]["data"]
    clips = np.stack([(32767 * burst).astype(np.int16) for burst in BURSTS])
    names = np.array([f"{LABELS[n]}/{speaker}_nohash_0.wav" for n, speaker in enumerate("aabbca")])
    split = np.array([0, 1, 2, 2, 2, 2], np.int8)
    speech = Speech(clips, np.arange(6, dtype=np.int32), split, names, Identity(**made_from))
    found = [
        Recording(clip, kind, f"{kind}/{s}{n}", s)
        for n, clip in enumerate(clips)
        for kind in ("speech", "words", "noise")
        for s in ("validation", "test")
    ]
    store = ResultStore(tmp_path / "models", tmp_path / "results")
    monkeypatch.setattr(measure, "load_speech", lambda _: speech)
    monkeypatch.setattr(measure, "load_other_sounds", lambda _: collect(found, "local", "bursts", "as given"))
    monkeypatch.setattr(measure, "store_of", lambda _: store)
    monkeypatch.setattr(files, "ROOT", tmp_path)
    monkeypatch.setattr(scores, "SILENCE", 2)
    return folder / "kws_a.tflite.zlib", store.listening_path


def test_a_model_is_measured_once_and_its_card_stays_as_it_is(
    measured: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, result_path = measured
    before = path.with_name("kws_a.json").read_bytes()
    monkeypatch.setattr(sys, "argv", ["18_listening.py", str(path)])
    listening = script("18_listening.py").main
    listening()
    (entry,) = json.loads(result_path.read_text())["models"].values()
    assert list(entry["thresholds"]) == list(SENSITIVITIES)  # chosen by validation sounds: the card names none
    assert entry["test_words_by_known_speakers"] == 1  # of the speakers b, b, c and a
    assert entry["test"]["middle"][CLEAN]["words"]["said"] == 4
    assert entry["validation"]["low"]["words_heard_pct"] in (0, 100)  # of a single word
    assert set(entry["det"]) == set(CONDITIONS)
    monkeypatch.setattr(measure, "measure", None)  # would fail if it was called again
    listening()
    assert path.with_name("kws_a.json").read_bytes() == before


def test_a_model_is_measured_at_the_thresholds_of_its_card(
    measured: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, result_path = measured
    measure.measure_listeners([path], Sources())  # at others, which are no longer of use
    content = json.loads(path.with_name("kws_a.json").read_text())
    ship = {"low": 0.995, "middle": 0.93, "high": 0.4, "validation": "of other sounds"}
    path.with_name("kws_a.json").write_text(json.dumps({**content, "listening": ship}))
    before = path.with_name("kws_a.json").read_bytes()
    measure.measure_listeners([path], Sources())
    (entry,) = json.loads(result_path.read_text())["models"].values()
    assert {**entry["thresholds"], "validation": entry["validation"]} == ship
    monkeypatch.setattr(measure, "measure", None)
    measure.measure_listeners([path], Sources())
    measure.name_thresholds(path, entry)  # what the card names already is not written again
    assert path.with_name("kws_a.json").read_bytes() == before


def test_chosen_thresholds_are_named_on_a_card_with_the_figures_behind_them(measured: tuple[Path, Path]) -> None:
    path, result_path = measured
    before = json.loads(path.with_name("kws_a.json").read_text())
    measure.measure_listeners([path], Sources())
    (entry,) = json.loads(result_path.read_text())["models"].values()
    measure.name_thresholds(path, entry, "make words")
    card = artifact.load_file(path)[0]
    assert card.thresholds == entry["thresholds"]
    assert card.content["listening"]["made_with"] == "make words"
    assert set(card.content["listening"]["validation"]) == set(SENSITIVITIES)
    assert {key: value for key, value in card.content.items() if key != "listening"} == before


@pytest.mark.parametrize(("sensitivity", "most"), [("low", 1), ("middle", 3), ("high", 10)])
def test_the_live_listener_detects_few_words_twice(sensitivity: str, most: int, real_data: Sources) -> None:
    """At the thresholds on its card; without the rule 14 of 100 words were detected twice, 87 at high sensitivity."""
    card, content = artifact.load_file(ROOT / "models" / "live" / "kws_a.tflite.zlib")
    speech = by_speaker(load_speech(real_data))
    said = [
        (str(word), clip) for word, clip in zip(speech.words[speech.labels("test")], speech.clips("test"), strict=True)
    ]
    part = scores.observe(card, content, lay_out([clip for _, clip in said[:100]], (1.0, 2.0), seed=13))
    session = Condition(tuple(word for word, _ in said[:100]), {"words": part})
    found = figures(session, card.thresholds[sensitivity])["words"]
    assert found["heard"] >= 70
    assert found["twice"] <= most


def test_clips_that_may_have_been_trained_on_are_refused(measured: tuple[Path, Path]) -> None:
    card = measured[0].with_name("kws_a.json")
    digest = json.loads(card.read_text())["made_from"]["data"]["digest"]
    card.write_text(card.read_text().replace(digest, "0" * 64))
    with pytest.raises(UserError, match=r"kws_a.tflite.zlib: made from .*give the clips that it was made from"):
        measure.measure_listeners([measured[0]], Sources())
    assert not measured[1].exists()


def test_a_forecaster_does_not_listen(measured: tuple[Path, Path]) -> None:
    with pytest.raises(UserError, match=r"th_a\.tflite\.zlib: not a keyword spotter"):
        measure.measure_listeners([ROOT / "models" / "report" / "th_a.tflite.zlib"], Sources())
