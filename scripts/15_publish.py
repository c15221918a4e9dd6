"""Copy this machine's models and results to the published ones (for maintainers); then run 16_render.py and commit.

It takes the five versions by the report's recipes, of our own recipes the seeds that do best on validation data, all
studies, latencies, the bench and the listeners, and draws a day of forecasts on the test split. 08_measure.py and
18_listening.py measure published models, so copy the models first. The results of searches can be copied alone.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import cli
from underbudget.device.command_line import parser, run
from underbudget.results_page.publish import publish, publish_models, publish_searches

EXAMPLES = """\
  .venv/bin/python scripts/15_publish.py --only models
  .venv/bin/python scripts/15_publish.py --only searches
  .venv/bin/python scripts/15_publish.py"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument(
        "--only",
        type=cli.one_of(("models", "searches")),
        metavar="{models,searches}",
        help="copy only the models and their runs, or only the results of searches (default: everything)",
    )
    cli.add_sources(options)
    arguments = options.parse_args()
    if arguments.only == "models":
        publish_models()
        print("published: models and runs; now measure them, and publish the rest")
    elif arguments.only == "searches":
        publish_searches()
        print("published: searches; now run make render and commit")
    else:
        publish(cli.sources(arguments))
        print("published: models, results; now run make render and commit")


if __name__ == "__main__":
    run(main)
