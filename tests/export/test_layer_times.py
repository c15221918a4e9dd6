"""A file cut off behind each layer: each piece computes what the whole one does up to there."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from helpers import ROOT

from underbudget.device import artifact
from underbudget.device.runtime import Model
from underbudget.export.costs import layers
from underbudget.export.layer_times import _pieces, layer_microseconds


@pytest.mark.parametrize("name", ["report/kws_a", "improved/kws_a", "improved/th_a"])
def test_each_piece_puts_out_what_the_whole_file_has_there(name: str) -> None:
    _, content = artifact.load_file(ROOT / "models" / f"{name}.tflite.zlib")
    whole = Interpreter(
        model_content=content,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    whole.allocate_tensors()
    (given,) = whole.get_input_details()
    x = np.random.default_rng(0).normal(size=given["shape"]).astype(np.float32)
    whole.set_tensor(given["index"], x)
    whole.invoke()
    steps = [op["outputs"][0] for op in whole._get_ops_details() if op["op_name"] != "DEQUANTIZE"]
    outputs = [whole.get_tensor(index) for index in steps]
    pieces = [Model(piece, name, built_in=True).predict(x)[0].ravel() for piece in _pieces(content)]
    found = [next(i for i, y in enumerate(outputs) if np.array_equal(y.ravel(), piece)) for piece in pieces]
    assert found == sorted(set(found)) and found[-1] == len(outputs) - 1  # one behind the other, to the end
    assert len(layer_microseconds(content)) == len(found) == len(layers(content))
