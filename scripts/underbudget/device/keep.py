"""Write the detected sounds as WAV files that can be put into `_other_` and trained on."""

import errno
import io
import os
import re
import wave
from itertools import count
from pathlib import Path

from underbudget.device.audio import RATE, Audio, to_int16
from underbudget.device.errors import UserError
from underbudget.device.listen import Detection


def make_folder(folder: Path) -> None:
    """Make the folder before anything is detected, which may be hours later.

    Raises:
        UserError: it can't be made, or nothing can be written to it.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{folder}: can't be made ({error.strerror}): name another folder") from None
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"{folder}: can't be written to: name another folder")


def keep(folder: Path, found: Detection, second: Audio) -> Path:
    """Write a second of sound [16000] to a new file in `folder`; return its path.

    Its name says the time, the word and the confidence. Where there is such a file, a number is added: nothing is
    overwritten.

    Raises:
        UserError: it can't be written.
    """
    word = re.sub(r"[^\w-]", "_", found.word)  # a label may hold a slash
    name = f"{found.time:09.2f}s_{word}_{found.confidence:.2f}"
    content = _wav(second)
    path = folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            path = folder / (f"{name}.wav" if number == 1 else f"{name}_{number}.wav")
            try:
                file = path.open("xb")
            except FileExistsError:
                continue
            try:
                with file:
                    file.write(content)
            except BaseException:
                path.unlink(missing_ok=True)  # not half a file
                raise
            break
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(f"{path}: the disk is full: free some space, or listen without --keep") from None
        raise UserError(f"{path}: can't be written ({error.strerror}): name another folder") from None
    return path


def _wav(sound: Audio) -> bytes:
    """Return a 16-bit WAV file of sound in [-1, 1)."""
    out = io.BytesIO()
    with wave.open(out, "wb") as wav:
        wav.setnchannels(1)
        wav.setsampwidth(2)
        wav.setframerate(RATE)
        wav.writeframes(to_int16(sound).astype("<i2").tobytes())
    return out.getvalue()
