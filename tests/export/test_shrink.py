"""Shrinking anybody's model: against facts known by hand, from every kind of file, and what can't be shrunk."""

import os
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import keras as keras_3
import numpy as np
import pytest
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert.interpreter import Interpreter
from helpers import ROOT, Run, clean_environment
from numpy.typing import NDArray

from underbudget.device.errors import UserError
from underbudget.export.costs import Costs
from underbudget.export.shrink import Shrunk, shrink
from underbudget.export.slim import bytes_by_part
from underbudget.training.quantise_aware import quantise_aware_train

L = keras.layers
WIDE, NARROW = 12 * 128, 128 * 3  # weights: above and below the converter's 1,024
INPUTS = np.random.default_rng(0).normal(size=(300, 12)).astype(np.float32)
TARGETS = np.eye(3, dtype=np.float32)[INPUTS[:, :3].argmax(axis=1)]


@pytest.fixture(scope="module")
def model() -> Any:
    keras.utils.set_random_seed(5)
    made = keras.Sequential([keras.Input((12,)), L.Dense(128, "relu"), L.Dense(3)], name="small")
    rng = np.random.default_rng(5)
    made.set_weights([w if w.ndim > 1 else rng.normal(size=w.shape) for w in made.get_weights()])
    return made


def interpret(small: Shrunk, x: NDArray[Any]) -> NDArray[Any]:
    """The outputs of the compressed file, without any code of ours."""
    interpreter = Interpreter(model_content=zlib.decompress(small.file))
    interpreter.allocate_tensors()
    outputs = []
    for one in x:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], one[None])
        interpreter.invoke()
        outputs.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"])[0])
    return np.array(outputs)


def test_in_float_it_is_the_model(model: Any) -> None:
    small = shrink(model, quantise=False, check=INPUTS)
    expected = model.predict(INPUTS, verbose=0)
    np.testing.assert_allclose(interpret(small, INPUTS), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(small.reference, expected)
    assert small.difference < 1e-5
    assert small.notes == ()
    # weights and biases of 4 bytes each, and nothing else but structure
    assert bytes_by_part(small.slimmed)["weights"] == 4 * (WIDE + 128 + NARROW + 3)
    assert small.costs is not None
    assert small.costs == Costs(WIDE + 128 + NARROW + 3, WIDE + NARROW, small.costs.peak_tensor_bytes)


def test_int8_takes_a_byte_a_weight_where_the_converter_would(model: Any) -> None:
    small = shrink(model, check=INPUTS)
    assert bytes_by_part(small.slimmed)["weights"] == WIDE + 4 * (128 + NARROW + 3)
    (note,) = small.notes
    assert note.startswith(f"1 kernel of less than 1,024 weights, {4 * NARROW:,} bytes together, stay in float")
    assert 0 < small.difference < 0.05
    kernel = model.get_weights()[0]
    scale = np.abs(kernel).max() / 127
    rounded = np.maximum(INPUTS @ (np.round(kernel / scale) * scale) + model.get_weights()[1], 0)
    by_hand = rounded @ model.get_weights()[2] + model.get_weights()[3]  # with activations in float
    assert np.abs(interpret(small, INPUTS) - by_hand).mean() < 0.05 * by_hand.std()


def test_the_stages_are_those_of_the_files(model: Any) -> None:
    small = shrink(model)
    stages = {"converted": small.converted, "quantised": small.quantised, "slimmed": small.slimmed}
    assert small.bytes_by_stage == {**{k: len(v) for k, v in stages.items()}, "compressed": len(small.file)}
    assert list(small.bytes_by_stage.values()) == sorted(small.bytes_by_stage.values(), reverse=True)
    assert zlib.decompress(small.file) == small.slimmed
    assert sum(bytes_by_part(small.slimmed).values()) == len(small.slimmed)
    smallest = shrink(model, smallest=True)
    assert len(smallest.file) < len(small.file)
    np.testing.assert_array_equal(interpret(smallest, INPUTS), interpret(small, INPUTS))


@pytest.fixture(scope="module")
def files(model: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    found = {name: folder / name for name in ("a.keras", "a.h5", "saved", "a.tflite", "a.tflite.zlib")}
    for name in ("a.keras", "a.h5", "saved"):
        model.save(found[name])
    plain = shrink(model, quantise=False)
    found["a.tflite"].write_bytes(plain.slimmed)
    found["a.tflite.zlib"].write_bytes(plain.file)
    return found


@pytest.mark.parametrize("name", ["a.keras", "a.h5", "saved", "a.tflite", "a.tflite.zlib"])
def test_every_kind_of_file_gives_the_same(model: Any, files: dict[str, Path], name: str) -> None:
    assert shrink(files[name], check=INPUTS).slimmed == shrink(model, check=INPUTS).slimmed


def test_a_file_that_is_in_int8_before(model: Any) -> None:
    again = shrink(shrink(model).slimmed)
    assert again.notes[0] == f"{WIDE:,} bytes of weights were in int8 before and stay as they are"
    assert again.slimmed == shrink(model).slimmed


KERAS_3 = """
import sys
sys.path.insert(0, sys.argv[1])
import keras, numpy as np, underbudget
model = keras.Sequential([keras.Input((12,)), keras.layers.Dense(128, "relu"), keras.layers.Dense(3)])
model.set_weights([w + 0.1 for w in model.get_weights()])  # zero biases would be left out
x = np.random.default_rng(0).normal(size=(50, 12)).astype("float32")
model.save("three.keras"), model.save("three.h5"), model.export("three")
first = underbudget.shrink(model, check=x)
assert 0 < first.difference < 0.05
assert underbudget.costs(first.file).parameters == 12 * 128 + 128 + 128 * 3 + 3
for name in ("three.keras", "three.h5", "three"):
    assert underbudget.shrink(name, check=x).slimmed == first.slimmed, name
"""


def test_keras_3_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KERAS_3, str(ROOT / "scripts")]
    environment = {name: value for name, value in clean_environment().items() if name != "TF_USE_LEGACY_KERAS"}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]


def refused(what: Any, said: str, **options: Any) -> None:
    with pytest.raises(UserError, match=said) as caught:
        shrink(what, **options)
    assert "\n" not in str(caught.value)


def test_what_can_not_be_shrunk_is_said_in_one_line(model: Any) -> None:
    x = keras.Input((8,))
    dense = L.Dense(4)(x)
    free = keras.Input((None, 8))
    for made, said in (
        (keras.Model(x, [dense, dense + 1]), "it has 2 outputs"),
        (keras.Model([x, other := keras.Input((8,))], L.Add()([x, other])), "one input of a fixed shape"),
        (keras.Model(free, L.Dense(4)(free)), "one input of a fixed shape"),
        (keras.Model(x, tf.math.digamma(dense)), "TensorFlow's Digamma, which TFLite has only with the Flex delegate"),
        (L.Dense(4), "is no Keras model"),
        (None, "is no Keras model"),
        (b"nonsense" * 100, "neither TFLite nor a zlib stream"),
        (b"    TFL3" + bytes(100), "the TFLite runtime refuses it"),
    ):
        refused(made, said)
    refused(model, r"takes inputs \[n, 12\], not \(3, 11\)", check=np.zeros((3, 11)))
    refused(model, "lie on no grid", on_grid=True)


def test_costs_that_are_not_known_are_a_note() -> None:
    small = shrink(keras.Sequential([keras.Input((5, 8)), L.Conv1DTranspose(40, 6), L.Flatten()]))
    assert small.costs is None
    assert any(note.startswith("costs are not known") for note in small.notes)
    assert any(note.startswith("weights of TRANSPOSE_CONV stay in float") for note in small.notes)


@keras_3.saving.register_keras_serializable("theirs")
class Theirs(keras_3.layers.Layer):
    """A layer of another package."""

    def call(self, x: Any) -> Any:
        return x


def test_files_with_code_of_their_own_are_refused_and_none_of_it_runs(tmp_path: Path) -> None:
    def code(x: Any) -> Any:
        return (__import__("os").environ.__setitem__("RAN", "yes"), x)[1]

    for module, suffixes in ((keras, (".keras", ".h5")), (keras_3, (".keras", ".h5"))):
        made = module.Sequential([module.Input((8,)), module.layers.Lambda(code, output_shape=(8,))])
        for suffix in suffixes:
            made.save(tmp_path / f"{module.__name__}{suffix}")
            os.environ.pop("RAN", None)  # which it sets as it is built
            refused(tmp_path / f"{module.__name__}{suffix}", "its layer Lambda is code of its own, which is not run")
            assert "RAN" not in os.environ
    keras_3.Sequential([keras_3.Input((8,)), Theirs()]).save(tmp_path / "theirs.keras")
    refused(tmp_path / "theirs.keras", "its layer .*Theirs is code of its own")
    x = keras.Input((8,))
    keras.Model(x, tf.reshape(tf.nn.relu(x) + 1.0, (-1, 4, 2))).save(tmp_path / "functions.h5")
    shrink(tmp_path / "functions.h5")
    text = (tmp_path / "functions.h5").read_bytes()
    (tmp_path / "hostile.h5").write_bytes(text.replace(b'"nn.relu"', b'"io.gfil"'))
    refused(tmp_path / "hostile.h5", "its layer TFOpLambda is code of its own")
    reader = tf.Module()
    reader.read = tf.function(
        lambda x: x + tf.cast(tf.strings.length(tf.io.read_file("/etc/hostname")), tf.float32),
        input_signature=[tf.TensorSpec((None, 4), tf.float32)],
    )
    tf.saved_model.save(reader, tmp_path / "reader", signatures=reader.read)
    refused(tmp_path / "reader", "its operator ReadFile reaches beyond the model")


def test_damaged_files_and_what_is_none(files: dict[str, Path], tmp_path: Path) -> None:
    for name in ("a.keras", "a.h5", "a.tflite.zlib"):
        content = files[name].read_bytes()
        (tmp_path / name).write_bytes(content[: len(content) // 2])
        refused(tmp_path / name, "damaged|cut short")
        (tmp_path / name).write_bytes(b"nonsense" * 50)
        refused(tmp_path / name, "damaged|neither TFLite")
    (tmp_path / "other.zip").write_bytes(files["a.keras"].read_bytes())
    refused(tmp_path / "other.zip", r"is named \*.keras: rename it")
    refused(tmp_path, "no saved_model.pb in this folder")
    refused(tmp_path / "none.keras", "can't be read")
    (tmp_path / "saved_model.pb").write_bytes(b"nonsense")
    refused(tmp_path, "damaged, or no SavedModel")


def test_quantisation_aware_training_of_anybodys_model(model: Any) -> None:
    before = model.get_weights()
    rounded = quantise_aware_train(model, (INPUTS, TARGETS), step=0.5, epochs=20, learning_rate=0.1)
    for was, now in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(now, was)
    for was, now in zip(before, rounded.get_weights(), strict=True):
        step = 0.5 * np.sqrt(np.mean(was**2)) if was.ndim > 1 else 1 / 16
        np.testing.assert_allclose(now / step, np.round(now / step), atol=1e-3)
    right = (rounded.predict(INPUTS, verbose=0).argmax(axis=1) == TARGETS.argmax(axis=1)).mean()
    assert right > 0.8
    small = shrink(rounded, check=INPUTS, on_grid=True)
    assert small.difference < 1e-5
    assert bytes_by_part(small.slimmed)["weights"] == WIDE + NARROW + 4 * (128 + 3)
    assert len(small.file) < 0.7 * len(shrink(model, check=INPUTS).file)


def test_layers_that_the_training_would_compute_otherwise_are_refused() -> None:
    image, word = keras.Input((9, 8, 1)), np.eye(4, dtype=np.float32)[[0, 1]]
    images = np.zeros((2, 9, 8, 1), np.float32)

    def network(*layers: Any) -> Any:
        return keras.Sequential([image, *layers, L.GlobalAveragePooling2D(), L.Dense(4)])

    for activation in L.ReLU(), L.PReLU():  # the second has no rule: it does what Keras does
        quantise_aware_train(network(L.Conv2D(4, 3), activation), (images, word), 0.5, 1)
    for layers, said in (
        ((L.Conv2D(4, 3, activation="tanh"),), r"does not know its layers \(Conv2D, Global"),
        ((L.Conv2D(4, 3, padding="same"),), "does not know"),
        ((L.Conv2D(4, 3), L.BatchNormalization()), "fold it into the layer before"),
        ((L.Conv2D(4, 3), L.MaxPooling2D(2)), "does not know"),
    ):
        with pytest.raises(UserError, match=said):
            quantise_aware_train(network(*layers), (images, word), 0.5, 1)
    with pytest.raises(UserError, match=r"takes inputs \[n, \(9, 8, 1\)\] and targets"):
        quantise_aware_train(network(L.Conv2D(4, 3)), (images[:, :8], word), 0.5, 1)
    with pytest.raises(UserError, match="no tf_keras model"):
        quantise_aware_train(keras_3.Sequential(), (images, word), 0.5, 1)


def test_the_script(files: dict[str, Path], run: Run, tmp_path: Path) -> None:
    done = run("20_shrink.py", str(files["a.h5"]), "--out", str(tmp_path / "b.tflite.zlib"))
    assert done.returncode == 0, done.stderr
    sizes = [line.split()[:2] for line in done.stdout.splitlines()[:4]]
    assert [stage for stage, _ in sizes] == ["converted", "quantised", "slimmed", "compressed"]
    assert int(sizes[3][1].replace(",", "")) == (tmp_path / "b.tflite.zlib").stat().st_size
    assert f"{WIDE + 128 + NARROW + 3:,} parameters, {WIDE + NARROW:,} multiply-accumulates" in done.stdout
    assert "note: 1 kernel of less than 1,024 weights" in done.stdout
    again = run("20_shrink.py", str(tmp_path / "b.tflite.zlib"))
    assert (again.returncode, again.stderr.count("\n")) == (1, 1)
    assert "name another file (--out)" in again.stderr
