"""The TFLite runtime, behind the two things that are asked of it: one inference, and many."""

import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget.device.artifact import COLUMNS, STEPS, Card
from underbudget.device.errors import UserError
from underbudget.device.quiet import held_stderr

try:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:  # its older form, the last one with 32-bit wheels
    from tflite_runtime.interpreter import Interpreter, OpResolverType

Array = NDArray[np.float32]
TRY_SECONDS, MOST_BYTES = 10, 1 << 30  # of processor time and address space that a model is tried with


class Model:
    """A TFLite model with one input and one output, batch 1, spoken to in float32.

    An integer input or output is (de)quantised with the file's own scale and zero point.

    Args:
        built_in: compute by the runtime's own kernels alone, as runtimes did before XNNPACK's were their default.

    Raises:
        UserError: the runtime refuses the file, or it has another number or type of inputs or outputs.
    """

    def __init__(self, content: bytes, name: str, built_in: bool = False) -> None:
        kernels = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES if built_in else OpResolverType.AUTO
        try:
            with held_stderr() as notices:
                self._interpreter = Interpreter(
                    model_content=content, num_threads=1, experimental_op_resolver_type=kernels
                )
                self._interpreter.allocate_tensors()
            inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        except (ValueError, RuntimeError, TypeError) as error:
            reason = next(iter(str(error).splitlines()), "without a reason: perhaps it needs more memory")
            raise UserError(f"{name}: the TFLite runtime refuses it ({reason})") from None
        for line in notices:
            if not line.startswith("INFO:"):  # it says with each model that it uses XNNPACK
                print(line, file=sys.stderr)
        self._input, self._output = _only(inputs, name, "input"), _only(outputs, name, "output")
        self.name = name
        self.input_shape = tuple(int(n) for n in self._input["shape"][1:])
        self.output_shape = tuple(int(n) for n in self._output["shape"][1:])

    @property
    def xnnpack(self) -> bool:
        """Tell whether XNNPACK kernels are in use, at least for a part, by the operator that the runtime adds for them.

        They silently are not where the runtime can't learn of the CPU (no /sys): other kernels, other times, and
        outputs that differ in the last digits.
        """
        return any(op["op_name"] == "DELEGATE" for op in self._interpreter._get_ops_details())

    def set(self, x: Array) -> None:
        """Set the input: [*input_shape]."""
        kind = self._input["dtype"]
        if kind != np.float32:
            scale, zero = self._input["quantization"]
            limits = np.iinfo(kind)
            x = np.clip(np.round(x / scale) + zero, limits.min, limits.max).astype(kind)
        self._interpreter.set_tensor(self._input["index"], x[None])

    def invoke(self) -> None:
        """Compute.

        Raises:
            UserError: the runtime finds only now that it can't.
        """
        try:
            self._interpreter.invoke()
        except (ValueError, RuntimeError) as error:
            reason = next(iter(str(error).splitlines()), "without a reason: perhaps it needs more memory")
            raise UserError(f"{self.name}: the TFLite runtime can't run it ({reason})") from None

    def get(self) -> Array:
        """Return the output: [*output_shape]."""
        y = self._interpreter.get_tensor(self._output["index"])[0]
        if self._output["dtype"] != np.float32:
            scale, zero = self._output["quantization"]
            y = (y.astype(np.float32) - zero) * scale
        return np.asarray(y, np.float32)

    def predict(self, inputs: Array, each: Callable[[], object] = lambda: None) -> Array:
        """Compute outputs [n, *output_shape] for inputs [n, *input_shape]; call `each` after every one.

        Inputs of another shape are laid out as the model takes them, where that is plain (see lay_out).

        Raises:
            UserError: the model takes other inputs, or its output has NaN or infinity.
        """
        laid_out = lay_out(inputs, self.input_shape)
        if laid_out is None:
            raise UserError(
                f"{self.name}: takes inputs of shape {self.input_shape}, not {inputs.shape[1:]}: it is of another task,"
                " or was trained on other features: name those (a spotter's: --front-end, with its parameters)"
            )
        outputs = np.empty((len(inputs), *self.output_shape), np.float32)
        for i, x in enumerate(laid_out):
            self.set(x)
            self.invoke()
            outputs[i] = self.get()
            each()
        check_finite(outputs, self.name)
        return outputs


def _only(tensors: list[dict[str, Any]], name: str, what: str) -> dict[str, Any]:
    """Return the one input or output of a model, if Model can speak to it, or raise UserError."""
    if len(tensors) != 1:
        shapes = " and ".join(str(tuple(map(int, tensor["shape"][1:]))) for tensor in tensors)
        raise UserError(f"{name}: it has {len(tensors)} {what}s, {shapes}; one is needed: join them in the model")
    (tensor,) = tensors
    shape, kind = tuple(map(int, tensor["shape"])), np.dtype(tensor["dtype"])
    if any(side < 0 for side in tensor["shape_signature"][1:]):  # the runtime would take 1 for it
        open_sides = tuple(map(int, tensor["shape_signature"]))
        raise UserError(f"{name}: its {what} of shape {open_sides} has no fixed size: convert the model with one")
    if len(shape) < 2 or shape[0] != 1 or min(shape) < 1:
        raise UserError(f"{name}: its {what} of shape {shape} is no batch of 1: convert the model with such a batch")
    if kind != np.float32 and not (kind.kind in "iu" and 0 < tensor["quantization"][0] < math.inf):
        raise UserError(f"{name}: its {what} is {kind}, neither float32 nor quantised: convert the model with either")
    return tensor


def lay_out(values: Array, shape: tuple[int, ...]) -> Array | None:
    """Lay out values [n, …] as [n, *shape] where that is plain; return None where it is not.

    Sides of 1 say nothing; numbers in a row are read row by row; (2, 6) is turned into (6, 2). But (3, 4) is no (6, 2).
    """
    given, wanted = (tuple(side for side in sides if side > 1) for sides in (values.shape[1:], shape))
    if given != wanted:
        if len(given) == 2 and given == wanted[::-1]:
            values = values.reshape(len(values), *given).swapaxes(1, 2)
        elif min(len(given), len(wanted)) > 1 or math.prod(given) != math.prod(wanted):
            return None
    return values.reshape(len(values), *shape)


def check_finite(outputs: Array, name: str) -> None:
    """Refuse outputs that are infinite or no number.

    Raises:
        UserError: one is.
    """
    if not np.isfinite(outputs).all():
        raise UserError(f"{name}: the model puts out {outputs[~np.isfinite(outputs)][0]}: fetch or make it again")


def open_model(card: Card, content: bytes) -> Model:
    """Open the model of a card.

    Raises:
        UserError: as Model, or the model takes or puts out something else than its card says.
    """
    model = Model(content, card.name)
    takes = card.front_end.shape if card.front_end else (STEPS, COLUMNS)
    if model.input_shape != takes:
        raise UserError(f"{card.name}: takes inputs of shape {model.input_shape}, its card says {takes}: make it again")
    gives = len(card.labels) or STEPS * COLUMNS
    if math.prod(model.output_shape) != gives:
        raise UserError(f"{card.name}: puts out {model.output_shape}, its card says {gives} numbers: make it again")
    return model


def try_out(content: bytes, name: str) -> None:
    """Run a model once, with zeros, in a child process: a file that is damaged or forged may crash the runtime.

    To be called before this process has threads, so that the child is a whole copy of it.

    Raises:
        UserError: as Model and its predict; the runtime crashes or is not whole, or takes more time or memory than a
            model for a Pi.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _try_and_exit(content, name, writer)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    _, status = os.waitpid(child, 0)
    if said:
        raise UserError(said)
    if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
        raise UserError(f"{name}: more than {TRY_SECONDS} s to run it once: this is no model for a Pi")
    if status:
        killed = os.WIFSIGNALED(status)  # else a library has ended the process
        how = signal.strsignal(os.WTERMSIG(status)) if killed else f"exit status {os.WEXITSTATUS(status)}"
        raise UserError(f"{name}: the TFLite runtime crashes on it ({how}): fetch or make it again")


def _try_and_exit(content: bytes, name: str, writer: int) -> None:
    """Try a model in the child process, within limits; write what is wrong to `writer`."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        taken = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
        limits = {resource.RLIMIT_CPU: TRY_SECONDS, resource.RLIMIT_AS: taken + MOST_BYTES, resource.RLIMIT_CORE: 0}
        for kind, most in limits.items():
            _, hard = resource.getrlimit(kind)
            resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))
        model = Model(content, name)
        model.predict(np.zeros((1, *model.input_shape), np.float32))
    except UserError as error:
        os.write(writer, str(error).encode()[:1000])
    except MemoryError:
        what = f"{name}: more than {MOST_BYTES >> 20} MiB to run it: this is no model for a Pi"
        os.write(writer, what.encode())
    except Exception as error:  # such as of a numpy that the runtime was not built for
        cause: BaseException = error
        while before := cause.__cause__ or cause.__context__:
            cause = before
        what = f"the TFLite runtime does not work here ({cause}): install what requirements-pi.txt or -32bit.txt names"
        os.write(writer, what.encode()[:1000])
    finally:
        os._exit(0)
