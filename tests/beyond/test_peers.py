"""Other groups' files: their front ends and scaling as their cards say, and comparisons by hand."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from underbudget.beyond import peers
from underbudget.beyond.listening import scores
from underbudget.data import synthetic
from underbudget.data.sources import Sources
from underbudget.data.speech import BY_LISTS, LABELS, Speech
from underbudget.device import artifact
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.errors import UserError
from underbudget.device.frontend import Mfcc, Stft, extractor
from underbudget.device.listen import HOP
from underbudget.device.runtime import Model
from underbudget.reproduction.reference import load_homeworks, load_peers
from underbudget.reproduction.results import read_results
from underbudget.results_page import peer_tables
from underbudget.store import PUBLISHED


@pytest.mark.parametrize("ours", [Mfcc(), Stft()])
def test_the_courses_front_ends_are_ours(ours: Mfcc | Stft) -> None:
    card: dict[str, Any] = {"kind": "stft", "frame": 256, "step": 128, "resize": [32, 32]}
    if isinstance(ours, Mfcc):
        card = {"kind": "mfcc", "frame": 640, "step": 320, "mel_bins": 40, "low": 20, "high": 4000, "coefficients": 10}
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, 16000).astype(np.float32)
    np.testing.assert_allclose(peers.front_end(card)(clip), extractor(ours)(clip), rtol=1e-3, atol=1e-3)


def test_a_sound_of_half_the_rate_and_a_longer_transform() -> None:
    card = {"kind": "mfcc", "frame": 200, "step": 100, "mel_bins": 20, "low": 20, "high": 4000, "coefficients": 10}
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, 16000).astype(np.float32)
    half = peers.front_end({**card, "rate": 8000})(clip)
    assert half.shape == (79, 10, 1)
    assert peers.front_end({**card, "fft": 1024})(clip).shape == (159, 10, 1)


def test_a_clip_is_divided_by_its_highest_sample() -> None:
    card = {"kind": "stft", "frame": 256, "step": 128}
    clips = np.random.default_rng(0).uniform(-0.5, 0.25, (2, 16000)).astype(np.float32)
    scaled = np.stack([clip / clip.max() for clip in clips])
    np.testing.assert_allclose(
        peers.front_end({**card, "peak": True})(clips), peers.front_end(card)(scaled), rtol=1e-4, atol=1e-4
    )
    assert not peers.front_end({**card, "peak": True})(np.zeros((1, 16000), np.float32)).any()  # silence stays so


def test_another_groups_spotter_hears_as_ours_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our own file by both ways, over more than one batch of seconds."""
    monkeypatch.setattr(peers, "AT_ONCE", 7)
    card, content = artifact.load_file(PUBLISHED.models / "report" / "kws_a.tflite.zlib")
    described = {"kind": "mfcc", "frame": 640, "step": 320, "mel_bins": 40, "low": 20, "high": 4000, "coefficients": 10}
    model = Model(content, "theirs")

    def probabilities(features: peers.Array) -> peers.Array:  # theirs have them in the file
        powers = np.exp(model.predict(features))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    pieces = np.random.default_rng(0).normal(0, 0.1, (30, HOP)).astype(np.float32)
    pieces[15:20] *= 5
    theirs = list(peers.hearing(list(card.labels), peers.front_end(described), probabilities)(pieces))
    ours = list(scores.detector(card, content)(pieces))
    assert len(theirs) == len(ours) == 30
    for mine, other in zip(ours, theirs, strict=True):
        assert (other.time, other.loudness) == (mine.time, mine.loudness)
        if mine.time >= 1:  # before, the offset that ours leaves out changes from piece to piece
            assert other.scores == pytest.approx(mine.scores, abs=1e-2)


def test_mcnemar_by_hand() -> None:
    theirs = np.array([True] * 8 + [False] * 2)
    ours = np.array([True] * 7 + [False] + [True] * 2)
    assert peers._mcnemar(theirs, ours) == {"only_theirs": 1, "only_ours": 2, "p": 1.0}
    assert peers._mcnemar(theirs, theirs) == {"only_theirs": 0, "only_ours": 0, "p": 1.0}


def test_our_own_file_is_measured_as_its_card_says(tmp_path: Path) -> None:
    """As if it were another group's: with its labels in another order."""
    card, content = (PUBLISHED.models / "report" / f"kws_a{suffix}" for suffix in (".json", ".tflite.zlib"))
    labels = json.loads(card.read_text())["labels"]
    described = {
        **{"name": "theirs", "year": "2020/21", "group": "0", "task": SPOTTING, "labels": labels},
        "front_end": {"kind": "mfcc", "frame": 640, "step": 320, "mel_bins": 40, "low": 20, "high": 4000},
        **{"licence": "none", "file": content.name, "bytes": content.stat().st_size},
        **{"source": {"repository": "a/b", "commit": "c", "path": "d"}, "published": {}},
    }
    described["front_end"]["coefficients"] = 10
    (tmp_path / content.name).write_bytes(content.read_bytes())
    speech = synthetic.make_speech(24)
    ours = peers._right_of_ours(speech)
    found = peers._spotter(described, tmp_path, speech, ours)
    assert found["beside"]["report/kws_a"] == {"only_theirs": 0, "only_ours": 0, "p": 1.0}
    assert found["accuracy_pct"] == pytest.approx(100 * ours["report/kws_a"].mean(), abs=1e-3)
    (tmp_path / content.name).write_bytes(content.read_bytes()[:-1])
    with pytest.raises(UserError, match="fetch it again"):
        peers._spotter(described, tmp_path, speech, ours)


def test_what_is_published_is_of_the_tasks_and_tables_show_it() -> None:
    found, results = load_peers(), read_results(PUBLISHED)
    assert len(found[SPOTTING]) > 25
    assert len(found[FORECASTING]) > 15
    for file in found[SPOTTING]:
        assert file["clips"] == 800
        if file["published_pct"]:
            assert file["accuracy_pct"] == pytest.approx(file["published_pct"], abs=1.5)
    rows = peer_tables.smallest_files(results).splitlines()[2:]
    assert len(rows) == len(load_homeworks())
    assert peer_tables.peers(results).count("\n| ") == 1 + len(found[SPOTTING])
    assert peer_tables.peers(results).endswith(f"\nMeasured on {found['date']}.\n")
    lines = peer_tables.smallest_bytes(results).splitlines()[2:]
    assert sum(line.count("_") for line in lines) == len(load_homeworks())  # in the versions' names
    for line in lines:  # any file of theirs that is smaller misses a limit
        limits = [float(n) for n in re.findall(r"> ([\d.]+) %", line)]
        task, theirs = line.split(" | ")[1], int(line.split(" | ")[3].partition(" (")[0].replace(",", ""))
        for file in found[SPOTTING] if task == "8 words" else ():
            assert file["bytes"] >= theirs or file["accuracy_pct"] <= min(limits)


def test_a_folder_without_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peers, "load_speech", lambda _: replace_split(synthetic.make_speech(24)))
    monkeypatch.setattr(peers, "load_weather", lambda _: None)
    with pytest.raises(UserError, match="no card of a file that does one of our tasks"):
        peers.measure(tmp_path, Sources())


def replace_split(speech: Speech) -> Speech:
    return replace(speech, identity=replace(speech.identity, split=BY_LISTS))


def test_words_and_front_ends_that_are_not_ours_are_left_out() -> None:
    card: dict[str, Any] = {"labels": list(LABELS), "front_end": {"kind": "mfcc", "frame": 1}}
    card["trained_on"] = "the course's train list (6400 clips)"
    assert peers._is_ours(card)
    assert not peers._is_ours({**card, "trained_on": "another split"})
    assert not peers._is_ours({**card, "labels": list(LABELS[:7])})
    assert not peers._is_ours({**card, "front_end": {"kind": "mfcc", "peak": True}})
