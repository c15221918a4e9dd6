"""Make versions with several seeds, to tell what a recipe does from what luck does.

A study is one of the version scripts' recipes (report, improved, smallest), or such a recipe for the spotters alone, no
speaker both in training and in test, which the course's lists do not see to (report-by-speaker and so on).

A run that stands is not made again, so an interrupted study goes on where it stopped, and several may run side by side,
each for versions of its own. Models and cards go to models/local/STUDY/seed-N, a line a run to
results/local/seeds-STUDY.jsonl.
"""

from dataclasses import replace

from device.artifact import SPOTTING
from device.cli import parser, run
from pipeline import cli, study
from pipeline.recipe import RECIPES, VERSIONS, load_version
from pipeline.study import BY_SPEAKER

EXAMPLES = """\
  python scripts/14_seeds.py improved
  python scripts/14_seeds.py report --seeds 10 --versions th_a th_b"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    studies = (*RECIPES, *(recipe + BY_SPEAKER for recipe in RECIPES))
    options.add_argument("study", type=cli.one_of(studies), metavar="STUDY", help=", ".join(studies))
    options.add_argument("--seeds", type=int, default=5, metavar="N", help="seeds 1 to N (default: 5)")
    options.add_argument(
        "--versions", nargs="+", type=cli.one_of(VERSIONS), default=list(VERSIONS), metavar="NAME", help="default: all"
    )
    cli.add_sources(options)
    arguments = options.parse_args()
    recipe = arguments.study.removesuffix(BY_SPEAKER)
    sources = replace(cli.sources(arguments), by_speaker=recipe != arguments.study)
    versions = [load_version(name) for name in arguments.versions]
    if sources.by_speaker:
        versions = [version for version in versions if version.task == SPOTTING]
    versions = [version for version in versions if recipe in version.recipes]
    if not versions:
        options.error(f"{arguments.study} has none of {', '.join(arguments.versions)}")
    cli.import_tensorflow()
    path = study.run(arguments.study, versions, recipe, range(1, arguments.seeds + 1), sources)
    print("\n".join(study.summary_lines(path)))


if __name__ == "__main__":
    run(main)
