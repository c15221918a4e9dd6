"""Train what the report compares its five versions with, each a study over several seeds.

  forecasters   the MLP and the CNN, unoptimised and with each technique alone and combined: the report's own study
  spotters      MLP, CNN and DS-CNN, unoptimised, on STFT and on MFCC
  rates         kws_b with other learning rates
  features      kws_a on STFT
  quantisation  kws_a and kws_c without the quantisation of weights, kws_b with it

A run that stands is not made again, so an interrupted study goes on where it stopped, and several may run side by side,
each for versions of its own. Models and cards go to models/local/STUDY/seed-N, a line a run to
results/local/seeds-STUDY.jsonl. The five versions themselves, with several
seeds: 14_seeds.py.
"""

from dataclasses import replace

from device.artifact import FORECASTING, SPOTTING
from device.cli import parser, run
from device.frontend import FrontEnd, Mfcc, Stft
from pipeline import cli, study
from pipeline.recipe import Pruning, Recipe, Version, load_version
from pipeline.report import SEED, reference

EXAMPLES = """\
  python scripts/02_baselines.py
  python scripts/02_baselines.py forecasters --seeds 3
  python scripts/02_baselines.py spotters --versions ds_cnn_mfcc ds_cnn_stft"""
KWS_A, KWS_B, KWS_C = (load_version(name).recipes["report"] for name in ("kws_a", "kws_b", "kws_c"))


def forecaster(network: str, technique: str) -> Version:
    """A row of the report's study, of techniques as "width 0.3 + sparsity 0.8 + weight PTQ" or "none"."""
    parts = dict(part.rsplit(" ", 1) for part in technique.split(" + ") if part != "none")
    recipe = Recipe(
        architecture=network,
        width=float(parts.get("width", 1)),
        learning_rate=1e-3,
        epochs=20,
        pruning=Pruning(float(parts["sparsity"])) if "sparsity" in parts else None,
        quantise="weight" in parts,
    )
    return Version(study.row_name(network, technique), FORECASTING, (), {"forecasters": recipe})


def spotter(architecture: str, front_end: FrontEnd) -> Recipe:
    """An unoptimised spotter, trained as the course's baselines are; the report is silent."""
    return Recipe(architecture, width=1, learning_rate=1e-3, epochs=20, front_end=front_end)


def versions(name: str, recipes: dict[str, Recipe]) -> tuple[Version, ...]:
    return tuple(Version(key, SPOTTING, (), {name: recipe}) for key, recipe in recipes.items())


STUDIES: dict[str, tuple[tuple[Version, ...], range]] = {  # each with its seeds: as many as its claim needs
    "forecasters": (
        tuple(forecaster(network, row[0]) for network in ("mlp", "cnn") for row in reference()["ablation"][network]),
        range(1, 6),
    ),
    "spotters": (
        versions(
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
        versions("rates", {f"kws_b_rate_{rate:g}": replace(KWS_B, learning_rate=rate) for rate in (0.001, 0.01)}),
        range(1, 11),
    ),
    "features": (versions("features", {"kws_a_stft": replace(KWS_A, front_end=Stft())}), range(1, 11)),
    "quantisation": (
        versions(
            "quantisation",
            {
                "kws_a_float": replace(KWS_A, quantise=False),
                "kws_b_int8": replace(KWS_B, quantise=True),
                "kws_c_float": replace(KWS_C, quantise=False),
            },
        ),
        range(SEED, SEED + 1),  # so the weights are those of the published versions, before or after
    ),
}


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("studies", nargs="*", type=cli.one_of(STUDIES), metavar="STUDY", help="default: all")
    options.add_argument("--seeds", type=int, metavar="N", help="up to seed N (default: each study's own)")
    names = [version.name for members, _ in STUDIES.values() for version in members]
    options.add_argument("--versions", nargs="+", type=cli.one_of(names), metavar="NAME", help="these alone")
    cli.add_sources(options)
    arguments = options.parse_args()
    chosen = []
    for name in arguments.studies or STUDIES:
        members, seeds = STUDIES[name]
        members = tuple(v for v in members if not arguments.versions or v.name in arguments.versions)
        if arguments.seeds:
            seeds = range(seeds.start, arguments.seeds + 1)
        if members and seeds:
            chosen.append((name, members, seeds))
    if not chosen:
        options.error("no study has such versions and seeds")
    cli.import_tensorflow()
    for name, members, seeds in chosen:
        path = study.run(name, members, name, seeds, cli.sources(arguments))
        print("\n".join(study.summary_lines(path)))


if __name__ == "__main__":
    run(main)
