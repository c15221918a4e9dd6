"""What the report compares its versions with: studies of several versions over several seeds."""

from dataclasses import replace

from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.frontend import FrontEnd, Mfcc, Stft
from underbudget.recipes import Pruning, Recipe, Version
from underbudget.reproduction.reference import PUBLISHED_SEED, load_reference, row_name
from underbudget.versions.catalogue import QUANTISATION_STUDY, VERSIONS

KWS_A, KWS_B, KWS_C = (VERSIONS[name].recipes["report"] for name in ("kws_a", "kws_b", "kws_c"))


def forecaster(network: str, technique: str) -> Version:
    """Return a row of the report's study; techniques are written "width 0.3 + sparsity 0.8 + weight PTQ" or "none"."""
    parts = dict(part.rsplit(" ", 1) for part in technique.split(" + ") if part != "none")
    recipe = Recipe(
        architecture=network,
        width=float(parts.get("width", 1)),
        learning_rate=1e-3,
        epochs=20,
        loss="mse",
        pruning=Pruning(float(parts["sparsity"])) if "sparsity" in parts else None,
        quantise="weight" in parts,
    )
    return Version(row_name(network, technique), FORECASTING, (), {"forecasters": recipe})


def spotter(architecture: str, front_end: FrontEnd) -> Recipe:
    """Return an unoptimised spotter, trained as the course's baselines are; the report does not say how."""
    return Recipe(
        architecture, width=1, learning_rate=1e-3, epochs=20, loss="cross_entropy", keep="best", front_end=front_end
    )


def _spotter_versions(name: str, recipes: dict[str, Recipe]) -> tuple[Version, ...]:
    return tuple(Version(key, SPOTTING, (), {name: recipe}) for key, recipe in recipes.items())


STUDIES: dict[str, tuple[tuple[Version, ...], range]] = {  # each with its seeds: as many as its claim needs
    "forecasters": (
        tuple(
            forecaster(network, row[0]) for network in ("mlp", "cnn") for row in load_reference()["ablation"][network]
        ),
        range(1, 6),
    ),
    "spotters": (
        _spotter_versions(
            "spotters",
            {
                f"{title}_{features}": spotter(architecture, front_end)
                for title, architecture in (("mlp", "spotting_mlp"), ("cnn", "spotting_cnn"), ("ds_cnn", "ds_cnn"))
                for features, front_end in (("stft", Stft()), ("mfcc", Mfcc()))
            },
        ),
        range(1, 4),
    ),
    "rates": (
        _spotter_versions(
            "rates", {f"kws_b_rate_{rate:g}": replace(KWS_B, learning_rate=rate) for rate in (0.001, 0.01)}
        ),
        range(1, 11),
    ),
    "features": (_spotter_versions("features", {"kws_a_stft": replace(KWS_A, front_end=Stft())}), range(1, 11)),
    QUANTISATION_STUDY: (
        _spotter_versions(
            QUANTISATION_STUDY,
            {
                "kws_a_float": replace(KWS_A, quantise=False),
                "kws_b_int8": replace(KWS_B, quantise=True),
                "kws_c_float": replace(KWS_C, quantise=False),
            },
        ),
        range(
            PUBLISHED_SEED, PUBLISHED_SEED + 1
        ),  # so the weights are those of the published versions, before or after
    ),
}
