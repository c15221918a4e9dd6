"""What int8 weights cost: the same weights by each kind of kernel."""

from pathlib import Path

import numpy as np
import pytest

from underbudget import files
from underbudget.data import synthetic
from underbudget.data.sources import Sources
from underbudget.device.artifact import decode_model
from underbudget.device.errors import UserError
from underbudget.device.runtime import Model
from underbudget.export.quantise import quantise_weights
from underbudget.reproduction import kernels
from underbudget.store import ResultStore
from underbudget.tasks.spotting import Spotting
from underbudget.versions.catalogue import VERSIONS

CONTENT = (Path(files.MODELS) / "quantisation" / "kws_c_float.tflite.zlib").read_bytes()


def test_each_run_is_tested_once_with_each_kind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    speech = synthetic.make_speech(24)
    store = ResultStore(tmp_path / "models", tmp_path / "results")
    monkeypatch.setattr(kernels, "store_of", lambda _: store)
    monkeypatch.setattr(kernels, "load_speech", lambda _: speech)
    with pytest.raises(UserError, match=r"no runs: run scripts/14_seeds\.py report first"):
        kernels.measure_all(Sources())
    for seed in (9, 10):
        path = kernels.path_in_float(store.models / "report" / f"seed-{seed}", "kws_c")
        path.parent.mkdir(parents=True)
        path.write_bytes(CONTENT if seed == 9 else CONTENT[:-1])
    with pytest.raises(UserError, match=r"seed-10/kws_c\.float\.tflite\.zlib: the zlib stream is cut short"):
        kernels.measure_all(Sources())
    path.unlink()
    monkeypatch.setattr(kernels, "measure", None)  # what was tested is not tested again
    lines = files.read_json_lines(kernels.measure_all(Sources()))
    assert {line["seed"] for line in lines} == {9}
    kinds = ("float", "int8", "int8, built-in kernels", "int8, first layer in float", "int8, first layer dequantised")
    assert [line["version"] for line in lines] == [f"kws_c, {kind}" for kind in kinds]
    task = Spotting(speech, VERSIONS["kws_c"].recipes["report"].inputs)  # type: ignore[arg-type]
    built_in = Model(quantise_weights(decode_model(CONTENT, "it")), "it", built_in=True)
    right = built_in.predict(task.inputs("test")).argmax(1) == task.truth("test")
    assert lines[2]["test"]["accuracy_pct"] == pytest.approx(100 * np.mean(right), abs=1e-3)
    zeros = [line.get("inputs_rounded_to_zero_pct") for line in lines]
    assert zeros[0] is zeros[3] is zeros[4] is None and 0 < zeros[1] < zeros[2] < 100  # type: ignore[operator]
    sizes = [line["converted_bytes"] for line in lines]
    assert sizes[1] == sizes[2] < sizes[4] < sizes[3] < sizes[0]


@pytest.mark.parametrize("built_in", [False, True])
def test_what_int8_costs_is_the_rounding_of_the_first_layers_inputs(built_in: bool) -> None:
    """Fed with rounded inputs, a network whose first layer computes in float answers as one that computes in int8."""
    content = decode_model(CONTENT, "it")
    clips = Spotting(synthetic.make_speech(24), VERSIONS["kws_c"].recipes["report"].inputs).inputs("test")  # type: ignore[arg-type]
    int8 = Model(quantise_weights(content), "it", built_in=built_in).predict(clips)
    in_float = Model(quantise_weights(content, first_layer="dequantised"), "it", built_in=built_in)
    rounded = in_float.predict(kernels.round_inputs(clips, built_in))
    assert np.abs(rounded - int8).max() < 0.02 < np.abs(in_float.predict(clips) - int8).max()


def test_rounds_by_hand() -> None:
    inputs = np.array([[0.4, 0.6, 127, -1], [0, 0, 0, 0]], np.float32)
    assert kernels.round_inputs(inputs, built_in=True).tolist() == [[0, 1, 127, -1], [0, 0, 0, 0]]
    np.testing.assert_allclose(kernels.round_inputs(inputs[:, :3], False)[0], np.array([1, 1, 255]) * 127 / 255)
