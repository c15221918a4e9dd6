"""Compare this machine's run with the report and the published run: whether files are the same, a table, and a page.

It writes the table to results/local/versions.csv and the page to results/local/page (under results/own where this
machine's run is on your own data, JENA or SPEECH; under results/synthetic where the data were synthetic). That page
shows only what was made on this machine; the complete published page is results/page/index.html.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import cli, files
from underbudget.device.command_line import parser, run

EXAMPLES = """\
  .venv/bin/python scripts/09_results.py
  .venv/bin/python scripts/09_results.py --data synthetic"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_sources(options)
    arguments = options.parse_args()
    # these imports take seconds, and --help should not
    from underbudget.reproduction.results import read_local
    from underbudget.results_page.markdown import aligned
    from underbudget.results_page.page import page
    from underbudget.results_page.version_tables import compared_with_published, versions, versions_csv
    from underbudget.store import NO_VERDICT, SYNTHETIC

    results = read_local(cli.sources(arguments))
    shown, table = results.store.page / "index.html", results.store.results / "versions.csv"
    files.write_text(shown, page(results))
    files.write_text(table, versions_csv(results))
    if results.store == SYNTHETIC:
        print(f"*** {NO_VERDICT}. ***")
    print("\n".join(compared_with_published(results)) + "\n")
    print(aligned(versions(results)))
    print("✓ met; in brackets 95 % intervals; sizes in kB of 1024 bytes; latencies are means on a host, not a Pi")
    print(f"all results, to open in a browser: {shown.relative_to(files.ROOT)}")
    print(f"the table as CSV: {table.relative_to(files.ROOT)}")


if __name__ == "__main__":
    run(main)
