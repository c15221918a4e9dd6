"""Weather CSVs from any container, the windows in them, gaps and bad values, and a forecaster's errors by hand."""

import gzip
import lzma
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras as keras
from helpers import zip_bytes
from hypothesis import given
from hypothesis import strategies as st

from underbudget.data.identity import SPLITS, Identity
from underbudget.data.sources import Sources
from underbudget.data.weather import Weather
from underbudget.data.weather_csv import read_weather
from underbudget.device.errors import UserError
from underbudget.tasks.forecasting import Forecasting

IDENTITY = Identity("local", "made up", "", "")


def csv(rows: int = 60, start: str = "2020-01-01 00:00") -> str:
    times = [f"{datetime.fromisoformat(start) + timedelta(minutes=10 * i):%d.%m.%Y %H:%M:%S}" for i in range(rows)]
    return "Date Time,p (mbar),T (degC),rh (%)\n" + "".join(
        f"{t},996.5,{i / 10},{50 + i / 10}\n" for i, t in enumerate(times)
    )


def zipped(text: str) -> bytes:
    return zip_bytes({"weather.csv": text.encode(), "__MACOSX/._weather.csv": b"x"})


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.csv", str.encode), ("a.csv.gz", lambda t: gzip.compress(t.encode())), ("a.csv.zip", zipped),
     ("a.csv.xz", lambda t: lzma.compress(t.encode()))],
)  # fmt: skip
def test_reads_csv_in_any_container(tmp_path: Path, name: str, pack: Any) -> None:
    (tmp_path / name).write_bytes(pack(csv()))
    weather = read_weather(tmp_path / name, user=True)
    np.testing.assert_allclose(weather.values[:3], np.array([[0, 50], [0.1, 50.1], [0.2, 50.2]]), atol=1e-6)
    assert np.bincount(weather.split).tolist() == [42, 12, 6]
    assert weather.identity.source == "local"


def test_windows_equal_those_of_keras() -> None:
    """Inputs and targets of a gap-free series against timeseries_dataset_from_array."""
    rows = 400
    values = np.random.default_rng(0).normal(size=(rows, 2)).astype(np.float32)
    split = np.zeros(rows, np.int8)
    time = np.datetime64("2020-01-01", "m") + np.arange(0, 10 * rows, 10).astype("timedelta64[m]")
    weather = Weather(time, values, split, IDENTITY)
    windows = np.concatenate(
        list(keras.utils.timeseries_dataset_from_array(values, None, sequence_length=12, shuffle=False))
    )
    task = Forecasting(weather, (np.zeros(2, np.float32), np.ones(2, np.float32)))
    np.testing.assert_array_equal(task.inputs("train"), windows[:, :6])
    errors = task.metrics(windows[:, 6:], "train")  # a perfect forecast: the targets are these very rows
    assert errors["windows"] == len(windows)
    assert errors["t_mae_c"] == errors["rh_mae_pct"] == 0


@given(st.lists(st.tuples(st.sampled_from([10, 10, 10, 10, 10, 20, -10]), st.integers(0, 2)), min_size=30, max_size=80))
def test_windows_never_cross_a_gap_or_an_edge(steps: list[tuple[int, int]]) -> None:
    minutes = np.cumsum([step for step, _ in steps])
    split = np.sort(np.array([part for _, part in steps], np.int8))
    time = np.datetime64("2020-01-01", "m") + minutes.astype("timedelta64[m]")
    weather = Weather(time, np.zeros((len(steps), 2), np.float32), split, IDENTITY)
    for index, name in enumerate(SPLITS):
        expected = [
            i for i in range(len(steps) - 11)
            if (split[i : i + 12] == index).all() and (np.diff(minutes[i : i + 12]) == 10).all()
        ]  # fmt: skip
        if expected:
            assert weather.windows(name).tolist() == expected
        else:
            with pytest.raises(UserError, match=name):
                weather.windows(name)


def test_trained_on_one_year_only() -> None:
    """Two years of training data, then one of testing: the other year is left out, and with it the windows across."""
    time = np.datetime64("2019-12-31T22:00", "m") + np.arange(0, 10 * 60, 10).astype("timedelta64[m]")
    split = np.repeat(np.array([0, 2], np.int8), [40, 20])
    weather = Weather(time, np.arange(120, dtype=np.float32).reshape(-1, 2), split, IDENTITY)
    for year, rows in ((2019, range(12)), (2020, range(12, 40))):
        kept = weather.trained_on(year)
        assert kept.inputs("train")[:, 0, 0].tolist() == [2 * row for row in rows[: len(rows) - 11]]
        np.testing.assert_array_equal(kept.inputs("test"), weather.inputs("test"))
    with pytest.raises(UserError, match="the train split holds no 12 readings"):
        weather.trained_on(2021).windows("train")


def test_metrics_by_hand() -> None:
    rows = 24
    values = np.tile(np.array([[1.0, 50.0]], np.float32), (rows, 1))
    time = np.datetime64("2020-01-01", "m") + np.arange(0, 10 * rows, 10).astype("timedelta64[m]")
    task = Forecasting(
        Weather(time, values, np.full(rows, 2, np.int8), IDENTITY), (np.zeros(2, np.float32), np.ones(2, np.float32))
    )
    forecast = np.tile(values[0], (rows - 11, 6, 1))
    forecast[:, 0, 0] += 0.6  # the first step is off by 0.6 degrees: 0.1 on average over six steps
    metrics = task.metrics(forecast, "test")
    assert metrics["t_mae_c"] == pytest.approx(0.1)
    assert metrics["t_mae_c_by_step"] == pytest.approx([0.6, 0, 0, 0, 0, 0])
    assert metrics["rh_mae_pct"] == 0
    assert metrics["t_bias_c"] == pytest.approx(0.1)
    assert metrics["t_mae_c_by_season"] == [pytest.approx(0.1), None, None, None]  # a night in January


def test_parts_of_the_error_by_hand() -> None:
    """Made in March at noon, and in December at midnight; the last reading decides."""
    starts = np.array(["2020-03-31T11:10", "2020-11-30T23:10"], "datetime64[m]")
    time = (starts[:, None] + np.arange(0, 120, 10).astype("timedelta64[m]")).ravel()
    weather = Weather(time, np.zeros((24, 2), np.float32), np.full(24, 2, np.int8), IDENTITY)
    np.testing.assert_array_equal(weather.now("test"), starts + np.timedelta64(50, "m"))
    task = Forecasting(weather, (np.zeros(2, np.float32), np.ones(2, np.float32)))
    forecast = np.zeros((2, 6, 2), np.float32)
    forecast[0, :, 1], forecast[1, :, 1] = -2, 4
    metrics = task.metrics(forecast, "test")
    assert (metrics["rh_mae_pct"], metrics["rh_bias_pct"]) == (3, 1)
    assert metrics["rh_mae_pct_by_season"] == [4, 2, None, None]
    assert metrics["rh_mae_pct_by_quarter"] == [4, None, 2, None]


@pytest.mark.parametrize(
    ("column", "value"),
    [(2, ""), (2, "nan"), (2, "-9999"), (2, "mild"), (2, "1e300"), (2, "60.1"), (3, "-0.1"), (3, "105.1")],
)
def test_what_no_sensor_can_mean_is_interpolated_and_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], column: int, value: str
) -> None:
    lines = spoiled(20, column, value).splitlines()
    lines[30] = ",,,"
    (tmp_path / "a.csv").write_text("\n\n".join(lines) + "\n\n")  # blank lines count, and are no readings
    weather = read_weather(tmp_path / "a.csv", user=True)
    np.testing.assert_allclose(weather.values, [(i / 10, 50 + i / 10) for i in range(60)], rtol=1e-6)
    name = ("T (degC)", "rh (%)")[column - 2]
    said = capsys.readouterr().out
    assert "lost readings, interpolated: 2, the first: 2020-01-01 03:10:00: from 2020-01-01 03:00:00" in said
    assert "a.csv: rows that hold no reading: 1, the first: row 41, 01.01.2020 03:10:00: " in said
    assert f"{name} is '{value}', not a number within -90 to 60 °C, 0 to 100 %" in said


def spoiled(line: int, column: int, value: str) -> str:
    lines = csv().splitlines()
    cells = lines[line].split(",")
    cells[column] = value
    lines[line] = ",".join(cells)
    return "\n".join(lines) + "\n"


def shuffled(text: str) -> str:
    header, *rows = text.splitlines(keepends=True)
    return header + "".join(np.random.default_rng(1).permutation(rows))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (csv().replace("rh (%)", "dampness"), r"column 'rh \(%\)' is missing"),
        (shuffled(csv()), "rows do not follow those before them: sort the file by time"),
        (csv().replace("rh (%)\n", "rh (%),split\n").replace("0\n", "0,tune\n"), "split is 'tune'"),
        ("", "the file is empty"),
        (gzip.compress(csv().encode())[:-20], "truncated or damaged"),
        (lzma.compress(csv().encode())[:-40], "truncated or damaged"),
        (zipped(csv())[:-30], "truncated or damaged"),
        (b"PK\x03\x04" + b"\0" * 60, "truncated or damaged"),
        (b"\x89PNG\r\n\x1a\n\0\xff\xfe", "missing"),
    ],
)
def test_refuses_bad_weather(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = tmp_path / "station.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(UserError, match=message) as caught:
        read_weather(path, user=True)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_refuses_a_wrong_official_file(tmp_path: Path) -> None:
    path = tmp_path / "jena_climate_2009_2016.csv"
    path.write_text(csv())
    with pytest.raises(UserError, match="not the official 420551"):
        read_weather(path, user=False)


def test_real_test_split_is_the_reports(real_data: Sources) -> None:
    """Persistence on the last tenth of the official file, as measured elsewhere (results/reference.json)."""
    from underbudget.data.sources import load_weather

    weather = load_weather(real_data)
    rows = weather.values[weather.split == 2]
    windows = rows[np.arange(len(rows) - 11)[:, None] + np.arange(12)]  # across the one gap too, as they did
    mae = np.abs(windows[:, 6:] - windows[:, 5:6]).mean(axis=(0, 1))
    np.testing.assert_allclose(mae, [0.4657, 2.0890], atol=4e-4)
