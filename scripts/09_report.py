"""Set this machine's run beside the report and the published run.

Writes results/local/versions.{json,csv,md} (results/standin/ where the data were generated) and prints the table.
"""

from device.cli import parser, run
from pipeline import cli, files, readme, report
from pipeline.files import write_text

EXAMPLES = """\
  python scripts/09_report.py
  python scripts/09_report.py --publish   (maintainers: promote models/local/report, made on real data with seed 22)
  python scripts/09_report.py --readme    (write the README's tables and plots from the published results)"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_data(options)
    choice = options.add_mutually_exclusive_group()
    choice.add_argument("--publish", action="store_true", help="make this machine's run the published one")
    choice.add_argument("--readme", action="store_true", help="write the README's tables and plots")
    arguments = options.parse_args()
    if arguments.publish:
        report.publish()
        print("published: models/report, results; now run make readme and commit")
    elif arguments.readme:
        write_text(readme.README, readme.filled(readme.README.read_text(encoding="utf-8")))
        from pipeline import plots  # matplotlib takes a second

        for name, content in plots.frontiers().items():
            write_text(files.RESULTS / name, content)
    else:
        table = report.rows(arguments.data)
        stand_in = any(row.here_is_stand_in for row in table)
        folder = files.RESULTS / ("standin" if stand_in else "local")
        report.write_results(table, folder, with_here=True)
        if stand_in:
            print("*** STAND-IN DATA: this machine's figures marked so say nothing about the report. ***\n")
        print(report.versions_markdown(table, with_here=True))
        print(
            "✓ met; in brackets 95 % intervals; sizes in kB of 1024 bytes; latencies are means on this host, not a Pi"
        )
        print(f"in full: {folder.relative_to(files.ROOT)}/versions.{{json,csv,md}}")


if __name__ == "__main__":
    run(main)
