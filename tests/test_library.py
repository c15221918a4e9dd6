"""What is offered to other programs: importing it costs nothing, and the examples of its documentation run."""

import ast
import json
import re
import shutil
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from helpers import ROOT, clean_environment
from numpy.typing import NDArray

import underbudget as ub
from underbudget.data import synthetic
from underbudget.data.sources import Sources, load_speech
from underbudget.device import artifact
from underbudget.device.listen import HOP, KeywordDetector, Settings
from underbudget.networks.ds_tc_resnet import DsTcResnet

IMPROVED = ROOT / "models" / "improved"
TH_A, KWS_A = IMPROVED / "th_a.tflite.zlib", IMPROVED / "kws_a.tflite.zlib"
PAGE = "docs/how-it-works.md"
SECOND = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
READINGS = np.array([[18.2, 61], [18.5, 60], [18.9, 58], [19.1, 57], [19.4, 56], [19.6, 55]], np.float32)
IMPORT = """
import os, sys
sys.path.insert(0, sys.argv[1])
opened = []
sys.addaudithook(lambda event, given: opened.append(str(given[0])) if event == "open" else None)
before = dict(os.environ)
import underbudget
assert dict(os.environ) == before
assert not {"numpy", "tensorflow", "keras"} & set(sys.modules), sys.modules
own = [path for path in opened if path.startswith(sys.argv[2]) and ".py" not in path.rpartition("/")[2]]
assert not own, own
assert "shrink" in dir(underbudget)
"""
ON_A_PI = """
model = underbudget.load_model(sys.argv[3])
assert model.predict([[20, 50]] * 6).shape == (6, 2)
underbudget.features(model.predict([[20, 50]] * 6).repeat(2000, axis=0)[:, :1].repeat(2, axis=1).ravel()[:16000])
assert not {"tensorflow", "scipy", "pandas", "tf_keras"} & set(sys.modules), sys.modules
"""


def python(code: str, *arguments: object, cwd: Path = ROOT) -> str:
    command = [sys.executable, "-I", "-c", code, *map(str, arguments)]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, env=clean_environment(), timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_importing_it_imports_sets_and_reads_nothing() -> None:
    python(IMPORT, ROOT / "scripts", ROOT)


def test_where_only_what_a_pi_has_is_there(tmp_path: Path) -> None:
    package = ROOT / "scripts" / "underbudget"
    shutil.copytree(package / "device", tmp_path / "underbudget" / "device")
    shutil.copy(package / "__init__.py", tmp_path / "underbudget")
    python(IMPORT + ON_A_PI, tmp_path, tmp_path, TH_A)


def test_the_names_are_the_same_for_editors_programs_and_readers() -> None:
    tree = ast.parse((ROOT / "scripts" / "underbudget" / "__init__.py").read_bytes())
    (typed,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {(name.name, node.module) for node in typed.body if isinstance(node, ast.ImportFrom) for name in node.names}
    assert seen == {(name, f"underbudget.{module}") for name, module in ub._MODULES.items()}
    assert sorted(ub.__all__) == sorted(ub._MODULES)
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    for name in ub.__all__:
        assert getattr(ub, name).__name__ == name
        assert not name.islower() or f"{name}(" in page, name
    with pytest.raises(AttributeError, match="no attribute 'shrinc'"):
        ub.shrinc  # noqa: B018


def interpret(path: Path, x: NDArray[Any]) -> NDArray[Any]:
    """The runtime's output for one input, without any code of ours."""
    interpreter = Interpreter(model_content=zlib.decompress(path.read_bytes()))
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x[None].astype(np.float32))
    interpreter.invoke()
    return np.asarray(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))


def test_a_forecaster_is_its_file_between_two_scales() -> None:
    forecaster = ub.load_model(str(TH_A))
    assert isinstance(forecaster, ub.Forecaster)
    scale = forecaster.card.content["normalisation"]
    expected = interpret(
        TH_A, (READINGS - np.array(scale["mean"], np.float32)) / np.array(scale["std"], np.float32)
    ).reshape(6, 2)
    np.testing.assert_allclose(forecaster.predict(READINGS), expected, rtol=1e-5)
    np.testing.assert_array_equal(forecaster.predict([[0, 0], *READINGS.tolist()]), forecaster.predict(READINGS))
    assert forecaster.predict(READINGS + np.array([0, 45], np.float32))[:, 1].max() <= 100
    for wrong in (READINGS[:5], READINGS.T, READINGS * np.nan, [[1, 2], [3]]):
        with pytest.raises((ub.UserError, ValueError)):
            forecaster.predict(wrong)


def test_a_spotter_is_its_file_behind_its_front_end() -> None:
    spotter = ub.load_model(KWS_A)
    assert isinstance(spotter, ub.KeywordSpotter)
    assert spotter.card.front_end is not None
    logits = interpret(KWS_A, ub.features(SECOND, spotter.card.front_end)).ravel().astype(np.float64)
    expected = np.exp(logits) / np.exp(logits).sum()
    assert list(spotter.predict(SECOND)) == spotter.card.content["labels"]
    np.testing.assert_allclose(list(spotter.predict(SECOND).values()), expected, rtol=1e-4)


def test_a_spotter_is_the_same_by_its_card_and_by_what_is_said_of_it() -> None:
    by_card = ub.load_model(KWS_A)
    assert isinstance(by_card, ub.KeywordSpotter)
    content = KWS_A.read_bytes()
    said: dict[str, Any] = {"front_end": by_card.card.front_end, "labels": by_card.card.labels}
    by_words = ub.load_model(content, **said)
    assert isinstance(by_words, ub.KeywordSpotter)
    sound = ub.load_sound(ROOT / "examples" / "yes.wav")
    assert by_words.predict(sound[:16_000]) == by_card.predict(sound[:16_000])
    assert [found.word for found in by_words.listen([sound])] == ["yes"]
    with pytest.raises(ub.UserError, match="without a card alone"):
        ub.load_model(KWS_A, **said)
    with pytest.raises(ub.UserError, match="both needed"):
        ub.load_model(content, labels=said["labels"])
    with pytest.raises(ub.UserError, match="its card says 7 numbers"):
        ub.load_model(content, front_end=said["front_end"], labels=said["labels"][1:])
    with pytest.raises(ub.UserError, match=r"no\.wav: can't be read"):
        ub.load_sound("no.wav")


def test_a_recipe_of_the_other_task_is_refused() -> None:
    spotter = ub.Recipe(DsTcResnet(16, (1,)), ub.LogMel(mel_bins=24), ub.Fit("cross_entropy", 0.01, epochs=1))
    with pytest.raises(ub.UserError, match=r"LogMel.* can't be trained on SYNTHETIC weather"):
        ub.train(spotter, synthetic.make_weather(3000))


def test_pieces_of_any_length_are_heard_alike() -> None:
    spotter = ub.load_model(KWS_A)
    assert isinstance(spotter, ub.KeywordSpotter)
    sound = np.random.default_rng(1).normal(0, 0.001, 5 * 16_000).astype(np.float32)
    sound[40_000:48_000] *= 300
    whole = KeywordDetector(*artifact.load_file(KWS_A), Settings(threshold=0.1))
    pieces = np.pad(sound, (0, 16_000))[: (5 * 16_000 // HOP + 12) * HOP].reshape(-1, HOP)
    expected = [(found.time, found.word) for piece in pieces if (found := whole.process(piece))]
    chunks = np.split(sound, [1, 500, 30_000, 30_001])
    assert [(found.time, found.word) for found in spotter.listen(chunks, threshold=0.1)] == expected != []
    with pytest.raises(ub.UserError, match="no sound came in"):
        list(spotter.listen([]))


def test_features_are_those_of_tf_signal() -> None:
    spectrogram = tf.abs(tf.signal.stft(SECOND.astype(np.float64), 640, 320, 640))
    mel = tf.signal.linear_to_mel_weight_matrix(40, 321, 16_000, 20.0, 4000.0, dtype=tf.float64)
    coefficients = tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(tf.matmul(spectrogram, mel) + 1e-6))
    for found in (ub.features(SECOND), ub.features(SECOND, ub.Mfcc())):
        np.testing.assert_allclose(found[..., 0], coefficients[:, :10], atol=1e-4)


@pytest.mark.parametrize(
    ("audio", "front_end", "said"),
    [
        (SECOND[:-1], "mfcc", "16000 finite floats"),
        ((SECOND * 32768).astype(np.int16), "mfcc", "divide 16-bit samples by 32768"),
        (SECOND * np.inf, "mfcc", "16000 finite floats"),
        (SECOND, "mel", "none of stft, mfcc, logmel"),
        (SECOND, ub.Mfcc(coefficients=41), "coefficients are more than"),
    ],
)
def test_what_is_no_second_or_no_front_end_is_refused(audio: Any, front_end: Any, said: str) -> None:
    with pytest.raises(ub.UserError, match=said):
        ub.features(audio, front_end)


def test_a_file_without_its_card_and_a_card_without_its_file(tmp_path: Path) -> None:
    assert isinstance(ub.load_model(KWS_A, card=False), ub.Model)
    assert isinstance(ub.load_model(KWS_A.read_bytes()), ub.Model)
    named = ub.load_model(KWS_A.read_bytes(), card=KWS_A.with_name("kws_a.json"))
    assert isinstance(named, ub.KeywordSpotter)
    shutil.copy(TH_A, tmp_path / "kws_a.tflite.zlib")
    assert isinstance(ub.load_model(tmp_path / "kws_a.tflite.zlib"), ub.Model)
    shutil.copy(IMPROVED / "kws_a.json", tmp_path)
    with pytest.raises(ub.UserError, match="another file"):
        ub.load_model(tmp_path / "kws_a.tflite.zlib")
    with pytest.raises(ub.UserError, match="no such card"):
        ub.load_model(KWS_A, card=tmp_path / "th_a.json")


def test_a_forecaster_is_evaluated_as_numpy_does() -> None:
    weather = synthetic.make_weather(3000)
    found = ub.evaluate(TH_A, weather, "validation")
    forecaster = ub.load_model(TH_A)
    assert isinstance(forecaster, ub.Forecaster)
    pairs = zip(weather.inputs("validation"), weather.targets("validation"), strict=True)
    errors = np.array([np.abs(forecaster.predict(window) - truth) for window, truth in pairs])
    assert found.metrics["t_mae_c"] == pytest.approx(errors[..., 0].mean(), abs=1e-4)
    low, high = found.metrics["t_mae_c_95"]
    assert low < found.metrics["t_mae_c"] < high
    assert found.metrics["windows"] == len(errors)
    assert "other data than those of its card" in found.remarks[0]
    last = np.abs(weather.last_readings("validation") - weather.targets("validation"))[..., 1].mean()
    shown = str(found)
    assert f"on the validation split of {weather.identity.description}" in shown
    assert f"T MAE {errors[..., 0].mean():.3f} °C (95 %: {low:.3f} to {high:.3f}; last" in shown
    assert f"; last reading repeated: {last:.3f})\n  by step of 10 minutes: {errors[:, 0, 1].mean():.3f}, " in shown
    bare = ub.evaluate(TH_A, weather, card=False)
    assert "note: assumed, as nothing says otherwise: normalisation" in str(bare)


def test_what_can_not_be_evaluated_is_refused() -> None:
    weather, speech = synthetic.make_weather(3000), synthetic.make_speech(40)
    for file, data, options, said in (
        (KWS_A, weather, {}, "its card says keyword_spotting"),
        (KWS_A, speech, {}, "it was made from mini_speech_commands"),
        (TH_A, weather, {"labels": ("yes", "no")}, "labels: the card says it"),
        (TH_A, weather, {"card": False, "labels": ("yes", "no")}, "labels: such a model has none"),
        (KWS_A, weather, {"card": False}, "takes inputs of shape"),
    ):
        with pytest.raises(ub.UserError, match=said):
            ub.evaluate(file, data, **options)
    with pytest.raises(ub.UserError, match="'tests' is none of train, validation, test"):
        ub.evaluate(TH_A, weather, "tests")


def test_real_clips_give_the_figures_of_the_card(real_data: Sources) -> None:
    report = ROOT / "models" / "report"
    found = ub.evaluate(report / "kws_a.tflite.zlib", load_speech(real_data))
    correct = json.loads((report / "kws_a.json").read_text())["test"]["correct"]
    assert (found.metrics["correct"], found.remarks) == (correct, ())


@pytest.fixture
def copied(project: Path, tmp_path: Path) -> Path:
    """A copy of the project with tiny synthetic data, and with our models too."""
    for name in ("scripts", "data"):
        shutil.copytree(project / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "examples", tmp_path / "examples")
    shutil.copytree(IMPROVED, tmp_path / "models" / "improved")
    return tmp_path


def test_the_examples_run(copied: Path) -> None:
    """As in a notebook: all one after the other, in a process that has set nothing."""
    examples = re.findall(r"^```python\n(.*?)^```$", (ROOT / PAGE).read_text(encoding="utf-8"), re.M | re.S)
    assert examples
    assert max(example.count("\n") for example in examples) <= 8
    steps = "".join(f"print({i!r}, flush=True)\n{example}" for i, example in enumerate(examples))
    python("import sys\nsys.path.insert(0, sys.argv[1])\n" + steps + LAST, "scripts", cwd=copied)


LAST = """
assert card.name == "th_b" and (card.content["made_from"]["seed"], card.content["results"][0]["met"]) == (22, None)
from pathlib import Path
made = ub.load_model("my_models/th_b.tflite.zlib")
assert ub.evaluate("my_models/th_b.tflite.zlib", weather).metrics["t_mae_c"] == card.content["test"]["t_mae_c"]
assert len(ub.shrink(rounded, check=inputs, on_grid=True, smallest=True).file) < 0.6 * len(small.file)
"""


def test_the_same_bytes_from_a_notebook_and_a_script(copied: Path, tmp_path: Path) -> None:
    code = (
        "import sys, numpy, tensorflow\nsys.path.insert(0, 'scripts')\nimport underbudget\n"
        "underbudget.build_version('th_b', folder=sys.argv[1], synthetic=True)"
    )
    python(code, tmp_path / "notebook", cwd=copied)
    script = [sys.executable, "scripts/04_th_b.py", "--data", "synthetic", "--seed", "22"]
    subprocess.run(script, cwd=copied, check=True, capture_output=True, env=clean_environment(), timeout=300)
    paths = tmp_path / "notebook", copied / "models" / "synthetic" / "report"
    first, second = ((path / "th_b.tflite.zlib").read_bytes() for path in paths)
    assert first == second


def test_a_version_that_is_not_there() -> None:
    for version, recipe in (("th_z", "report"), ("th_a", "live")):
        with pytest.raises(ub.UserError, match=r"kws_a: report, improved"):
            ub.build_version(version, recipe)
