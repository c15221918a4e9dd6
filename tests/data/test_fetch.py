"""Downloads from a server on this machine that breaks off, refuses, or knows no ranges."""

import errno
import fcntl
import socket
import struct
import threading
import time
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from helpers import zip_bytes

from underbudget import files
from underbudget.data import download
from underbudget.data.download import DownloadableFile, UnreachableError
from underbudget.device.errors import UserError

CONTENT = zip_bytes({"numbers": bytes(range(256)) * 4000}, zipfile.ZIP_STORED)
HALF = 7 << 16  # whole blocks, so that all of them are kept where a transfer breaks off there


def test_a_silent_host_is_given_up_on_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert download.ANSWER_TIMEOUT_S < 30  # seconds, as it ships
    monkeypatch.setattr(download, "ANSWER_TIMEOUT_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/file"
        started = time.monotonic()
        with pytest.raises(UnreachableError, match="does not answer"):
            download.fetch(
                DownloadableFile("file.zip", (url, url), ()), None, tmp_path
            )  # the second address is the same host
    assert time.monotonic() - started < 30  # a hang, not a speed: it waits for 0.5 s


def test_the_mirror_goes_first_and_is_left_alone(tmp_path: Path) -> None:
    mirror = tmp_path / "mirror"
    mirror.mkdir()
    (mirror / "b.zip").write_bytes(b"b")
    (mirror / "c.zip").write_bytes(b"c")
    remote = DownloadableFile("a.zip", (), ("a.zip", "b.zip", "c.zip"))
    assert download.fetch(remote, mirror, tmp_path / "downloads") == mirror / "b.zip"
    assert not (tmp_path / "downloads").exists()
    with pytest.raises(UserError, match="not a folder"):
        download.fetch(remote, tmp_path / "nowhere", tmp_path / "downloads")


def answer(status: int, body: bytes = b"", *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status} x", "Connection: close", *headers, "", ""]).encode() + body


def length(n: int) -> str:
    return f"Content-Length: {n}"


def part(first: int, last: int, whole: int | str = len(CONTENT)) -> str:
    return f"Content-Range: bytes {first}-{last}/{whole}"


WHOLE = answer(200, CONTENT, length(len(CONTENT)))
REST = answer(206, CONTENT[HALF:], length(len(CONTENT) - HALF), part(HALF, len(CONTENT) - 1))
PAGE = b"<!DOCTYPE html><title>log in</title>"
STALL, RESET = b"stall", b"reset"


@contextmanager
def scripted(*answers: bytes) -> Iterator[tuple[str, list[str]]]:
    """A server that gives each connection its answer as it is, the last one for good; yields its address and requests.

    An answer that ends in STALL leaves the connection open, one that ends in RESET resets it.
    """
    asked: list[str] = []
    stop = threading.Event()

    def serve(connection: socket.socket, said: bytes) -> None:
        with connection:
            asked.append(connection.recv(1 << 16).decode())
            with suppress(OSError):  # the client has had enough
                connection.sendall(said.removesuffix(STALL).removesuffix(RESET))
                if said.endswith(STALL):
                    stop.wait(60)
                if said.endswith(RESET):
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            said = answers[min(len(asked), len(answers) - 1)]
            threading.Thread(target=serve, args=(connection, said), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/file", asked
        stop.set()
        listener.shutdown(socket.SHUT_RDWR)


HALVED = answer(200, CONTENT[:HALF], length(len(CONTENT)))


@pytest.mark.parametrize(
    "answers",
    [
        (HALVED, answer(206, bytes(len(CONTENT) - HALF), part(HALF, len(CONTENT) - 1)), WHOLE),  # other bytes
        (WHOLE,),
        (answer(503), answer(503), WHOLE),
        (HALVED + STALL, REST),
        (HALVED + RESET, WHOLE),  # what was on its way is lost
        (HALVED, REST),
        (RESET, WHOLE),
        (HALVED, WHOLE),  # knows no ranges
        (HALVED, answer(206, CONTENT, length(len(CONTENT)), part(0, len(CONTENT) - 1)), WHOLE),  # the wrong part
        (HALVED, answer(206, CONTENT[7:], length(len(CONTENT) - 7), part(7, len(CONTENT) - 1)), WHOLE),
        (HALVED, answer(206, CONTENT[7:], length(len(CONTENT) - 7), part(HALF, len(CONTENT) - 1)), WHOLE),  # it lies
        (HALVED, answer(206, CONTENT[HALF:-9], part(HALF, len(CONTENT) - 10, "*")), WHOLE),
        (HALVED, answer(416), WHOLE),
        (answer(206, CONTENT[:HALF], length(HALF), part(0, HALF - 1)), REST),  # a part that nobody asked for
        (answer(200, CONTENT, "Content-Length: many"),),
        (answer(200, CONTENT),),
        (answer(200, b"%x\r\n%s\r\n0\r\n\r\n" % (len(CONTENT), CONTENT), "Transfer-Encoding: chunked"),),
    ],
)  # fmt: skip
def test_gets_the_right_file_from_a_bad_server(
    tmp_path: Path, answers: tuple[bytes, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "STALL", 0.3)
    with scripted(*answers) as (url, _):
        got = download.fetch(DownloadableFile("file.zip", (url,), ()), None, tmp_path)
    assert got.read_bytes() == CONTENT
    assert [p.name for p in tmp_path.iterdir()] == ["file.zip"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (HALVED, "the transfer broke off|IncompleteRead"),
        (HALVED + RESET, "reset|broken"),
        (answer(200, CONTENT[:HALF] + STALL, length(len(CONTENT))), "timed out"),
        (answer(200, CONTENT, length(HALF)), "cut short, or not the file"),
        (answer(200, CONTENT[:HALF]), "cut short, or not the file"),  # no length at all
        (answer(200, b"", length(0)), "cut short, or not the file"),
        (answer(200, PAGE, length(len(PAGE)), "Content-Type: text/html; charset=utf-8"), "a web page in place of"),
        (answer(200, PAGE, length(len(PAGE)), "Content-Type: application/zip"), "cut short, or not the file"),
        (answer(206, CONTENT, length(len(CONTENT))), "206 without the file"),
        (answer(204), "204 without the file"),
        (answer(304), "304 without the file"),
        (answer(302, b"", length(0), "Location: /file"), "TooManyRedirects"),
        (answer(302, b"", length(0), "Location: http://[::1"), "does not answer"),
        (answer(302, b"", length(0), "Location: file:///etc/hostname"), "InvalidSchema"),
        (answer(403), "403"),
        (answer(404), "404"),
        (b"SSH-2.0-OpenSSH_9\r\n", "does not answer: ConnectionError"),
        (b"", "does not answer: ConnectionError"),
        (answer(200, b"zz\r\nxx", "Transfer-Encoding: chunked"), "broken|InvalidChunkLength"),
    ],
)
def test_a_bad_server_ends_in_one_line(
    tmp_path: Path,
    said: bytes,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(download, "STALL", 0.3)
    with scripted(said) as (url, _), pytest.raises(UnreachableError) as caught:
        download.fetch(DownloadableFile("file.zip", (url,), ()), None, tmp_path)
    line = str(caught.value)
    assert line.startswith("file.zip can't be downloaded (") and "\n" not in line
    assert any(part in line for part in message.split("|")), line
    assert {p.name for p in tmp_path.iterdir()} <= {"file.zip.part"}  # never taken for whole
    assert "Traceback" not in capfd.readouterr().err


def test_a_second_address_serves_where_the_first_fails(tmp_path: Path) -> None:
    with scripted(answer(404), WHOLE) as (url, _):
        got = download.fetch(DownloadableFile("file.zip", (url, f"{url}_too"), ()), None, tmp_path)
    assert got.read_bytes() == CONTENT


def test_a_login_page_costs_no_partial_file(tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(CONTENT[:HALF])
    page = answer(200, PAGE, length(len(PAGE)), "Content-Type: text/html")
    with scripted(page) as (url, _), pytest.raises(UnreachableError, match="login page"):
        download.fetch(DownloadableFile("file.zip", (url,), ()), None, tmp_path)
    with scripted(REST) as (url, asked):
        assert download.fetch(DownloadableFile("file.zip", (url,), ()), None, tmp_path).read_bytes() == CONTENT
    assert f"Range: bytes={HALF}-" in asked[0]


def test_a_page_is_no_list(tmp_path: Path) -> None:
    with scripted(answer(200, PAGE, length(len(PAGE)))) as (url, _), pytest.raises(UnreachableError):
        download.fetch(DownloadableFile("list.txt", (url,), ()), None, tmp_path)
    assert [(p.name, p.stat().st_size) for p in tmp_path.iterdir()] == [("list.txt.part", 0)]


def test_two_runs_at_once_share_one_download(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    got: list[bytes] = []

    def get(url: str) -> None:
        got.append(download.fetch(DownloadableFile("file.zip", (url,), ()), None, tmp_path).read_bytes())

    with scripted(WHOLE) as (url, asked):
        with files.alone(tmp_path / "file.zip.part", "downloads"):  # as another run does
            runs = [threading.Thread(target=get, args=(url,)) for _ in range(3)]
            for run in runs:
                run.start()
            while capsys.readouterr().out.count("another run downloads it") < 1:
                time.sleep(0.05)
            assert not asked
        for run in runs:
            run.join()
    assert got == [CONTENT] * 3
    assert len(asked) == 1


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with scripted(WHOLE) as (url, _), pytest.raises(UserError, match="can't be written"):
        download.fetch(DownloadableFile("file.zip", (url,), ()), None, tmp_path / "file" / "downloads")


def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with files.alone(tmp_path / "lock", "downloads"):
        pass
    assert capsys.readouterr().out.endswith("lock: no lock (No locks available): let no other run do the same\n")
