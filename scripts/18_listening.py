"""Measure how well spotters listen: words heard, triggers per hour of speech, other words accepted, on test sounds.

The threshold for each sensitivity is chosen on validation sounds before, and named on the model's card; 10_listen.py
takes it from there. An interrupted run resumes.
"""

from pathlib import Path

from device.cli import parser, run
from pipeline import cli
from pipeline.measure.bench import spotters
from pipeline.measure.listeners import measure_listeners

EXAMPLES = """\
  .venv/bin/python scripts/18_listening.py
  .venv/bin/python scripts/18_listening.py models/local/report/kws_a.tflite.zlib"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument(
        "models", type=Path, nargs="*", help="NAME.tflite.zlib files (default: all published spotters)"
    )
    cli.add_sources(options)
    arguments = options.parse_args()
    measure_listeners(arguments.models or spotters(), cli.sources(arguments))


if __name__ == "__main__":
    run(main)
