"""Store a TFLite file's weights in int8: by the rule of the converter of 2020, or exactly, where they lie on a grid.

Activations, inputs and outputs stay float32.
"""

from typing import Literal

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import NDArray

from underbudget.device.errors import UserError
from underbudget.export.slim import WEIGHTS_INPUT, Op, add_opcode, opcode_of, parse, serialise, share_buffers

WITH_INT8 = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED)  # operators that take int8 weights
FirstLayer = Literal["int8", "float", "dequantised"]
SMALLEST_QUANTISED = 1024  # elements: the converter of 2020, like today's, leaves smaller tensors in float


def quantise_weights(content: bytes, on_grid: bool = False, first_layer: FirstLayer = "int8") -> bytes:
    """Quantise the weights after training, as the TFLite converter of 2020 did.

    One symmetric int8 scale a tensor, max |w| / 127. Convolutions and fully connected layers compute on the
    int8 weights; depthwise ones get theirs through a DEQUANTIZE operator. (Today's converter writes one scale
    per channel, which takes more bytes. The runtime's integer depthwise kernel needs those: with one scale a
    tensor it gives chance accuracy, silently.)

    Args:
        on_grid: the weights lie on grids already (see underbudget.training.loop.train_qat): all are stored exactly, the
            smallest too, and each goes through DEQUANTIZE, so that the computation is in float, and as fast.
        first_layer: "int8": like the others; "float": its weights stay in float; "dequantised": they are stored in int8
            and go through DEQUANTIZE. Kernels that compute on int8 weights round a layer's inputs to int8, too.
    """
    model = parse(content)
    for graph in model.subgraphs:
        first = next((op for op in graph.operators if opcode_of(model, op) in WITH_INT8), None)
        for position, op in reversed(list(enumerate(graph.operators))):
            code, treated = opcode_of(model, op), first_layer if op is first else "int8"
            if code not in WITH_INT8 or treated == "float":
                continue
            index = op.inputs[WEIGHTS_INPUT]
            tensor = graph.tensors[index]
            data = model.buffers[tensor.buffer].data
            if (
                tensor.type != schema.TensorType.FLOAT32
                or data is None
                or (data.nbytes < 4 * SMALLEST_QUANTISED and not on_grid)
            ):
                continue
            weights = data.view(np.float32)
            quantised, scale = exact_int8(weights) if on_grid else quantise(weights)
            stored = schema.TensorT(
                shape=tensor.shape,
                type=schema.TensorType.INT8,
                buffer=len(model.buffers),
                quantization=schema.QuantizationParametersT(scale=[scale], zeroPoint=[0]),
            )
            model.buffers.append(schema.BufferT(data=quantised.view(np.uint8)))
            if code != Op.DEPTHWISE_CONV_2D and not on_grid and treated == "int8":
                graph.tensors[index] = stored
                continue
            tensor.buffer = 0
            graph.tensors.append(stored)
            dequantise = schema.OperatorT(opcodeIndex=add_opcode(model, Op.DEQUANTIZE, 2))
            dequantise.inputs, dequantise.outputs = [len(graph.tensors) - 1], [index]
            graph.operators.insert(position, dequantise)
    share_buffers(model)  # the float weights go
    return serialise(model)


def quantise(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    """Quantise to symmetric int8 with one scale: round half away from zero of w / scale, scale = max |w| / 127."""
    scale = np.float32(np.abs(weights).max() / 127) or np.float32(1)
    steps = weights / scale
    return (np.sign(steps) * np.floor(np.abs(steps) + 0.5)).astype(np.int8), float(scale)


def exact_int8(weights: NDArray[np.float32]) -> tuple[NDArray[np.int8], float]:
    """Return int8 and scale of weights that are multiples of the smallest of them, exactly.

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
