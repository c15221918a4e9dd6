"""Find the recordings in a folder, a zip or a tar archive.

Nothing is ever unpacked to disk: an archive's members are read one by one into memory, so no path in it matters.
"""

import os
import shlex
import shutil
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

from underbudget.device.errors import UserError

SUFFIXES = (
    *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"),
    *(".aif", ".aiff", ".aifc", ".au", ".snd", ".caf", ".w64", ".rf64", ".bwf"),
)
FFMPEG_SUFFIXES = (".m4a", ".aac", ".mp4", ".amr", ".3gp", ".webm", ".weba", ".wma", ".mka", ".ac3")
HIDDEN = ("__MACOSX", "@eaDir", "$RECYCLE.BIN")  # folders of a Mac, a Synology, Windows
NO_RECORDINGS = ("thumbs.db", "desktop.ini")  # what Windows leaves in folders
LARGEST_CLIP = 1 << 22  # bytes; a second at 192 kHz, 64-bit, stereo has 3 MB
LARGEST_RECORDING = 1 << 28  # bytes; ten minutes at 48 kHz, 32-bit, stereo have 230 MB

Content = Callable[[], bytes] | None  # None: not a regular file


def recordings(
    path: Path,
    words: Collection[str] | None,
    largest: int = LARGEST_CLIP,
    folders: int = 1,
    also: tuple[str, ...] = (),
    read: bool = True,
) -> Iterator[tuple[str, bytes]]:
    """Yield names `<word>/<file>` and contents of recordings; say what else lies in the words' folders.

    Args:
        path: a folder or an archive.
        words: the folders that count, however deep they lie; None: all of them. What is hidden does not count.
        largest: bytes; a larger recording is refused.
        folders: names tell as many of the folders that a recording lies in, if there are so many.
        also: endings of files that are yielded beside recordings.
        read: False yields names alone, with no contents, and says nothing.

    Raises:
        UserError: unreadable, damaged or encrypted; a recording is too large, or has the name of another.
    """
    seen: set[str] = set()
    left_out: list[str] = []
    endings = SUFFIXES + also + (FFMPEG_SUFFIXES if shutil.which("ffmpeg") else ())
    try:
        for found, size, content in _members(path):
            name = _clip_name(found, words, folders)
            if name is None:
                continue
            if content is None or not name.lower().endswith(endings):
                left_out.append(name)
                continue
            _check(path, name, size, largest, name in seen)
            seen.add(name)
            yield name, content() if read else b""
    except UserError:
        raise
    except Exception as error:  # a damaged archive makes the standard library raise nearly anything
        what = str(error).partition("\n")[0][:100] or "it ends too early"
        if path.suffix.lower() in (*SUFFIXES, *FFMPEG_SUFFIXES):
            raise UserError(f"{path}: a single recording: name the folder that has a folder for each word") from None
        if path.is_dir():
            raise UserError(f"{path}: can't be read ({what}): correct that and run again") from None
        raise UserError(
            f"{path}: not an archive, truncated or damaged ({what}): fetch it again, or unpack it and give the folder"
        ) from None
    if left_out and read:
        print(f"{path}: files that are no recordings are left out: {len(left_out):,}, first {left_out[0]}")
        convertible = [name for name in left_out if name.lower().endswith(FFMPEG_SUFFIXES)]
        if convertible:
            print(
                f"{path}: of these {len(convertible):,} are read where ffmpeg is installed; or convert each:"
                f" ffmpeg -i {shlex.quote(convertible[0])} {shlex.quote(f'{convertible[0]}.wav')}"
            )


def _check(path: Path, name: str, size: int, largest: int, twice: bool) -> None:
    if twice:
        raise UserError(f"{path}: there are two {name}: give each recording of a word a name of its own")
    if size > largest:
        raise UserError(f"{path}: {name} has {size:,} bytes, more than {largest:,}: cut it")


def _clip_name(found: str, words: Collection[str] | None, folders: int) -> str | None:
    """Return the last folders and the name of the file of a path, with what can't be printed escaped."""
    parts = [part for part in found.split("/") if part not in ("", ".", "..")]
    hidden = any(part.startswith(".") or part in HIDDEN for part in parts)
    if len(parts) < 2 or found.endswith("/") or hidden or parts[-1].lower() in NO_RECORDINGS:
        return None
    if words is not None and parts[-2] not in words:
        return None
    name = "/".join(parts[-1 - folders :])
    return name if name.isprintable() else "".join(map(_readable, name))


def _readable(character: str) -> str:
    """Return a character, escaped unless it is printed, a space, or a joiner or the like, which some scripts need."""
    if character.isprintable() or unicodedata.category(character) in ("Zs", "Cf"):
        return character
    return character.encode("unicode_escape").decode()


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

    found = []
    for place, inside, names in os.walk(folder, onerror=fail, followlinks=True):
        here = os.path.realpath(place)
        # a link to a folder that it lies in would lead round and round
        inside[:] = [name for name in inside if not f"{here}/".startswith(f"{os.path.realpath(Path(place, name))}/")]
        found += [Path(place, name) for name in names]
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
