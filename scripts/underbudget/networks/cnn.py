"""Convolutional networks: of forecasters along time, of spotters over time and frequency."""

from dataclasses import dataclass
from typing import Any

from underbudget.device import checks
from underbudget.networks import Network, Shape
from underbudget.networks.dense import sequential


@dataclass(frozen=True)
class Cnn1d(Network):
    """A convolution along time and a dense layer, with 64 x width filters and units.

    Attributes:
        width: the report's width multiplier α: structured pruning.
    """

    width: float = 1

    def __post_init__(self) -> None:
        checks.record(width=checks.number(1 / 64, 1))(vars(self), "network")

    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        from tf_keras import layers as L

        units = int(64 * self.width)
        hidden = [L.Conv1D(units, 3, activation="relu"), L.Flatten(), L.Dense(units, "relu")]
        return sequential(input_shape, hidden, output_shape)


@dataclass(frozen=True)
class Cnn2d(Network):
    """Three convolutions of 128 x width filters.

    Attributes:
        strides: of the first, along time and along frequency.
    """

    width: float = 1
    strides: tuple[int, int] = (2, 2)

    def __post_init__(self) -> None:
        checks.record(width=checks.number(1 / 128, 1), strides=checks.each(checks.whole(1, 8), 2, 2))(
            vars(self), "network"
        )

    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        from tf_keras import layers as L

        filters = int(128 * self.width)
        hidden = convolution(filters, 3, folded, strides=self.strides)
        for _ in range(2):
            hidden += convolution(filters, 3, folded)
        return sequential(input_shape, [*hidden, L.GlobalAveragePooling2D()], output_shape)


def convolution(filters: int, size: int, folded: bool, **options: Any) -> list[Any]:
    """Return a convolution, its batch normalisation, which makes a bias needless, and a ReLU."""
    from tf_keras import layers as L

    norm = [] if folded else [L.BatchNormalization(momentum=0.1)]
    return [L.Conv2D(filters, size, use_bias=folded, **options), *norm, L.ReLU()]
