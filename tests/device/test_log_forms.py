"""Logs as loggers write them: the same readings whatever the form, in a forecast as in training; else one line."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from helpers import ROOT
from test_live import HEADER, run

from underbudget.data.weather import Weather
from underbudget.data.weather_csv import read_weather
from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.forecast import Forecast, Forecaster
from underbudget.device.log import Log, Notice, Raster, Reading

NOON = datetime(2026, 6, 1, 12)
WEATHER = [(round(18.94 + 0.25 * i, 2), 49.5 - 0.5 * i) for i in range(12)]
AFTERNOON = [(NOON + timedelta(minutes=10 * i), t, h) for i, (t, h) in enumerate(WEATHER)]


def written(
    header: str = HEADER,
    separator: str = ",",
    number: Callable[[float], str] = "{:.2f}".format,
    time: str = "%d.%m.%Y %H:%M:%S",
) -> str:
    rows = [separator.join((f"{when:{time}}", number(t), number(h))) for when, t, h in AFTERNOON]
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


def refusal(content: bytes, tmp_path: Path) -> tuple[str, str]:
    """The lines that refuse a forecast and a training."""
    done = run("11_forecast.py", "-", stdin=content)
    assert (done.returncode, done.stdout) == (1, b"")
    with pytest.raises(UserError) as caught:
        train(content, tmp_path)
    return done.stderr.decode().splitlines()[-1], str(caught.value)


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
    "others beside it": written("Date Time,T (degC),rh (%),Tdew (degC),Temp in,VPmax (mbar)").replace("0\n", "0,,5,\n"),
}  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_the_same_readings_in_every_form(form: str, tmp_path: Path) -> None:
    read = [row for row in Log(FORMS[form].splitlines(True), "log") if isinstance(row, Reading)]
    if form == "the last line twice":
        assert read[-1] == read[-2]
        del read[-1]
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


def test_a_clock_that_is_set_back_with_its_offset_goes_on() -> None:
    texts = ("02:40:00+02:00", "02:50:00+02:00", "02:00:00+01:00", "02:10:00+01:00")
    read = list(Log(["time,t,rh\n", *(f"2026-10-25T{text},5,70\n" for text in texts)], "log"))
    raster = Raster()
    assert [raster.place(r.utc) for r in read if isinstance(r, Reading)] == ["first", "next", "next", "next"]
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
    assert capsys.readouterr().out.endswith(f"log.csv: {said}\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (written(number=lambda value: f"{value / 100:.3f}"), "no humidity is above 1 %: is it a ratio?"),
        (written(number=lambda value: f"{value * 1.8 + 32:.2f}"), "12 of 12 rows hold what can't be right"),
        (written("Date Time,T (degC),rh (%),T (degC),rh (%)"), "two columns 'T (degC)'"),
        (written("time,temp,hum,Temperature"), "'T (degC)' can be any of 'temp', 'Temperature'"),
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
        assert "no forecast for its end" in line or "no readings" in line
    done = run("11_forecast.py", "-", stdin=written(time="%m/%d/%Y %H:%M:%S").encode())
    assert "is no time of the form 2016-12-31 23:50:00 or 31.12.2016 23:50:00" in done.stderr.decode()


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
    raster = Raster()
    places = [raster.place(time) for time in times]
    assert (places.count("first"), places.count("next")) == (1, used - 1)
    weather = train(
        ("time,t,rh\n" + "".join(f"{time},{i % 20},50\n" for i, time in enumerate(times))).encode(), tmp_path
    )
    assert (np.diff(weather.time) == np.timedelta64(10, "m")).all() and len(weather.time) == used


@pytest.mark.parametrize("minutes", [6, 7, 8, 9, 11, 12, 15, 60])
def test_other_steps_are_no_ten_minutes(minutes: int) -> None:
    raster, row, longest = Raster(), 0, 0
    for i in range(100):
        place = raster.place(NOON + timedelta(minutes=minutes * i))
        row = {"first": 1, "next": row + 1, "between": row}[place]
        longest = max(longest, row)
    assert longest < 6


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
def test_what_is_left_out_is_summed_up_in_a_line_a_kind() -> None:
    rows = [f"{NOON + timedelta(minutes=5 * i)},20,50\n" for i in range(40)]
    rows[3] = rows[13] = "broken\n"
    rows[16:20] = []
    done = run("11_forecast.py", "-", stdin=("time,t,rh\n" + "".join(rows)).encode())
    said = [line.partition(",")[0] for line in done.stderr.decode().splitlines() if not line.startswith("INFO")]
    assert said == [
        "readings between those 10 minutes apart",
        "rows that hold no reading: 2",
        "gaps: 1",
    ]
    assert b"of the 6 readings" not in done.stderr and done.returncode == 0


@pytest.mark.slow
def test_too_few_readings_are_said_where_no_forecast_comes(tmp_path: Path) -> None:
    done = run("11_forecast.py", "-", stdin="".join(written().splitlines(True)[:5]).encode())
    (line,) = [line for line in done.stderr.decode().splitlines() if not line.startswith("INFO")]
    assert line.endswith("waiting: 4 of 6 consecutive readings")


def test_a_row_that_is_too_short_is_a_notice_with_its_time() -> None:
    (said,) = Log([HEADER, "01.06.2026 12:00:00,5\n"], "log")
    assert isinstance(said, Notice) and said.utc == NOON and "rh (%) is ''" in said.text
