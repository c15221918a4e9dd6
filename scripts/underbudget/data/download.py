"""Files from a mirror folder or from the network: resumed, retried, and given up on in good time."""

import os
import re
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3 import Retry

from underbudget import files
from underbudget.device.errors import UserError

ANSWER_TIMEOUT_S = 25.0  # seconds for a host to answer at all, DNS and every one of its addresses included
STALL = 20.0  # seconds without a byte before a transfer is resumed
RESUMES = 5


class UnreachableError(Exception):
    """No source of a file answers."""


@dataclass(frozen=True)
class DownloadableFile:
    """A file, the addresses that serve it, and its names in a mirror folder (best first)."""

    name: str
    urls: tuple[str, ...]
    mirror_names: tuple[str, ...]


def fetch(remote: DownloadableFile, mirror: Path | None, downloads: Path) -> Path:
    """Return the local path of a file: in the mirror, downloaded earlier, or downloaded now.

    Raises:
        UnreachableError: no mirror holds it and no host that has it answers.
        UserError: the named mirror is no folder.
    """
    found = in_mirror(remote, mirror)
    if found is not None:
        return found
    target = downloads / remote.name
    if not target.exists():
        partial = target.with_name(target.name + ".part")
        with files.alone(partial, "downloads"):
            if not target.exists():  # another run may have fetched it meanwhile
                _download(remote, target, partial)
    return target


def in_mirror(remote: DownloadableFile, mirror: Path | None) -> Path | None:
    """Return the path of a file in a mirror folder, if one is named and has it.

    Raises:
        UserError: the named mirror is no folder.
    """
    if mirror is None:
        return None
    if not mirror.is_dir():
        raise UserError(f"{mirror}: DATA_MIRROR is not a folder: correct or unset it")
    return next((mirror / name for name in remote.mirror_names if (mirror / name).is_file()), None)


def _download(remote: DownloadableFile, target: Path, partial: Path) -> None:
    """Download to `target`; an interrupted transfer stays as `partial` and is taken up again."""
    problem: Exception = UnreachableError(f"{remote.name}: no address is known")
    silent: set[str | None] = set()
    for url in remote.urls:
        host = urlsplit(url).hostname
        if host in silent:
            continue
        for _ in range(RESUMES):
            try:
                _transfer(url, partial)
                partial.replace(target)
                return
            except UnreachableError as error:
                silent.add(host)
                problem = error
                break
            except requests.HTTPError as error:
                problem = error
                break
            except requests.RequestException as error:  # a transfer broke off: resume it
                problem = error
            except OSError as error:
                raise UserError(
                    f"{partial}: can't be written ({error.strerror}): free some space and run again"
                ) from None
    raise UnreachableError(f"{remote.name} can't be downloaded ({problem})")


def _transfer(url: str, partial: Path) -> None:
    """Make one request that appends to `partial` what is missing of it.

    Raises:
        requests.HTTPError: this address has no such file, or serves something else.
        requests.RequestException: the transfer broke off; what `partial` holds is good.
    """
    have = partial.stat().st_size
    response = _answer(url, {"Range": f"bytes={have}-"} if have else {})
    with response:
        if response.status_code == requests.codes.requested_range_not_satisfiable:
            os.truncate(partial, 0)
            raise requests.ConnectionError("the partial file does not match: starting over")
        response.raise_for_status()
        if response.headers.get("Content-Type", "").startswith("text/html"):
            raise requests.HTTPError("a web page in place of the file: is there a login page in the way?")
        start, total = _place(response)
        if start not in (0, have):
            os.truncate(partial, 0)
            raise requests.ConnectionError("another part than was asked for: starting over")
        with (
            partial.open("ab" if start else "wb") as out,
            tqdm(desc=partial.stem, total=total, initial=start, unit="B", unit_scale=True) as bar,
        ):
            for chunk in response.iter_content(1 << 16):
                bar.update(out.write(chunk))
    if total is not None and partial.stat().st_size < total:
        raise requests.ConnectionError("the transfer broke off")
    if not _is_whole(partial) or (total is not None and partial.stat().st_size > total):
        os.truncate(partial, 0)
        if start:
            raise requests.ConnectionError("the parts do not match: starting over")
        raise requests.HTTPError("cut short, or not the file that it should be")


def _place(response: requests.Response) -> tuple[int, int | None]:
    """Return where in the file an answer begins, and how long the whole file is, if the server states it.

    Raises:
        requests.HTTPError: neither the file nor a part of it.
    """
    if response.status_code == requests.codes.ok:
        length = response.headers.get("Content-Length", "")
        return 0, int(length) if length.isdecimal() else None
    said = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", response.headers.get("Content-Range", ""))
    if response.status_code != requests.codes.partial_content or not said:
        raise requests.HTTPError(f"{response.status_code} without the file")
    return int(said[1]), None if said[2] == "*" else int(said[2])


def _is_whole(partial: Path) -> bool:
    """Check what is possible without a checksum: that a zip is complete, and that anything else is not a web page."""
    if ".zip" in partial.suffixes:
        try:
            with zipfile.ZipFile(partial) as archive:
                return archive.testzip() is None
        except Exception:  # a damaged zip makes the standard library raise nearly anything
            return False
    with partial.open("rb") as file:
        return file.read(100).lstrip()[:1] not in (b"", b"<")


def _answer(url: str, headers: dict[str, str]) -> requests.Response:
    """Return the response's headers, within `ANSWER_TIMEOUT_S` seconds.

    requests bounds each address of a host on its own, and DNS not at all; a thread bounds them together.
    """
    outcome: list[requests.Response | Exception] = []

    def ask() -> None:
        session = requests.Session()
        retry = Retry(total=2, connect=0, backoff_factor=1, status_forcelist=(429, 500, 502, 503, 504))
        session.mount("https://", HTTPAdapter(max_retries=retry))
        session.mount("http://", HTTPAdapter(max_retries=retry))
        identity = {"Accept-Encoding": "identity", **headers}  # so that byte ranges count what is on disk
        try:
            outcome.append(session.get(url, headers=identity, stream=True, timeout=(10, STALL)))
        except (requests.RequestException, ValueError) as error:  # ValueError: a redirect to no address
            outcome.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(ANSWER_TIMEOUT_S)
    match outcome:
        case [requests.Response() as response]:
            return response
        case [Exception() as error]:
            raise UnreachableError(f"{urlsplit(url).hostname} does not answer: {type(error).__name__}")
        case _:
            raise UnreachableError(f"{urlsplit(url).hostname} does not answer within {ANSWER_TIMEOUT_S:.0f} s")
