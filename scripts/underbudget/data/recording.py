"""One recording in any usual format, as the models want it."""

import io

from underbudget.device.audio import Audio, ratio, read_wav, resample
from underbudget.device.errors import UserError
from underbudget.device.wav import check_length

FORMATS = ("FLAC", "OGG", "MP3")  # as libsndfile calls them


class _Memory(io.BytesIO):
    """A file in memory that stays where it is when a damaged header sends libsndfile to an impossible place.

    An exception in a callback from C would be printed as a traceback.
    """

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        try:
            return super().seek(offset, whence)
        except (ValueError, OverflowError):
            return self.tell()


def decode(content: bytes, name: str, longest: float) -> Audio:
    """Decode a recording to mono float32 at 16 kHz: WAV as a Pi does, FLAC, OGG and MP3 by libsndfile.

    Args:
        content: the file.
        name: its name; the ending tells a WAV.
        longest: seconds; a longer recording is refused.

    Raises:
        UserError: it can't be decoded, is empty, cut short or too long, or has a rate that is not supported.
    """
    if name.lower().endswith(".wav"):
        return read_wav(io.BytesIO(content), name, longest)
    import soundfile  # whoever has WAV files only needs no libsndfile

    try:
        with soundfile.SoundFile(_Memory(content)) as file:
            if file.format not in FORMATS:
                raise UserError(f"{name}: this is a {file.format} file: rename it to .{file.format.lower()}")
            rate, frames = file.samplerate, file.frames
            ratio(rate, name)
            fitting = int(longest * rate)
            # a header may declare any number of frames: not more are asked for than tell whether it is too long
            samples = file.read(fitting + 1, dtype="float32", always_2d=True)
            counted = file.format != "MP3"  # whose header may tell a guess
    except soundfile.LibsndfileError as error:
        raise UserError(f"{name}: can't be decoded ({error.error_string}): convert it to WAV") from None
    if len(samples) > fitting:
        check_length(name, max(len(samples), frames) / rate, longest)
    if len(samples) < frames and counted:
        raise UserError(f"{name}: cut short or damaged: fetch or export it again")
    if not len(samples):
        raise UserError(f"{name}: holds no sound, or is damaged: remove or replace it")
    return resample(samples.mean(axis=1).clip(-1, 1), rate, name)
