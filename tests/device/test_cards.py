"""Cards with anything wrong in them are refused in one line, or what they say is true of the model."""

import copy
import hashlib
import json
import mmap
import os
import re
import shutil
import subprocess
import sys
import warnings
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import ROOT, clean_environment, wav_bytes
from hypothesis import given
from hypothesis import strategies as st

from underbudget.device import artifact, checks, runtime
from underbudget.device.errors import UserError
from underbudget.device.frontend import Mfcc, extractor, from_dict, to_dict
from underbudget.device.quiet import held_stderr
from underbudget.device.runtime import Model, open_model, try_out
from underbudget.metrics import METRICS
from underbudget.reproduction import host

NAMES = ("kws_a", "kws_c", "th_b")  # MFCC, STFT, a forecaster
CARDS = {name: json.loads((ROOT / "models" / "report" / f"{name}.json").read_text()) for name in NAMES}
MODELS = {name: artifact.load(ROOT / "models" / "report", name)[1] for name in NAMES}
DEEP = "[" * 100_000 + "]" * 100_000
NOISE = np.random.default_rng(0).uniform(-1, 1, 16_000).astype(np.float32)


def places(value: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every member of a JSON value, however deep."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in members:
        yield (*at, key)
        yield from places(member, (*at, key))


def changed(card: dict[str, Any], at: tuple[str | int, ...], change: Callable[[Any, Any], object]) -> dict[str, Any]:
    content = copy.deepcopy(card)
    holder: Any = content
    for key in at[:-1]:
        holder = holder[key]
    change(holder, at[-1])
    return content


def use(folder: Path, name: str, text: str) -> None:
    """Read a card and use it as the scripts do: a UserError of one line, or features and outputs that are finite."""
    path = folder / f"{name}.json"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            card = artifact.read_card(path)
            model = open_model(card, MODELS[name])
        except UserError as error:
            assert len(str(error).splitlines()) == 1
            assert len(str(error)) < 1000
            return
        assert len(set(card.labels)) == len(card.labels)
        if card.front_end:
            x = extractor(card.front_end)(NOISE)
            assert len(card.labels) == 8
            assert card.front_end.step <= card.front_end.frame
        else:
            assert min(card.std) > 0
            mean, std = (np.array(values, np.float32) for values in (card.mean, card.std))
            x = (np.zeros((6, 2), np.float32) - mean) / std
        assert np.isfinite(x).all()
        model.predict(x[None])
        assert "".join([card.name, *card.labels, card.content["made_with"]]).isprintable()


WRONG = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 1, 640.5, 1e308, 10**400, -(10**30), float("nan"), float("inf"), float("-inf"), 2**63]),
    st.integers(-100, 20_000),
    st.floats(),
    st.sampled_from(["", " ", "\n", "\x1b[2J", "\ud800", "0", "x" * 100_000]),
    st.text(st.characters(codec=None), max_size=10),
    st.lists(st.floats() | st.integers() | st.text(max_size=3), max_size=10),
    st.dictionaries(st.text(max_size=5), st.integers() | st.none(), max_size=3),
)


@given(name=st.sampled_from(NAMES), data=st.data())
def test_any_field_with_any_wrong_value(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    at = data.draw(st.sampled_from(sorted(places(CARDS[name]), key=str)))
    wrong = data.draw(WRONG)
    content = changed(CARDS[name], at, lambda holder, key: holder.__setitem__(key, wrong))
    use(tmp_path_factory.getbasetemp(), name, json.dumps(content, ensure_ascii=False))


@given(data=st.data(), kind=st.sampled_from(["kws_a", "kws_c"]))
def test_any_front_end(data: st.DataObject, kind: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Of any values, most of them of the right type: what is let through gives finite features of its shape."""
    fields: dict[str, Any] = dict(CARDS[kind]["front_end"])
    for field in data.draw(st.lists(st.sampled_from([key for key in fields if key != "kind"]), min_size=1)):
        fields[field] = data.draw(st.integers(0, 700) | st.integers(0, 16_001) | st.floats(0, 8001) | WRONG)
    try:
        front_end = from_dict(fields)
    except ValueError:
        return
    features = extractor(front_end)(NOISE)
    assert features.shape == front_end.shape
    assert np.isfinite(features).all()
    assert np.isfinite(extractor(front_end)(np.zeros_like(NOISE))).all()


@pytest.mark.parametrize("name", NAMES)
def test_every_field_that_is_checked_is_needed(name: str, tmp_path: Path) -> None:
    """Without a field that the cards of all models have, a card is refused; parts, tools and more may be missing."""
    free = {"listening", "converted_parts_bytes", "slimmed_parts_bytes", "tools", "constraints", "recipe", "arithmetic"}
    free |= {"use", "curve", "accuracy_pct_95_speakers"}
    free |= {f"{column}_{part}" for column in ("t_mae_c", "rh_mae_pct") for part in ("by_season", "by_quarter")}
    free |= {"t_bias_c", "rh_bias_pct", "t_c_90_by_step", "rh_pct_90_by_step"}
    for at in places(CARDS[name]):
        if set(at) & free or isinstance(at[-1], int):
            continue
        content = changed(CARDS[name], at, lambda holder, key: holder.pop(key))
        (tmp_path / "x.json").write_text(json.dumps(content))
        with pytest.raises(UserError, match=rf"lacks .*{at[-1]}"):
            artifact.read_card(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("at", "wrong", "message"),
    [
        (("labels",), ["down"], "labels is"),
        (("labels",), [*"abcdefg"], "test.confusion"),
        (("task",), "chess", "task is 'chess'"),
        (("file",), [], "file is"),
        (("labels",), [f"_{n}" for n in range(8)], "none of them is a word"),
        (("labels", 0), 1, r"labels\[0\] is 1"),
        (("labels", 0), "", r"labels\[0\] is ''"),
        (("labels", 0), "go", "one is there twice"),
        (("front_end", "frame"), True, "front_end.frame is True"),
        (("front_end", "frame"), 640.5, "front_end.frame is 640.5"),
        (("front_end", "step"), 641, "step is longer"),
        (("front_end", "step"), 9, "more than 64 times"),
        (("front_end", "coefficients"), 41, "coefficients are more"),
        (("front_end", "low"), 3999.9, "one is empty"),
        (("front_end", "low"), 4000.0, "one is empty"),
        (("front_end", "high"), 9000, "front_end.high is 9000"),
        (("front_end", "mel_bins"), 400, "one is empty"),
        (("front_end", "mel_bins"), 10**9, "front_end.mel_bins"),
        (("test", "accuracy_pct"), 101, "test.accuracy_pct is 101"),
        (("file", "sha256"), "F" * 64, "file.sha256"),
        (("made_from", "seed"), -1, "made_from.seed"),
    ],
)
def test_what_is_wrong_is_named(at: tuple[str | int, ...], wrong: Any, message: str, tmp_path: Path) -> None:
    content = changed(CARDS["kws_a"], at, lambda holder, key: holder.__setitem__(key, wrong))
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=rf"x\.json: not a model card \(.*{message}"):
        artifact.read_card(tmp_path / "x.json")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"coefficients": 12}, r"takes inputs of shape \(49, 10, 1\), its card says \(49, 12, 1\)"),
        ({"frame": 320}, r"its card says \(50, 10, 1\)"),
    ],
)
def test_a_front_end_of_another_model(fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps({**CARDS["kws_a"], "front_end": to_dict(Mfcc(**fields))}))
    with pytest.raises(UserError, match=message):
        open_model(artifact.read_card(tmp_path / "x.json"), MODELS["kws_a"])


def test_labels_of_another_model(tmp_path: Path) -> None:
    content = copy.deepcopy(CARDS["kws_a"])
    content["labels"].append("ninth")
    for split in ("test", "validation"):
        content[split]["confusion"] = [[0] * 9] * 9
    (tmp_path / "x.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"puts out \(8,\), its card says 9 numbers"):
        open_model(artifact.read_card(tmp_path / "x.json"), MODELS["kws_a"])


def test_cards_know_every_metric() -> None:
    for metric in METRICS:
        result = {"metric": metric, "limit": 1, "value": None, "met": None}
        artifact.COMMON({**CARDS["kws_a"], "results": [result]}, "")


@given(low=st.integers(-5, 5), high=st.integers(-5, 5), value=st.integers(-9, 9) | st.floats() | st.booleans())
def test_numbers_are_within_their_range(low: int, high: int, value: Any) -> None:
    for check, kinds in ((checks.number(low, high), (int, float)), (checks.whole(low, high), (int,))):
        right = type(value) in kinds and low <= value <= high
        try:
            check(value, "field")
        except ValueError as error:
            assert not right
            assert "field is " in str(error)
        else:
            assert right


def run(script: str, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts" / script), *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=clean_environment(), timeout=120, check=False, **options
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """The one line of an error."""
    assert done.returncode == 1, done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "sound.wav").write_bytes(wav_bytes(NOISE / 10))
    return Path(shutil.copytree(ROOT / "models" / "report", tmp_path / "models"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "name", "old", "new"),
    [
        ("10_listen.py", "kws_a", '"format": 2', '"format": ' + DEEP),
        ("10_listen.py", "kws_a", '"low": 20.0', '"low": NaN'),
        ("11_forecast.py", "th_b", '"std": [', '"std": [0, '),
    ],
)
def test_the_scripts_refuse_a_wrong_card_in_one_line(folder: Path, script: str, name: str, old: str, new: str) -> None:
    card = folder / f"{name}.json"
    text = re.sub(r"\s+", " ", card.read_text())
    assert old in text
    card.write_text(text.replace(old, new))
    sound = {"10_listen.py": ("--wav", str(folder.parent / "sound.wav")), "11_forecast.py": ("-",)}[script]
    assert name in refused(run(script, "--model", str(folder / f"{name}.tflite.zlib"), *sound, input=""))


@pytest.mark.slow
def test_nothing_but_words_is_printed(folder: Path) -> None:
    """The runtime's own notices would stand between them."""
    arguments = ("--model", str(folder / "kws_a.tflite.zlib"), "--wav", str(folder.parent / "sound.wav"))
    done = run("10_listen.py", *arguments)
    assert done.returncode == 0
    lines = done.stderr.splitlines()
    assert lines[0].startswith("models/kws_a: listening to ")
    assert " (16 kHz) for down, go, left, no, right, stop, up, yes; threshold " in lines[0]
    assert [line.partition(":")[0] for line in lines[1:]] == ["no word was detected"]


@pytest.mark.slow
def test_a_model_that_crashes_the_runtime(folder: Path) -> None:
    """One byte of this model, and the runtime reads where there is no memory; the listener itself goes on to say so."""
    data = bytearray(artifact.read_model(folder / "kws_b.tflite.zlib"))
    data[18] = 0
    packed = zlib.compress(bytes(data))
    (folder / "kws_b.tflite.zlib").write_bytes(packed)
    card = folder / "kws_b.json"
    content = json.loads(card.read_text())
    content["file"]["sha256"] = hashlib.sha256(packed).hexdigest()
    card.write_text(json.dumps(content))
    path, sound = str(folder / "kws_b.tflite.zlib"), str(folder.parent / "sound.wav")
    assert "the TFLite runtime" in refused(run("10_listen.py", "--model", path, "--wav", sound))
    assert "the TFLite runtime" in refused(run("12_evaluate.py", path))
    with pytest.raises(UserError, match="the TFLite runtime"):
        host.run_here("underbudget.device.latency", [Path(path)])
    with pytest.raises(UserError) as error:
        host.run_here("underbudget.device.latency", [ROOT / "models" / "report" / "th_b.tflite.zlib", Path(path)])
    assert path in str(error.value) and "th_b" not in str(error.value)


def test_a_model_that_is_tried_out_gives_the_error_of_its_own() -> None:
    try_out(MODELS["th_b"], "th_b")
    with pytest.raises(UserError, match="not a valid Flatbuffer"):
        try_out(MODELS["th_b"][:100], "th_b")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ImportError("of another numpy"), "the TFLite runtime does not work here .of another numpy.: install "),
        (MemoryError(), "th_b: more than 1024 MiB to run it"),
        (UserError("what is wrong"), "^what is wrong$"),
    ],
)
def test_what_stops_a_model_that_is_tried_out_is_named(
    monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(runtime, "Model", fail)
    with pytest.raises(UserError, match=said):
        try_out(MODELS["th_b"], "th_b")


def test_a_model_that_takes_too_long_when_it_is_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def go_on(*_: object) -> None:
        while True:
            pass

    monkeypatch.setattr(runtime, "Model", go_on)
    monkeypatch.setattr(runtime, "TRY_SECONDS", 1)
    with pytest.raises(UserError, match="th_b: more than 1 s to run it"):
        try_out(MODELS["th_b"], "th_b")


def test_a_library_that_ends_the_process_when_a_model_is_tried_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "Model", lambda *_: os._exit(77))
    with pytest.raises(UserError, match=r"th_b: the TFLite runtime crashes on it \(exit status 77\)"):
        try_out(MODELS["th_b"], "th_b")


def test_memory_that_was_taken_before_a_model_is_tried_out_is_not_the_models() -> None:
    """As OpenBLAS takes it where there are many processors."""
    with mmap.mmap(-1, 2 * runtime.MOST_BYTES):
        try_out(MODELS["kws_a"], "kws_a")


def test_the_runtimes_notices_are_held_back_and_nothing_else(capfd: pytest.CaptureFixture[str]) -> None:
    Model(MODELS["kws_a"], "kws_a")
    assert capfd.readouterr().err == ""
    with held_stderr() as lines:
        os.write(2, b"INFO: one\nERROR: two\n")
    assert lines == ["INFO: one", "ERROR: two"]
    os.write(2, b"after")
    assert capfd.readouterr().err == "after"
