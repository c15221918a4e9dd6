"""What an exercise version and its recipes are, as data. The cards of models repeat a recipe in full."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from underbudget.device import frontend
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.frontend import FrontEnd
from underbudget.metrics import METRICS, Limit

# The arithmetic of each task. A change that is meant to change the bytes of its models raises the number: cards and
# runs of a lower one are stale. tests/proof tells whether a change does.
ARITHMETIC = {FORECASTING: 1, SPOTTING: 1}
Loss = Literal["cross_entropy", "mse", "mae"]


@dataclass(frozen=True)
class Pruning:
    """Magnitude pruning on tfmot's PolynomialDecay, between the starts of two epochs (counted from 0)."""

    final_sparsity: float
    initial_sparsity: float = 0.30
    begin_epoch: int = 5
    end_epoch: int = 15


@dataclass(frozen=True)
class Augmentation:
    """Offline augmentation of spotters: `copies` random variants of each clip; each sample picks one at random.

    Attributes:
        copies: the number of variants; their features are computed once and kept (see underbudget/training/augment.py).
        speed: range of playing speeds.
        shift_s: seconds earlier or later at most.
        noise_db: range of signal-to-noise ratios of coloured noise.
        gain_db: louder or softer at most.
        time_mask: at most this many frames of the features are set to zero, drawn again for each sample.
        mixup: at most this share of another clip is mixed into features and label.
    """

    copies: int = 24
    speed: tuple[float, float] = (0.85, 1.18)
    shift_s: float = 0.1
    noise_db: tuple[float, float] = (5.0, 40.0)
    gain_db: float = 6.0
    time_mask: int = 10
    mixup: float = 0.0


@dataclass(frozen=True)
class QAT:
    """Quantisation-aware training after the recipe's own epochs: few distinct integers, which deflate packs well.

    Attributes:
        step: the grid step of each kernel, as a share of the root mean square of its weights.
        epochs: the number of epochs, which follow the recipe's own.
        bias_step: the grid step of all biases.
        learning_rate: in grid steps; it falls to 0 along a cosine.
    """

    step: float
    epochs: int
    bias_step: float = 1 / 16
    learning_rate: float = 0.02


@dataclass(frozen=True)
class RateDistortion:
    """A linear map fitted for error and bytes together (see underbudget/training/rate_distortion.py).

    Attributes:
        step: all coefficients are multiples of it.
        rate: how much relative error one byte is worth.
    """

    step: float
    rate: float


@dataclass(frozen=True)
class Recipe:
    """How a model is made. Every field means one thing.

    Attributes:
        architecture: a network of underbudget/networks/networks.py.
        width: multiplies the units or filters of each hidden layer: structured pruning.
        front_end: spotters only.
        pruning: magnitude pruning, or None.
        quantise: int8 weights after training (see underbudget/export/quantise.py).
        loss: "cross_entropy" for spotters; "mse" or "mae" in °C and % for forecasters, where "mae" divides each column
            by the error of repeating the last reading.
        schedule: "constant", or "cosine": the learning rate rises for a twentieth of the training, then falls to 0
            along a cosine.
        keep: which epoch is kept: the "last", or the "best" by validation accuracy (spotters).
        blocks: for "ds_tc_resnet", the number of blocks between one halving of time and the next.
        stride: of the first convolution of "ds_tc_resnet".
        kernel: frames that a depthwise filter of "ds_tc_resnet" sees.
        stem: the filters of the 3 x 3 convolutions over time and frequency with which "ds_tc_resnet" begins; each
            halves the number of bands. It is meant for LogMel: cepstral coefficients have no neighbours in frequency.
        normalise: for forecasters: z-score the inputs; otherwise the network takes °C and % as they are.
        label_smoothing: for spotters: this share of each label is spread over all words.
        dropout: before the last layer of "ds_tc_resnet".
        other: for spotters: the share of each epoch that other sounds get, as a further class; they need augmentation.
        by_speaker: for spotters: no speaker's clips are in two splits, whatever the course's lists say.
        deflate_layout: lay out the file for deflate, and search for its shortest stream with zopfli (see
            underbudget/export/compress.py).
    """

    architecture: str
    width: float
    learning_rate: float
    epochs: int
    loss: Loss
    front_end: FrontEnd | None = None
    pruning: Pruning | None = None
    quantise: bool = False
    batch_size: int = 32
    blocks: tuple[int, ...] = ()
    stride: int = 1
    schedule: Literal["constant", "cosine"] = "constant"
    keep: Literal["last", "best"] = "last"
    normalise: bool = True
    label_smoothing: float = 0.0
    dropout: float = 0.0
    augmentation: Augmentation | None = None
    qat: QAT | None = None
    rate_distortion: RateDistortion | None = None
    deflate_layout: bool = False
    other: float = 0.0
    by_speaker: bool = False
    kernel: int = 9
    stem: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.other < 1 or (self.other and not self.augmentation):
            raise ValueError("other sounds are a share below 1, and need augmentation")

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as JSON would give it back, without younger fields at their defaults, as on old cards."""
        fields = {**asdict(self), "front_end": frontend.to_dict(self.front_end) if self.front_end else None}
        for name in ("other", "by_speaker", "kernel", "stem"):
            if fields[name] == getattr(Recipe, name):
                del fields[name]
        plain: dict[str, Any] = json.loads(json.dumps(fields))
        return plain


@dataclass(frozen=True)
class Version:
    """One exercise version: its task (device.artifact), its limits, its recipes by name."""

    name: str
    task: str
    limits: tuple[Limit, ...]
    recipes: Mapping[str, Recipe]

    @property
    def offline_limits(self) -> tuple[Limit, ...]:
        """The limits that the file itself decides: all but those on latency, which need a device."""
        return tuple(c for c in self.limits if not METRICS[c.metric].is_latency)

    def limit(self, metric: str) -> float | None:
        """Return the limit on a metric, or None where this version has none."""
        return next((c.limit for c in self.limits if c.metric == metric), None)
