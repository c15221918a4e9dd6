"""Set this machine's run beside the report and the published run; write the tables, and a page with all results.

Writes index.html and versions.{json,csv,md} to results/local (results/synthetic where the data were generated), and
prints the table. What was not made on this machine (make study, make improved) is missing on that page; the published
one, with everything, is results/index.html.
"""

from device.cli import parser, run
from pipeline import cli, files
from pipeline.files import write_text
from pipeline.report import page, publish, readme, versions
from pipeline.report.examples import write_examples
from pipeline.store import LOCAL, PUBLISHED, SYNTHETIC
from pipeline.study.claims import write_claims

EXAMPLES = """\
  python scripts/09_report.py
  python scripts/09_report.py --publish   (maintainers: promote what models/local and results/local hold)
  python scripts/09_report.py --readme    (maintainers: write README's tables, plots and page from what is published)"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_sources(options)
    choice = options.add_mutually_exclusive_group()
    choice.add_argument("--publish", action="store_true", help="make this machine's runs the published ones")
    choice.add_argument("--readme", action="store_true", help="write the README's tables, the plots and the page")
    arguments = options.parse_args()
    if arguments.publish:
        publish.publish()
        write_examples(PUBLISHED, cli.sources(arguments))
        print("published: models, results; now run make readme and commit")
    elif arguments.readme:
        write_text(readme.README, readme.filled(readme.README.read_text(encoding="utf-8")))
        for name, content in page.published().items():
            write_text(files.RESULTS / name, content)
        write_claims(PUBLISHED)
    else:
        table = versions.rows(arguments.data)
        synthetic = any(row.here_is_synthetic for row in table)
        place = SYNTHETIC if synthetic else LOCAL
        versions.write_results(table, place.results, with_here=True)
        write_text(place.results / "index.html", page.page(place, table))
        if synthetic:
            print("*** SYNTHETIC DATA: this machine's figures marked so say nothing about the report. ***\n")
        print(versions.versions_markdown(table, with_here=True))
        print(
            "✓ met; in brackets 95 % intervals; sizes in kB of 1024 bytes; latencies are means on this host, not a Pi"
        )
        print(f"in full, to open in a browser: {place.results.relative_to(files.ROOT)}/index.html")


if __name__ == "__main__":
    run(main)
