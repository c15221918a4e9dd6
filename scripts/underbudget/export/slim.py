"""Read, slim and write TFLite files through the objects of their own schema.

What inference does not need goes: names, metadata, signatures, unused tensors, and buffers of equal content but one.
"""

from collections.abc import Iterator

import flatbuffers
from ai_edge_litert import schema_py_generated as schema

Op = schema.BuiltinOperator
WEIGHTS_INPUT = 1  # of convolutions and fully connected layers


def strip_metadata(content: bytes) -> bytes:
    """Drop what inference does not need: names, description, metadata, signatures, unused tensors and buffers.

    Operators, shapes and weights stay as they are: outputs are equal to the last bit.
    """
    model = parse(content)
    model.description = model.metadata = model.metadataBuffer = model.signatureDefs = None
    for graph in model.subgraphs:
        graph.name = None
        for tensor in graph.tensors:
            tensor.name = None
            tensor.shapeSignature = None
            if tensor.quantization is not None and tensor.quantization.scale is None:
                tensor.quantization = None
    drop_unused(model)
    return serialise(model)


def bytes_by_part(content: bytes) -> dict[str, int]:
    """Count bytes of a TFLite file by what they hold: weights, scales of quantised weights, and structure."""
    model = parse(content)
    contents = [model.buffers[index].data for index in {t.buffer for t in _tensors(model)}]
    weights = sum(len(data) for data in contents if data is not None)
    parameters = [t.quantization for t in _tensors(model) if t.quantization is not None]
    scales = sum(a.nbytes for p in parameters for a in (p.scale, p.zeroPoint) if a is not None)
    return {"weights": weights, "scales": scales, "structure": len(content) - weights - scales}


def drop_unused(model: schema.ModelT) -> None:
    """Drop tensors, buffers and operator codes that nothing uses."""
    for graph in model.subgraphs:
        _drop_unused_tensors(graph)
    share_buffers(model)
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


def share_buffers(model: schema.ModelT) -> None:
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
    """Return the BuiltinOperator of an operator."""
    entry = model.operatorCodes[op.opcodeIndex]
    return max(entry.builtinCode, entry.deprecatedBuiltinCode)  # old files fill the deprecated field alone


def opcode_name(code: int) -> str:
    """Return the name of a BuiltinOperator."""
    return next((name for name, value in vars(Op).items() if value == code), str(code))


def add_opcode(model: schema.ModelT, code: int, version: int) -> int:
    """Return the index of an operator code, which is added to the model if it is missing."""
    for index, entry in enumerate(model.operatorCodes):
        if max(entry.builtinCode, entry.deprecatedBuiltinCode) == code:
            return index
    model.operatorCodes.append(
        schema.OperatorCodeT(builtinCode=code, deprecatedBuiltinCode=min(code, 127), version=version)
    )
    return len(model.operatorCodes) - 1


def parse(content: bytes) -> schema.ModelT:
    """Parse a TFLite file into objects of its schema."""
    return schema.ModelT.InitFromPackedBuf(bytearray(content), 0)


def serialise(model: schema.ModelT, builder: flatbuffers.Builder | None = None) -> bytes:
    """Serialise objects of the schema into a TFLite file."""
    builder = builder or flatbuffers.Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())
