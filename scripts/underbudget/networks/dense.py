"""Networks of dense layers: multilayer perceptrons, and one matrix."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from underbudget.device import checks
from underbudget.networks import Network, Shape


@dataclass(frozen=True)
class Mlp(Network):
    """Hidden layers of 128 x width units.

    Attributes:
        width: the report's width multiplier α: structured pruning.
    """

    width: float = 1
    hidden_layers: int = 2

    def __post_init__(self) -> None:
        checks.record(width=checks.number(1 / 128, 2), hidden_layers=checks.whole(0, 16))(vars(self), "network")

    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        from tf_keras import layers as L

        hidden = [L.Dense(int(128 * self.width), "relu") for _ in range(self.hidden_layers)]
        return sequential(input_shape, [L.Flatten(), *hidden], output_shape)


@dataclass(frozen=True)
class Linear(Network):
    """One matrix, without biases."""

    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        from tf_keras import layers as L

        return sequential(input_shape, [L.Flatten()], output_shape, use_bias=False)


@dataclass(frozen=True)
class ResidualMlp(Network):
    """A forecaster that adds to the last reading what two hidden layers make of the readings before.

    Two fixed matrices frame them: one takes the differences from the last reading (which stays beside them, scaled),
    the other repeats the last reading for every step ahead.

    Attributes:
        units: of each hidden layer.
    """

    units: int

    def __post_init__(self) -> None:
        checks.record(units=checks.whole(1, 1024))(vars(self), "network")

    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        import tf_keras as keras
        from tf_keras import layers as L

        columns = input_shape[-1]
        size, outputs = math.prod(input_shape), math.prod(output_shape)
        differences = np.eye(size, dtype=np.float32)
        differences[-columns:, :-columns] = -np.tile(np.eye(columns), (1, input_shape[0] - 1))
        differences[-columns:, -columns:] *= 1 / 32  # 0 to 100 % becomes 0 to 3
        repeat = np.zeros((size, outputs), np.float32)
        repeat[-columns:] = np.tile(np.eye(columns), (1, output_shape[0]))

        def fixed(matrix: NDArray[np.float32], name: str) -> Any:
            start = keras.initializers.Constant(matrix)
            return L.Dense(matrix.shape[1], use_bias=False, trainable=False, kernel_initializer=start, name=name)

        readings = keras.Input(input_shape)
        flat = L.Flatten()(readings)
        hidden = fixed(differences, "differences")(flat)
        for _ in range(2):
            hidden = L.Dense(self.units, "relu")(hidden)
        forecast = L.Add()([fixed(repeat, "last")(flat), L.Dense(outputs, kernel_initializer="zeros")(hidden)])
        return keras.Model(readings, L.Reshape(output_shape)(forecast))


def sequential(input_shape: Shape, hidden: list[Any], output_shape: Shape, use_bias: bool = True) -> Any:
    """Return a Keras model of hidden layers, one after another, and a dense layer that puts out `output_shape`."""
    import tf_keras as keras
    from tf_keras import layers as L

    layers = [*hidden, L.Dense(math.prod(output_shape), use_bias=use_bias)]
    if len(output_shape) > 1:
        layers.append(L.Reshape(output_shape))
    return keras.Sequential([keras.Input(input_shape), *layers])
