"""Logs as loggers write them: the same readings whatever the form, in a forecast as in training; else one line."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from test_live import HEADER, run

from underbudget.data.identity import SPLITS
from underbudget.data.weather import Weather
from underbudget.data.weather_csv import read_weather
from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.forecast import Forecast, Forecaster
from underbudget.device.log import Log, Notice, Reading, oldest_first
from underbudget.device.series import Series

NOON, EPOCH, SECOND = datetime(2026, 6, 1, 12), datetime(1970, 1, 1), timedelta(seconds=1)
WEATHER = [(round(18.94 + 0.25 * i, 2), 49.5 - 0.5 * i) for i in range(12)]
AFTERNOON = [(NOON + timedelta(minutes=10 * i), t, h) for i, (t, h) in enumerate(WEATHER)]


def written(
    header: str = HEADER,
    separator: str = ",",
    number: Callable[[float], str] = "{:.2f}".format,
    time: str = "%d.%m.%Y %H:%M:%S",
) -> str:
    rows = [
        separator.join((f"{when:{time}}".replace("EPOCH", str((when - EPOCH) // SECOND)), number(t), number(h)))
        for when, t, h in AFTERNOON
    ]
    return header.rstrip("\n") + "\n" + "\n".join(rows) + "\n"


def comma(value: float) -> str:
    return f"{value:.2f}".replace(".", ",")


def train(content: bytes, tmp_path: Path) -> Weather:
    (tmp_path / "log.csv").write_bytes(content)
    return read_weather(tmp_path / "log.csv", user=True)


def forecast(content: bytes) -> str:
    """The forecast that a user sees; nothing else must be said."""
    done = run("11_forecast.py", "-", stdin=content)
    said = [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO")]
    assert (done.returncode, said) == (0, [])
    return done.stdout.decode()


def series(rows: Iterable[Reading | Notice]) -> Iterator[Reading]:
    """The readings that stand ten minutes apart."""
    taken = Series()
    return (said for row in rows for said in taken.take(row) if isinstance(said, Reading))


def refusal(content: bytes, tmp_path: Path) -> tuple[str, str]:
    """The lines that refuse a forecast and a training."""
    done = run("11_forecast.py", "-", stdin=content)
    assert (done.returncode, done.stdout) == (1, b"")
    with pytest.raises(UserError) as caught:
        train(content, tmp_path)
    (line,) = [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO")]  # it is said once
    return line, str(caught.value)


SECOND_PIECE = "01.06.2026 13:50:00,21.69,44.00\n", "hum,time,temp\n44.00,01.06.2026 13:50:00,21.69\n"
FORMS = {
    "semicolons": written("Date Time;T (degC);rh (%)", ";"),
    "semicolons and commas": written("Date Time;T (degC);rh (%)", ";", comma),
    "tabs and commas": written("Date Time\tT (degC)\trh (%)", "\t", comma),
    "quoted commas": written(number='"{:.2f}"'.format).replace('.', ",").replace("01,06,2026", "01.06.2026"),
    "quoted cells": written('"Date Time","T (degC)","rh (%)"', number='"{:.2f}"'.format),
    "ISO": written(time="%Y-%m-%d %H:%M:%S"),
    "ISO with T": written(time="%Y-%m-%dT%H:%M:%S"),
    "no seconds": written(time="%Y-%m-%d %H:%M"),
    "no seconds, German": written(time="%d.%m.%Y %H:%M"),
    "fractions and Z": written(time="%Y-%m-%dT%H:%M:%S.123456Z"),
    "an offset": written(time="%Y-%m-%dT%H:%M:%S+00:00"),
    "slashes": written(time="%Y/%m/%d %H:%M"),
    "date and time apart": written("Time,Date,Temp,Hum", time="%H:%M:%S,%Y-%m-%d"),
    "other names": written("timestamp,temperature,humidity"),
    "units": written("Timestamp,Temperature_Celsius(°C),Relative_Humidity(%)"),
    "short units": written("time,temp_c,RH %"),
    "German": written("Zeitstempel;Temperatur [°C];Luftfeuchtigkeit (%)", ";", comma),
    "Italian": written("Data e ora;Temperatura;Umidità relativa", ";", comma),
    "French": written("Horodatage;Température (°C);Humidité", ";", comma),
    "comments": "# station 4\n\n" + written().replace("\n", "\n# begun again\n", 3),
    "a commented header": "# station 4\n# " + written("time, temp, hum"),
    "sep=": "sep=;\n" + written("Date Time;T (degC);rh (%)", ";"),
    "a header again": written() + HEADER,
    "blank lines": written().replace("\n", "\n\n") + "\n,,\n   \n",
    "the last line twice": written() + written().splitlines(True)[-1],
    "bars": written("Date Time|T (degC)|rh (%)", "|", comma),
    "a table of bars": written("Date Time | T (degC) | rh (%)", " | "),
    "spaces": written("date time temp hum", " "),
    "columns of spaces": written("  Date Time     T (degC)    rh (%)", "    ", comma),
    "CR only": written().replace("\n", "\r"),
    "an index": written(",Date Time,T (degC),rh (%)", time="7,%Y-%m-%d %H:%M:%S"),
    "an index that the header forgets": written(time="7,%Y-%m-%d %H:%M:%S"),
    "units in the cells": HEADER + "".join(f"{when},{t} °C,{h} %RH\n" for when, t, h in AFTERNOON),
    "°F in the cells": HEADER + "".join(f"{when},{t * 1.8 + 32:.3f}°F,{h}%\n" for when, t, h in AFTERNOON),
    "days since 1899": HEADER + "".join(f"{46174.5 + i / 144:.6f},{t},{h}\n" for i, (t, h) in enumerate(WEATHER)),
    "another minus": written().replace("\n", "\n2026-06-01 11:50,−9999,50\n", 1),
    "AM and PM": written(time="%m/%d/%Y %I:%M %p") + "06/13/2026 09:00 AM,,\n",
    "US dates by midnight": written(time="%m/%d/%y %H:%M") + "06/02/26 00:00,,\n",
    "British dates": written(time="%d/%m/%Y %H:%M:%S") + "13/06/2026 09:00:00,,\n",
    "dashes": written(time="%d-%m-%Y %H:%M:%S") + "13-06-2026 09:00:00,,\n",
    "two digits of the year": written(time="%d.%m.%y %H:%M"),
    "seconds since 1970": written("epoch,temp,hum", time="EPOCH"),
    "milliseconds since 1970": written("ts;temp;hum", ";", time="EPOCH000"),
    "nanoseconds since 1970": written("_time,temperature,humidity", time="EPOCH000000000"),
    "weeks": written(time="%G-W%V-%uT%H:%M:%S"),
    "basic ISO": written(time="%Y%m%dT%H%M%SZ"),
    "digits": written(time="%Y%m%d%H%M"),
    "names of months": written(time="%d-%b-%Y %H:%M:%S"),
    "names of days": written("time;temp;hum", ";", time="%a, %d %b %Y %H:%M:%S GMT"),
    "American months": written(time='"%b %d, %Y %I:%M:%S %p"'),
    "points in the time": written(time="%d.%m.%Y %H.%M"),
    "UTC": written(time="%Y-%m-%d %H:%M:%S UTC"),
    "a zone by name": written(time="%Y-%m-%d %H:%M:%S+00:00[Europe/London]"),
    "newest first": "\n".join([HEADER.rstrip(), *reversed(written().splitlines()[1:])]) + "\n",
    "a preamble": "Plot Title: attic\nSerial;10347384\n"
    + written('"#","Date Time, GMT+00:00","Temp, °C (LGR S/N: 10347384)","RH, % (S/N: 1)"', time="3,%Y-%m-%d %H:%M"),
    "slashes before units": written("time;Temperature/°C;Humidity/%", ";"),
    "camels and places": written("dateTime,outTemp,outHumidity"),
    "Spanish": written("Fecha;Temperatura (°C);Humedad relativa (%)", ";", comma),
    "Dutch": written("Datum tijd;Temperatuur;Luchtvochtigheid", ";", comma),
    "dew point": written("time,temp,hum,dew point temperature (°C)").replace("0\n", "0,5\n"),
    "two pieces, other order": written().replace(*SECOND_PIECE),
    "one sensor by name": written("time,temp,hum,sensor").replace("0\n", "0,attic\n"),
    "others beside it": written("Date Time,T (degC),rh (%),Tdew (degC),Temp in,VPmax (mbar)").replace("0\n", "0,,5,\n"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_same_readings_in_every_form(form: str, tmp_path: Path) -> None:
    read = list(series(oldest_first(Log(FORMS[form].splitlines(True), "log"))))
    assert [(r.utc, round(r.temperature, 2), r.humidity) for r in read] == AFTERNOON
    weather = train(FORMS[form].encode(), tmp_path)
    np.testing.assert_allclose(weather.values, WEATHER, rtol=1e-6)
    assert weather.time.tolist() == [when for when, _, _ in AFTERNOON]


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "latin-1"])
def test_the_same_forecast_in_every_encoding(encoding: str, tmp_path: Path) -> None:
    content = written("Zeit;Temperatur °C;Feuchte", ";", comma).encode(encoding)
    assert forecast(content) == forecast(written().encode())
    np.testing.assert_allclose(train(content, tmp_path).values, WEATHER, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "to"),
    [("temp_f", lambda t: t * 1.8 + 32), ("T (K)", lambda t: t + 273.15), ("Temp °F", lambda t: t * 1.8 + 32)],
)
def test_other_units_are_converted(name: str, to: Callable[[float], float]) -> None:
    rows = [f"{when},{to(t):.4f},{h}\n" for when, t, h in AFTERNOON]
    read = list(Log([f"time,{name},humidity\n", *rows], "log"))
    for reading, (_, t, _) in zip(read, AFTERNOON, strict=True):
        assert isinstance(reading, Reading) and reading.temperature == pytest.approx(t, abs=1e-4)


def test_units_below_the_names_count() -> None:
    rows = [f"{when},{t * 1.8 + 32:.4f},{h}\n" for when, t, h in AFTERNOON]
    read = [row for row in Log(["time,temp,humidity\n", ",°F,%\n", *rows], "log") if isinstance(row, Reading)]
    np.testing.assert_allclose([row.values for row in read], WEATHER, atol=1e-4)


def test_a_clock_that_is_set_back_with_its_offset_goes_on() -> None:
    texts = ("02:40:00+02:00", "02:50:00+02:00", "02:00:00+01:00", "02:10:00+01:00")
    read = list(Log(["time,t,rh\n", *(f"2026-10-25T{text},5,70\n" for text in texts)], "log"))
    assert list(series(read)) == read
    assert isinstance(read[2], Reading) and read[2].time == datetime(2026, 10, 25, 2)


@pytest.mark.slow
@pytest.mark.parametrize("header", [HEADER, "Date Time,T (degC),rh (%),,\n", "Date Time,T (degC),rh (%),note\n"])
def test_decimal_commas_between_commas_are_refused(header: str, tmp_path: Path) -> None:
    for line in refusal(written(header, number=comma).encode(), tmp_path):
        assert "12 of 12 rows hold what can't be right" in line and "'01.06.2026 12:00:00,18,94,49,50'" in line


@pytest.mark.slow
@pytest.mark.parametrize("rest", ["01.06.2026 14:00:00,21.2,4", "01.06.2026 14:0", "01.06.2026 14:00:00,21.2,46.4"])
def test_a_line_without_its_end_is_left_out_and_said(
    rest: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = (written() + rest).encode()
    done = run("11_forecast.py", "-", stdin=content)
    assert done.stdout.decode() == forecast(written().encode())
    said = "row 14: the last line has no end: it may be cut off, and is left out"
    assert [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO")] == [said]
    assert len(train(content, tmp_path).values) == 12
    assert f"log.csv: {said}; 12 readings 10 minutes apart remain" in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (written(number=lambda value: f"{value / 100:.3f}"), "no humidity is above 1 %: is it a ratio?"),
        (written(number=lambda value: f"{value * 1.8 + 32:.2f}"), "12 of 12 rows hold what can't be right"),
        (written("Date Time,T (degC),rh (%),T (degC),rh (%)"), "two columns 'T (degC)'"),
        (written("time,temp,hum,Temperature"), "'T (degC)' can be any of 'temp', 'Temperature'"),
        (written(number=lambda value: f"{value + 273.15:.2f}"), "12 of 12 rows hold what can't be right"),
        ("".join(f"{when},{t},{h},attic\n{when},{t - 9},{h},cellar\n" for when, t, h in AFTERNOON), "missing"),
        (
            "time,temp,hum,room\n"
            + "".join(f"{when},{t},{h},attic\n{when},{t - 9},{h},cellar\n" for when, t, h in AFTERNOON),
            "the rows are of several sensors (column 'room': 'attic', 'cellar'): keep those of one",
        ),
        (
            "time,temp,hum\n" + "".join(f"{when},{t},{h}\n{when},{t - 9},{h}\n" for when, t, h in AFTERNOON),
            "12 of 24 rows do not follow those before them: sort the file by time, and keep the rows of one sensor",
        ),
        (
            "entity_id,state,last_changed\n" + "".join(f"sensor.t,{t},{when}Z\n" for when, t, _ in AFTERNOON),
            "each row holds one value (columns 'entity_id', 'state', 'last_changed'): make a table with a row for",
        ),
        (written("Date Time,dew point (°C),rh (%)"), "'T (degC)' is missing"),
        (written("").lstrip(), "line 1, is '01.06.2026 12:00:00,18.94,49.50': name the columns Date Time, T (degC)"),
        (written("Date Time,T (degC),absolute humidity (g/m³)"), "'rh (%)' is missing"),
    ],
)
def test_what_can_not_be_told_is_refused_in_one_line(content: str, message: str, tmp_path: Path) -> None:
    for line in refusal(content.encode(), tmp_path):
        assert message in line and "\n" not in line


def test_the_column_that_has_the_very_name_is_the_one() -> None:
    read = next(iter(Log(["Date Time,Temp,T (degC),rh (%)\n", "2026-06-01 12:00,5,20,50\n"], "log")))
    assert read == Reading(NOON, 20, 50)


@pytest.mark.slow
def test_times_that_can_be_misread_are_not_read(tmp_path: Path) -> None:
    for line in refusal(written(time="%m/%d/%Y %H:%M:%S").encode(), tmp_path):
        assert "'06/01/2026 1" in line and "can mean two days: write 2016-12-31" in line


CARD = artifact.load_file(ROOT / "models" / "improved" / "th_a.tflite.zlib")


@pytest.mark.parametrize("model", ["improved/th_a", "improved/th_b", "report/th_a"])
@pytest.mark.parametrize("humidities", [[82, 86, 90, 94, 97.5, 100], [50, 40, 30, 20, 10, 2]])
def test_no_humidity_is_forecast_beyond_0_to_100(model: str, humidities: list[float]) -> None:
    forecaster = Forecaster(*artifact.load_file(ROOT / "models" / f"{model}.tflite.zlib"))
    said: list[Forecast | Notice] = []
    for i, humidity in enumerate(humidities):
        said = list(forecaster.read(Reading(NOON + timedelta(minutes=10 * i), 12 - 0.7 * i, humidity)))
    (made,) = said
    assert isinstance(made, Forecast) and all(0 <= step.humidity <= 100 for step in made.steps)
    if model.startswith("improved") and humidities[-1] == 100:
        assert made.steps[-1].humidity == 100


@pytest.mark.parametrize(
    ("seconds", "used"),
    [
        ([600 * i for i in range(30)], 30),
        ([602 * i for i in range(300)], 300),  # a clock that is slow, or a logger that sleeps for ten minutes
        ([600 * i + (40 if i % 4 == 1 else 0) for i in range(30)], 30),
        ([600 * i + (-1 if i % 14 == 13 else 1) for i in range(60)], 60),
        ([600 * i + (110 if i % 5 == 2 else 0) for i in range(30)], 30),
        ([300 * i for i in range(60)], 30),
        ([180 * i for i in range(100)], 30),
        ([60 * i for i in range(300)], 30),
        ([30 * i + 3 for i in range(600)], 30),
    ],
)
def test_readings_ten_minutes_apart_are_taken(seconds: list[int], used: int, tmp_path: Path) -> None:
    times = [NOON + timedelta(seconds=s) for s in seconds]
    weather = train(
        ("time,t,rh\n" + "".join(f"{time},{i % 9},50\n" for i, time in enumerate(times))).encode(), tmp_path
    )
    assert (np.diff(weather.time) == np.timedelta64(10, "m")).all() and len(weather.time) == used


@pytest.mark.parametrize("minutes", [6, 7, 7.5, 8, 9, 11, 12])
def test_between_readings_at_other_steps_is_interpolated(minutes: float, tmp_path: Path) -> None:
    times = [NOON + timedelta(minutes=minutes * i) for i in range(100)]
    rows = [f"{time},{5 + i * minutes / 100:.4f},{20 + i * minutes / 50:.4f}\n" for i, time in enumerate(times)]
    weather = train(("time,t,rh\n" + "".join(rows)).encode(), tmp_path)
    assert len(weather.time) >= minutes * 10 - 1
    assert (np.diff(weather.time) == np.timedelta64(10, "m")).all()
    off = 0.03 if minutes > 10 else 0.021  # a reading two minutes away counts as one in time
    np.testing.assert_allclose(weather.values[:, 0], 5 + 0.1 * np.arange(len(weather.values)), atol=off)


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [15, 20, 60])
def test_of_too_few_readings_no_windows_are_made(minutes: int, tmp_path: Path) -> None:
    rows = [f"{NOON + timedelta(minutes=minutes * i)},{i % 20},{50 + i % 9}\n" for i in range(200)]
    weather = train(("time,t,rh\n" + "".join(rows)).encode(), tmp_path)
    with pytest.raises(UserError, match=r"readings come every \d+ minutes: give some that come every 10"):
        weather.windows("train")
    done = run("11_forecast.py", str(tmp_path / "log.csv"))
    said = f"error: {tmp_path}/log.csv: readings come every {minutes} minutes: give some that come every 10"
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith(said)


def table(temperatures: Iterable[float | str], humidity: Callable[[int], float] = lambda i: 50 + i % 9) -> list[str]:
    """Lines of readings ten minutes apart."""
    times = (NOON + timedelta(minutes=10 * i) for i in count())
    rows = (f"{time},{t},{humidity(i)}\n" for i, (time, t) in enumerate(zip(times, temperatures, strict=False)))
    return ["time,t,rh\n", *rows]


def warm(rows: int) -> list[float | str]:
    return [round(10 + 0.1 * i, 1) for i in range(rows)]


def counted(lines: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[list[int], str]:
    """How many windows are there to train, to validate and to test, as printed; and all that was printed."""
    weather = train("".join(lines).encode(), tmp_path)
    said = capsys.readouterr().out
    windows = [len(weather.starts(split)) for split in SPLITS]
    assert said.endswith("windows: {} to train, {} to validate, {} to test\n".format(*windows))
    assert said.count("\n") == 1
    return windows, said


WHOLE = [140 - 11, 40 - 11, 20 - 11]  # windows of 200 readings in a row


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda rows: rows.pop(70), "lost readings, interpolated: 1, the first: 2026-06-01 23:30:00"),
        (
            lambda rows: rows.__setitem__(70, "broken\n"),
            "lost readings, interpolated: 1, the first: 2026-06-01 23:30:00",
        ),
        (
            lambda rows: rows.__setitem__(70, rows[70].replace(",16.9,", ",-50,")),
            "a jump from 16.8 to -50 °C in 0:10:00",
        ),
        (lambda rows: rows.__setitem__(70, rows[70].replace(",16.9,", ",-127,")), "t is '-127', not a number within"),
        (lambda rows: rows.__setitem__(70, rows[70].replace(",16.9,", ",85.0,")), "t is '85.0', not a number within"),
        (lambda rows: rows.insert(70, "2026-06-15 23:30,16.9,55\n"), "rows that do not follow in time: 1, the first"),
        (lambda rows: rows.insert(70, "2099-01-01 00:00,16.9,55\n"), "rows that do not follow in time: 1, the first"),
        (lambda rows: rows.insert(70, "1970-01-01 00:00,16.9,55\n"), "rows that do not follow in time: 1, the first"),
        (
            lambda rows: rows.insert(70, rows[69].replace(",16.8,", ",3.3,")),
            "rows that do not follow in time: 1, the first",
        ),
        (lambda rows: rows.insert(70, rows[69]), ""),
    ],
)
def test_one_wrong_row_changes_no_other(
    spoil: Callable[[list[str]], object], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of 200 readings in a straight line, so that what is interpolated is known."""
    lines = table(warm(200), humidity=lambda i: 50 + 0.1 * i)
    spoil(lines)
    windows, printed = counted(lines, tmp_path, capsys)
    assert windows == WHOLE and said in printed
    values = read_weather(tmp_path / "log.csv", user=True).values
    np.testing.assert_allclose(values, [(10 + 0.1 * i, 50 + 0.1 * i) for i in range(200)], atol=1e-4)


def test_two_lost_readings_are_a_gap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = table(warm(202))
    del lines[70:72]
    windows, said = counted(lines, tmp_path, capsys)
    assert windows == [69 - 11 + 71 - 11, *WHOLE[1:]]
    assert "gaps: 1, the first: 2026-06-01 23:50:00: 0:30:00 after the last reading" in said


def test_a_mirrors_gaps_are_left_as_they_are(tmp_path: Path) -> None:
    """The published models were trained so."""
    (tmp_path / "log.csv").write_text("".join(row for i, row in enumerate(table(warm(201))) if i != 70))
    assert len(read_weather(tmp_path / "log.csv", user=False).starts("train")) == 69 - 11 + 71 - 11


@pytest.mark.parametrize("hours", [-1, 1])
def test_the_clock_changes(hours: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A gap, as what lies between is not sure; set back, both hours are kept apart."""
    lines = table(warm(200))
    for i in range(70, 201):
        when, rest = lines[i].split(",", 1)
        lines[i] = f"{datetime.fromisoformat(when) + timedelta(hours=hours)},{rest}"
    windows, said = counted(lines, tmp_path, capsys)
    assert windows == [69 - 11 + 71 - 11, *WHOLE[1:]]
    assert "gaps: 1, the first: " in said and "the clock changed by an hour: summer time?" in said


def test_an_hourly_log_is_not_taken_for_a_clock_that_changed() -> None:
    taken, rows = Series(), []
    for hour in range(10):
        rows.append(f"{datetime(2026, 6, 1, hour)},{15 + hour % 5},{60 + hour % 7}\n")
    said = [notice for row in Log([HEADER, *rows], "log") for notice in taken.take(row) if isinstance(notice, Notice)]
    assert len([notice for notice in said if "starting over" in notice.text]) == 8
    assert not [notice for notice in said if "summer" in notice.text]


def test_a_sensor_that_stood_still_is_named_and_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    temperatures = warm(200)
    lines = [
        line if not 60 <= i < 100 else line.split(",")[0] + ",21.3,45.0\n" for i, line in enumerate(table(temperatures))
    ]
    windows, said = counted(lines, tmp_path, capsys)
    assert "21.3 °C and 45 % since 2026-06-01 21:50:00, to the last digit: is the sensor stuck?" in said
    assert "readings of a stuck sensor, or there twice, left out: 40; 160 readings" in said
    assert windows == [59 - 11 + 112 - 59 - 11, 32 - 11, 16 - 11]


def test_a_stuck_value_is_named() -> None:
    rows = table(warm(200), humidity=lambda _: 99.9)
    texts = [said.text for row in Log(rows, "log") for said in Forecaster(*CARD).read(row) if isinstance(said, Notice)]
    assert not [text for text in texts if "stuck" in text]  # each forecaster saw one row
    forecaster = Forecaster(*CARD)
    texts = [said.text for row in Log(rows, "log") for said in forecaster.read(row) if isinstance(said, Notice)]
    (text,) = [text for text in texts if "stuck" in text]
    assert text.startswith("2026-06-02 12:00:00: 99.9 % since 2026-06-01 12:00:00")


def test_two_pieces_that_overlap_count_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = table(warm(200))
    windows, said = counted([*lines[:120], *lines[:1], *lines[80:]], tmp_path, capsys)
    assert windows == WHOLE and "there twice, left out: 40; 200 readings" in said


def test_a_dense_log_loses_nothing_by_a_bad_reading_in_between() -> None:
    rows = [f"{NOON + timedelta(minutes=i)},{20 + i / 100:.2f},50\n" for i in range(58)]
    rows[27] = rows[54] = f"{NOON + timedelta(minutes=54)},nan,50\n"
    forecaster, holds = Forecaster(*CARD), False
    made: list[datetime] = []
    for row in Log(["time,t,rh\n", *rows], "log"):
        for said in forecaster.read(row):
            if isinstance(said, Forecast):
                made, holds = [*made, said.time], True
            elif said.ends:
                holds = False
    assert made == [NOON + timedelta(minutes=50)] and holds


@pytest.mark.slow
def test_what_is_left_out_is_summed_up_in_one_line() -> None:
    rows = [f"{NOON + timedelta(minutes=5 * i)},20.{i},50\n" for i in range(40)]
    rows[3] = rows[13] = "broken\n"
    rows[16:22] = []
    done = run("11_forecast.py", "-", stdin=("time,t,rh\n" + "".join(rows)).encode())
    (said,) = [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO")]
    kinds = [kind.partition(", the first")[0] for kind in said.split("; ") if ", the first: " in kind]
    assert kinds == [
        "readings between those 10 minutes apart, not used: 15",
        "rows that hold no reading: 2",
        "gaps: 1",
    ]
    assert done.returncode == 0


@pytest.mark.slow
def test_a_forecast_says_what_it_is() -> None:
    """By which model, in which units, and how far it may be off."""
    text = run("11_forecast.py", "-", stdin=written().encode()).stdout.decode().splitlines()
    forecast = json.loads(run("11_forecast.py", "-", "--json", stdin=written().encode()).stdout)
    assert text[0] == (
        "Forecast from 2026-06-01 13:50 by improved/th_a; ± holds 90 % of its errors on validation data:"
    )
    assert (forecast["model"], forecast["coverage"]) == ("improved/th_a", 0.9)
    assert forecast["units"] == {"temperature": "°C", "humidity": "%"}
    within = CARD[0].content["validation"]
    for i, step in enumerate(forecast["steps"]):
        assert step["temperature_within"] == within["t_c_90_by_step"][i] > step["temperature_mae"]
        assert step["humidity_within"] == within["rh_pct_90_by_step"][i] > step["humidity_mae"]
        assert f"{step['temperature']:6.2f} ± {step['temperature_within']:.2f} °C" in text[1 + i]


@pytest.mark.slow
def test_too_few_readings_are_said_where_no_forecast_comes(tmp_path: Path) -> None:
    done = run("11_forecast.py", "-", stdin="".join(written().splitlines(True)[:5]).encode())
    (line,) = [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO")]
    assert line.endswith("waiting: 4 of 6 consecutive readings")


def test_a_row_that_is_too_short_is_a_notice_with_its_time() -> None:
    (said,) = Log([HEADER, "01.06.2026 12:00:00,5\n"], "log")
    assert isinstance(said, Notice) and said.utc == NOON and "rh (%) is ''" in said.text
