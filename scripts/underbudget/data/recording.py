"""One recording in any usual format, as the models want it."""

import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from underbudget.device.audio import Audio, ratio, read_wav, resample
from underbudget.device.errors import UserError
from underbudget.device.wav import EXTENSIBLE, FIX, HEADS, SAMPLE_BYTES, Mix, check_length

UNCOUNTED = ("MP3", "AIFF", "AU", "CAF", "W64", "WAV")  # whose headers may tell a guess, or nothing
LONGEST = 3600.0  # seconds of a recording that is loaded as a whole: 230 MB


class _Memory(io.BytesIO):
    """A file in memory that stays where it is when a damaged header sends libsndfile to an impossible place.

    An exception in a callback from C would be printed as a traceback.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def load_sound(path: str | Path) -> Audio:
    """Load a recording in any usual format as sound [n] in [-1, 1], mono, 16 kHz, as spotters listen to it.

    Raises:
        UserError: it can't be read, or is no such recording, or is longer than an hour.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None
    return decode(content, str(path), LONGEST)


def decode(content: bytes, name: str, longest: float) -> Audio:
    """Decode a recording, whatever its name ends in, to mono float32 at 16 kHz.

    WAV is read as a Pi reads it; what is not, by libsndfile; what that can't, by ffmpeg where it is installed.

    Args:
        content: the file.
        name: what to call it in an error.
        longest: seconds; a longer recording is refused.

    Raises:
        UserError: it can't be decoded, is empty, cut short or too long, or has a rate that is not supported.
    """
    if not content:
        raise UserError(f"{name}: holds no sound: record it again")
    if content.startswith(HEADS):
        try:
            return read_wav(io.BytesIO(content), name, longest)
        except UserError:
            if b"fmt " not in content[:4096] or _is_plain(content):
                raise
    import soundfile  # whoever has WAV files only needs no libsndfile

    try:
        with soundfile.SoundFile(_Memory(content)) as file:
            rate, frames = file.samplerate, file.frames
            ratio(rate, name)
            fitting = int(longest * rate)
            # a header may declare any number of frames: not more are asked for than tell whether it is too long
            samples = file.read(fitting + 1, dtype="float32", always_2d=True)
            counted = file.format not in UNCOUNTED
    except soundfile.LibsndfileError as error:
        converted = _by_ffmpeg(content)
        if converted:
            return read_wav(io.BytesIO(converted), name, longest)
        what = "not a WAV file" if name.lower().endswith(".wav") else "can't be decoded"
        tried = error.error_string.rstrip(".") + ("" if shutil.which("ffmpeg") else "; ffmpeg is not installed")
        raise UserError(f"{name}: {what} ({tried}); {FIX}") from None
    if len(samples) > fitting:
        check_length(name, max(len(samples), frames) / rate, longest)
    if len(samples) < frames and counted:
        raise UserError(f"{name}: cut short or damaged: fetch or export it again")
    if not len(samples):
        raise UserError(f"{name}: holds no sound, or is damaged: record or export it again")
    return resample(Mix()(samples).clip(-1, 1), rate, name)


def _is_plain(content: bytes) -> bool:
    """Tell whether a WAV has an encoding that `read_wav` knows: then libsndfile would not read it better."""
    at = content.find(b"fmt ") + 8
    return int.from_bytes(content[at : at + 2], "little") in (*SAMPLE_BYTES, EXTENSIBLE)


def _by_ffmpeg(content: bytes) -> bytes:
    """Return what ffmpeg makes a WAV of; nothing where there is no ffmpeg, or it can't."""
    program = shutil.which("ffmpeg")
    if program is None:
        return b""
    with tempfile.NamedTemporaryFile() as file:  # m4a is not readable from a pipe
        file.write(content)
        file.flush()
        command = [program, "-v", "error", "-nostdin", "-i", file.name, "-vn", "-f", "wav", "-c:a", "pcm_s16le", "-"]
        return subprocess.run(command, capture_output=True, check=False).stdout
