"""Archives of recordings with any field, name or byte wrong: the right clips, or one line; nothing is ever written."""

import io
import struct
import tarfile
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import wav_bytes, zip_bytes
from hypothesis import example, given
from hypothesis import strategies as st

from underbudget.data.archive import LARGEST_CLIP
from underbudget.data.speech import LABELS, Speech, read_speech
from underbudget.device.errors import UserError

CLIPS = {f"{word}/{i}.wav": wav_bytes(np.full(50, (8 * n + i) / 99)) for n, word in enumerate(LABELS) for i in range(2)}
SAID = {name: int.from_bytes(content[44:46], "little", signed=True) for name, content in CLIPS.items()}


def tarred(items: list[tuple[tarfile.TarInfo, bytes]], mode: Any = "w", format_: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode, format=format_, errors="surrogateescape") as archive:
        for item, content in items:
            archive.addfile(item, io.BytesIO(content))
    return out.getvalue()


def entry(
    name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = ""
) -> tuple[tarfile.TarInfo, bytes]:
    item = tarfile.TarInfo(name)
    item.size, item.type, item.linkname = len(content), kind, link
    return item, content


WHOLE = [entry(name, content) for name, content in CLIPS.items()]


def outcome(content: bytes) -> Speech | str:
    """The clips, or the one line; whatever else is raised or written fails the test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "inner", "own.archive")
        path.parent.mkdir()
        path.write_bytes(content)
        try:
            return read_speech(path, user=True)
        except UserError as error:
            line = str(error)
            assert line.startswith(str(path)) and "\n" not in line and len(line) < 500
            return line.removeprefix(f"{path}: ")
        finally:
            assert [p.name for p in Path(folder).rglob("*")] == ["inner", "own.archive"]


def check(got: Speech | str, clips: dict[str, int]) -> None:
    """Clips that were read are those that were packed; which of them a wrong name hides can't be told."""
    if isinstance(got, Speech):
        assert set(got.name) <= set(clips)
        for name, audio, label in zip(got.name, got.audio, got.label, strict=True):
            assert audio[0] == clips[name] and LABELS[label] == name.split("/")[0]


FOLDERS = [
    "",
    "../../",
    "/etc/",
    "./",
    "a/b/c/",
    "__MACOSX/",
    "x/__MACOSX/y/",
    "C:\\\\",
    "\udcff/",
    "go\n/",
    "é" * 200 + "/",
]
names = st.builds(
    lambda folder, word, name, ending: f"{folder}{word}{name}{ending}",
    st.sampled_from(FOLDERS),
    st.sampled_from(["go/", "no/", "Go/", "nothing/", "go/no/", "go\\", "/", ""]),
    st.sampled_from(["0", "7", "._7", "..", "", "\udce9", "two\nlines", " ", "\x1b[2J", "'", "né" * 60, ".", "nul"]),
    st.sampled_from([".wav", ".WAV", ".mp3", ".txt", "", ".wav/", ".wav.gz"]),
)
KINDS = [tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE, b"Z"]


@given(
    extra=st.lists(st.tuples(names, st.sampled_from(KINDS)), min_size=1, max_size=3),
    format_=st.sampled_from([tarfile.PAX_FORMAT, tarfile.GNU_FORMAT]),
    mode=st.sampled_from(["w", "w:gz", "w:xz"]),
)
def test_tars_with_any_names_and_kinds(extra: list[tuple[str, bytes]], format_: int, mode: str) -> None:
    clip = CLIPS["up/1.wav"]
    items = [entry(name, clip if kind == tarfile.REGTYPE else b"", kind, "go/0.wav") for name, kind in extra]
    got = outcome(tarred([*items, *WHOLE], mode, format_))
    if isinstance(got, str):
        assert "there are two" in got or "rename it" in got or "not an archive" in got, got
    else:
        assert set(CLIPS) <= set(got.name)
        assert {got.audio[i, 0] for i, name in enumerate(got.name) if name not in CLIPS} <= {SAID["up/1.wav"]}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@given(extra=st.lists(names.filter(lambda name: "\udcff" not in name and "\udce9" not in name), min_size=1, max_size=3))
def test_zips_with_any_names(extra: list[str]) -> None:
    out = io.BytesIO(zip_bytes(CLIPS))
    with zipfile.ZipFile(out, "a") as archive:
        for name in extra:
            archive.writestr(name, CLIPS["up/1.wav"])
    got = outcome(out.getvalue())
    if isinstance(got, str):
        assert "there are two" in got or "rename it" in got, got
    else:
        assert set(CLIPS) <= set(got.name)
        assert {got.audio[i, 0] for i, name in enumerate(got.name) if name not in CLIPS} <= {SAID["up/1.wav"]}


PACKED = {
    "zip": zip_bytes(CLIPS),
    "stored zip": zip_bytes(CLIPS, zipfile.ZIP_STORED),
    "bzip2 zip": zip_bytes(CLIPS, zipfile.ZIP_BZIP2),
    "lzma zip": zip_bytes(CLIPS, zipfile.ZIP_LZMA),
    "tar.gz": tarred(WHOLE, "w:gz"),
    "tar.bz2": tarred(WHOLE, "w:bz2"),
    "tar.xz": tarred(WHOLE, "w:xz"),
}  # each with sums over its content; a plain tar has none
BYTES = st.lists(st.tuples(st.integers(0, 1 << 20), st.sampled_from([0, 1, 0x7F, 0x80, 0xFF]) | st.integers(0, 255)))


@example(kind="tar.gz", changes=[(28_145, 211)], end=None)  # a wrong sample, which only the checksum at the end tells
@given(kind=st.sampled_from(sorted(PACKED)), changes=BYTES, end=st.none() | st.integers(1, 400))
def test_damaged_archives_give_no_wrong_clip(kind: str, changes: list[tuple[int, int]], end: int | None) -> None:
    content = bytearray(PACKED[kind])
    for place, value in changes:
        content[place % len(content)] = value
    check(outcome(bytes(content[: -end if end else None])), SAID)


@given(place=st.integers(0, 511), value=BYTES.filter(bool), item=st.integers(0, len(WHOLE) - 1), mend=st.booleans())
def test_any_header_of_a_tar(place: int, value: list[tuple[int, int]], item: int, mend: bool) -> None:
    """Fields of one header are overwritten, with the sum that belongs to them or without."""
    content = bytearray(tarred(WHOLE))
    start = next(i for i in range(0, len(content), 512) if content[i : i + 9] == b"go/0.wav\0")
    header = content[start : start + 512]
    for offset, (_, byte) in enumerate(value):
        header[(place + offset) % 512] = byte
    if mend:
        header[148:156] = b" " * 8
        header[148:156] = b"%06o\0 " % sum(header)
    content[start : start + 512] = header
    got = outcome(bytes(content))
    if isinstance(got, Speech):
        assert set(CLIPS) - set(got.name) <= {"go/0.wav"}


@pytest.mark.parametrize("end", range(512, len(tarred(WHOLE)) - 10_000, 2048))
def test_a_tar_cut_at_any_member_is_not_taken_for_whole(end: int) -> None:
    assert "truncated or damaged" in str(outcome(tarred(WHOLE)[:end]))


@pytest.mark.parametrize("size", [-512, -1, LARGEST_CLIP + 1, 1 << 33, 1 << 62])
@pytest.mark.parametrize("name", ["go/9.wav", "other"])
def test_a_tar_whose_sizes_lie(size: int, name: str) -> None:
    item, _ = entry(name)
    item.size = size
    lying = item.tobuf(tarfile.GNU_FORMAT)
    got = outcome(tarred(WHOLE)[:-10_240] + lying + tarred(WHOLE))
    assert isinstance(got, str) and ("truncated or damaged" in got or "bytes, more than" in got)


@pytest.mark.parametrize("kind", [b"x", b"g", b"L", b"K", b"S"])
@pytest.mark.parametrize("size", [-512, 1 << 33, 1 << 62])
def test_a_tar_whose_extended_headers_lie(kind: bytes, size: int) -> None:
    item, _ = entry("x", kind=kind)
    item.size = size
    got = outcome(item.tobuf(tarfile.GNU_FORMAT) + tarred(WHOLE))
    assert isinstance(got, str)


def patched(content: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    at = content.index(signature) + offset
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (patched(patched(PACKED["zip"], b"PK\1\2", 8, b"\1"), b"PK\3\4", 6, b"\1"), "encrypted: unpack it"),
        (patched(PACKED["zip"], b"PK\1\2", 24, struct.pack("<I", 0xFFFFFFF0)), "bytes, more than"),
        (patched(PACKED["zip"], b"PK\1\2", 24, struct.pack("<I", 10)), "truncated or damaged"),
        (patched(PACKED["zip"], b"PK\1\2", 24, struct.pack("<I", 4000)), None),  # the sum is right
        (patched(PACKED["zip"], b"PK\1\2", 20, struct.pack("<I", 10)), "truncated or damaged"),
        (patched(PACKED["zip"], b"PK\1\2", 10, b"\x63"), "truncated or damaged"),
        (patched(PACKED["zip"], b"PK\5\6", 10, b"\xff\xff"), None),  # the count of entries, which nobody needs
        (zip_bytes({**CLIPS, "go/9.wav": bytes(LARGEST_CLIP + 1)}), "bytes, more than"),
        (zip_bytes({}), "no clips down/"),
        (tarred([]), "no clips down/"),
        (zip_bytes({"own.zip": zip_bytes(CLIPS)}), "no clips down/"),
    ],
)
def test_zips_whose_fields_lie(content: bytes, message: str | None) -> None:
    got = outcome(content)
    if message is None:
        assert isinstance(got, Speech) and set(got.name) == set(CLIPS)
    else:
        assert isinstance(got, str) and message in got
