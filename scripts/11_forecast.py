"""Forecast the next hour from a sensor log: a CSV with the columns Date Time, T (degC) and rh (%).

Needs scripts/device, a model and its card: it runs on a Raspberry Pi as on a workstation. Beside each value stands the
mean absolute error that the model showed at this step. Gaps, and values that are missing or that no sensor can mean,
are said on standard error and never filled in.
"""

import io
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from device import artifact
from device.cli import parser, run
from device.errors import UserError
from device.forecast import LONGEST_LINE, Forecast, Forecaster, Notice, readings
from device.runtime import try_out

EXAMPLES = """\
  .venv/bin/python scripts/11_forecast.py sensor.csv
  .venv/bin/python scripts/11_forecast.py sensor.csv --follow
  tail -n +1 -f sensor.csv | .venv/bin/python scripts/11_forecast.py - --follow --json"""
MODEL = Path(__file__).parents[1] / "models" / "improved" / "th_a.tflite.zlib"
PATIENCE = 1.0  # seconds between looks at a growing file


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("log", help="a CSV file, or - for standard input")
    options.add_argument("--follow", action="store_true", help="a forecast a reading, and go on as the log grows")
    options.add_argument("--model", type=Path, default=MODEL, help="NAME.tflite.zlib with its card NAME.json beside it")
    options.add_argument("--json", action="store_true", help="a JSON object a forecast")
    arguments = options.parse_args()
    card, content = artifact.load_file(arguments.model)
    if card.front_end is not None:
        raise UserError(f"{arguments.model}: not a forecaster: give a th model")
    try_out(content, card.name)
    forecaster = Forecaster(card, content)
    last: Forecast | None = None
    notice = Notice("the log holds no reading")
    left_out: list[Notice] = []
    for item in readings(lines(arguments.log, arguments.follow), arguments.log):
        if isinstance(item, Notice) and not arguments.follow:
            last, notice = None, item
            left_out.append(item)
            continue
        for said in (item,) if isinstance(item, Notice) else forecaster.read(item):
            if isinstance(said, Notice):
                last, notice = None, said
                print(said.text, file=sys.stderr, flush=True)
            elif arguments.follow:
                show(said, arguments.json)
            else:
                last = said
    if left_out:
        print(f"rows that hold no reading: {len(left_out):,}, the first: {left_out[0].text}", file=sys.stderr)
    if last is not None:
        show(last, arguments.json)
    elif not arguments.follow:
        raise UserError(f"{arguments.log}: no forecast for its end: {notice.text}")


def lines(log: str, follow: bool) -> Iterator[str]:
    """Yield lines of the log, of one that is too long a part that is too long; with `follow`, wait for more."""
    try:
        with sys.stdin.buffer if log == "-" else Path(log).open("rb") as stream:
            file = io.TextIOWrapper(stream, encoding="utf-8-sig", errors="replace", newline="")
            part = ""
            while True:
                more = file.readline(LONGEST_LINE)
                part = (part + more)[: LONGEST_LINE + 1]
                if more.endswith(("\n", "\r")) or (part and not more and not follow):
                    yield part
                    part = ""
                elif not more:
                    if log == "-" or not follow:
                        return
                    time.sleep(PATIENCE)
    except OSError as error:
        raise UserError(f"{log}: can't be read ({error.strerror}): correct the path") from None


def show(forecast: Forecast, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(forecast), default=str), flush=True)
        return
    print(f"after {forecast.time}:")
    for step in forecast.steps:
        t, h = (
            f"{step.temperature:6.2f} ± {step.temperature_mae:.2f} °C",
            f"{step.humidity:6.2f} ± {step.humidity_mae:.2f} %",
        )
        print(f"  {step.time:%H:%M}  {t}  {h}", flush=True)


if __name__ == "__main__":
    run(main)
