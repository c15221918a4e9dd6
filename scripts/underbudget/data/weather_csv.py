"""Read and check weather readings from a CSV, plain or in a container: with the reader of sensor logs."""

import gzip
import io
import lzma
import re
import zipfile
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from underbudget.data.identity import SPLITS, Identity, digest_arrays
from underbudget.data.weather import Weather
from underbudget.device.errors import UserError
from underbudget.device.log import BETWEEN, Log, Notice, Raster, Reading, Tally, lines
from underbudget.device.sensor import A_RATIO, CADENCE

SPLIT = "split"
LARGEST_CSV = 1 << 29  # bytes; the official file has 43 MB

OFFICIAL_ROWS = 420_551
OFFICIAL_TRAIN_MEAN = (9.107597, 75.904076)

_Row = tuple[int, Reading, str]  # the line's number, the reading, its split


def read_weather(path: Path, user: bool) -> Weather:
    """Read and check a CSV, plain or in gz, xz or zip; what is left out, as gaps, is printed.

    Args:
        user: the file is the user's own, not the official one or a mirror's.

    Raises:
        UserError: unreadable, columns or all readings missing, a wrong unit, times unsorted or duplicated.
    """
    content = _inflate(path)
    if content.count(b"\n") == OFFICIAL_ROWS:  # the official file's last line is whole, but has no end
        content += b"\n"
    log, tally = Log(lines(io.BufferedReader(io.BytesIO(content))), str(path)), Tally()
    split_place = log.names.index(SPLIT) if SPLIT in log.names else None
    rows: list[_Row] = []
    for row in log:
        if isinstance(row, Reading):
            rows.append((log.row, row, "" if split_place is None else log.cells[split_place]))
        else:
            tally.add(row)
    official = split_place is None and _is_official(rows)
    if official:  # it goes back in time in places, which counts as a gap
        times = [reading.utc for _, reading, _ in rows]
    else:
        rows, times = _ten_minutes_apart(rows, tally, path)
    for line in (*tally.lines(), *filter(None, [log.cut])):
        print(f"{path}: {line}")
    log.check()
    if not rows:
        raise UserError(f"{path}: no readings: give a file that has some")
    values = _values(rows)
    if values[:, 1].max() <= 1:
        raise UserError(f"{path}: {A_RATIO}")
    if not official and not user and path.name.startswith("jena_climate_2009_2016"):
        raise UserError(
            f"{path}: {len(rows)} rows that are not the official {OFFICIAL_ROWS}: "
            "remove it and run again, or give it as JENA= if it is your own"
        )
    if split_place is None:
        n = len(rows)
        split = np.repeat(np.arange(3, dtype=np.int8), [int(0.7 * n), int(0.9 * n) - int(0.7 * n), n - int(0.9 * n)])
        rule = "70/20/10 by row"
    else:
        split, rule = _split(rows, path), "the file's split column"
    time = np.array(times, "datetime64[m]")
    source = "official" if official else "local"
    description = f"{path.name}, {len(values):,} rows" + (" (the user's own)" if user else "")
    return Weather(
        time, values, split, Identity(source, description, digest_arrays(time.astype(np.int64), values, split), rule)
    )


def _is_official(rows: list[_Row]) -> bool:
    if len(rows) != OFFICIAL_ROWS:
        return False
    return np.allclose(_values(rows[: int(0.7 * len(rows))]).mean(axis=0, dtype=float), OFFICIAL_TRAIN_MEAN, atol=1e-3)


def _values(rows: list[_Row]) -> NDArray[np.float32]:
    return np.array([(reading.temperature, reading.humidity) for _, reading, _ in rows], np.float32)


def _ten_minutes_apart(rows: list[_Row], tally: Tally, path: Path) -> tuple[list[_Row], list[datetime]]:
    """Return the rows that stand ten minutes apart, and times that are exactly so within each row of them.

    Raises:
        UserError: a row is not after the one before; one that is there twice in all its values is taken once.
    """
    raster, last = Raster(), Reading(datetime.min, 0, 0)
    used: list[_Row] = []
    times: list[datetime] = []
    for number, reading, split in rows:
        utc = reading.utc
        if utc <= last.utc:
            if reading == last:
                continue
            kind = "twice" if utc == last.utc else "out of order"
            raise UserError(
                f"{path}: row {number}: the time {reading.time} comes {kind}: sort the file by time, each time once"
            )
        last, place = reading, raster.place(utc)
        if place == "between":
            tally.add(Notice(f"row {number}, {reading.time}", BETWEEN))
            continue
        used.append((number, reading, split))
        if place == "next":
            times.append(times[-1] + CADENCE)
        else:  # after a clock that was too slow for hours, there must be a gap nevertheless
            times.append(max(utc, times[-1] + 2 * CADENCE) if times else utc)
    return used, times


def _split(rows: list[_Row], path: Path) -> NDArray[np.int8]:
    """Return each row's index into SPLITS.

    Raises:
        UserError: it has another name, or none.
    """
    for number, _, name in rows:
        if name not in SPLITS:
            raise UserError(f"{path}: row {number}: split is {name[:40]!r}: write train, validation or test")
    return np.array([SPLITS.index(name) for _, _, name in rows], np.int8)


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
