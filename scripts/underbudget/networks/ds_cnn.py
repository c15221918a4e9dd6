"""The depthwise separable network of the report's spotters."""

from dataclasses import dataclass
from typing import Any

from underbudget.device import checks
from underbudget.networks import Network, Shape
from underbudget.networks.cnn import convolution
from underbudget.networks.dense import sequential


@dataclass(frozen=True)
class DsCnn(Network):
    """The DS-CNN of Zhang et al. (arXiv:1711.07128) in the course's size: 256 x width filters.

    Attributes:
        width: the report's width multiplier α: structured pruning.
        strides: of the first convolution, along time and along frequency.
    """

    width: float = 1
    strides: tuple[int, int] = (2, 2)

    def __post_init__(self) -> None:
        checks.record(width=checks.number(1 / 256, 1), strides=checks.each(checks.whole(1, 8), 2, 2))(
            vars(self), "network"
        )

    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        from tf_keras import layers as L

        filters = int(256 * self.width)
        hidden = convolution(filters, 3, folded, strides=self.strides)
        for _ in range(2):
            hidden += [L.DepthwiseConv2D(3, use_bias=False), *convolution(filters, 1, folded)]
        return sequential(input_shape, [*hidden, L.GlobalAveragePooling2D()], output_shape)
