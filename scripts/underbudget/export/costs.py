"""What a TFLite file costs at run time, computed from the file itself."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from ai_edge_litert import schema_py_generated as schema

from underbudget.device.artifact import File, open_file
from underbudget.device.errors import UserError
from underbudget.export.slim import Op, opcode_name, opcode_of, parse

ALIGNMENT = 64  # bytes: kDefaultTensorAlignment of the runtime
ITEM_BYTES = {schema.TensorType.FLOAT32: 4, schema.TensorType.INT32: 4, schema.TensorType.INT8: 1}
TYPE_NAMES = {schema.TensorType.FLOAT32: "float32", schema.TensorType.INT8: "int8"}
WITH_WEIGHTS = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED)
WITHOUT_MACS = (
    Op.ADD, Op.DEQUANTIZE, Op.EXPAND_DIMS, Op.MAX_POOL_2D, Op.MEAN, Op.RELU, Op.RESHAPE,
    Op.AVERAGE_POOL_2D, Op.SQUEEZE, Op.CONCATENATION, Op.MUL, Op.PAD, Op.QUANTIZE, Op.SOFTMAX,
)  # fmt: skip


@dataclass(frozen=True)
class Costs:
    """What one inference takes.

    Attributes:
        parameters: numbers in weights and biases.
        macs: multiply-accumulate operations.
        peak_tensor_bytes: the runtime's arena for inputs, outputs and activations, with its greedy planner. Weights
            that are dequantised at start and what kernels allocate for themselves are not in it.
    """

    parameters: int
    macs: int
    peak_tensor_bytes: int


@dataclass(frozen=True)
class Layer:
    """One operator with weights: the shapes of its kernel and of its output, its weights' type, what it takes."""

    operator: str
    kernel: tuple[int, ...]
    output: tuple[int, ...]
    weights: str
    parameters: int
    macs: int


def layers(file: File) -> list[Layer]:
    """Return the operators of a TFLite file that have weights, in their order.

    Raises:
        UserError: as `costs`.
    """
    return _layers(_single_graph(file))[0]


def costs(file: File) -> Costs:
    """Compute the costs of a TFLite file with one graph and batch 1.

    Args:
        file: the path of a .tflite or .tflite.zlib file, or its bytes.

    Raises:
        UserError: no such file; an operator of which the number of multiplications is not known here.
    """
    model = _single_graph(file)
    (graph,) = model.subgraphs
    found, stored = _layers(model)
    constant = {i for i, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None}
    dequantised = {int(i) for i, origin in _dequantised(model).items() if int(origin) in constant}
    return Costs(sum(stored.values()), sum(layer.macs for layer in found), _arena_bytes(graph, constant | dequantised))


def _single_graph(file: File) -> schema.ModelT:
    model = parse(open_file(file, card=False).content)
    if len(model.subgraphs) != 1:
        raise UserError(
            f"it has {len(model.subgraphs)} graphs, for loops or branches: how often each runs is not known"
        )
    return model


def _dequantised(model: schema.ModelT) -> dict[int, int]:
    """Return the tensor that each dequantised one comes from."""
    operators = model.subgraphs[0].operators
    return {op.outputs[0]: op.inputs[0] for op in operators if opcode_of(model, op) == Op.DEQUANTIZE}


def _layers(model: schema.ModelT) -> tuple[list[Layer], dict[int, int]]:
    """Return the operators with weights, and the numbers in each buffer of weights: a shared one counts once."""
    (graph,) = model.subgraphs
    source, found = _dequantised(model), []
    stored: dict[int, int] = {}
    for op in graph.operators:
        code = opcode_of(model, op)
        if code in WITH_WEIGHTS:
            kernel = tuple(map(int, graph.tensors[op.inputs[1]].shape))
            # every output number takes one product per input of its filter
            per_output = np.prod(kernel[1:3]) if code == Op.DEPTHWISE_CONV_2D else np.prod(kernel[1:])
            output = graph.tensors[op.outputs[0]]
            own = [graph.tensors[source.get(int(i), int(i))] for i in op.inputs[1:] if i >= 0]
            stored |= {tensor.buffer: _size(tensor) for tensor in own}
            kind = TYPE_NAMES.get(own[0].type, "?")
            macs = int(_size(output) * per_output)
            shape = tuple(map(int, output.shape))
            found.append(Layer(opcode_name(code), kernel, shape, kind, sum(map(_size, own)), macs))
        elif code not in WITHOUT_MACS:
            raise UserError(f"operator {opcode_name(code)}: how many multiplications it takes is not known")
    return found, stored


def _size(tensor: schema.TensorT) -> int:
    return int(np.prod(tensor.shape))


def _arena_bytes(graph: schema.SubGraphT, left_out: set[int]) -> int:
    """Return the size of the runtime's arena: each tensor lives from the operator that writes it to its last reader.

    Inputs and outputs of the graph live throughout. Tensors are placed from the largest to the smallest, each in the
    smallest gap among those alive with it: greedy by size (Pisarchyk and Lee, arXiv:2001.03288), as in the runtime's
    arena_planner.cc and simple_memory_arena.cc.
    """
    last = len(graph.operators)
    first_use, last_use = {int(i): 0 for i in graph.inputs}, {int(i): last for i in (*graph.inputs, *graph.outputs)}
    for step, op in enumerate(graph.operators):
        for i in map(int, op.outputs):
            first_use.setdefault(i, step)
            last_use[i] = max(last_use.get(i, 0), step)
        for i in map(int, op.inputs):
            if i in first_use:
                last_use[i] = max(last_use.get(i, 0), step)
    tensors = [
        (_size(graph.tensors[i]) * ITEM_BYTES[graph.tensors[i].type], start, last_use[i])
        for i, start in first_use.items()
        if i not in left_out
    ]
    return greedy_by_size(tensors)


def greedy_by_size(tensors: Sequence[tuple[int, int, int]]) -> int:
    """Return the bytes that tensors of (bytes, first step, last step) take when placed greedily by size."""
    placed: list[tuple[int, int, int, int]] = []  # offset, end, first step, last step
    for size, start, end in sorted(tensors, key=lambda t: (-t[0], t[1])):
        neighbours = sorted(p for p in placed if p[2] <= end and start <= p[3])
        best, best_gap, reached = None, np.inf, 0
        for offset, stop, _, _ in neighbours:
            if reached + size <= offset and offset - reached < best_gap:
                best, best_gap = reached, offset - reached
            reached = max(reached, -(-stop // ALIGNMENT) * ALIGNMENT)
        where = reached if best is None else best
        placed.append((where, where + size, start, end))
    return max((-(-end // ALIGNMENT) * ALIGNMENT for _, end, _, _ in placed), default=0)
