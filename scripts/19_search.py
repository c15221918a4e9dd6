"""Search for the best recipe under limits: "I have 8 kB and 10 ms: what is the best model?"

Optuna proposes recipes whose files are small enough; short trainings drop the worst of them; the three best are trained
with five fresh seeds, whose 95 % intervals decide whether a limit is met. The best recipe's model is tested once.
Results are saved as they arrive: the same command resumes a search that was stopped, or shows its result again; a
larger number of trials continues it. See docs/search.md.

Limits are on accuracy_pct (keyword_spotting), on t_mae_c and rh_mae_pct (forecasting), and on size_kb, inference_ms and
total_ms. Accuracy and errors are judged on validation data, latencies on this machine or, with --host, on a Raspberry
Pi.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
import os
from dataclasses import replace

from underbudget import cli
from underbudget.device.artifact import FORECASTING, SPOTTING
from underbudget.device.command_line import add_number, parser, run
from underbudget.device.errors import UserError
from underbudget.reproduction.reference import PUBLISHED_SEED

EXAMPLES = """\
  .venv/bin/python scripts/19_search.py --limits "size_kb<8 accuracy_pct>94 total_ms<10" --trials 60
  .venv/bin/python scripts/19_search.py --task forecasting --limits "size_kb<1.5 t_mae_c<0.5" --jobs 4
  .venv/bin/python scripts/19_search.py --limits "size_kb<8 total_ms<40" --host pi@raspberrypi.local"""
TRIALS = (1, 10_000)
SEEDS = (0, 2**32 - 10)  # the finalists take the next ones


def main() -> None:
    tasks = (SPOTTING, FORECASTING)
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("--limits", metavar="TEXT", help='such as "size_kb<8 accuracy_pct>94"')
    options.add_argument(
        "--task",
        type=cli.one_of(tasks),
        default=tasks[0],
        metavar="{" + ",".join(tasks) + "}",
        help=f"default: {tasks[0]}",
    )
    add_number(options, "--trials", "recipes to try", TRIALS, 60)
    cli.add_jobs(options, len(os.sched_getaffinity(0)))
    add_number(options, "--seed", "the seed of all random numbers", SEEDS, PUBLISHED_SEED)
    options.add_argument("--name", help="name of the search and its model (default: made from the limits)")
    options.add_argument(
        "--split",
        type=cli.one_of(("lists", "speaker")),
        default="lists",
        metavar="{lists,speaker}",
        help="of the clips: the course's lists, or speaker-independent (default: lists)",
    )
    options.add_argument("--host", help="time the finalists there: any name that ssh takes (default: here)")
    cli.add_sources(options)
    arguments = options.parse_args()
    if not arguments.limits:
        raise UserError('no limits: name them, as in LIMITS="size_kb<8 accuracy_pct>94"')
    try:
        from underbudget.beyond.search.session import search  # needs Optuna
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed: python3 scripts/00_setup.py --search installs it") from None
    print(
        search(
            arguments.task,
            arguments.limits,
            arguments.trials,
            arguments.seed,
            arguments.name,
            replace(cli.sources(arguments), by_speaker=arguments.split == "speaker"),
            arguments.jobs,
            arguments.host,
        )
    )


if __name__ == "__main__":
    run(main)
