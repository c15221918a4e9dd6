"""Find the recordings in a folder, a zip or a tar archive.

Nothing is ever unpacked to disk: an archive's members are read one by one into memory, so no path in it matters.
"""

import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

from underbudget.device.errors import UserError

SUFFIXES = (".wav", ".flac", ".ogg", ".mp3")
LARGEST_CLIP = 1 << 22  # bytes; a second at 192 kHz, 64-bit, stereo has 3 MB
LARGEST_RECORDING = 1 << 28  # bytes; ten minutes at 48 kHz, 32-bit, stereo have 230 MB

Content = Callable[[], bytes] | None  # None: not a regular file


def recordings(
    path: Path, words: Collection[str] | None, largest: int = LARGEST_CLIP, folders: int = 1, also: tuple[str, ...] = ()
) -> Iterator[tuple[str, bytes]]:
    """Yield names `<word>/<file>` and contents of recordings; say what else lies in the words' folders.

    Args:
        path: a folder or an archive.
        words: the folders that count, however deep they lie; None: all of them. Hidden files and __MACOSX do not count.
        largest: bytes; a larger recording is refused.
        folders: names tell as many of the folders that a recording lies in, if there are so many.
        also: endings of files that are yielded beside recordings.

    Raises:
        UserError: unreadable, damaged or encrypted; a recording is empty, too large, or has the name of another.
    """
    seen: set[str] = set()
    left_out: list[str] = []
    try:
        for found, size, content in _members(path):
            name = _clip_name(found, words, folders)
            if name is None:
                continue
            if content is None or not name.lower().endswith(SUFFIXES + also):
                left_out.append(name)
                continue
            _check(path, name, size, largest, name in seen)
            seen.add(name)
            yield name, content()
    except UserError:
        raise
    except Exception as error:  # a damaged archive makes the standard library raise nearly anything
        what = str(error).partition("\n")[0][:100] or "it ends too early"
        if path.is_dir():
            raise UserError(f"{path}: can't be read ({what}): correct that and run again") from None
        raise UserError(
            f"{path}: not an archive, truncated or damaged ({what}): remove it and fetch it again"
        ) from None
    if left_out:
        print(f"{path}: files that are not {', '.join(SUFFIXES)} are left out: {len(left_out):,}, first {left_out[0]}")


def _check(path: Path, name: str, size: int, largest: int, twice: bool) -> None:
    if twice:
        raise UserError(f"{path}: there are two {name}: give each recording of a word a name of its own")
    if size > largest:
        raise UserError(f"{path}: {name} has {size:,} bytes, more than {largest:,}: cut, remove or replace it")
    if size == 0:
        raise UserError(f"{path}: {name} is empty: remove or replace it")


def _clip_name(found: str, words: Collection[str] | None, folders: int) -> str | None:
    """Return the last folders and the name of the file of a path, with what can't be printed escaped."""
    match = re.search(r"(?:^|/)([^/]+)/([^/.][^/]*)\Z", found)
    if not match or (words is not None and match[1] not in words) or "__MACOSX" in found.split("/"):
        return None
    name = "/".join(part for part in found.split("/") if part not in ("", "."))
    name = "/".join(name.split("/")[-1 - folders :])
    return name if name.isprintable() else name.encode("unicode_escape").decode()


def _members(path: Path) -> Iterator[tuple[str, int, Content]]:
    """Yield path, size and content of everything in a folder or an archive but its folders."""
    if path.is_dir():
        yield from _files(path)
    elif zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                if entry.flag_bits & 1:
                    raise UserError(f"{path}: encrypted: unpack it with its password, and give the folder")
                if not entry.is_dir():
                    # some packers on Windows write backslashes
                    yield entry.filename.replace("\\", "/"), entry.file_size, partial(archive.read, entry)
    else:
        with tarfile.open(path) as tar:
            yield from _tar_members(tar)


def _files(folder: Path) -> Iterator[tuple[str, int, Content]]:
    def fail(error: OSError) -> None:
        raise error

    found = [Path(place, name) for place, _, names in os.walk(folder, onerror=fail, followlinks=True) for name in names]
    for file in sorted(found):
        name = file.relative_to(folder).as_posix()
        if file.is_file():
            yield name, file.stat().st_size, file.read_bytes
        else:
            yield name, 0, None


def _tar_members(tar: tarfile.TarFile) -> Iterator[tuple[str, int, Content]]:
    for item in tar:
        if item.size < 0:
            raise tarfile.ReadError("negative size")  # it would be read again and again
        if not item.isdir():
            yield item.name, item.size, partial(_tar_content, tar, item) if item.isfile() else None
    # tarfile takes a damaged header for the end
    assert tar.fileobj is not None
    tar.fileobj.seek(tar.offset)
    if tar.fileobj.read(tarfile.BLOCKSIZE) != tarfile.NUL * tarfile.BLOCKSIZE:
        raise tarfile.ReadError("no end")
    while tar.fileobj.read(1 << 20):  # to the end, where the compressor's checksum is
        pass


def _tar_content(tar: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    stream = tar.extractfile(item)
    assert stream is not None  # it is a file
    return stream.read()
