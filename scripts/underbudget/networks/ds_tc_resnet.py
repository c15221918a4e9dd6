"""The network of our own spotters: separable convolutions along time."""

from dataclasses import dataclass
from typing import Any

from underbudget.device import checks
from underbudget.networks import Network, Shape


@dataclass(frozen=True)
class DsTcResnet(Network):
    """A residual network of separable convolutions along time; frequencies are the channels of the first.

    After Choi et al., "Temporal Convolution for Real-time Keyword Spotting" (arXiv:1904.03814), with the depthwise
    convolutions of MatchboxNet (arXiv:2004.08531). With a stem, convolutions over time and frequency come first, as in
    BC-ResNet (Kim et al., arXiv:2106.04140): the same sound lies at higher frequencies in one voice than in another.

    Attributes:
        filters: of each convolution but those of the stem.
        blocks: the number of blocks between one halving of time and the next.
        stem: the filters of its 3 x 3 convolutions, each of which halves the number of bands. It is meant for LogMel:
            cepstral coefficients have no neighbours in frequency.
        kernel: frames that a depthwise filter sees.
        stride: of the first convolution after the stem, along time.
        dropout: the share left out before the last layer.
    """

    filters: int
    blocks: tuple[int, ...]
    stem: tuple[int, ...] = ()
    kernel: int = 9
    stride: int = 1
    dropout: float = 0.0

    def __post_init__(self) -> None:
        width = checks.whole(1, 512)
        checks.record(
            filters=width,
            blocks=checks.each(checks.whole(1, 16), 1, 5),
            stem=checks.each(width, 0, 4),
            kernel=checks.whole(1, 49),
            stride=checks.whole(1, 8),
            dropout=checks.number(0, 0.9),
        )(vars(self), "network")

    def create(self, input_shape: Shape, output_shape: Shape, folded: bool = False) -> Any:
        import tf_keras as keras
        from tf_keras import layers as L

        def normalised(x: Any) -> Any:
            return x if folded else L.BatchNormalization(momentum=0.95)(x)

        def pointwise(x: Any) -> Any:
            return normalised(L.Conv2D(self.filters, 1, use_bias=folded)(x))

        spectrum = keras.Input(input_shape)
        x = spectrum
        for channels in self.stem:
            x = L.ReLU()(normalised(L.Conv2D(channels, 3, strides=(1, 2), use_bias=folded)(x)))
        frames = 1 if self.stem else 3  # a stem has looked at the frames before and after
        first = L.Conv2D(self.filters, (frames, x.shape[2]), strides=(self.stride, 1), use_bias=folded)
        x = L.ReLU()(normalised(first(x)))
        for group, blocks in enumerate(self.blocks):
            if group:
                x = L.MaxPool2D((2, 1), padding="same")(x)
            for _ in range(blocks):
                branch = L.DepthwiseConv2D((self.kernel, 1), padding="same", use_bias=False)(x)
                x = L.ReLU()(L.Add()([pointwise(branch), x]))
        x = L.GlobalAveragePooling2D()(x)
        if self.dropout and not folded:
            x = L.Dropout(self.dropout)(x)
        return keras.Model(spectrum, L.Dense(output_shape[0])(x))
