"""How long each layer of a TFLite file takes on this machine.

The Python interface of the runtime tells no times of single operators. So the file is cut off behind each layer, and
the pieces run in turn: what one takes longer than the one before it is the time of its last layer.
"""

import time

import numpy as np
from numpy.typing import NDArray

from underbudget.device.runtime import Model
from underbudget.export.costs import WITH_WEIGHTS
from underbudget.export.slim import Op, drop_unused, opcode_of, parse, serialise

PASSES = 300
UNDISTURBED = 0.1  # the quantile of the passes: other programs make most of them longer, and none shorter


def layer_microseconds(content: bytes) -> NDArray[np.float64]:
    """Time the operators with weights of a TFLite file with one graph, in their order, on one thread.

    What follows a layer up to the next one counts to it; what precedes the first, and the runtime's own work, to the
    first. So they add up to an inference. A difference of a microsecond or two is noise, which may be negative.
    """
    pieces = [Model(piece, "a piece of the model") for piece in _pieces(content)]
    x = np.random.default_rng(0).normal(size=pieces[-1].input_shape).astype(np.float32)
    seconds = np.empty((PASSES, len(pieces)))
    for row in seconds:
        for i, piece in enumerate(pieces):
            piece.set(x)
            started = time.perf_counter()
            piece.invoke()
            row[i] = time.perf_counter() - started
    return np.diff(np.quantile(seconds, UNDISTURBED, axis=0), prepend=0) * 1e6


def _pieces(content: bytes) -> list[bytes]:
    """Return the file up to each operator with weights and what follows it."""
    model = parse(content)
    operators = model.subgraphs[0].operators
    starts = [place for place, op in enumerate(operators) if opcode_of(model, op) in WITH_WEIGHTS]
    pieces = []
    for end in starts[1:]:
        while opcode_of(model, operators[end - 1]) == Op.DEQUANTIZE:  # of the next layer's weights
            end -= 1
        piece = parse(content)
        (graph,) = piece.subgraphs
        graph.operators, graph.outputs, piece.signatureDefs = graph.operators[:end], operators[end - 1].outputs, None
        drop_unused(piece)
        pieces.append(serialise(piece))
    return [*pieces, content]
