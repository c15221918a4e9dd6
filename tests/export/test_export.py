"""Converting, quantising and slimming, against the runtime and against the converter's own quantisation."""

import zlib
from typing import Any, get_args

import keras as keras_3
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert import schema_py_generated as schema
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from underbudget.device.errors import UserError
from underbudget.device.runtime import Model
from underbudget.export import compress, convert, quantise, slim
from underbudget.networks.cnn import Cnn1d
from underbudget.networks.dense import Linear, Mlp, ResidualMlp
from underbudget.networks.ds_cnn import DsCnn
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.networks.folding import fold_batch_norm
from underbudget.training import loop

NETWORKS = {  # each with the shapes of its inputs and outputs
    "th_a": (Mlp(width=0.25), (6, 2), (6, 2)),
    "th_b": (Cnn1d(width=0.12), (6, 2), (6, 2)),
    "kws_a": (DsCnn(width=0.31, strides=(2, 1)), (49, 10, 1), (8,)),
    "kws_c": (DsCnn(width=0.52), (32, 32, 1), (8,)),
}
EACH = pytest.mark.parametrize("name", NETWORKS)


@pytest.fixture(scope="module")
def models() -> dict[Any, Any]:
    """Untrained networks with random biases and batch-norm statistics, so that no tensor is trivial."""
    loop.seed_everything(3)
    made = {}
    rng = np.random.default_rng(3)
    for name, (network, input_shape, output_shape) in NETWORKS.items():
        model = network.create(input_shape, output_shape)
        model.set_weights([w if w.ndim > 1 else (w + rng.uniform(0.1, 0.5, w.shape)) for w in model.get_weights()])
        made[name] = model
    return made


@pytest.fixture(scope="module")
def files(models: dict[Any, Any]) -> dict[str, bytes]:
    """Their files as converted."""
    return {name: convert.convert(model) for name, model in models.items()}


def inputs(model: Any, n: int = 50) -> NDArray[Any]:
    return np.random.default_rng(0).normal(size=(n, *model.input_shape[1:])).astype(np.float32)


def unpack(content: bytes) -> schema.ModelT:
    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)


@EACH
@pytest.mark.parametrize("quantised", [False, True])
def test_slimming_is_bit_equal(models: dict[Any, Any], files: dict[str, bytes], name: str, quantised: bool) -> None:
    converted = quantise.quantise_weights(files[name]) if quantised else files[name]
    slimmed = slim.strip_metadata(converted)
    x = inputs(models[name])
    np.testing.assert_array_equal(Model(converted, name).predict(x), Model(slimmed, name).predict(x))
    assert len(slimmed) < len(converted)
    assert slim.strip_metadata(slimmed) == slimmed
    assert tf.lite.Interpreter(model_content=slimmed) is not None  # TensorFlow's own runtime reads it too


@EACH
def test_slimmed_files_hold_nothing_but_the_model(models: dict[Any, Any], files: dict[str, bytes], name: str) -> None:
    slimmed = slim.strip_metadata(files[name])
    model = unpack(slimmed)
    assert not model.metadata and not model.signatureDefs and not model.description
    assert all(not tensor.name and tensor.shapeSignature is None for tensor in model.subgraphs[0].tensors)
    used = {tensor.buffer for tensor in model.subgraphs[0].tensors}
    assert used == set(range(len(model.buffers)))
    parts = slim.bytes_by_part(slimmed)
    kernels = sum(w.size for w in models[name].get_weights() if w.ndim > 1)
    assert 4 * kernels <= parts["weights"] <= 4 * models[name].count_params() + 64  # 64: axes and shapes
    assert (parts["scales"], parts["structure"] > 0) == (0, True)


@EACH
def test_conversion_is_keras(models: dict[Any, Any], files: dict[str, bytes], name: str) -> None:
    x = inputs(models[name])
    expected = models[name].predict(x, verbose=0)
    np.testing.assert_allclose(Model(files[name], name).predict(x), expected, rtol=1e-4, atol=1e-4)


def test_what_is_no_model_is_refused() -> None:
    for other in (keras_3.layers.Dense(3), lambda x: x, None):
        with pytest.raises(UserError, match="is no Keras model") as caught:
            convert.convert(other)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("what", ["zeros", "nan"])
def test_a_file_without_the_weights_is_refused(
    models: dict[Any, Any], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    emptied = Mlp(width=0.25).create((6, 2), (6, 2))
    emptied.set_weights([np.full_like(weights, 0 if what == "zeros" else np.nan) for weights in emptied.get_weights()])
    function = tf.function(lambda x: emptied(x, training=False))
    content = tf.lite.TFLiteConverter.from_concrete_functions(
        [function.get_concrete_function(tf.TensorSpec((1, 6, 2), tf.float32))], emptied
    ).convert()
    monkeypatch.setattr(tf.lite.TFLiteConverter, "convert", lambda self: content)
    with pytest.raises(UserError, match="puts out"):
        convert.convert(models["th_a"])


@pytest.mark.slow
@EACH
def test_int8_weights_equal_the_converters(models: dict[Any, Any], files: dict[str, bytes], name: str) -> None:
    """Integers and scales of convolutions and dense layers against the converter's per-tensor quantisation."""
    converter = tf.lite.TFLiteConverter.from_keras_model(models[name])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter._experimental_disable_per_channel = True

    def int8(content: bytes) -> dict[Any, Any]:
        model = unpack(content)
        return {
            tuple(t.shape): (model.buffers[t.buffer].data.view(np.int8), float(t.quantization.scale[0]))
            for t in model.subgraphs[0].tensors
            if t.type == schema.TensorType.INT8
        }

    theirs, ours = int8(converter.convert()), int8(quantise.quantise_weights(files[name]))
    assert theirs.keys() == ours.keys()  # the same tensors are large enough
    assert len(ours) == {"th_a": 1, "th_b": 0, "kws_a": 1, "kws_c": 4}[name]
    for shape, (integers, scale) in theirs.items():
        np.testing.assert_array_equal(ours[shape][0], integers)
        assert ours[shape][1] == pytest.approx(scale, rel=1e-6)


@EACH
def test_quantised_outputs_stay_close(models: dict[Any, Any], files: dict[str, bytes], name: str) -> None:
    """Also for depthwise weights above 1024 elements (kws_c), where one scale a tensor fails in the runtime."""
    x = inputs(models[name])
    expected = models[name].predict(x, verbose=0)
    outputs = Model(quantise.quantise_weights(files[name]), name).predict(x)
    assert np.abs(outputs - expected).mean() < 0.05 * expected.std()


def test_a_first_layer_that_computes_in_float_keeps_small_inputs() -> None:
    """Kernels on int8 weights round inputs as coarsely as the largest of them asks for: small ones are lost."""
    layers = tf_keras.layers
    model = tf_keras.Sequential([layers.InputLayer((9, 9, 1)), layers.Conv2D(133, 3)])
    content = convert.convert(model)
    x = np.random.default_rng(0).uniform(0, 0.1, (1, 9, 9, 1)).astype(np.float32)
    small, x[0, 0, 0] = Model(content, "float").predict(x), 100
    errors, stored = {}, {}
    for kind in get_args(quantise.FirstLayer):
        quantised = quantise.quantise_weights(content, first_layer=kind)
        far = (0, slice(3, None), slice(3, None))  # outputs that no window with the large input leads to
        errors[kind] = np.abs(Model(quantised, kind).predict(x)[far] - small[far]).mean() / np.abs(small[far]).mean()
        stored[kind] = sum(t.type == schema.TensorType.INT8 for t in unpack(quantised).subgraphs[0].tensors)
    assert stored == {"int8": 1, "float": 0, "dequantised": 1}
    assert max(errors["float"], errors["dequantised"]) < 0.1 * errors["int8"]


@given(hnp.arrays(np.float32, hnp.array_shapes(max_dims=3), elements=st.floats(-100, 100, width=32)))
def test_quantisation_is_off_by_half_a_step_at_most(weights: NDArray[Any]) -> None:
    integers, scale = quantise.quantise(weights)
    assert np.abs(integers.astype(int)).max() <= 127
    assert np.abs(integers * np.float64(scale) - weights).max() <= 0.5001 * scale
    np.testing.assert_array_equal(quantise.quantise(-weights)[0], -integers)


def test_compression_is_plain_zlib() -> None:
    content = bytes(range(256)) * 40
    for compressed in (compress.zlib_compress(content), compress.zopfli_compress(content)):
        assert zlib.decompress(compressed) == content
    assert len(compress.zopfli_compress(content)) <= len(compress.zlib_compress(content))


@given(
    hnp.arrays(np.int8, hnp.array_shapes(max_dims=3), elements=st.integers(-127, 127)),
    st.integers(1, 10_000).map(lambda n: n / 1000),
)
def test_weights_on_a_grid_are_stored_exactly(steps: NDArray[Any], step: float) -> None:
    weights = steps.astype(np.float32) * np.float32(step)
    smallest = np.abs(steps[steps != 0].astype(int)).min(initial=127)
    try:
        integers, scale = quantise.exact_int8(weights)
    except UserError:
        assert smallest > 4  # else its grid is found
    else:
        np.testing.assert_allclose(integers * np.float32(scale), weights, rtol=1e-5)


def test_weights_on_no_grid_are_refused() -> None:
    with pytest.raises(UserError, match="on no grid"):
        quantise.exact_int8(np.random.default_rng(0).normal(size=(20, 20)).astype(np.float32))


ROUNDED = {
    "residual_mlp": (ResidualMlp(units=16), (6, 2), (6, 2)),
    "ds_tc_resnet": (DsTcResnet(filters=16, blocks=(1, 1)), (49, 10, 1), (8,)),
    "stem": (DsTcResnet(filters=16, blocks=(1,), stem=(4, 6)), (49, 40, 1), (8,)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ROUNDED)
def test_rounded_and_tight_files_put_out_what_keras_does(name: str) -> None:
    """int8 behind DEQUANTIZE, another layout, no reshapes: all of it changes no bit of the runtime's outputs."""
    network, input_shape, output_shape = ROUNDED[name]
    loop.seed_everything(4)
    model = fold_batch_norm(network.create(input_shape, output_shape), network, for_grid=False)
    rng = np.random.default_rng(4)
    trainable = {id(v) for v in model.trainable_variables}
    for variable in model.variables:
        if id(variable) in trainable:
            variable.assign(rng.integers(-9, 10, variable.shape) / 16)
    x = inputs(model)
    converted = convert.convert(model)
    quantised = quantise.quantise_weights(converted, on_grid=True)
    slimmed = slim.strip_metadata(quantised)
    tight = compress.order_for_compression(slimmed)
    expected = Model(converted, name).predict(x)
    np.testing.assert_allclose(expected, model.predict(x, verbose=0), rtol=1e-3, atol=1e-3)
    np.testing.assert_array_equal(Model(quantised, name).predict(x), expected)
    np.testing.assert_array_equal(Model(tight, name).predict(x).ravel(), expected.ravel())
    assert len(compress.zopfli_compress(tight)) < len(compress.zopfli_compress(slimmed))
    kinds = {t.type for t in unpack(tight).subgraphs[0].tensors if unpack(tight).buffers[t.buffer].data is not None}
    assert schema.TensorType.INT8 in kinds
    assert compress.order_for_compression(tight) == tight


def test_a_linear_forecaster_is_one_operator() -> None:
    model = Linear().create((6, 2), (6, 2))
    tight = compress.order_for_compression(slim.strip_metadata(convert.convert(model)))
    (op,) = unpack(tight).subgraphs[0].operators
    assert slim.opcode_of(unpack(tight), op) == schema.BuiltinOperator.FULLY_CONNECTED
    x = inputs(model)
    np.testing.assert_allclose(Model(tight, "x").predict(x), model.predict(x, verbose=0).reshape(-1, 12), atol=1e-5)
