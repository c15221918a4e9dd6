"""Shrink a Keras model of yours: convert it to TFLite, store its weights in int8, strip and compress the file.

Takes a .keras or .h5 file, a SavedModel folder, or a .tflite or .tflite.zlib file, with one input of a fixed shape and
one output. Prints the bytes after each step, how far the file's outputs are from the model's, what one inference costs,
and what could not be shrunk. Nothing runs of what a Keras file brings as code. The result is a zlib stream:
zlib.decompress gives the TFLite file, and underbudget.load_model reads it as it is.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from pathlib import Path

from underbudget import cli, files
from underbudget.device import artifact
from underbudget.device.command_line import parser, run
from underbudget.device.errors import UserError
from underbudget.device.runtime import try_out
from underbudget.export.model_files import is_tflite
from underbudget.export.shrink import Shrunk, shrink

EXAMPLES = """\
  .venv/bin/python scripts/20_shrink.py my_model.keras
  .venv/bin/python scripts/20_shrink.py my_saved_model/ --float --out small.tflite.zlib
  .venv/bin/python scripts/20_shrink.py their.tflite --smallest"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("model", type=cli.path, help="a .keras or .h5 file, a SavedModel folder, or a TFLite file")
    options.add_argument("--out", type=cli.path, metavar="FILE", help="default: NAME.tflite.zlib beside the model")
    options.add_argument("--float", action="store_true", help="leave the weights in float")
    options.add_argument(
        "--on-grid", action="store_true", help="the weights come from quantise_aware_train: store all of them in int8"
    )
    options.add_argument(
        "--smallest", action="store_true", help="search for the shortest stream, for seconds to minutes, by zopfli"
    )
    arguments = options.parse_args()
    model: Path = arguments.model
    if arguments.float and arguments.on_grid:
        options.error("--float and --on-grid: one of them")
    name = model.name.removesuffix(".zlib").removesuffix(model.suffix if model.suffix != ".zlib" else ".tflite")
    out: Path = arguments.out or model.with_name(f"{name}.tflite.zlib")
    if out == model:
        raise UserError(f"{model}: the result would take its place: name another file (--out)")
    if is_tflite(model):
        try_out(artifact.read_model(model), str(model))  # before TensorFlow has threads
    small = shrink(model, not arguments.float, on_grid=arguments.on_grid, smallest=arguments.smallest)
    with files.atomic_write(out) as partial:
        partial.write_bytes(small.file)
    show(small, out)


def show(small: Shrunk, out: Path) -> None:
    for stage, size in small.bytes_by_stage.items():
        print(f"{stage:10} {size:12,} bytes")
    print(f"outputs differ from the model's by {100 * small.difference:.3g} % of their deviation, on average")
    if small.costs:
        parameters, macs, tensors = small.costs.parameters, small.costs.macs, small.costs.peak_tensor_bytes
        print(f"{parameters:,} parameters, {macs:,} multiply-accumulates, {tensors:,} bytes of tensors")
    for note in small.notes:
        print(f"note: {note}")
    print(f"written: {out}")


if __name__ == "__main__":
    run(main)
