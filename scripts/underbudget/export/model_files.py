"""Read anybody's model: Keras' own files and folders of TensorFlow, from which no code is taken, or TFLite."""

import io
import json
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget.device import artifact
from underbudget.device.errors import UserError

HDF5, ZIP = b"\x89HDF\r\n\x1a\n", b"PK\x03\x04"  # how files begin
LARGEST_CONFIG = 1 << 24  # bytes
KERAS = ("keras", "tf_keras", "builtins")  # where the classes that a file may name come from
TENSORFLOW_FUNCTIONS = re.compile(  # as layers of Keras 2; others read and write files, or run code
    r"(compat\.v1\.)?((math|nn|signal|linalg|image|strings|__operators__)\.\w+"
    r"|cast|concat|expand_dims|pad|reshape|reverse|split|squeeze|stack|tile|transpose|unstack|ones_like|zeros_like)"
)
UNSAFE_OPS = {"EagerPyFunc", "MatchingFiles", "PyFunc", "PyFuncStateless", "ReadFile", "WriteFile"}
WHAT = "give a .keras or .h5 file, a SavedModel folder, or a .tflite or .tflite.zlib file"


@dataclass(frozen=True)
class SavedFunction:
    """The one signature of a SavedModel, called like a Keras model; None in its shape is a free side."""

    name: str
    input_shape: tuple[int | None, ...]
    signature: Any
    argument: str
    loaded: Any  # keeps the variables

    def __call__(self, x: Any, training: bool = False) -> Any:
        (output,) = self.signature(**{self.argument: x}).values()
        return output

    def predict(self, x: NDArray[np.float32], **_: Any) -> NDArray[np.float32]:
        """Compute the outputs one by one: the batch may be fixed to 1."""
        return np.concatenate([self(x[i : i + 1]).numpy() for i in range(len(x))])


def read_any(path: Path) -> Any:
    """Read a model file: a model of tf_keras or Keras 3, a SavedFunction, or the bytes of a TFLite file.

    Raises:
        UserError: missing or damaged; it has code of its own, in Lambda layers or layers of other packages.
    """
    if path.is_dir():
        return _saved_model(path)
    head = _head(path)
    if head == HDF5:
        return _keras_model(path, (".h5", ".hdf5"), _hdf5_config)
    if head.startswith(ZIP):
        return _keras_model(path, (".keras",), _zip_config)
    if path.suffix in (".keras", ".h5", ".hdf5"):
        raise UserError(f"{path}: damaged, or no Keras model: save it again")
    return artifact.read_model(path)


def is_tflite(path: Path) -> bool:
    """Tell whether a path is neither a SavedModel nor a Keras file.

    Raises:
        UserError: it can't be read.
    """
    return (
        not path.is_dir() and path.suffix not in (".keras", ".h5", ".hdf5") and not _head(path).startswith((HDF5, ZIP))
    )


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(len(HDF5))
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None


def _keras_model(path: Path, suffixes: tuple[str, ...], read: Any) -> Any:
    """Load a model by the Keras that saved it, after a look at what code it asks for."""
    if path.suffix not in suffixes:
        raise UserError(f"{path}: a Keras model of this kind is named *{suffixes[0]}: rename it")
    try:
        version, config = read(path)
    except UserError:
        raise
    except Exception as error:
        raise UserError(f"{path}: damaged, or no Keras model ({_first_line(error)}): save it again") from None
    for kind in _foreign(config):
        raise UserError(
            f"{path}: its layer {kind} is code of its own, which is not run: load the model in Python and give it"
            " to underbudget.shrink, or build it of Keras' own layers"
        )
    try:
        if version.startswith("3"):
            import keras as its_keras
        else:
            import tf_keras as its_keras
        return its_keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:
        raise UserError(f"{path}: Keras can't load it ({_first_line(error)}): save it again") from None


def _zip_config(path: Path) -> tuple[str, Any]:
    """Return the version of Keras and the configuration in a .keras file."""
    with zipfile.ZipFile(path) as archive:
        metadata, config = (_read_json(archive, name) for name in ("metadata.json", "config.json"))
    return str(metadata["keras_version"]), config


def _read_json(archive: zipfile.ZipFile, name: str) -> Any:
    with archive.open(name) as file:
        content = file.read(LARGEST_CONFIG + 1)
    if len(content) > LARGEST_CONFIG:
        raise ValueError(f"{name} has more than {LARGEST_CONFIG >> 20} MiB")
    return json.loads(content)


def _hdf5_config(path: Path) -> tuple[str, Any]:
    """Return the version of Keras and the configuration in an .h5 file."""
    import h5py

    with h5py.File(path) as file:
        if "model_config" not in file.attrs:
            raise UserError(f"{path}: holds weights without their model: save it by model.save")
        version, config = (file.attrs.get(name, "2") for name in ("keras_version", "model_config"))
    return (version.decode() if isinstance(version, bytes) else str(version)), json.load(
        io.BytesIO(config if isinstance(config, bytes) else str(config).encode())
    )


def _foreign(config: Any) -> Iterator[str]:
    """Yield what code a model's configuration names that is none of Keras' own layers."""
    if isinstance(config, dict):
        kind, module = config.get("class_name"), config.get("module")
        function = config["config"].get("function", "") if kind == "TFOpLambda" else "math.add"
        if kind in ("Lambda", "__lambda__", "function") or not TENSORFLOW_FUNCTIONS.fullmatch(str(function)):
            yield str(kind)
        elif module is not None and str(module).partition(".")[0] not in KERAS:
            yield f"{module}.{kind}"
        elif module is None and config.get("registered_name") is not None:
            yield str(kind)
        for value in config.values():
            yield from _foreign(value)
    elif isinstance(config, list):
        for value in config:
            yield from _foreign(value)


def _saved_model(path: Path) -> SavedFunction:
    """Load the one signature of a SavedModel, after a look at what its graphs may do."""
    import tensorflow as tf
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    try:
        graphs = [meta.graph_def for meta in SavedModel.FromString((path / "saved_model.pb").read_bytes()).meta_graphs]
    except OSError:
        raise UserError(f"{path}: no saved_model.pb in this folder: {WHAT}") from None
    except Exception as error:
        raise UserError(f"{path}: damaged, or no SavedModel ({_first_line(error)}): save it again") from None
    nodes = [node for graph in graphs for part in (graph, *graph.library.function) for node in _nodes(part)]
    for name in sorted({node.op for node in nodes} & UNSAFE_OPS):
        raise UserError(f"{path}: its operator {name} reaches beyond the model: build it without")
    try:
        loaded = tf.saved_model.load(path)
        signatures = dict(loaded.signatures)
    except Exception as error:
        raise UserError(f"{path}: TensorFlow can't load it ({_first_line(error)}): save it again") from None
    signature = signatures.get("serving_default") or next(iter(signatures.values()), None)
    if signature is None:
        raise UserError(f"{path}: has no signature, so how it is called is not known: save it by model.export")
    inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
    if len(inputs) != 1 or len(outputs) != 1:
        raise UserError(
            f"{path}: has {len(inputs)} inputs and {len(outputs)} outputs; one of each is needed: join them in the"
            " model"
        )
    ((argument, spec),) = inputs.items()
    shape = (None,) if spec.shape.rank is None else tuple(spec.shape)
    return SavedFunction(path.name, shape, signature, argument, loaded)


def _nodes(part: Any) -> Any:
    """Return the nodes of a graph, or of a function."""
    return part.node if hasattr(part, "node") else part.node_def


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:200]
