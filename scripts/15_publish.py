"""Copy this machine's models and results to the published ones (for maintainers); then run 16_render.py and commit.

It takes the five versions by the report's recipes, of our own recipes the seeds that validation chooses, all studies,
latencies and the bench, and derives the table of versions, the claims and the examples from them.
"""

from device.cli import parser, run
from pipeline import cli
from pipeline.report.publish import publish


def main() -> None:
    options = parser(__doc__, "  python scripts/15_publish.py")
    cli.add_sources(options)
    publish(cli.sources(options.parse_args()))
    print("published: models, results; now run make render and commit")


if __name__ == "__main__":
    run(main)
