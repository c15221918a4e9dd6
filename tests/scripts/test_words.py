"""`make words` from recordings to a model that listens."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers import Run, wav_bytes
from numpy.typing import NDArray

from underbudget.beyond.words import (
    LEAST_COPIES,
    LEAST_EPOCHS,
    MODEL_NAME,
    MOST_COPIES,
    MOST_EPOCHS,
    _say_what_is_replaced,
    words_version,
)
from underbudget.data import synthetic
from underbudget.device import artifact
from underbudget.recipes import Fit
from underbudget.store import ResultStore

PITCH = {"hum": 300, "whistle": 3000, "_background_noise_": 0}  # Hz


def tone(word: str) -> NDArray[np.float64]:
    tones: NDArray[np.float64] = 0.3 * np.sin(2 * np.pi * PITCH[word] * np.arange(6000) / 16_000)
    return tones


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two "words" that no model can mistake: a low and a high tone, in one and a half seconds of noise."""
    root, rng = tmp_path_factory.mktemp("own") / "my_words", np.random.default_rng(0)
    for word in PITCH:
        (root / word).mkdir(parents=True)
        for number in range(20):
            sound = rng.normal(0, 0.01, 24_000)
            sound[9000:15_000] += tone(word)
            (root / word / f"{number}.wav").write_bytes(wav_bytes(sound))
    return root


def test_from_recordings_to_a_listening_program(
    recordings: Path, project: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = run("17_words.py", "--data", "synthetic", "--speech", str(recordings), "--name", "kitchen")
    assert done.returncode == 0, done.stderr
    assert "replaces" not in done.stdout
    assert "hum, whistle:" in done.stdout
    assert "40 of them cut to a second" in done.stdout
    assert "of 8 test clips right: " in done.stdout
    card = artifact.load(project / "models" / "own" / MODEL_NAME, "kitchen")[0]
    assert card.labels == ("hum", "whistle", "_other_")
    assert "made from the training clips" in card.content["made_from"]["other_sounds"]["description"]
    assert card.content["test"]["accuracy_pct"] >= 75
    assert card.content["file"]["compressed_bytes"] < 10_000
    assert card.content["conversion_check"]["difference"] <= card.content["conversion_check"]["tolerance"]
    assert (project / "results" / "own" / "kitchen.json").exists()
    command = done.stdout.split("listen with: ")[1].split()
    sound, said = np.random.default_rng(1).normal(0, 0.01, 96_000), ["whistle", "hum", "whistle"]
    for word, start in zip(said, (20_000, 44_000, 68_000), strict=True):
        sound[start : start + 6000] += tone(word)
    (tmp_path / "x.wav").write_bytes(wav_bytes(sound))
    heard = run(Path(command[1]).name, "--model", str(project / command[3]), "--wav", str(tmp_path / "x.wav"), "--json")
    assert heard.returncode == 0, heard.stderr
    assert [json.loads(line)["word"] for line in heard.stdout.splitlines()] == said

    model = project / "models" / "own" / MODEL_NAME / "kitchen.tflite.zlib"
    done = run("12_evaluate.py", str(model), "--speech", str(recordings), "--json")
    assert done.returncode == 0, done.stderr
    card = artifact.load_file(model)[0]
    assert json.loads(done.stdout)["confusion"] == card.content["test"]["confusion"]
    described = card.content["made_from"]["data"]["description"]
    bad = run("17_words.py", "--data", "synthetic", "--speech", str(recordings), "--name", "a/b")
    assert "name 'a/b': give up to 80 small letters" in bad.stderr
    _say_what_is_replaced(ResultStore(project / "models" / "own", tmp_path), "kitchen", synthetic.make_speech(1))
    assert capsys.readouterr().out == f"this replaces kitchen, of hum, whistle ({described}); NAME=another keeps both\n"

    done = run("12_evaluate.py", str(model), "--data", "synthetic")
    assert done.returncode == 1
    assert "name your recordings" in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("clips", [24, 480, 4800, 50_000])
def test_few_clips_are_seen_often_and_many_fit_into_memory(clips: int) -> None:
    recipe = words_version(clips).recipes[MODEL_NAME]
    fit, fit_of_more = recipe.fit, words_version(2 * clips).recipes[MODEL_NAME].fit
    assert isinstance(fit, Fit) and isinstance(fit_of_more, Fit) and fit.augmentation
    assert LEAST_COPIES <= fit.augmentation.copies <= MOST_COPIES
    assert LEAST_EPOCHS <= fit_of_more.epochs <= fit.epochs <= MOST_EPOCHS
