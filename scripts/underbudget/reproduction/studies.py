"""What the report compares its versions with: studies of several versions over several seeds."""

from collections.abc import Mapping
from dataclasses import fields, replace

from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.frontend import Mfcc, Stft
from underbudget.networks.cnn import Cnn1d, Cnn2d
from underbudget.networks.dense import Mlp
from underbudget.networks.ds_cnn import DsCnn
from underbudget.recipes import Export, Fit, KerasFit, Pruning, Readings, Recipe, Version
from underbudget.reproduction.reference import PUBLISHED_SEED, load_reference, row_name
from underbudget.versions.catalogue import KERAS_STUDY, KERAS_SUFFIX, QUANTISATION_STUDY, REGULARISATION_STUDY, VERSIONS

NARROW = "width 0.05"  # the strength at which another group published width alone
KWS_A, KWS_B, KWS_C = (VERSIONS[name].recipes["report"] for name in ("kws_a", "kws_b", "kws_c"))


def forecaster(network: type[Mlp | Cnn1d], technique: str) -> Recipe:
    """Return a row of the authors' study; techniques are written "width 0.3 + sparsity 0.8 + weight PTQ" or "none"."""
    parts = dict(part.rsplit(" ", 1) for part in technique.split(" + ") if part != "none")
    pruning = Pruning(float(parts["sparsity"])) if "sparsity" in parts else None
    return Recipe(
        network(width=float(parts.get("width", 1))),
        Readings(),
        Fit("mse", learning_rate=1e-3, epochs=20, pruning=pruning),
        Export(int8_weights="weight" in parts),
    )


def techniques(network: str) -> list[str]:
    """Return the rows of the authors' study of a network, and width alone at the strength that others published."""
    return [*(row[0] for row in load_reference()["ablation"][network]), NARROW]


# Unoptimised spotters, trained as the course's baselines are; the report does not say how, nor how large its MLP and
# CNN are: these have the size that the course's groups published.
_FITTED = Fit("cross_entropy", learning_rate=1e-3, epochs=20, checkpoint="best_validation")
_MFCC_STRIDES = (2, 1)  # of the first convolution: ten coefficients are too few to skip any
SPOTTERS = {
    "mlp_stft": Recipe(Mlp(width=2, hidden_layers=3), Stft(), _FITTED),
    "mlp_mfcc": Recipe(Mlp(width=2, hidden_layers=3), Mfcc(), _FITTED),
    "cnn_stft": Recipe(Cnn2d(), Stft(), _FITTED),
    "cnn_mfcc": Recipe(Cnn2d(strides=_MFCC_STRIDES), Mfcc(), _FITTED),
    "ds_cnn_stft": Recipe(DsCnn(), Stft(), _FITTED),
    "ds_cnn_mfcc": Recipe(DsCnn(strides=_MFCC_STRIDES), Mfcc(), _FITTED),
}


def stretched(recipe: Recipe, times: float) -> Recipe:
    """Return a forecaster's recipe with `times` its epochs, and the epochs of pruning moved in proportion."""
    fit = recipe.fit
    assert isinstance(fit, Fit)  # as those of the report are
    pruning = fit.pruning
    if pruning:
        begin, end = (round(times * epoch) for epoch in (pruning.begin_epoch, pruning.end_epoch))
        pruning = replace(pruning, begin_epoch=begin, end_epoch=end)
    return recipe.refitted(epochs=round(times * fit.epochs), pruning=pruning)


# The authors' script trained on 294,385 readings. The training data of our published forecasters has fewer, so that an
# epoch has fewer batches: with these data, and no others, stretched recipes take as many steps as the script.
TIMES_OUR_READINGS = 294_385 / 139_995
# Their batches are of windows that follow one another; of clips, they are composed once.
AS_BATCHED = {
    f"{name}_neighbours": stretched(recipe.refitted(batches="neighbours"), TIMES_OUR_READINGS)
    for name, recipe in {
        "mlp": forecaster(Mlp, "none"),
        "cnn": forecaster(Cnn1d, "none"),
        "th_a": VERSIONS["th_a"].recipes["report"],
        "th_b": VERSIONS["th_b"].recipes["report"],
        "mlp_narrow": forecaster(Mlp, NARROW),
        "cnn_narrow": forecaster(Cnn1d, NARROW),
    }.items()
}
LONGER = {
    f"{name}_longer": stretched(VERSIONS[name].recipes["report"], TIMES_OUR_READINGS) for name in ("th_a", "th_b")
}
FIXED = {
    f"{name}_fixed": VERSIONS[name].recipes["report"].refitted(batches="fixed") for name in ("kws_a", "kws_b", "kws_c")
}
# Of the years of the training data, 2009 alone precedes the test period. 2024 is there for the same months. Each has a
# seventh of our readings, and seven times the epochs, so that as many steps are taken as on all years.
YEARS = {
    f"{name}_{year}": stretched(replace(VERSIONS[name].recipes["report"], inputs=Readings(year=year)), 7)
    for name in ("th_a", "th_b")
    for year in (2009, 2024)
}


def by_keras(recipe: Recipe) -> Recipe:
    """Return a spotter's recipe, trained by Keras' own fit."""
    fit = recipe.fit
    assert isinstance(fit, Fit)  # as every spotter's is
    return replace(recipe, fit=KerasFit(**{part.name: getattr(fit, part.name) for part in fields(fit)}))


def plain(recipe: Recipe) -> Recipe:
    """Return a recipe without weight decay and masks of bands, judged on unknown speakers."""
    assert isinstance(recipe.fit, Fit) and recipe.fit.augmentation  # as those of our own spotters
    augmentation = replace(recipe.fit.augmentation, band_mask=0)
    return replace(recipe.refitted(weight_decay=0.0, augmentation=augmentation), by_speaker=True)


PLAIN = {
    "kws_a_plain": plain(VERSIONS["kws_a"].recipes["improved"]),
    "smallest_plain": plain(VERSIONS["kws_a"].recipes["smallest"]),
    "kws_c_plain": plain(VERSIONS["kws_c"].recipes["improved"]),
}


def _study(name: str, task: str, recipes: Mapping[str, Recipe]) -> tuple[Version, ...]:
    return tuple(Version(key, task, (), {name: recipe}) for key, recipe in recipes.items())


STUDIES: dict[str, tuple[tuple[Version, ...], range]] = {  # each with its seeds; some are published with more
    "forecasters": (
        _study(
            "forecasters",
            FORECASTING,
            {
                row_name(name, technique): forecaster(network, technique)
                for name, network in (("mlp", Mlp), ("cnn", Cnn1d))
                for technique in techniques(name)
            },
        ),
        range(1, 6),
    ),
    "spotters": (_study("spotters", SPOTTING, SPOTTERS), range(1, 4)),
    "rates": (
        _study(
            "rates",
            SPOTTING,
            {f"kws_b_rate_{rate:g}": KWS_B.refitted(learning_rate=rate) for rate in (0.001, 0.01)},
        ),
        range(1, 11),
    ),
    "features": (
        _study("features", SPOTTING, {"kws_a_stft": replace(KWS_A, network=DsCnn(width=0.31), inputs=Stft())}),
        range(1, 11),
    ),
    "last_epoch": (_study("last_epoch", SPOTTING, {"kws_a_last": KWS_A.refitted(checkpoint="last")}), range(1, 21)),
    "batches": (
        (
            *_study("batches", FORECASTING, AS_BATCHED),
            *_study("batches", SPOTTING, FIXED),
        ),
        range(1, 11),
    ),
    "steps": (_study("steps", FORECASTING, LONGER), range(1, 21)),
    "years": (_study("years", FORECASTING, YEARS), range(1, 11)),
    KERAS_STUDY: (
        _study(
            KERAS_STUDY, SPOTTING, {f"kws_a{KERAS_SUFFIX}": by_keras(KWS_A), f"kws_c{KERAS_SUFFIX}": by_keras(KWS_C)}
        ),
        range(1, 11),
    ),
    REGULARISATION_STUDY: (_study(REGULARISATION_STUDY, SPOTTING, PLAIN), range(1, 11)),
    QUANTISATION_STUDY: (
        _study(
            QUANTISATION_STUDY,
            SPOTTING,
            {
                "kws_a_float": replace(KWS_A, export=Export()),
                "kws_b_int8": replace(KWS_B, export=Export(int8_weights=True)),
                "kws_c_float": replace(KWS_C, export=Export()),
            },
        ),
        range(
            PUBLISHED_SEED, PUBLISHED_SEED + 1
        ),  # so the weights are those of the published versions, before or after
    ),
}
