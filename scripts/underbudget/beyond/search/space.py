"""The recipes among which the search looks: what Optuna may choose, and the recipe that its choices make."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from underbudget.beyond.search.sizes import at_most
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.frontend import LogMel, Mfcc
from underbudget.networks.dense import Linear, ResidualMlp
from underbudget.networks.ds_tc_resnet import DsTcResnet
from underbudget.recipes import QAT, Augmentation, Export, Fit, RateDistortion, Readings, Recipe

Choices = dict[str, Any]
FILTERS = tuple(range(8, 129, 4))  # widths, in units or filters of a hidden layer
UNIT_CHOICES = tuple(range(4, 65, 2))
PRICE_CHOICES = tuple(float(f"{10 ** (-3 - i / 6):.3g}") for i in range(13))  # a linear map of fewer bytes first
WIDTH_CHOICES: dict[str, tuple[float, ...]] = {
    "ds_tc_resnet": FILTERS,
    "residual_mlp": UNIT_CHOICES,
    "linear": PRICE_CHOICES,
}
SMALLEST: dict[str, Choices] = {
    "ds_tc_resnet": {"blocks": 1, "grid": 0.8, "stem": 0, "coefficients": 12, "kernel": 5},
    "residual_mlp": {"grid": 0.6},
    "linear": {"coefficient_step": 1 / 2},
}
MOST_BLOCKS = 9
MOST_KB = 45.0  # of a file where no limit is on its size: the largest limit of the exercise
OTHER_SHARE = 0.5  # of an epoch, where other sounds are a class of their own, as in the "live" recipe

# What is tried first: our published recipes, as wide as the limits allow, so that no search ends far below them.
_OUR_SPOTTER: Choices = {
    "architecture": "ds_tc_resnet", "share": 1.0, "high": 7600, "hop": 320, "groups": 3, "blocks": 6, "stride": 1,
    "kernel": 9, "learning_rate": 6e-3, "batch": 128, "smoothing": 0.1, "mixup": 0.2, "time_mask": 10, "dropout": 0.0,
    "grid": 0.5, "grid_rate": 0.02,
}  # fmt: skip
START: dict[str, tuple[Choices, ...]] = {
    SPOTTING: ({**_OUR_SPOTTER, "stem": 8}, {**_OUR_SPOTTER, "stem": 0, "coefficients": 16}),
    FORECASTING: (
        {
            "architecture": "residual_mlp",
            "share": 1.0,
            "learning_rate": 0.0165,
            "batch": 1024,
            "grid": 0.111,
            "grid_rate": 0.0283,
        },
        {"architecture": "linear", "share": 0.5, "coefficient_step": 1 / 4},
    ),
}


class Trial(Protocol):
    """What is needed of optuna.trial.Trial."""

    def suggest_float(self, name: str, low: float, high: float, *, log: bool = ...) -> float: ...

    def suggest_int(self, name: str, low: int, high: int, *, step: int = ...) -> int: ...

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any: ...


def choose(trial: Trial, task: str, given: Mapping[str, Any], most: float) -> Choices:
    """Have a trial choose a recipe whose file most probably takes less than `most` bytes; numbers to three digits.

    The trial chooses all but the width, for which it chooses a share of those that fit. The front ends are few: the
    augmented features of each take 40 s to make and 180 to 450 MB to keep.

    Args:
        given: choices that whoever searches has made.
    """
    chosen = _suggest_forecaster(trial) if task == FORECASTING else _suggest_spotter(trial)
    rounded = {name: float(f"{c:.3g}") if isinstance(c, float) else c for name, c in chosen.items()}
    return fitted({**rounded, **given}, most)


def _suggest_spotter(trial: Trial) -> Choices:
    architecture = trial.suggest_categorical("architecture", ("ds_tc_resnet",))
    chosen: Choices = {"architecture": architecture, "share": trial.suggest_float("share", 0, 1)}
    chosen["stem"] = trial.suggest_categorical("stem", (0, 4, 8, 16))  # filters of its first convolution; 0: no stem
    if not chosen["stem"]:
        chosen["coefficients"] = trial.suggest_categorical("coefficients", (12, 16, 20))
    return {
        **chosen,
        "high": trial.suggest_categorical("high", (5600, 7600)),
        "hop": trial.suggest_categorical("hop", (256, 320)),
        "groups": trial.suggest_int("groups", 1, 3),
        "blocks": trial.suggest_int("blocks", 1, MOST_BLOCKS),
        "stride": trial.suggest_int("stride", 1, 2),
        "kernel": trial.suggest_int("kernel", 5, 15, step=2),
        "learning_rate": trial.suggest_float("learning_rate", 2e-3, 2e-2, log=True),
        "batch": trial.suggest_categorical("batch", (64, 128, 256)),
        "smoothing": trial.suggest_float("smoothing", 0, 0.15),
        "mixup": trial.suggest_float("mixup", 0, 0.4),
        "time_mask": trial.suggest_int("time_mask", 0, 12),
        "dropout": trial.suggest_float("dropout", 0, 0.2),
        "grid": trial.suggest_float("grid", 0.3, 0.8),
        "grid_rate": trial.suggest_float("grid_rate", 0.005, 0.05, log=True),
    }


def _suggest_forecaster(trial: Trial) -> Choices:
    architecture = trial.suggest_categorical("architecture", ("residual_mlp", "linear"))
    chosen: Choices = {"architecture": architecture, "share": trial.suggest_float("share", 0, 1)}
    if architecture == "linear":
        step = trial.suggest_categorical("coefficient_step", (1 / 2, 1 / 4, 1 / 8, 1 / 16))
        return {**chosen, "coefficient_step": step}
    return {
        **chosen,
        "learning_rate": trial.suggest_float("learning_rate", 3e-3, 3e-2, log=True),
        "batch": trial.suggest_categorical("batch", (512, 1024, 2048)),
        "grid": trial.suggest_float("grid", 0.1, 0.6, log=True),
        "grid_rate": trial.suggest_float("grid_rate", 0.005, 0.05, log=True),
    }


def fitted(choices: Choices, most: float) -> Choices:
    """Return choices with a width: the share of the widths that take less than `most` bytes.

    Where not even the narrowest network fits, it gets fewer blocks, then whatever makes it smallest.
    """
    for tried in _smaller_and_smaller(choices):
        fitting = [c for c in _each_width(tried) if at_most(recipe_of(c)) < most]
        if fitting:
            return fitting[round(choices["share"] * (len(fitting) - 1))]
    return _each_width(tried)[0]


def _smaller_and_smaller(choices: Choices) -> list[Choices]:
    smallest = {**choices, **SMALLEST[choices["architecture"]]}
    if choices["architecture"] == "ds_tc_resnet":
        return [*({**choices, "blocks": blocks} for blocks in range(choices["blocks"], 0, -1)), smallest]
    if choices["architecture"] == "residual_mlp":
        linear = {"architecture": "linear", "share": choices["share"]}
        return [choices, smallest, *_smaller_and_smaller({**linear, "coefficient_step": 1 / 4})]
    return [choices, smallest]


def _each_width(choices: Choices) -> list[Choices]:
    return [{**choices, "width": width} for width in WIDTH_CHOICES[choices["architecture"]]]


def least_bytes(task: str) -> float:
    """Return the bytes of the smallest file among which the search looks."""
    return min(at_most(recipe_of(fitted(start, 0))) for start in START[task])


def recipe_of(choices: Mapping[str, Any]) -> Recipe:
    """Return the recipe that choices with a width make."""
    makers = {"ds_tc_resnet": _spotter, "residual_mlp": _residual_mlp, "linear": _linear}
    return makers[choices["architecture"]](choices)


def _spotter(c: Mapping[str, Any]) -> Recipe:
    groups = min(c["groups"], c["blocks"])
    stem = c.get("stem", 0)  # trials of the oldest searches have no such choice
    bands = {"high": c["high"], "step": c["hop"]}
    # a stem wants neighbouring bands, which the cosine transform mixes
    front_end = LogMel(mel_bins=24, **bands) if stem else Mfcc(coefficients=c["coefficients"], lifter=30, **bands)
    return Recipe(
        DsTcResnet(
            filters=c["width"],
            blocks=tuple(c["blocks"] // groups + (i < c["blocks"] % groups) for i in range(groups)),
            stem=(stem, stem * 3 // 2) if stem else (),
            kernel=c["kernel"],
            stride=c["stride"],
            dropout=c["dropout"],
        ),
        front_end,
        Fit(
            "cross_entropy",
            learning_rate=c["learning_rate"],
            epochs=150,
            batch_size=c["batch"],
            schedule="cosine",
            label_smoothing=c["smoothing"],
            augmentation=Augmentation(mixup=c["mixup"], time_mask=c["time_mask"]),
            unknown_share=c.get("other", 0.0),
            qat=QAT(relative_scale=c["grid"], epochs=30, learning_rate=c["grid_rate"]),
        ),
        Export(int8_weights=True, order_for_compression=True),
        by_speaker=c.get("by_speaker", False),
    )


def _residual_mlp(c: Mapping[str, Any]) -> Recipe:
    return Recipe(
        ResidualMlp(units=c["width"]),
        Readings(standardised=False),
        Fit(
            "mae",
            learning_rate=c["learning_rate"],
            epochs=100,
            batch_size=c["batch"],
            schedule="cosine",
            qat=QAT(relative_scale=c["grid"], bias_scale=1 / 32, epochs=40, learning_rate=c["grid_rate"]),
        ),
        Export(int8_weights=True, order_for_compression=True),
    )


def _linear(c: Mapping[str, Any]) -> Recipe:
    return Recipe(
        Linear(),
        Readings(standardised=False),
        RateDistortion(step=c["coefficient_step"], error_per_byte=c["width"]),
        Export(order_for_compression=True),
    )
