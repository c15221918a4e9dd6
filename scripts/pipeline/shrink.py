"""From a Keras model to the fewest bytes: convert, quantise the weights, slim the flatbuffer, compress.

The TFLite file is edited through its own schema (https://ai.google.dev/edge/litert, schema.fbs), so each step is
plain to see and does the same with every release of the converter.
"""

import zlib
from collections.abc import Iterator

import flatbuffers
import numpy as np
import tensorflow as tf
import tf_keras as keras
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from device.errors import UserError

Op = schema.BuiltinOperator
WEIGHTS_INPUT = 1  # of convolutions and fully connected layers
SMALLEST_QUANTISED = 1024  # elements: the converter of 2020, like today's, leaves smaller tensors in float


def convert(model: keras.Model) -> bytes:
    """A float TFLite file with the batch fixed to 1, so that no shape arithmetic is left in it."""
    signature = tf.TensorSpec((1, *model.input_shape[1:]), tf.float32)
    function = tf.function(lambda x: model(x, training=False)).get_concrete_function(signature)
    converted: bytes = tf.lite.TFLiteConverter.from_concrete_functions([function], model).convert()
    return converted


def quantise_weights(content: bytes, rounded: bool = False) -> bytes:
    """Post-training quantisation of the weights, as the TFLite converter of 2020 did it.

    One symmetric int8 scale a tensor, max |w| / 127. Convolutions and fully connected layers compute on the
    int8 weights; depthwise ones get theirs through a DEQUANTIZE operator. (Today's converter writes one scale
    per channel, which takes more bytes. The runtime's integer depthwise kernel needs those: with one scale a
    tensor it gives chance accuracy, silently.)

    Args:
        rounded: the weights lie on grids already (see pipeline.training.train_rounded): all are stored exactly, the
            smallest too, and each goes through DEQUANTIZE, so that the computation is in float, and as fast.
    """
    model = unpack(content)
    for graph in model.subgraphs:
        for position, op in reversed(list(enumerate(graph.operators))):
            code = opcode_of(model, op)
            if code not in (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED):
                continue
            index = op.inputs[WEIGHTS_INPUT]
            tensor = graph.tensors[index]
            data = model.buffers[tensor.buffer].data
            if (
                tensor.type != schema.TensorType.FLOAT32
                or data is None
                or (data.nbytes < 4 * SMALLEST_QUANTISED and not rounded)
            ):
                continue
            weights = data.view(np.float32)
            quantised, scale = integers(weights) if rounded else quantise(weights)
            stored = schema.TensorT(
                shape=tensor.shape,
                type=schema.TensorType.INT8,
                buffer=len(model.buffers),
                quantization=schema.QuantizationParametersT(scale=[scale], zeroPoint=[0]),
            )
            model.buffers.append(schema.BufferT(data=quantised.view(np.uint8)))
            if code != Op.DEPTHWISE_CONV_2D and not rounded:
                graph.tensors[index] = stored
                continue
            tensor.buffer = 0
            graph.tensors.append(stored)
            dequantise = schema.OperatorT(opcodeIndex=_opcode(model, Op.DEQUANTIZE, 2))
            dequantise.inputs, dequantise.outputs = [len(graph.tensors) - 1], [index]
            graph.operators.insert(position, dequantise)
    _share_buffers(model)  # the float weights go
    return packed(model)


def quantise(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    """Symmetric int8 with one scale: round half away from zero of w / scale, scale = max |w| / 127."""
    scale = np.float32(np.abs(weights).max() / 127) or np.float32(1)
    steps = weights / scale
    return (np.sign(steps) * np.floor(np.abs(steps) + 0.5)).astype(np.int8), float(scale)


def integers(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    """int8 and scale of weights that are multiples of the smallest of them, exactly.

    Raises:
        UserError: they are not.
    """
    smallest = np.abs(weights[weights != 0]).min(initial=np.inf)
    for divisor in (1, 2, 3, 4):  # the smallest weight may be some steps large itself
        scale = np.float32(smallest / divisor) if np.isfinite(smallest) else np.float32(1)
        steps = np.round(weights / scale)
        if np.abs(steps).max() <= 127 and np.allclose(steps * scale, weights, rtol=1e-5, atol=0):
            return steps.astype(np.int8), float(scale)
    raise UserError("weights lie on no grid of 127 steps: train with rounding, or leave the file in float")


def slim(content: bytes) -> bytes:
    """Drop what inference does not need: names, description, metadata, signatures, unused tensors and buffers.

    Operators, shapes and weights stay as they are: outputs are equal to the last bit.
    """
    model = unpack(content)
    model.description = model.metadata = model.metadataBuffer = model.signatureDefs = None
    for graph in model.subgraphs:
        graph.name = None
        for tensor in graph.tensors:
            tensor.name = None
            tensor.shapeSignature = None
            if tensor.quantization is not None and tensor.quantization.scale is None:
                tensor.quantization = None
    drop_unused(model)
    return packed(model)


def compress(content: bytes) -> bytes:
    """A zlib stream, as `zlib.decompress` reads it."""
    return zlib.compress(content, 9)


def bytes_by_part(content: bytes) -> dict[str, int]:
    """Bytes of a TFLite file by what they hold: weights, the scales of quantised ones, and the structure around."""
    model = unpack(content)
    contents = [model.buffers[index].data for index in {t.buffer for t in _tensors(model)}]
    weights = sum(len(data) for data in contents if data is not None)
    parameters = [t.quantization for t in _tensors(model) if t.quantization is not None]
    scales = sum(a.nbytes for p in parameters for a in (p.scale, p.zeroPoint) if a is not None)
    return {"weights": weights, "scales": scales, "structure": len(content) - weights - scales}


def drop_unused(model: schema.ModelT) -> None:
    """Tensors, buffers and operator codes that nothing uses."""
    for graph in model.subgraphs:
        _drop_unused_tensors(graph)
    _share_buffers(model)
    ops = [op for graph in model.subgraphs for op in graph.operators]
    used = sorted({op.opcodeIndex for op in ops})
    model.operatorCodes = [model.operatorCodes[index] for index in used]
    for op in ops:
        op.opcodeIndex = used.index(op.opcodeIndex)


def _drop_unused_tensors(graph: schema.SubGraphT) -> None:
    ports = [port for op in graph.operators for port in (op.inputs, op.outputs, op.intermediates)]
    ports += [graph.inputs, graph.outputs]
    used = sorted({int(i) for port in ports if port is not None for i in port if i >= 0})
    place = {old: new for new, old in enumerate(used)} | {-1: -1}  # -1: an optional input that is not given

    def moved(port: list[int] | None) -> list[int] | None:
        return None if port is None else [place[int(i)] for i in port]

    for op in graph.operators:
        op.inputs, op.outputs, op.intermediates = moved(op.inputs), moved(op.outputs), moved(op.intermediates)
    graph.inputs, graph.outputs = moved(graph.inputs), moved(graph.outputs)
    graph.tensors = [graph.tensors[i] for i in used]


def _share_buffers(model: schema.ModelT) -> None:
    """Keep each content once; whatever has none (activations) shares buffer 0, which the format keeps empty."""
    kept: list[schema.BufferT] = [schema.BufferT()]
    place: dict[bytes, int] = {b"": 0}
    for tensor in _tensors(model):
        data = model.buffers[tensor.buffer].data
        key = b"" if data is None else data.tobytes()
        if key not in place:
            place[key] = len(kept)
            kept.append(schema.BufferT(data=data))
        tensor.buffer = place[key]
    model.buffers = kept


def _tensors(model: schema.ModelT) -> Iterator[schema.TensorT]:
    for graph in model.subgraphs:
        yield from graph.tensors


def opcode_of(model: schema.ModelT, op: schema.OperatorT) -> int:
    """The BuiltinOperator of an operator."""
    entry = model.operatorCodes[op.opcodeIndex]
    return max(entry.builtinCode, entry.deprecatedBuiltinCode)  # old files fill the deprecated field alone


def _opcode(model: schema.ModelT, code: int, version: int) -> int:
    """Index of an operator code, which is added if the model has it not."""
    for index, entry in enumerate(model.operatorCodes):
        if max(entry.builtinCode, entry.deprecatedBuiltinCode) == code:
            return index
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=version)
    )
    return len(model.operatorCodes) - 1


def unpack(content: bytes) -> schema.ModelT:
    """A TFLite file as objects of its schema."""
    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)


def packed(model: schema.ModelT, builder: flatbuffers.Builder | None = None) -> bytes:
    """A TFLite file of objects of its schema."""
    builder = builder or flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
