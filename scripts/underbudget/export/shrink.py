"""Shrink any model: convert it to TFLite, store its weights in int8, drop what inference needs not, compress.

Each step is checked: the file must put out what the model does, and slimming must change no bit of that.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from numpy.typing import ArrayLike, NDArray

from underbudget.determinism import import_tensorflow
from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.runtime import Model
from underbudget.export import costs as count
from underbudget.export.costs import Costs
from underbudget.export.model_files import read_any
from underbudget.export.quantise import SMALLEST_QUANTISED, WITH_INT8, quantise_weights
from underbudget.export.slim import WEIGHTS_INPUT, opcode_name, opcode_of, parse, strip_metadata

Array = NDArray[np.float32]
RANDOM_INPUTS = 16  # that a model is checked with if it comes without any
MUCH = 0.05  # of the spread of a model's outputs: so far apart, int8 weights cost accuracy


@dataclass(frozen=True)
class Shrunk:
    """A model as a compressed TFLite file, and how it came to be.

    Attributes:
        file: a zlib stream of `slimmed`.
        converted, quantised, slimmed: the TFLite file as the converter writes it, with int8 weights, and without what
            inference does not need.
        reference: outputs [n, …] of the model that was given, for the inputs that it is checked with.
        outputs: those of the file.
        costs: of one inference; None: the notes say why not.
        notes: what could not be shrunk, and what differs from the model that was given.
    """

    file: bytes
    converted: bytes
    quantised: bytes
    slimmed: bytes
    reference: Array
    outputs: Array
    costs: Costs | None
    notes: tuple[str, ...]

    @property
    def bytes_by_stage(self) -> dict[str, int]:
        """The bytes after each step."""
        stages = ("converted", "quantised", "slimmed", "file")
        return {"compressed" if stage == "file" else stage: len(getattr(self, stage)) for stage in stages}

    @property
    def difference(self) -> float:
        """How far the file's outputs are from the model's on average, as a share of the latter's deviation."""
        return _difference(self.reference, self.outputs)


def shrink(
    model: Any, quantise: bool = True, check: ArrayLike | None = None, *, on_grid: bool = False, smallest: bool = False
) -> Shrunk:
    """Shrink a model to a compressed TFLite file.

    Args:
        model: of tf_keras, of Keras 3 on TensorFlow; the path of a .keras or .h5 file, of a SavedModel folder, or of a
            .tflite or .tflite.zlib file; the bytes of one. It takes one input of a fixed shape, and has one output.
        quantise: store the weights in int8.
        check: inputs [n, …] for which file and model are compared (default: random ones).
        on_grid: the weights come from quantise_aware_train: all are stored exactly in int8.
        smallest: lay the file out for deflate, and search for its shortest stream by zopfli: some percent less, in
            seconds to minutes. Its output may be flat.

    Raises:
        UserError: a model that can't be read, has code of its own in its file, or can't be converted; other inputs
            than it takes; weights on no grid, with `on_grid`; a file that does not do what the model does.
    """
    import_tensorflow()
    from underbudget.export import compress
    from underbudget.export.convert import convert

    given = read_any(Path(model)) if isinstance(model, str | Path) else model
    if isinstance(given, bytes):
        converted = artifact.decode_model(given, "the model")
        name = str(model) if isinstance(model, str | Path) else "the model"
    else:
        converted, name = convert(given), given.name
    original = Model(converted, name)
    inputs = _inputs(original, check)
    try:
        quantised = quantise_weights(converted, on_grid) if quantise else converted
        slimmed = strip_metadata(quantised)
        if smallest:
            slimmed = compress.order_for_compression(slimmed)
    except (ValueError, IndexError, KeyError, AttributeError, TypeError) as error:
        raise UserError(f"{name}: TFLite that can't be edited ({type(error).__name__}): convert it again") from None
    outputs = Model(quantised, name).predict(inputs)
    final = Model(slimmed, name)
    if not np.array_equal(outputs.ravel(), final.predict(inputs).ravel()):
        raise UserError(f"{name}: slimming changed the model's outputs: report this as a bug")
    if isinstance(given, bytes):
        reference = original.predict(inputs)
    else:
        reference = given.predict(inputs, batch_size=1024, verbose=0)
    notes = _what_stays(converted, quantised) if quantise else []
    if quantise and (much := _difference(reference, outputs)) > MUCH:
        notes.append(
            f"int8 weights move the outputs by {100 * much:.0f} % of their deviation: leave them in float, or train on"
            " with quantise_aware_train"
        )
    if final.output_shape != original.output_shape:
        notes.append(f"the output is flat now: {final.output_shape}, row by row, in place of {original.output_shape}")
    taken = None
    try:
        taken = count.costs(slimmed)
    except UserError as error:
        notes.append(f"costs are not known: {error}")
    file = compress.zopfli_compress(slimmed) if smallest else compress.zlib_compress(slimmed)
    return Shrunk(file, converted, quantised, slimmed, reference, outputs, taken, tuple(notes))


def _inputs(model: Model, check: ArrayLike | None) -> Array:
    """Return the inputs that a model is checked with."""
    if check is None:
        random = np.random.default_rng(0).normal(size=(RANDOM_INPUTS, *model.input_shape))
        return np.asarray(random, np.float32)
    inputs = np.asarray(check, np.float32)
    if inputs.shape[1:] != model.input_shape or not len(inputs):
        raise UserError(f"{model.name}: takes inputs [n, {', '.join(map(str, model.input_shape))}], not {inputs.shape}")
    return inputs


def _difference(reference: Array, outputs: Array) -> float:
    spread = float(reference.std()) or 1.0
    return float(np.abs(reference.ravel() - outputs.ravel()).mean()) / spread


def _what_stays(converted: bytes, quantised: bytes) -> list[str]:
    """Say which weights were in int8 before, and which are in float still."""
    before = _weights(converted, schema.TensorType.INT8)
    notes = [f"{sum(before.values()):,} bytes of weights were in int8 before and stay as they are"] if before else []
    stay = _weights(quantised, schema.TensorType.FLOAT32)
    small = [size for (code, _), size in stay.items() if code in WITH_INT8 and size < 4 * SMALLEST_QUANTISED]
    if small:
        notes.append(
            f"{len(small)} kernel{'s' * (len(small) > 1)} of less than {SMALLEST_QUANTISED:,} weights, {sum(small):,}"
            " bytes together, stay in float, as the converter leaves them"
        )
    others = {code for (code, _), size in stay.items() if code not in WITH_INT8 and size >= 4 * SMALLEST_QUANTISED}
    if others:
        names = ", ".join(sorted(map(opcode_name, others)))
        notes.append(f"weights of {names} stay in float: only convolutions and fully connected layers have int8 ones")
    return notes


def _weights(content: bytes, kind: int) -> dict[tuple[int, int], int]:
    """Return the bytes of constants of a type by the operator that reads them and their buffer; biases are left out."""
    model = parse(content)
    found = {}
    for graph in model.subgraphs:
        for op in graph.operators:
            code = opcode_of(model, op)
            places = op.inputs if code not in WITH_INT8 else op.inputs[WEIGHTS_INPUT : WEIGHTS_INPUT + 1]
            for index in (int(place) for place in places if place >= 0):
                tensor = graph.tensors[index]
                data = model.buffers[tensor.buffer].data
                if tensor.type == kind and data is not None:
                    found[code, tensor.buffer] = data.nbytes
    return found
