"""What an exercise version and its recipes are, as data. The cards of models repeat a recipe in full."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from underbudget.device import checks, frontend
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.frontend import FrontEnd
from underbudget.metrics import METRICS, Limit
from underbudget.networks import Network

# The arithmetic of each task. A change that is meant to change the bytes of its models raises the number: cards and
# runs of a lower one are stale. tests/proof tells whether a change does.
ARITHMETIC = {FORECASTING: 2, SPOTTING: 2}
Loss = Literal["cross_entropy", "mse", "mae"]
EPOCHS, RATE, SHARE = checks.whole(1, 10_000), checks.number(1e-8, 10), checks.number(0, 1)


@dataclass(frozen=True)
class Pruning:
    """Magnitude pruning on tfmot's PolynomialDecay, between the starts of two epochs (counted from 0)."""

    final_sparsity: float
    initial_sparsity: float = 0.30
    begin_epoch: int = 5
    end_epoch: int = 15

    def __post_init__(self) -> None:
        epoch = checks.whole(0, 10_000)
        checks.record(final_sparsity=SHARE, initial_sparsity=SHARE, begin_epoch=epoch, end_epoch=epoch)(
            vars(self), "pruning"
        )
        if self.begin_epoch >= self.end_epoch:
            raise ValueError("pruning.begin_epoch is not before pruning.end_epoch")


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
        band_mask: the same, of the bands (SpecAugment: Park et al., arXiv:1904.08779).
        mixup: at most this share of another clip is mixed into features and label.
    """

    copies: int = 24
    speed: tuple[float, float] = (0.85, 1.18)
    shift_s: float = 0.1
    noise_db: tuple[float, float] = (5.0, 40.0)
    gain_db: float = 6.0
    time_mask: int = 10
    band_mask: int = 0
    mixup: float = 0.0

    def __post_init__(self) -> None:
        mask = checks.whole(0, frontend.MOST_ROWS)
        checks.record(
            copies=checks.whole(1, 1000),
            speed=checks.each(checks.number(0.1, 10), 2, 2),
            shift_s=SHARE,
            noise_db=checks.each(checks.number(-100, 200), 2, 2),
            gain_db=checks.number(0, 100),
            time_mask=mask,
            band_mask=mask,
            mixup=SHARE,
        )(vars(self), "augmentation")
        if self.speed[0] > self.speed[1] or self.noise_db[0] > self.noise_db[1]:
            raise ValueError("the first of augmentation.speed or augmentation.noise_db is above the second")


@dataclass(frozen=True)
class QAT:
    """Quantisation-aware training after the fit's own epochs: few distinct integers, which deflate packs well.

    Attributes:
        relative_scale: the quantisation step of each kernel, as a share of the root mean square of its weights.
        epochs: the number of epochs, which follow the fit's own.
        bias_scale: the quantisation step of all biases.
        learning_rate: in quantisation steps; it falls to 0 along a cosine.
    """

    relative_scale: float
    epochs: int
    bias_scale: float = 1 / 16
    learning_rate: float = 0.02

    def __post_init__(self) -> None:
        scale = checks.number(1e-6, 100)
        checks.record(relative_scale=scale, epochs=EPOCHS, bias_scale=scale, learning_rate=RATE)(vars(self), "qat")


@dataclass(frozen=True)
class Fit:
    """A training with Adam (Kingma and Ba, arXiv:1412.6980), batch by batch (see underbudget/training/loop.py).

    Attributes:
        loss: "cross_entropy" for spotters; "mse" or "mae" in °C and % for forecasters, where "mae" divides each column
            by the error of repeating the last reading.
        batches: "drawn" anew for each epoch; "fixed": drawn once; "neighbours": of samples that follow one another. Of
            the last two, only the order of the batches is random, as that of tf.data's `batch(…).shuffle(100)`.
        schedule: "constant", or "cosine": the learning rate rises for a twentieth of the training, then falls to 0
            along a cosine.
        checkpoint: the epoch whose weights are taken: the "last", or that of "best_validation" accuracy (spotters).
        weight_decay: each step takes this share of each kernel, times the learning rate, from it (decoupled from the
            gradient: Loshchilov and Hutter, arXiv:1711.05101); not in quantisation-aware training.
        label_smoothing: for spotters: this share of each label is spread over all words.
        unknown_share: for spotters: the share of each epoch that other sounds get, as a further class; they need
            augmentation.
    """

    loss: Loss
    learning_rate: float
    epochs: int
    batch_size: int = 32
    batches: Literal["drawn", "fixed", "neighbours"] = "drawn"
    schedule: Literal["constant", "cosine"] = "constant"
    checkpoint: Literal["last", "best_validation"] = "last"
    pruning: Pruning | None = None
    weight_decay: float = 0.0
    label_smoothing: float = 0.0
    augmentation: Augmentation | None = None
    unknown_share: float = 0.0
    qat: QAT | None = None

    def __post_init__(self) -> None:
        share = checks.number(0, 0.99)
        checks.record(
            learning_rate=RATE,
            epochs=EPOCHS,
            batch_size=checks.whole(1, 100_000),
            weight_decay=checks.number(0, 100),
            label_smoothing=share,
            unknown_share=share,
        )(vars(self), "fit")
        if self.unknown_share and not self.augmentation:
            raise ValueError("other sounds need augmentation")


@dataclass(frozen=True)
class KerasFit(Fit):
    """The same training by Keras' own `fit`, to check our loop by; it neither prunes nor augments."""


@dataclass(frozen=True)
class RateDistortion:
    """A linear map fitted for error and bytes together (see underbudget/training/rate_distortion.py).

    Attributes:
        step: all coefficients are multiples of it.
        error_per_byte: how much relative error one byte is worth.
    """

    step: float
    error_per_byte: float

    def __post_init__(self) -> None:
        checks.record(step=checks.number(1e-4, 10), error_per_byte=checks.number(0, 10))(vars(self), "fit")


@dataclass(frozen=True)
class Readings:
    """Six readings of temperature and humidity as a forecaster takes them in.

    Attributes:
        standardised: as z-scores, by the mean and the deviation of the training data; otherwise in °C and %.
        year: of the training data, only the readings of this year are taken.
    """

    standardised: bool = True
    year: int | None = None

    def __post_init__(self) -> None:
        checks.record(year=checks.optional(checks.whole(1900, 2999)))(vars(self), "inputs")


@dataclass(frozen=True)
class Export:
    """How a trained network becomes a file.

    Attributes:
        int8_weights: post-training quantisation (see underbudget/export/quantise.py).
        order_for_compression: order the file for deflate, and search for its shortest stream with zopfli (see
            underbudget/export/compress.py).
    """

    int8_weights: bool = False
    order_for_compression: bool = False


@dataclass(frozen=True)
class Recipe:
    """A network with its hyperparameters: all that decides a model but its data and its seed.

    Attributes:
        inputs: what the network is given: a front end's features of a second of sound, or readings.
        by_speaker: for spotters: no speaker's clips are in two splits, whatever the course's lists say.
    """

    network: Network
    inputs: FrontEnd | Readings
    fit: Fit | RateDistortion
    export: Export = Export()
    by_speaker: bool = False

    def __post_init__(self) -> None:
        fit = self.fit
        if not isinstance(self.inputs, Readings):
            frontend.from_dict(frontend.to_dict(self.inputs))
            if isinstance(fit, Fit) and fit.loss != "cross_entropy":
                raise ValueError(f"fit.loss is {fit.loss}, that of a forecaster")
        elif self.by_speaker or (
            isinstance(fit, Fit)
            and (fit.loss == "cross_entropy" or fit.label_smoothing or fit.augmentation or fit.unknown_share)
        ):
            raise ValueError("cross_entropy, label smoothing, augmentation, other sounds, by_speaker: of spotters only")

    @property
    def needs_other_sounds(self) -> bool:
        """Whether other sounds are among the training data, as a further class."""
        return isinstance(self.fit, Fit) and self.fit.unknown_share > 0

    @property
    def qat(self) -> QAT | None:
        """Its quantisation-aware training, if it has one."""
        return self.fit.qat if isinstance(self.fit, Fit) else None

    def refitted(self, **changes: Any) -> "Recipe":
        """Return this recipe with other settings of its fit."""
        return replace(self, fit=replace(self.fit, **changes))

    def to_dict(self) -> dict[str, Any]:
        """Return what a card holds of a recipe, as JSON gives it back; of a part with several kinds, its kind."""
        inputs = _with_kind(self.inputs) if isinstance(self.inputs, Readings) else frontend.to_dict(self.inputs)
        parts = {**asdict(self), "network": _with_kind(self.network), "inputs": inputs, "fit": _with_kind(self.fit)}
        plain: dict[str, Any] = json.loads(json.dumps(parts))
        return plain


def _with_kind(part: Network | Readings | Fit | RateDistortion) -> dict[str, Any]:
    return {"kind": type(part).__name__, **asdict(part)}


@dataclass(frozen=True)
class Version:
    """One exercise version: its task (underbudget.device.artifact), its limits, its recipes by name."""

    name: str
    task: str
    limits: tuple[Limit, ...]
    recipes: Mapping[str, Recipe]

    def data_of(self, recipe_name: str) -> tuple[str, bool, bool]:
        """Return what decides the data of a recipe: its task, whether it splits by speaker and needs other sounds."""
        recipe = self.recipes[recipe_name]
        return self.task, recipe.by_speaker, recipe.needs_other_sounds

    @property
    def offline_limits(self) -> tuple[Limit, ...]:
        """The limits that the file itself decides: all but those on latency, which need a device."""
        return tuple(c for c in self.limits if not METRICS[c.metric].is_latency)

    @property
    def but_latency(self) -> str:
        """What is to be said where only the offline limits are counted."""
        return "" if self.offline_limits == self.limits else " but latency"

    def limit(self, metric: str) -> float | None:
        """Return the limit on a metric, or None where this version has none."""
        return next((c.limit for c in self.limits if c.metric == metric), None)
