"""Measure spotters on long recordings: words detected, detected twice, triggers per hour, other words accepted.

The sounds are test data. The thresholds are those on the model's card; where it has none, they are chosen on validation
sounds first. It writes results/local/runs/listening.json (with synthetic data: results/synthetic/runs/listening.json)
and changes no card: 15_publish.py and 17_words.py write thresholds to cards. A stopped run resumes.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import cli
from underbudget.beyond.listening.measure import measure_listeners, spotters
from underbudget.device.artifact import model_path
from underbudget.device.command_line import parser, run

EXAMPLES = """\
  .venv/bin/python scripts/18_listening.py
  .venv/bin/python scripts/18_listening.py --other other_sounds_2.tar
  .venv/bin/python scripts/18_listening.py models/local/report/kws_a.tflite.zlib"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument(
        "models",
        type=model_path,
        nargs="*",
        help="files or names, such as live/kws_a (default: all published spotters)",
    )
    cli.add_sources(options)
    arguments = options.parse_args()
    measure_listeners(arguments.models or spotters(), cli.sources(arguments))


if __name__ == "__main__":
    run(main)
