"""Measure what many models at once cost and give: seconds for each task, models in an hour by one and by two workers.

What 10 to 10,000 workers would give is simulated with the times of the published runs. Measure on a quiet machine.
It needs Ray (00_setup.py --search).
"""

from pipeline import cli  # first: it says how numpy computes

# isort: split
from device.cli import parser, run
from pipeline import files
from pipeline.data.sources import load_speech
from pipeline.measure.engine import measure_engine
from pipeline.report.engine import engine_table
from pipeline.store import store_of

EXAMPLES = """\
  .venv/bin/python scripts/20_engine.py
  .venv/bin/python scripts/20_engine.py --data synthetic"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_sources(options)
    sources = cli.sources(options.parse_args())
    result = measure_engine(sources)
    files.write_json(store_of(load_speech(sources).identity).engine_path, result)
    print(engine_table(result))


if __name__ == "__main__":
    run(main)
