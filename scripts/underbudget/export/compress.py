"""Lay out a TFLite file so that deflate packs it better; compress it with zlib or zopfli.

A flatbuffer keeps the layout of each table in a vtable, which equal tables share. Pointers to the shared one differ
from table to table; a copy beside each table makes equal tables equal bytes, which deflate then finds. So the file
grows and the stream shrinks.
"""

import zlib
from typing import Any

import flatbuffers
import numpy as np
import zopfli.zlib
from ai_edge_litert import schema_py_generated as schema

from underbudget.export import slim

ITERATIONS = 100


class _Builder(flatbuffers.Builder):
    """Shares no vtables."""

    def EndObject(self) -> Any:  # noqa: N802
        self.vtables: dict[Any, Any] = {}
        return super().EndObject()


def order_for_compression(content: bytes) -> bytes:
    """Lay out the same model for deflate; outputs are equal to the last bit but may be flat."""
    model = slim.parse(content)
    for graph in model.subgraphs:
        _drop_reshapes(model, graph)
    slim.drop_unused(model)
    return slim.serialise(model, _Builder(1024))


def zopfli_compress(content: bytes) -> bytes:
    """Compress to a zlib stream, as `zlib.decompress` reads it, by zopfli (https://github.com/google/zopfli)."""
    packed: bytes = zopfli.zlib.compress(content, numiterations=ITERATIONS)
    return packed


def _drop_reshapes(model: schema.ModelT, graph: schema.SubGraphT) -> None:
    """Take out reshapes that change nothing: before a fully connected layer, which flattens by itself, and at the end.

    The output then is flat: who reads it knows its shape.
    """
    for op in list(graph.operators):
        if slim.opcode_of(model, op) != schema.BuiltinOperator.RESHAPE:
            continue
        source, target = op.inputs[0], op.outputs[0]
        users = [other for other in graph.operators if target in other.inputs]
        flat = all(
            slim.opcode_of(model, other) == schema.BuiltinOperator.FULLY_CONNECTED
            and other.inputs[0] == target
            and not other.builtinOptions.keepNumDims
            and _columns(graph, other) == np.prod(graph.tensors[target].shape)
            for other in users
        )
        if not flat or (target in graph.outputs and source in graph.inputs):
            continue
        for other in users:
            other.inputs = [source if i == target else i for i in other.inputs]
        graph.outputs = [source if i == target else i for i in graph.outputs]
        graph.operators.remove(op)


def _columns(graph: schema.SubGraphT, dense: schema.OperatorT) -> int:
    return int(graph.tensors[dense.inputs[slim.WEIGHTS_INPUT]].shape[-1])


def zlib_compress(content: bytes) -> bytes:
    """Compress to a zlib stream, as `zlib.decompress` reads it."""
    return zlib.compress(content, 9)
