"""Build versions with several seeds, to tell the effect of a recipe from chance.

A study is one of the recipes (report, improved …), or a recipe of the spotters with a speaker-independent split
(report-by-speaker …): no speaker is in two splits. The course's lists share speakers between splits.

A run that is up to date is not repeated, so a stopped study resumes. Models and cards are written to
models/local/STUDY/seed-N, and one line per run to results/local/runs/STUDY.jsonl (those on your own data to
models/own/STUDY/DATA/seed-N and results/own/runs/STUDY/DATA.jsonl). A study has only runs on the same data, by the same
recipe and the same code.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from dataclasses import replace

from underbudget import cli
from underbudget.device.artifact import SPOTTING
from underbudget.device.command_line import add_number, parser, run
from underbudget.overrides import changed
from underbudget.reproduction import run_studies, runs
from underbudget.reproduction.runs import SPEAKER_SUFFIX
from underbudget.versions.catalogue import COMPARED_RECIPES, RECIPES, VERSIONS

EXAMPLES = """\
  .venv/bin/python scripts/14_seeds.py improved
  .venv/bin/python scripts/14_seeds.py report --seeds 10 --versions th_a th_b --jobs 4
  .venv/bin/python scripts/14_seeds.py report --versions kws_c --set "width=0.4 learning_rate=0.005\""""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    studies = (*RECIPES, *(recipe + SPEAKER_SUFFIX for recipe in COMPARED_RECIPES))
    options.add_argument("study", type=cli.one_of(studies), metavar="STUDY", help=", ".join(studies))
    add_number(options, "--seeds", "seeds 1 to N", run_studies.SEED_RANGE, 5)
    known = cli.one_of(VERSIONS)
    options.add_argument(
        "--versions", nargs="+", type=known, default=list(VERSIONS), metavar="NAME", help="default: all"
    )
    options.add_argument(
        "--set", default="", metavar="FIELD=VALUE ...", help="change fields of the recipe; see the version's own script"
    )
    cli.add_jobs(options, 1)
    cli.add_sources(options)
    arguments = options.parse_args()
    recipe = arguments.study.removesuffix(SPEAKER_SUFFIX)
    sources = replace(cli.sources(arguments), by_speaker=recipe != arguments.study)
    versions = [VERSIONS[name] for name in arguments.versions]
    if sources.by_speaker:
        versions = [version for version in versions if version.task == SPOTTING]
    versions = [version for version in versions if recipe in version.recipes]
    if not versions:
        options.error(f"{arguments.study} has none of {', '.join(arguments.versions)}")
    study = arguments.study
    if arguments.set:
        if len(versions) != 1 or sources.by_speaker:
            options.error("--set changes a recipe of one version: name that with --versions; by_speaker=true splits so")
        version, study = changed(versions[0], recipe, arguments.set)
        versions, recipe = [version], study
    seeds = range(1, arguments.seeds + 1)
    paths, failed = run_studies.run(study, versions, recipe, seeds, sources, arguments.jobs)
    print("\n".join(line for path in paths for line in runs.summary_lines(path)))
    run_studies.report_failures(failed)


if __name__ == "__main__":
    run(main)
