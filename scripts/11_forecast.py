"""Forecast the next hour from a sensor log: a CSV with columns for time, temperature and relative humidity.

Needs scripts/underbudget/device, a model and its card: it runs on a Raspberry Pi as on a workstation. Beside each value
stands the model's mean absolute error at this step on its test data. Gaps, and values that are missing or impossible,
are reported on standard error and never filled in.
"""

from underbudget.device.start import prepare

prepare()
# isort: split
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from underbudget.device import artifact
from underbudget.device.command_line import parser, run
from underbudget.device.errors import UserError
from underbudget.device.forecast import Forecast, Forecaster
from underbudget.device.log import BETWEEN, WAITING, Log, Notice, Tally, lines
from underbudget.device.runtime import try_out

EXAMPLES = """\
  .venv/bin/python scripts/11_forecast.py sensor.csv
  .venv/bin/python scripts/11_forecast.py sensor.csv --follow
  tail -n +1 -f sensor.csv | .venv/bin/python scripts/11_forecast.py - --follow --json"""
MODEL = Path(__file__).parents[1] / "models" / "improved" / "th_a.tflite.zlib"


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("log", help="a CSV file, or - for standard input")
    options.add_argument(
        "--follow", action="store_true", help="print a forecast after each reading, and wait for new ones"
    )
    options.add_argument("--model", type=Path, default=MODEL, help="NAME.tflite.zlib with its card NAME.json beside it")
    options.add_argument("--json", action="store_true", help="print one JSON object per forecast")
    arguments = options.parse_args()
    card, content = artifact.load_file(arguments.model)
    if card.front_end is not None:
        raise UserError(f"{arguments.model}: not a forecaster: give a th model")
    try_out(content, card.name)
    forecaster = Forecaster(card, content)
    last: Forecast | None = None
    why, tally = "the log holds no reading", Tally()
    log = Log(_lines(arguments.log, arguments.follow), arguments.log)
    for row in log:
        for said in forecaster.read(row):
            if isinstance(said, Notice):
                if said.ends:
                    last, why = None, said.text
                if arguments.follow and not (said.kind == BETWEEN and BETWEEN in tally.first):
                    print(said.text, file=sys.stderr, flush=True)
                if said.kind != WAITING:
                    tally.add(said)
            elif arguments.follow:
                show(said, arguments.json)
            else:
                last = said
    if log.cut:
        print(log.cut, file=sys.stderr)
    if arguments.follow:
        return
    for line in tally.lines():
        print(line, file=sys.stderr)
    log.check()
    if last is None:
        raise UserError(f"{arguments.log}: no forecast for its end: {why}")
    show(last, arguments.json)


def _lines(log: str, follow: bool) -> Iterator[str]:
    """Yield the lines of a file, or of standard input; with `follow`, wait for more of a file."""
    try:
        with os.fdopen(0, "rb") if log == "-" else Path(log).open("rb") as stream:
            yield from lines(stream, wait=follow and log != "-")
    except OSError as error:
        raise UserError(f"{log}: can't be read ({error.strerror}): correct the path") from None


def show(forecast: Forecast, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(forecast), default=str), flush=True)
        return
    print(f"Forecast from {forecast.time:%Y-%m-%d %H:%M}:")
    for step in forecast.steps:
        t, h = (
            f"{step.temperature:6.2f} ± {step.temperature_mae:.2f} °C",
            f"{step.humidity:6.2f} ± {step.humidity_mae:.2f} %",
        )
        print(f"  {step.time:%H:%M}  {t}  {h}", flush=True)


if __name__ == "__main__":
    run(main)
