"""Downloads from a server on this machine that breaks off, refuses, or knows no ranges."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from device.errors import UserError
from pipeline.data import fetch
from pipeline.data.fetch import DownloadableFile, UnreachableError

CONTENT = bytes(range(256)) * 4000


class Handler(BaseHTTPRequestHandler):
    """/cut breaks off after half of what is asked for, once; /plain ignores ranges; /busy answers 503 twice."""

    requests: list[str | None] = []  # noqa: RUF012 - reset by the fixture

    def do_GET(self) -> None:
        ranged = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
        self.requests.append(self.headers.get("Range"))
        if self.path == "/missing":
            return self.send_error(404)
        if self.path == "/busy" and len(self.requests) < 3:
            return self.send_error(503)
        start = int(ranged[1]) if ranged and self.path != "/plain" else 0
        body = CONTENT[start:]
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        first = len(self.requests) == 1
        self.wfile.write(body[: len(body) // 2] if self.path != "/whole" and first else body)
        return None

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    Handler.requests = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as httpd:
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.mark.parametrize("path", ["/whole", "/cut", "/plain", "/busy"])
def test_downloads_whole_whatever_happens(server: str, tmp_path: Path, path: str) -> None:
    got = fetch.fetch(DownloadableFile("file.zip", (server + path,), ()), None, tmp_path)
    assert got.read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["file.zip"]


def test_resumes_where_it_broke_off(server: str, tmp_path: Path) -> None:
    fetch.fetch(DownloadableFile("file.zip", (server + "/cut",), ()), None, tmp_path)
    first, second = Handler.requests
    assert first is None and second is not None
    assert 0 < int(second.removeprefix("bytes=").removesuffix("-")) <= len(CONTENT) // 2


def test_resumes_an_earlier_run(server: str, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:1000])
    assert fetch.fetch(DownloadableFile("file.zip", (server + "/whole",), ()), None, tmp_path).read_bytes() == CONTENT
    assert Handler.requests == ["bytes=1000-"]


def test_a_second_address_serves_where_the_first_fails(server: str, tmp_path: Path) -> None:
    remote = DownloadableFile("file.zip", (server + "/missing", server + "/whole"), ())
    Handler.requests = [None]
    assert fetch.fetch(remote, None, tmp_path).read_bytes() == CONTENT


def test_a_missing_file_is_unreachable(server: str, tmp_path: Path) -> None:
    with pytest.raises(UnreachableError, match=r"file.zip can't be downloaded \(404"):
        fetch.fetch(DownloadableFile("file.zip", (server + "/missing",), ()), None, tmp_path)


def test_a_silent_host_is_given_up_on_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert fetch.PATIENCE < 30  # seconds, as it ships
    monkeypatch.setattr(fetch, "PATIENCE", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        started = time.monotonic()
        with pytest.raises(UnreachableError, match="does not answer"):
            fetch.fetch(
                DownloadableFile("file.zip", (url, url), ()), None, tmp_path
            )  # the second address is the same host
    assert time.monotonic() - started < 30  # a hang, not a speed: it waits for 0.5 s


def test_the_mirror_goes_first_and_is_left_alone(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "b.zip").write_bytes(b"b")
    (mirror / "c.zip").write_bytes(b"c")
    remote = DownloadableFile("a.zip", (), ("a.zip", "b.zip", "c.zip"))
    assert fetch.fetch(remote, mirror, tmp_path / "downloads") == mirror / "b.zip"
    assert not (tmp_path / "downloads").exists()
    with pytest.raises(UserError, match="not a folder"):
        fetch.fetch(remote, tmp_path / "nowhere", tmp_path / "downloads")
