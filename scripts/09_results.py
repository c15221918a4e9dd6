"""Set this machine's run beside the report and the published run: are the files the same, a table, and a page.

Writes the table to results/local/versions.csv and the page to results/local/page (under results/own where this
machine's run is on your own data, JENA or SPEECH; under results/synthetic where the data were synthetic). What was not
made on this machine is missing on that page; the published page, with everything, is results/page/index.html.
"""

from device.cli import parser, run
from pipeline import cli, files

EXAMPLES = """\
  .venv/bin/python scripts/09_results.py
  .venv/bin/python scripts/09_results.py --data synthetic"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_sources(options)
    arguments = options.parse_args()
    # these imports take seconds, and --help should not
    from pipeline.report.page import page
    from pipeline.report.versions import compared_with_published, versions, versions_csv
    from pipeline.store import NO_VERDICT, SYNTHETIC
    from pipeline.study.results import read_local

    results = read_local(cli.sources(arguments))
    shown, table = results.store.page / "index.html", results.store.results / "versions.csv"
    files.write_text(shown, page(results))
    files.write_text(table, versions_csv(results))
    if results.store == SYNTHETIC:
        print(f"*** {NO_VERDICT}. ***")
    print("\n".join(compared_with_published(results)) + "\n")
    print(versions(results))
    print("✓ met; in brackets 95 % intervals; sizes in kB of 1024 bytes; latencies are means on this host, not a Pi")
    print(f"in full, to open in a browser: {shown.relative_to(files.ROOT)}")
    print(f"the table as CSV: {table.relative_to(files.ROOT)}")


if __name__ == "__main__":
    run(main)
