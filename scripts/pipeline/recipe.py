"""A version and its recipes as data: what a version script holds, and what a card repeats in full."""

import json
import runpy
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from device import frontend
from device.frontend import FrontEnd


@dataclass(frozen=True)
class Metric:
    """How a figure is named, shown and judged."""

    title: str
    unit: str
    digits: int
    more_is_better: bool = False

    def interval(self, value: float, low: float, high: float) -> str:
        """A value with its interval, for a person."""
        return f"{value:.{self.digits}f} ({low:.{self.digits}f}–{high:.{self.digits}f}) {self.unit}"


METRICS = {
    "t_mae_c": Metric("T MAE", "°C", 3),
    "rh_mae_pct": Metric("Rh MAE", "%", 3),
    "accuracy_pct": Metric("accuracy", "%", 2, more_is_better=True),
    "size_kb": Metric("size", "kB", 2),
    "inference_ms": Metric("inference", "ms", 3),
    "total_ms": Metric("total latency", "ms", 3),
}


@dataclass(frozen=True)
class Constraint:
    """A strict limit on one of METRICS; a size in kB of 1024 bytes, as in the report."""

    metric: str
    limit: float

    def met_by(self, value: float) -> bool:
        return value > self.limit if METRICS[self.metric].more_is_better else value < self.limit


@dataclass(frozen=True)
class Pruning:
    """Magnitude pruning on tfmot's PolynomialDecay, between the starts of two epochs (counted from 0)."""

    final_sparsity: float
    initial_sparsity: float = 0.30
    begin_epoch: int = 5
    end_epoch: int = 15


@dataclass(frozen=True)
class Augmentation:
    """Spotters: copies of the training clips, each changed at random, of which every sample draws one.

    Attributes:
        copies: how many; their features are made once and kept (see pipeline/augment.py).
        speed: range of playing speeds.
        shift_s: seconds earlier or later at most.
        noise_db: range of signal-to-noise ratios of coloured noise.
        gain_db: louder or softer at most.
        time_mask: up to so many frames of the features are zeroed, anew for each sample.
        mixup: up to this share of another clip is mixed in, into features and label.
    """

    copies: int = 24
    speed: tuple[float, float] = (0.85, 1.18)
    shift_s: float = 0.1
    noise_db: tuple[float, float] = (5.0, 40.0)
    gain_db: float = 6.0
    time_mask: int = 10
    mixup: float = 0.0


@dataclass(frozen=True)
class Rounding:
    """Training on with the weights rounded (quantisation-aware): few distinct integers, which deflate packs well.

    Attributes:
        step: of the grid of each kernel, as a share of the root mean square of its weights.
        bias_step: of the grid of all biases.
        epochs: of training on, after the recipe's own.
        learning_rate: in steps of the grid; it falls to 0 along a cosine.
    """

    step: float
    epochs: int
    bias_step: float = 1 / 16
    learning_rate: float = 0.02


@dataclass(frozen=True)
class Sparse:
    """A linear map fitted to few bytes (see pipeline/linear.py).

    Attributes:
        step: all coefficients are multiples of it.
        rate: how much relative error a byte is worth.
    """

    step: float
    rate: float


@dataclass(frozen=True)
class Recipe:
    """How a model is made.

    Attributes:
        architecture: see pipeline/models.py.
        width: multiplies the units or filters of each hidden layer: structured pruning.
        front_end: spotters only.
        pruning: magnitude pruning, or None.
        quantise: int8 weights after training (see pipeline/shrink.py).
        blocks: of "temporal", how many between one halving of time and the next.
        stride: of the first convolution of "temporal".
        cosine: the learning rate warms up for a twentieth of the training and falls to 0 along a cosine; the last
            epoch is kept. Otherwise it stays, and spotters keep the epoch with the best validation accuracy.
        normalise: forecasters: z-score the inputs, and mean squared error; otherwise °C and % as they are, and mean
            absolute error, both columns alike.
        label_smoothing: spotters.
        dropout: before the last layer of "temporal".
        tight: lay out the file for deflate, and search its stream with zopfli (see pipeline/pack.py).
    """

    architecture: str
    width: float
    learning_rate: float
    epochs: int
    front_end: FrontEnd | None = None
    pruning: Pruning | None = None
    quantise: bool = False
    batch_size: int = 32
    blocks: tuple[int, ...] = ()
    stride: int = 1
    cosine: bool = False
    normalise: bool = True
    label_smoothing: float = 0.0
    dropout: float = 0.0
    augmentation: Augmentation | None = None
    rounding: Rounding | None = None
    sparse: Sparse | None = None
    tight: bool = False

    def to_dict(self) -> dict[str, Any]:
        """As JSON would give it back."""
        fields = {**asdict(self), "front_end": frontend.to_dict(self.front_end) if self.front_end else None}
        plain: dict[str, Any] = json.loads(json.dumps(fields))
        return plain


@dataclass(frozen=True)
class Version:
    """One exercise version: its task (device.artifact), its constraints, its recipes by name."""

    name: str
    task: str
    constraints: tuple[Constraint, ...]
    recipes: Mapping[str, Recipe]


VERSIONS = {  # the version scripts: the one place where a version's numbers stand
    "th_a": "03_th_a.py",
    "th_b": "04_th_b.py",
    "kws_a": "05_kws_a.py",
    "kws_b": "06_kws_b.py",
    "kws_c": "07_kws_c.py",
}


RECIPES = ("report", "improved", "smallest")  # by which models are published, each in a folder of its name


def load_version(name: str) -> Version:
    """The version that a version script holds."""
    version: Version = runpy.run_path(str(Path(__file__).parents[1] / VERSIONS[name]))["VERSION"]
    return version
