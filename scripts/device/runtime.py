"""The TFLite runtime, behind the two things that are asked of it: one inference, and many."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from device.errors import UserError

try:
    from ai_edge_litert.interpreter import Interpreter
except ImportError:  # its older form, the last one with 32-bit wheels
    from tflite_runtime.interpreter import Interpreter

Array = NDArray[np.float32]


class Model:
    """A TFLite model with one input and one output, batch 1, spoken to in float32.

    An integer input or output is (de)quantised with the file's own scale and zero point.

    Raises:
        UserError: the runtime refuses the file, or it has another number of inputs or outputs.
    """

    def __init__(self, content: bytes, name: str, threads: int = 1) -> None:
        try:
            self._interpreter = Interpreter(model_content=content, num_threads=threads)
            self._interpreter.allocate_tensors()
            (self._input,) = self._interpreter.get_input_details()
            (self._output,) = self._interpreter.get_output_details()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{name}: the TFLite runtime refuses it ({str(error).splitlines()[0]})") from None
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
        self._interpreter.invoke()

    def get(self) -> Array:
        """Return the output: [*output_shape]."""
        y = self._interpreter.get_tensor(self._output["index"])[0]
        if self._output["dtype"] != np.float32:
            scale, zero = self._output["quantization"]
            y = (y.astype(np.float32) - zero) * scale
        return np.asarray(y, np.float32)

    def predict(self, inputs: Array, each: Callable[[], object] = lambda: None) -> Array:
        """Compute outputs [n, *output_shape] for inputs [n, *input_shape]; call `each` after every one.

        Raises:
            UserError: the model takes inputs of another shape.
        """
        if inputs.shape[1:] != self.input_shape:
            raise UserError(
                f"{self.name}: takes inputs of shape {self.input_shape}, not {inputs.shape[1:]}: "
                "name the task and the front end that it was trained with"
            )
        outputs = np.empty((len(inputs), *self.output_shape), np.float32)
        for i, x in enumerate(inputs):
            self.set(x)
            self.invoke()
            outputs[i] = self.get()
            each()
        return outputs
