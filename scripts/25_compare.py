"""Compare two recipes over several seeds: quality, size, multiply-accumulates, and how often the limits are met.

A and B are a version each, then a recipe (report, if none is named) and the fields that are to be changed. What they
are is printed by a version's script with --help. Of each figure it says the difference with its interval, from the
differences seed by seed; fewer than three seeds give no interval.

A run that is up to date is not repeated, so a stopped comparison resumes. Models, cards and runs lie as those of
14_seeds.py; a changed recipe has folders of its own, such as models/local/report/width=0.5. The table goes to
results/local/compare, as CSV and Markdown.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
import shlex

from underbudget import cli, files
from underbudget.device.command_line import add_number, parser, run
from underbudget.device.errors import UserError
from underbudget.overrides import chosen
from underbudget.reproduction import run_studies
from underbudget.results_page.comparison import Side, compared, write
from underbudget.results_page.markdown import aligned
from underbudget.store import LOCAL, OWN, SYNTHETIC

EXAMPLES = """\
  .venv/bin/python scripts/25_compare.py "th_b" "th_b width=0.25"
  .venv/bin/python scripts/25_compare.py "kws_a" "kws_a learning_rate=0.003 epochs=30" --seeds 10 --jobs 2
  .venv/bin/python scripts/25_compare.py "kws_b" "kws_a improved"\
"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("a", metavar="A", help="such as 'kws_b', 'kws_b improved' or 'kws_b width=0.5'")
    options.add_argument("b", metavar="B", help="the same; the difference is B less A")
    add_number(options, "--seeds", "seeds 1 to N", run_studies.SEED_RANGE, 5)
    cli.add_jobs(options, 1)
    cli.add_sources(options)
    arguments = options.parse_args()
    sources, seeds = cli.sources(arguments), range(1, arguments.seeds + 1)
    (a, recipe_a), (b, recipe_b) = asked = [chosen(text) for text in (arguments.a, arguments.b)]
    both = f"{arguments.a!r} and {arguments.b!r}"
    if (a.name, recipe_a) == (b.name, recipe_b):
        raise UserError(f"{both}: the same recipe")
    if a.task != b.task or a.recipes[recipe_a].by_speaker != b.recipes[recipe_b].by_speaker:
        raise UserError(f"{both}: tested on different data, so the difference would say nothing")
    sides: list[Side] = []
    paths, failed = [], []
    for version, recipe in asked:
        (path,), failures = run_studies.run(recipe, [version], recipe, seeds, sources, arguments.jobs)
        runs = [t for t in files.read_json_lines(path) if t["version"] == version.name and t["seed"] in seeds]
        sides.append(Side(version, recipe, runs))
        paths.append(path)
        failed += failures
    store = next(store for store in (SYNTHETIC, OWN, LOCAL) if any(store.runs in path.parents for path in paths))
    comparison = compared(sides[0], sides[1], judged=store != SYNTHETIC)
    if comparison:
        own = sources.variables(a.task)
        command = f"make compare A={shlex.quote(arguments.a)} B={shlex.quote(arguments.b)} SEEDS={arguments.seeds}{own}"
        print("\n".join(["", aligned(comparison.table()), *comparison.notes()]))
        for path in write(comparison, store.results / "compare", command):
            print(f"to hand in: {files.shown(path)}")
    run_studies.report_failures(failed)


if __name__ == "__main__":
    run(main)
