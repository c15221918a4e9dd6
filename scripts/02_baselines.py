"""Train what the versions are compared with: studies of several networks over several seeds.

  forecasters     the MLP and the CNN, without optimisation and with each technique alone and combined, as in the
                  report; and with a narrower width alone
  spotters        MLP, CNN and DS-CNN, without optimisation, on STFT and on MFCC
  rates           kws_b with other learning rates
  features        kws_a on STFT
  last_epoch      kws_a with the weights of the last epoch, not of the best by validation
  batches         forecasters and spotters with the batches of the authors' script; forecasters take as many steps, too
  steps           the report's forecasters with our batches, for as many steps as the authors' script takes
  years           the report's forecasters, trained on five months of one year, for as many steps as on all our readings
  keras_fit       kws_a and kws_c by Keras' own fit, to check our training by
  regularisation  our own spotters without weight decay and masks of bands, judged on unknown speakers
  quantisation    kws_a and kws_c without the quantisation of weights, kws_b with it

Beside the forecasters it measures forecasts that need no network: the last reading repeated, with yesterday's change,
with the usual change at this month and time, and least squares.

A run that is up to date is not repeated, so a stopped study resumes. Models and cards are written to
models/local/STUDY/seed-N, and one line per run to results/local/runs/STUDY.jsonl.
For the five versions themselves with several seeds, see 14_seeds.py.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split

from underbudget import cli, files
from underbudget.device.command_line import add_number, parser, run
from underbudget.reproduction import run_studies, runs
from underbudget.reproduction.naive import write_naive_forecasts
from underbudget.reproduction.studies import STUDIES

EXAMPLES = """\
  .venv/bin/python scripts/02_baselines.py
  .venv/bin/python scripts/02_baselines.py forecasters --seeds 3
  .venv/bin/python scripts/02_baselines.py spotters --versions ds_cnn_mfcc ds_cnn_stft"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("studies", nargs="*", type=cli.one_of(STUDIES), metavar="STUDY", help="default: all")
    add_number(options, "--seeds", "up to seed N", run_studies.SEED_RANGE, None, "each study's own")
    names = [version.name for members, _ in STUDIES.values() for version in members]
    options.add_argument(
        "--versions",
        nargs="+",
        type=cli.one_of(names),
        metavar="NAME",
        help="names of versions to build (default: all)",
    )
    cli.add_jobs(options, 1)
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
    failures = []
    if any(name == "forecasters" for name, _, _ in chosen):
        store = write_naive_forecasts(cli.sources(arguments))
        print(f"forecasts that need no network: {store.naive_path.relative_to(files.ROOT)}")
    for name, members, seeds in chosen:
        paths, failed = run_studies.run(name, members, name, seeds, cli.sources(arguments), arguments.jobs)
        print("\n".join(line for path in paths for line in runs.summary_lines(path)))
        failures += failed
    run_studies.report_failures(failures)


if __name__ == "__main__":
    run(main)
