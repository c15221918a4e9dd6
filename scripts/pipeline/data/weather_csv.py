"""Read and check the Jena readings from a CSV, plain or in a container."""

import gzip
import io
import lzma
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from device.errors import UserError
from device.sensor import COLUMNS, RANGES, RANGES_TEXT, SATURATED, TIME, TIME_EXAMPLE, TIME_FORMAT
from pipeline.data.identity import Identity, digest_arrays
from pipeline.data.weather import SPLITS, Weather

SPLIT = "split"
LARGEST_CSV = 1 << 29  # bytes; the official file has 43 MB

OFFICIAL_ROWS = 420_551
OFFICIAL_TRAIN_MEAN = (9.107597, 75.904076)


def read_weather(path: Path, user: bool) -> Weather:
    """Read and check a CSV, plain or in gz, xz or zip.

    Args:
        user: the file is the user's own, not the official one or a mirror's.

    Raises:
        UserError: unreadable, columns or all readings missing, text in a number column, times unsorted or duplicated.
    """
    table = _without_gaps(_table(path), path)
    temperature, humidity = (_numbers(table[c], path) for c in COLUMNS)
    values = np.stack([temperature, np.minimum(humidity, SATURATED)], axis=1).astype(np.float32)
    time = _times(table[TIME], path)
    official = (
        len(table) == OFFICIAL_ROWS
        and SPLIT not in table
        and np.allclose(values[: int(0.7 * len(values))].mean(axis=0, dtype=float), OFFICIAL_TRAIN_MEAN, atol=1e-3)
    )
    if not official:  # the official file itself goes back in time in places; there a step back counts as a gap
        _check_order(table[TIME], time, path)
        if path.name.startswith("jena_climate_2009_2016"):
            raise UserError(
                f"{path}: {len(table)} rows that are not the official {OFFICIAL_ROWS}: "
                "remove it and run again, or give it as JENA= if it is your own"
            )
    if SPLIT in table:
        names = table[SPLIT].map({name: i for i, name in enumerate(SPLITS)})
        if names.isna().any():
            row = names.index[names.isna()][0]
            raise UserError(
                f"{path}: row {row + 2}: split is {_short(table[SPLIT][row])}: write train, validation or test"
            )
        split, rule = names.to_numpy(np.int8), "the file's split column"
    else:
        n = len(table)
        split = np.repeat(np.arange(3, dtype=np.int8), [int(0.7 * n), int(0.9 * n) - int(0.7 * n), n - int(0.9 * n)])
        rule = "70/20/10 by row"
    source = "official" if official else "local"
    description = f"{path.name}, {len(values):,} rows" + (" (the user's own)" if user else "")
    digest = digest_arrays(time.astype("datetime64[m]").astype(np.int64), values, split)
    return Weather(time, values, split, Identity(source, description, digest, rule))


def _table(path: Path) -> pd.DataFrame:
    """Return the columns that count, as text; the index tells the lines of the file.

    Raises:
        UserError: no CSV, a column is missing, or a cell goes over several lines.
    """
    wanted = (TIME, *COLUMNS, SPLIT)
    content = _inflate(path)
    try:
        table = pd.read_csv(
            io.BytesIO(content),
            dtype=str,
            index_col=False,  # not even where rows have more cells than the header
            usecols=lambda name: name.strip() in wanted,
            encoding_errors="replace",  # other columns may hold anything
            skipinitialspace=True,
            skip_blank_lines=False,  # so that lines keep their numbers
        )
    except (ValueError, pd.errors.ParserError) as error:
        raise UserError(f"{path}: not a readable CSV ({str(error).splitlines()[0]}): check or replace it") from None
    table = table.rename(columns=str.strip)
    missing = [c for c in (TIME, *COLUMNS) if c not in table]
    if missing:
        raise UserError(
            f"{path}: column {', '.join(map(repr, missing))} is missing: name the columns as the Jena file does"
        )
    if len(table) + 1 < len(content.splitlines()):  # stray quotes make one cell of all that is between them
        raise UserError(f"{path}: a quoted cell goes over several lines: take out the quotes or the line breaks")
    return table.loc[:, ~table.columns.duplicated()].dropna(how="all")


def _without_gaps(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Leave out rows whose readings are missing or impossible, and say so.

    Raises:
        UserError: no row is left.
    """
    good = table[TIME].notna()
    for name, (low, high) in zip(COLUMNS, RANGES, strict=True):
        good &= pd.to_numeric(table[name], errors="coerce").between(low, high) | _is_text(table[name])
    bad = table[~good]
    if len(bad):
        first = ", ".join(f"{name} is {_short(bad[name].fillna('').iloc[0])}" for name in (TIME, *COLUMNS))
        print(
            f"{path}: rows without a reading ({RANGES_TEXT}) are left out, as gaps: {len(bad):,}, "
            f"the first is row {bad.index[0] + 2}: {first}"
        )
    if not good.any():
        raise UserError(f"{path}: no readings: give a file that has some")
    return table[good]


def _is_text(column: "pd.Series[str]") -> "pd.Series[bool]":
    """Tell which values are neither missing nor numbers."""
    return column.notna() & pd.to_numeric(column, errors="coerce").isna()


def _short(cell: object) -> str:
    return repr(str(cell)[:40])


def _inflate(path: Path) -> bytes:
    """Return the CSV's bytes, whatever container holds it."""
    try:
        with path.open("rb") as file:
            magic = file.read(6)
            file.seek(0)
            if magic[:2] == b"\x1f\x8b":
                with gzip.open(file) as inner:
                    content = inner.read(LARGEST_CSV + 1)
            elif magic == b"\xfd7zXZ\x00":
                with lzma.open(file) as inner:
                    content = inner.read(LARGEST_CSV + 1)
            elif magic[:4] == b"PK\x03\x04":
                with zipfile.ZipFile(file) as archive:
                    names = [n for n in archive.namelist() if re.search(r"^(?!__MACOSX/).*\.csv$", n, re.IGNORECASE)]
                    if len(names) != 1:
                        raise UserError(f"{path}: the zip holds {len(names)} CSV files: give it one")
                    with archive.open(names[0]) as member:
                        content = member.read(LARGEST_CSV + 1)
            else:
                content = file.read(LARGEST_CSV + 1)
    except UserError:
        raise
    except Exception as error:  # a damaged container makes the standard library raise nearly anything
        what = str(error).partition("\n")[0][:100] or "it ends too early"
        raise UserError(f"{path}: can't be read, truncated or damaged ({what}): fetch or export it again") from None
    if len(content) > LARGEST_CSV:
        raise UserError(f"{path}: more than {LARGEST_CSV >> 20} MiB of CSV: this is not a weather file")
    return content


def _numbers(column: "pd.Series[str]", path: Path) -> NDArray[np.float64]:
    text = _is_text(column)
    if text.any():
        row = column.index[text][0]
        raise UserError(
            f"{path}: row {row + 2}, column {column.name!r}: {_short(column[row])} is not a number: correct or empty it"
        )
    return pd.to_numeric(column).to_numpy(np.float64)


def _times(column: "pd.Series[str]", path: Path) -> NDArray[np.datetime64]:
    times = pd.to_datetime(column, format=TIME_FORMAT, errors="coerce")
    if times.isna().any():
        row = times.index[times.isna()][0]
        raise UserError(
            f"{path}: row {row + 2}: {_short(column[row])} is not a time of the form {TIME_EXAMPLE}: correct it"
        )
    return times.to_numpy("datetime64[m]")


def _check_order(column: "pd.Series[str]", time: NDArray[np.datetime64], path: Path) -> None:
    wrong = np.flatnonzero(np.diff(time) <= np.timedelta64(0, "m"))
    if len(wrong):
        row = column.index[wrong[0] + 1]
        kind = "twice" if time[wrong[0] + 1] == time[wrong[0]] else "out of order"
        raise UserError(
            f"{path}: row {row + 2}: the time {column[row]} comes {kind}: sort the file by time, each time once"
        )
