"""Read and check weather readings from a CSV, plain or in a container: with the reader of sensor logs."""

import gzip
import io
import lzma
import re
import zipfile
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from underbudget.data.identity import SPLITS, Identity, digest_arrays
from underbudget.data.weather import Weather
from underbudget.device.errors import UserError
from underbudget.device.log import GAP, Log, Notice, Reading, Tally, lines, oldest_first
from underbudget.device.sensor import A_RATIO, CADENCE
from underbudget.device.series import STUCK, WAITING, Series

LARGEST_CSV = 1 << 29  # bytes; the official file has 43 MB

OFFICIAL_ROWS = 420_551
OFFICIAL_TRAIN_MEAN = (9.107597, 75.904076)
UNSPLIT = "70/20/10 by row"
VERBS = ("train", "validate", "test")


def read_weather(path: Path, user: bool) -> Weather:
    """Read and check a CSV, plain or in gz, xz or zip; what is left out, and the windows that remain, are printed.

    Args:
        user: the file is the user's own, not the official one or a mirror's, whose gaps are left as they are.

    Raises:
        UserError: unreadable, columns or all readings missing, a wrong unit, times out of order.
    """
    content = _inflate(path)
    rows_there = content.count(b"\n")
    if rows_there == OFFICIAL_ROWS:  # the official file's last line is whole, but has no end
        content += b"\n"
    log, tally = Log(lines(io.BufferedReader(io.BytesIO(content))), str(path)), Tally()
    rows: Iterable[Reading | Notice] = oldest_first(log)
    official = rows_there in (OFFICIAL_ROWS, OFFICIAL_ROWS + 1)
    if official:
        rows = list(rows)
        official = _is_official([row for row in rows if isinstance(row, Reading)])
    if official:  # it goes back in time in places, which counts as a gap
        used = [row for row in rows if isinstance(row, Reading)]
        times, stuck = [reading.utc for reading in used], np.array([], np.intp)
    else:
        used, times, stuck = _ten_minutes_apart(rows, Series(bridged=user), tally, str(path))
    log.check()
    if not used:
        raise UserError(f"{path}: no readings{': ' * bool(tally.counts)}{tally}: give a file that has some")
    values = np.array([reading.values for reading in used], np.float32)
    if values[:, 1].max() <= 1:
        raise UserError(f"{path}: {A_RATIO}")
    if not official and not user and path.name.startswith("jena_climate_2009_2016"):
        raise UserError(
            f"{path}: {len(used)} rows that are not the official {OFFICIAL_ROWS}: "
            "remove it and run again, or give it as JENA= if it is your own"
        )
    time = np.array(times, "datetime64[m]")
    kept: NDArray[np.intp] = np.arange(len(time))
    if user and not official:
        once = np.unique(np.column_stack([time.astype(float), values]), axis=0, return_index=True)[1]
        kept = np.setdiff1d(once, stuck)
    time, values, used = time[kept], values[kept], [used[row] for row in kept] if len(kept) < len(used) else used
    n = len(used)
    if not any(reading.split for reading in used):
        split = np.repeat(np.arange(3, dtype=np.int8), [int(0.7 * n), int(0.9 * n) - int(0.7 * n), n - int(0.9 * n)])
        rule = UNSPLIT
    else:
        split, rule = _split(used, path), "the file's split column"
    source = "official" if official else "local"
    description = f"{path.name}, {n:,} rows" + (" (the user's own)" if user else "")
    identity = Identity(source, description, digest_arrays(time.astype(np.int64), values, split), rule)
    weather = Weather(time, values, split, identity)
    if not official:
        left = f"readings of a stuck sensor, or there twice, left out: {len(times) - n:,}" if len(times) > n else ""
        said = "; ".join(filter(None, [str(tally), left, log.cut])) if user else ""  # a mirror's gaps are known
        windows = ", ".join(
            f"{len(weather.starts(name)):,} to {verb}" for name, verb in zip(SPLITS, VERBS, strict=True)
        )
        print(f"{path}: {said}{'; ' if said else ''}{n:,} readings 10 minutes apart remain, windows: {windows}")
    return weather


def _is_official(readings: list[Reading]) -> bool:
    if len(readings) != OFFICIAL_ROWS:
        return False
    values = np.array([reading.values for reading in readings[: int(0.7 * OFFICIAL_ROWS)]], np.float32)
    return np.allclose(values.mean(axis=0, dtype=float), OFFICIAL_TRAIN_MEAN, atol=1e-3)


def _ten_minutes_apart(
    rows: Iterable[Reading | Notice], series: Series, tally: Tally, name: str
) -> tuple[list[Reading], list[datetime], NDArray[np.intp]]:
    """Return readings that stand ten minutes apart, times that are exactly so within each row, and which are stuck.

    The last are the places of readings of a sensor that puts out the same for hours.

    Raises:
        UserError: the rows are in no order.
    """
    used: list[Reading] = []
    times: list[datetime] = []
    since: list[datetime] = []
    begins = True
    for row in rows:
        for said in series.take(row):
            if isinstance(said, Notice):
                begins = begins or said.kind == GAP
                if said.kind != WAITING:
                    tally.add(said)
                continue
            if begins and times and timedelta(0) <= said.utc - times[-1] < 2 * CADENCE:
                continue  # there must be a gap
            used.append(said)
            since.append(series.same_since)
            times.append(said.utc if begins else times[-1] + CADENCE)
            begins = False
    series.check(name)
    stuck = {start for start, reading in zip(since, used, strict=True) if reading.utc - start >= STUCK}
    return used, times, np.flatnonzero([start in stuck for start in since])


def _split(used: list[Reading], path: Path) -> NDArray[np.int8]:
    """Return each reading's index into SPLITS.

    Raises:
        UserError: it has another name, or none.
    """
    for reading in used:
        if reading.split not in SPLITS:
            raise UserError(f"{path}: {reading.time}: split is {reading.split[:40]!r}: write train, validation or test")
    return np.array([SPLITS.index(reading.split) for reading in used], np.int8)


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
