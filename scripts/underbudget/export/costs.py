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


def costs(file: File) -> Costs:
    """Compute the costs of a TFLite file with one graph and batch 1.

    Args:
        file: the path of a .tflite or .tflite.zlib file, or its bytes.

    Raises:
        UserError: no such file; an operator of which the number of multiplications is not known here.
    """
    model = parse(open_file(file, card=False).content)
    if len(model.subgraphs) != 1:
        raise UserError(
            f"it has {len(model.subgraphs)} graphs, for loops or branches: how often each runs is not known"
        )
    (graph,) = model.subgraphs
    constant = {i for i, tensor in enumerate(graph.tensors) if model.buffers[tensor.buffer].data is not None}
    stored: dict[int, int] = {}  # elements by buffer: a shared one counts once
    source = {op.outputs[0]: op.inputs[0] for op in graph.operators if opcode_of(model, op) == Op.DEQUANTIZE}
    macs = 0
    for op in graph.operators:
        code = opcode_of(model, op)
        if code in WITH_WEIGHTS:
            kernel = graph.tensors[op.inputs[1]].shape
            # every output number takes one product per input of its filter
            per_output = np.prod(kernel[1:3]) if code == Op.DEPTHWISE_CONV_2D else np.prod(kernel[1:])
            rows = _size(graph.tensors[op.outputs[0]])
            macs += int(rows * per_output)
            for index in (source.get(int(i), int(i)) for i in op.inputs[1:] if i >= 0):
                stored[graph.tensors[index].buffer] = _size(graph.tensors[index])
        elif code not in WITHOUT_MACS:
            raise UserError(f"operator {opcode_name(code)}: how many multiplications it takes is not known")
    dequantised = {int(i) for i, origin in source.items() if int(origin) in constant}
    return Costs(sum(stored.values()), macs, _arena_bytes(graph, constant | dequantised))


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
