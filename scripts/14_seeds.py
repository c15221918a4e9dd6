"""Make versions with several seeds, to tell what a recipe does from what luck does.

Each run is a trial: a recipe and a seed, with a model and a card of its own in models/local/RECIPE/seed-N. A trial that
stands is not made again, so an interrupted study goes on where it stopped, and several may run side by side, each for
versions of its own. Writes results/local/seeds-RECIPE.jsonl, a line a trial.
"""

from device.cli import parser, run
from pipeline import cli
from pipeline.recipe import VERSIONS, load_version

EXAMPLES = """\
  python scripts/14_seeds.py --recipe improved
  python scripts/14_seeds.py --recipe report --seeds 10 --versions th_a th_b"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("--recipe", default="report", metavar="NAME", help="the versions' recipe (default: report)")
    options.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 1 to N (default: 5)")
    options.add_argument(
        "--versions", nargs="+", type=cli.one_of(VERSIONS), default=list(VERSIONS), metavar="NAME", help="default: all"
    )
    cli.add_sources(options)
    arguments = options.parse_args()
    versions = [version for name in arguments.versions if arguments.recipe in (version := load_version(name)).recipes]
    if not versions:
        options.error(f"no version has a recipe {arguments.recipe!r}")
    cli.import_tensorflow()
    from pipeline.study import summary_lines, write_trials
    from pipeline.version import make

    sources = cli.sources(arguments)
    for seed in range(1, arguments.seeds + 1):
        for version in versions:
            card = make(version, arguments.recipe, seed, sources, trial=True)
            path = write_trials(card.parent.parent)
    print("\n".join(summary_lines(path)))


if __name__ == "__main__":
    run(main)
