"""Weather CSVs with any cell, line or byte wrong, and the official file in its full size and form."""

import gzip
import lzma
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import zip_bytes
from hypothesis import given
from hypothesis import strategies as st

from underbudget.data import weather_csv
from underbudget.data.identity import SPLITS
from underbudget.data.sources import Sources, load_weather
from underbudget.data.weather import Weather
from underbudget.data.weather_csv import OFFICIAL_ROWS, OFFICIAL_TRAIN_MEAN, read_weather
from underbudget.device.errors import UserError

HEADER = "Date Time,p (mbar),T (degC),rh (%)"
CLOCK = np.datetime64("2020-01-01T00:00", "m")


def stamp(minute: int) -> str:
    return (CLOCK + minute).astype(object).strftime("%d.%m.%Y %H:%M:%S")


LINES = [HEADER, *(f"{stamp(10 * i)},990,{i},{50 + i}" for i in range(30))]


def outcome(content: bytes, user: bool = True) -> Weather | str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "station.csv")
        path.write_bytes(content)
        try:
            return read_weather(path, user)
        except UserError as error:
            line = str(error)
            assert line.startswith(str(path)) and "\n" not in line and len(line) < 400
            return line
        finally:
            assert list(Path(folder).iterdir()) == [path]


def possible(weather: Weather) -> None:
    assert len(weather.time) == len(weather.values) == len(weather.split) > 0
    assert (np.diff(weather.time) != np.timedelta64(0, "m")).all()
    temperature, humidity = weather.values.T
    assert (temperature >= -90).all() and (temperature <= 60).all()
    assert (humidity >= 0).all() and (humidity <= 100).all()


NUMBERS = [
    "",
    "-9999",
    "nan",
    "inf",
    "1e300",
    "1e999",
    "5,5",
    '"5,5"',
    '"',
    '"5',
    "five",
    "1_0",
    "0x10",
    "60.1",
    "x" * 999,
]
TIMES = [stamp(0), stamp(91), stamp(10**6), "31.12.9999 23:50:00", "1.1.2020 00:00:00", "2020-01-01"]
SIGNS = st.characters(exclude_characters="FfKk")  # units, which below a header would be those of its column
cells = st.sampled_from([*NUMBERS, *TIMES]) | st.floats().map(str) | st.text(SIGNS, max_size=8)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3), cells), max_size=3), st.sampled_from(["\n", "\r\n"]))
def test_any_cells_give_possible_readings_or_one_line(changes: list[tuple[int, int, str]], end: str) -> None:
    table = [line.split(",") for line in LINES]
    for row, column, cell in changes:
        table[row][column] = cell
    got = outcome("".join(",".join(cells) + end for cells in table).encode(errors="surrogatepass"))
    if isinstance(got, str):
        return
    possible(got)
    changed = {row - 1 for row, _, _ in changes}
    kept = dict(zip(got.time.tolist(), got.values.tolist(), strict=True))
    for i in set(range(30)) - changed:  # one that jumps from a changed row begins a new row, after a gap
        expected = [i, 50 + i]
        assert kept.get((CLOCK + 10 * i).astype(object), expected if i - 1 in changed else None) == expected


@given(st.lists(st.text(max_size=60) | st.sampled_from([*LINES, "", ",,,", ",,,,", "x" * 200_000]), max_size=8))
def test_any_lines_give_possible_readings_or_one_line(lines: list[str]) -> None:
    got = outcome("\n".join([HEADER, *lines]).encode(errors="surrogatepass"))
    if not isinstance(got, str):
        possible(got)


TEXT = "".join(line + "\n" for line in LINES).encode()
ENCRYPTED = (
    zip_bytes({"a.csv": TEXT}).replace(b"PK\3\4\x14\0\0", b"PK\3\4\x14\0\1").replace(b"\3\x14\0\0", b"\3\x14\0\1")
)
PACKED = [gzip.compress(TEXT, mtime=0), lzma.compress(TEXT), zip_bytes({"a.csv": TEXT})]


@given(
    st.sampled_from(PACKED),
    st.lists(st.tuples(st.integers(0, 1000), st.integers(0, 255)), max_size=3),
    st.none() | st.integers(1, 200),
)
def test_a_damaged_container_gives_no_wrong_reading(
    packed: bytes, changes: list[tuple[int, int]], end: int | None
) -> None:
    content = bytearray(packed)
    for place, value in changes:
        content[place % len(content)] = value
    got = outcome(bytes(content[: -end if end else None]))
    if not isinstance(got, str):
        np.testing.assert_array_equal(got.values, [[i, 50 + i] for i in range(30)])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER.encode(), "no readings"),
        (b"\n".join([HEADER.encode(), b",,,"]), "no readings"),
        (zip_bytes({"a.csv": TEXT, "b.csv": TEXT}), "the zip holds 2 CSV files"),
        (zip_bytes({"a.txt": TEXT}), "the zip holds 0 CSV files"),
        (ENCRYPTED, "encrypted"),
        (b"\n".join([HEADER.encode(), *[b"1,2"] * 3]), "no readings"),
    ],
)  # fmt: skip
def test_refuses_in_one_line(content: bytes, message: str) -> None:
    got = outcome(content)
    assert isinstance(got, str) and message in got, got


@pytest.mark.parametrize(
    "content",
    [
        TEXT.replace(b"\n", b",\n"),  # a comma too many on each line
        TEXT.replace(b"990", b"\xb0\xff"),  # bytes of another encoding in a column that nobody reads
        TEXT.replace(b"T (degC)", b" T (degC) "),
        b"\xef\xbb\xbf" + TEXT,
        TEXT.replace(b"990", b"9" * 99_000),
    ],
)
def test_reads_what_can_be_read(content: bytes) -> None:
    got = outcome(content)
    assert not isinstance(got, str), got
    np.testing.assert_array_equal(got.values, [[i, 50 + i] for i in range(30)])


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Is a directory"):
        read_weather(tmp_path, user=True)


OFFICIAL_HEADER = (
    '"Date Time","p (mbar)","T (degC)","Tpot (K)","Tdew (degC)","rh (%)","VPmax (mbar)","VPact (mbar)","VPdef (mbar)",'
    '"sh (g/kg)","H2OC (mmol/mol)","rho (g/m**3)","wv (m/s)","max. wv (m/s)","wd (deg)"\n'
)


def official_minutes() -> list[int]:
    """Minutes of each row: eight years in tens, with the official file's gaps, repeated hours and steps back."""
    rng = np.random.default_rng(5)
    minutes = list(range(10, 10 * (OFFICIAL_ROWS + 400), 10))
    for _ in range(12):  # outages
        at = int(rng.integers(1000, OFFICIAL_ROWS - 1000))
        del minutes[at : at + int(rng.integers(1, 60))]
    for _ in range(9):  # a stretch written twice: the time goes back
        at = int(rng.integers(1000, OFFICIAL_ROWS - 1000))
        minutes[at:at] = minutes[at - int(rng.integers(1, 60)) : at]
    for _ in range(5):  # one row twice: the time stands still
        at = int(rng.integers(1000, OFFICIAL_ROWS - 1000))
        minutes.insert(at, minutes[at])
    return minutes[:OFFICIAL_ROWS]


def official_readings() -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Readings with the official file's means over its first 70 %, to two decimals."""
    days = np.arange(OFFICIAL_ROWS) / 144
    noise = np.random.default_rng(6).normal(0, 1, (2, OFFICIAL_ROWS))
    values = np.stack([9 - 10 * np.cos(days / 58) + noise[0], 75 + 15 * np.cos(days * 6.28) + 1.5 * noise[1]], axis=1)
    values += np.array(OFFICIAL_TRAIN_MEAN) - values[: int(0.7 * OFFICIAL_ROWS)].mean(axis=0)
    return np.asarray(values.round(2))


@pytest.mark.slow
def test_the_official_file_in_full(tmp_path: Path, data_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What the real download holds, through the code that will read it; windows are counted by hand."""
    minutes, values = official_minutes(), official_readings()
    values[5, 1], values[7, 1] = 100.0, 12.95  # the ends of the official humidities
    start = np.datetime64("2009-01-01T00:00", "m")
    when = (start + np.array(minutes)).astype(object)
    text = OFFICIAL_HEADER + "".join(
        f"{t:%d.%m.%Y %H:%M:%S},996.52,{c:.2f},265.4,-8.9,{h:.2f},3.33,3.11,0.22,1.94,3.12,1307.75,-9999.0,1.75,152.3\n"
        for t, (c, h) in zip(when, values.tolist(), strict=True)
    )
    with zipfile.ZipFile(
        tmp_path / "jena_climate_2009_2016.csv.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    ) as out:
        out.writestr("jena_climate_2009_2016.csv", text.rstrip())  # its last line has no end
        out.writestr("__MACOSX/._jena_climate_2009_2016.csv", b"\0\5\x16\7")
    weather = load_weather(Sources(data="real", mirror=tmp_path))
    assert "left out" not in capsys.readouterr().out
    assert weather.identity.source == "official"
    assert weather.identity.split == "70/20/10 by row"
    np.testing.assert_array_equal(weather.values, values.astype(np.float32))
    assert np.bincount(weather.split).tolist() == [294_385, 84_110, 42_056]
    edges = [0, 294_385, 378_495, OFFICIAL_ROWS]
    for name, first, end in zip(SPLITS, edges, edges[1:], strict=False):
        expected, run = [], 0
        for row in range(first, end):
            run = run + 1 if row > first and minutes[row] - minutes[row - 1] == 10 else 1
            if run >= 12:
                expected.append(row - 11)
        assert weather.windows(name).tolist() == expected
    kept = load_weather(Sources(data="real", mirror=tmp_path))
    assert kept.identity == weather.identity
    assert sorted(p.name for p in data_folder.rglob("*")) == ["real", "weather.npz"]


@pytest.mark.parametrize("change", ["a row less", "other readings"])
def test_a_file_that_is_only_named_as_the_official_one(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weather_csv, "OFFICIAL_ROWS", len(LINES) - 1)
    monkeypatch.setattr(weather_csv, "OFFICIAL_TRAIN_MEAN", (10.0, 60.0))
    lines = LINES[:-1] if change == "a row less" else [line.replace(",50", ",51") for line in LINES]
    for written, official in ((LINES, "official"), (lines, "local")):
        got = outcome("\n".join(written).encode())  # as in the official file, the last line has no end
        assert not isinstance(got, str) and got.identity.source == official


def test_a_quote_that_is_never_closed_costs_its_own_line_alone(capsys: pytest.CaptureFixture[str]) -> None:
    got = outcome(TEXT.replace(b"990,3,", b'"990,3,'))
    assert not isinstance(got, str) and got.values[:, 0].tolist() == list(range(30))
    said = capsys.readouterr().out
    assert "rows that hold no reading: 1, the first: row 5, 01.01.2020 00:30:00: T (degC) is ''" in said
    assert "lost readings, interpolated: 1, the first: 2020-01-01 00:30:00" in said
