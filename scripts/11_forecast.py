"""Forecast the next hour from a sensor log: a CSV with columns for time, temperature and relative humidity.

Needs scripts/underbudget/device, a model and its card: it runs on a Raspberry Pi as on a workstation. What is behind ±
held 90 % of the model's errors at this step on its validation data. Gaps, and readings that are missing, impossible or
interpolated, are reported on standard error.
"""

from underbudget.device.start import prepare

prepare()
# isort: split
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path

from underbudget.device import artifact
from underbudget.device.command_line import parser, run
from underbudget.device.errors import UserError
from underbudget.device.forecast import Forecast, Forecaster
from underbudget.device.log import GAP, Log, Notice, Tally, follow, lines, oldest_first
from underbudget.device.runtime import try_out
from underbudget.device.series import BETWEEN, RESAMPLED, WAITING

ONCE, AT_MOST = (BETWEEN, RESAMPLED), 6  # kinds of notices that are said once; how many of any other
EXAMPLES = """\
  .venv/bin/python scripts/11_forecast.py sensor.csv
  .venv/bin/python scripts/11_forecast.py sensor.csv --follow
  tail -n +1 -f sensor.csv | .venv/bin/python scripts/11_forecast.py - --follow --json"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("log", help="a CSV file, or - for standard input")
    options.add_argument(
        "--follow", action="store_true", help="print a forecast after each reading, and wait for new ones"
    )
    options.add_argument("--model", type=artifact.model_path, default="improved/th_a", help=artifact.MODEL_HELP)
    options.add_argument("--json", action="store_true", help="print one JSON object per forecast")
    arguments = options.parse_args()
    card, content = artifact.load_file(arguments.model)
    if card.front_end is not None:
        raise UserError(f"{arguments.model}: not a forecaster: give a th model")
    try_out(content, card.name)
    forecaster = Forecaster(card, content)
    log = Log(_lines(arguments.log, arguments.follow), arguments.log)
    if arguments.follow:
        forecast_each(forecaster, log, arguments.json)
    else:
        show(forecast_last(forecaster, log, arguments.log), arguments.json)


def forecast_each(forecaster: Forecaster, log: Log, as_json: bool) -> None:
    """Show a forecast after each reading, and say what is not used.

    Of each kind of notice AT_MOST are said in a day of forecasts; of those in ONCE, one in all.
    """
    told: Counter[str] = Counter()
    day: date | None = None
    for row in log:
        for said in forecaster.read(row):
            if isinstance(said, Forecast):
                if day not in (None, said.time.date()):
                    told = Counter({kind: told[kind] for kind in ONCE})
                day = said.time.date()
                show(said, as_json)
                continue
            told[said.kind] += 1
            if told[said.kind] <= (1 if said.kind in ONCE else AT_MOST):
                _say(said.text)
            elif told[said.kind] == AT_MOST + 1 and said.kind not in ONCE:
                _say(f"{said.kind}: no more of these are shown until there is a forecast of another day")
                seldom = forecaster.too_seldom() if said.kind == GAP else None
                if seldom:
                    _say(seldom)
    if log.cut:
        _say(log.cut)


def forecast_last(forecaster: Forecaster, log: Log, name: str) -> Forecast:
    """Return the forecast for the end of a log, and sum up what was not used.

    Raises:
        UserError: there is none, or there is something wrong with the log as a whole.
    """
    last: Forecast | None = None
    why, tally = Notice("the log holds no reading"), Tally()
    for row in oldest_first(log):
        for said in forecaster.read(row):
            if isinstance(said, Forecast):
                last = said
                continue
            if said.ends:
                last, why = None, said
            if said.kind != WAITING:
                tally.add(said)
    if log.cut:
        _say(log.cut)
    log.check()
    forecaster.check(name, last is not None)
    count = 0 if last else tally.pop(why.kind)  # the error says it
    if tally.counts:
        _say(str(tally))
    if last is None:
        alike = f"; {why.kind}: {count:,}" if count > 1 else ""
        raise UserError(f"{name}: no forecast for its end: {why.text}{alike}")
    return last


def _lines(log: str, wait: bool) -> Iterator[str]:
    """Yield the lines of a file, or of standard input; with `wait`, wait for more of a file."""
    try:
        if wait and log != "-":
            yield from follow(Path(log), _say)
        with os.fdopen(0, "rb") if log == "-" else Path(log).open("rb") as stream:
            yield from lines(stream)
    except OSError as error:
        raise UserError(f"{log}: can't be read ({error.strerror}): correct the path") from None


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def show(forecast: Forecast, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(forecast), default=str), flush=True)
        return
    known = all(step.temperature_within is not None for step in forecast.steps)
    covers = f"; ± holds {forecast.coverage:.0%} of its errors on validation data" if known else ""
    print(f"Forecast from {forecast.time:%Y-%m-%d %H:%M} by {forecast.model}{covers.replace('%', ' %')}:")
    for step in forecast.steps:
        t, h = f"{step.temperature:6.2f}", f"{step.humidity:6.2f}"
        if known:
            t, h = f"{t} ± {step.temperature_within:.2f}", f"{h} ± {step.humidity_within:.2f}"
        print(f"  {step.time:%H:%M}  {t} °C  {h} %", flush=True)


if __name__ == "__main__":
    run(main)
