"""Sensor logs with anything in them: each row is a possible reading or a notice, and no row takes another with it."""

import json
from datetime import datetime
from typing import Any

import pytest
from helpers import ROOT
from hypothesis import given
from hypothesis import strategies as st
from test_live import HEADER, log, run

from underbudget.device import artifact
from underbudget.device.errors import UserError
from underbudget.device.forecast import Forecast, Forecaster
from underbudget.device.log import LONGEST_LINE, Log, Notice, Reading

GOOD = "01.01.2026 01:00:00,5,70\n"
CARD = artifact.load_file(ROOT / "models" / "improved" / "th_b.tflite.zlib")

NUMBERS = ["", " 5 ", "-9999", "-9999.0", "NaN", "inf", "-inf", "1e300", "1e400", "1_0", "0x10", "104.9", "-90", "60.1"]
TIMES = ["01.01.2026 01:00:00", "31.12.9999 23:50:00", "01.01.0001 00:00:00", "29.02.2025 00:00:00"]
BROKEN = ['"', '"5', "5\r6", "\0"]
cells = st.sampled_from([*NUMBERS, *TIMES, *BROKEN]) | st.floats().map(str) | st.text(max_size=12)
rows = st.lists(cells, max_size=5).map(",".join) | st.just("x" * 200_000) | st.just("5," * 100_000)


@given(st.lists(rows, max_size=6))
def test_every_row_is_a_possible_reading_or_a_notice(rows: list[str]) -> None:
    read = list(Log([HEADER, *(row + "\n" for row in rows), GOOD], "log"))
    told = sum(
        any(sign.isalnum() for sign in row) and "#" not in row for row in rows
    )  # others may be blank, or comments
    assert told + 1 <= len(read) <= len(rows) + 1
    assert read[-1] == Reading(datetime(2026, 1, 1, 1), 5.0, 70.0)
    for each in read:
        if isinstance(each, Notice):
            assert "\n" not in each.text and len(each.text) < 300
        else:
            assert -90 <= each.temperature <= 60 and 0 <= each.humidity <= 100
            assert 1900 <= each.time.year < 2200


@given(st.lists(cells, max_size=5).map(",".join) | st.text())
def test_any_header_is_taken_or_refused_in_one_line(header: str) -> None:
    try:
        list(Log([header, GOOD], "log"))
    except UserError as error:
        assert str(error).startswith(("log: column", "log: there are two columns")) and "\n" not in str(error)


possible = st.builds(
    Reading,
    st.integers(0, 20).map(lambda i: datetime(2026, 1, 1, i // 6, i % 6 * 10)),
    st.floats(-90, 60),
    st.floats(0, 100),
)


@given(st.lists(possible, max_size=8, unique_by=lambda r: r.time).map(lambda r: sorted(r, key=lambda x: x.time)))
def test_possible_readings_give_possible_forecasts(recent: list[Reading]) -> None:
    """The weather at both ends of every range is no weather, but its forecast stays within reach of it."""
    forecaster = Forecaster(*CARD)
    for reading in recent:
        for said in forecaster.read(reading):
            assert isinstance(said, Forecast | Notice)
            if isinstance(said, Forecast):
                assert all(abs(step.temperature) < 300 and abs(step.humidity) < 300 for step in said.steps)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("cells", "left_out"),
    [
        ("5,-9999", "rh (%) is '-9999', not a number within -90 to 60 °C, 0 to 100 %"),
        ("-9999,70", "T (degC) is '-9999', not a number within"),
        ("1e300,70", "T (degC) is '1e300', not a number within"),
        ("nan,inf", "T (degC) is 'nan' and rh (%) is 'inf', not a number within"),
        ("x" * 140_000, "no line of a CSV, or longer than 100,000 characters"),
        ('"5,70', "rh (%) is ''"),
    ],
)
def test_impossible_readings_are_counted_and_the_first_is_named(cells: str, left_out: str) -> None:
    before, after = log([0, 10, 20, 30, 40, 50]), log([70, 80, 90, 100, 110, 120]).removeprefix(HEADER)
    spoiled = f"01.01.2026 01:00:00,{cells}\n01.01.2026 01:05:00,,\n"
    done = run("11_forecast.py", "-", "--json", stdin=(before + spoiled + after).encode())
    assert done.returncode == 0
    forecast: dict[str, Any] = json.loads(done.stdout)
    assert forecast["time"] == "2026-01-01 02:00:00"
    assert all(0 <= step["humidity"] <= 110 for step in forecast["steps"])
    (line,) = [line for line in done.stderr.decode().splitlines() if line.startswith("rows that")]
    assert line.startswith("rows that hold no reading: 2, the first: row 8") and left_out in line


def test_a_saturated_sensor_reads_100() -> None:
    (read,) = Log([HEADER, "01.01.2026 01:00:00,5,100.4\n"], "log")
    assert read == Reading(datetime(2026, 1, 1, 1), 5.0, 100.0)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_logs_of_every_system(end: str, mark: bytes) -> None:
    expected = run("11_forecast.py", "-", stdin=log([0, 10, 20, 30, 40, 50]).encode()).stdout
    assert expected
    content = mark + log([0, 10, 20, 30, 40, 50]).replace("\n", end).encode()
    assert run("11_forecast.py", "-", stdin=content).stdout == expected


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"\n", b"\0" * 5000, b"\x80" * 300])
def test_what_is_no_log_ends_in_one_line(content: bytes) -> None:
    done = run("11_forecast.py", "-", stdin=content)
    assert done.returncode == 1
    line = done.stderr.decode().splitlines()[-1]
    empty = line == "error: -: the file is empty: give one with readings"
    assert empty == (not content) and (empty or " missing: the header, line " in line)


@pytest.mark.slow
def test_a_line_at_the_limit_is_read() -> None:
    line = GOOD.rstrip() + "," + "x" * (LONGEST_LINE - len(GOOD) - 1) + "\n"
    assert len(line) == LONGEST_LINE
    done = run(
        "11_forecast.py",
        "-",
        stdin=(log([10, 20, 30, 40, 50]).replace(HEADER, HEADER[:-1] + ",note\n") + line).encode(),
    )
    assert b"Forecast from 2026-01-01 01:00 by" in done.stdout
