"""WAV files: integer PCM of 8 to 32 bits, floats and G.711, in a plain or an extensible header, file or stream.

The standard library's `wave` reads no floats and, before Python 3.12, no extensible headers.
"""

import math
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from underbudget.device.errors import UserError

FIX = "convert it with: ffmpeg -i RECORDING -ar 16000 -ac 1 -c:a pcm_s16le new.wav"
PCM, FLOAT, ALAW, ULAW, EXTENSIBLE = 1, 3, 6, 7, 0xFFFE
SAMPLE_BYTES = {PCM: (1, 2, 3, 4), FLOAT: (4, 8), ALAW: (1,), ULAW: (1,)}  # bytes per sample
SUBTYPE = bytes.fromhex("000000001000800000aa00389b71")  # what follows the encoding in an extensible header
STREAMED = 0x7FFFF000  # bytes; sox, arecord and ffmpeg declare this or more where they can't know the length
LOUDEST = 8.0  # floats overshoot full scale, 1, now and then; samples that were never scaled reach 32,767
READ_BYTES = 1 << 20  # bytes that are read at once
HEADS = (b"RIFF", b"RF64", b"BW64")  # the last two are of files that may pass 4 GB
NO_SOUND = (b"OggS", b"fLaC", b"ID3", b"FORM", b"RIFX", b".snd")  # of other kinds of file; no sound begins so
# perhaps a pad byte; a name, and a size of less than 16 MB; or a tag of music players
CHUNK = re.compile(rb"\0?([\w ]{4}.{3}\0|ID3|TAG)", re.DOTALL)
BLOCKS_A_SECOND = 12  # of sound that is read as it comes
LEAST_AFTER = 50  # what follows the declared sound is sound, too, if it is longer than a second divided by this
CANCELLED = 0.3  # of the loudest channel's power: where mixing leaves less, the channels cancel each other

Samples = NDArray[np.float32]


@dataclass(frozen=True)
class Layout:
    """How samples are stored: encoding (PCM or FLOAT), channels, frames per second, bytes per sample."""

    encoding: int
    channels: int
    rate: int
    width: int

    @property
    def frame(self) -> int:
        return self.channels * self.width


HEADERLESS = Layout(PCM, 1, 16_000, 2)


def stream_mono(file: BinaryIO, name: str, headerless: bool = False) -> tuple[Iterator[Samples], int]:
    """Read sound as it comes, to its end, whatever size the header of a WAV file or stream says.

    Args:
        file: the open file; it need not be seekable.
        name: what to call it in an error.
        headerless: where there is no header, it is 16-bit, mono, at 16 kHz.

    Returns:
        Blocks of samples [any length] in [-1, 1], mixed to one channel; and the frames per second.

    Raises:
        UserError: not a WAV, or an encoding that is not read; while it is read, floats out of all bounds.
    """
    head = file.read(12)
    if headerless and head.startswith(NO_SOUND):
        raise UserError(f"{name}: neither WAV nor raw sound: send it through: ffmpeg -i - -f wav -")
    if headerless and not head.startswith(HEADS):
        layout, declared = HEADERLESS, STREAMED
    else:
        layout, declared = _find_data(head, file, name)
        head = b""
    step = max(1, layout.rate // BLOCKS_A_SECOND) * layout.frame
    return _decoded(_as_it_comes(head, file, declared, layout, step), layout, name), layout.rate


def read_mono(file: BinaryIO, name: str, longest: float = math.inf) -> tuple[Samples, int]:
    """Read a WAV file to its end; return its samples [n] in [-1, 1], mixed to one channel, and its frames per second.

    Args:
        file: the open file; it need not be seekable.
        name: what to call it in an error.
        longest: seconds; a longer file is refused.

    Raises:
        UserError: not a WAV, an encoding that is not read, empty, too long, or floats out of all bounds.
    """
    layout, declared = _find_data(file.read(12), file, name)
    step = max(1, READ_BYTES // layout.frame) * layout.frame
    blocks: list[Samples] = []
    frames = 0
    # block by block, so that only one channel of the whole recording is ever in memory
    for block in _decoded(_as_it_comes(b"", file, declared, layout, step), layout, name):
        blocks.append(block)
        frames += len(block)
        if frames > longest * layout.rate:
            told = declared // layout.frame if declared < STREAMED else 0
            check_length(name, max(frames, told) / layout.rate, longest)
    if not frames:
        raise UserError(f"{name}: the WAV file holds no sound: record it again")
    return np.concatenate(blocks), layout.rate


def _as_it_comes(head: bytes, file: BinaryIO, declared: int, layout: Layout, step: int) -> Iterator[bytes]:
    """Yield blocks of bytes; after the declared ones, too, unless what follows there is another chunk, or little."""
    if declared < STREAMED:
        while data := file.read(min(step, declared)):
            declared -= len(data)
            yield data
        head = file.read(9)
        if CHUNK.match(head):
            return
        head += file.read(max(0, layout.rate // LEAST_AFTER * layout.frame - len(head)))
        if len(head) < layout.rate // LEAST_AFTER * layout.frame:
            return
    while data := head + file.read(max(0, step - len(head))):
        yield data
        head = b""


def _decoded(blocks: Iterable[bytes], layout: Layout, name: str) -> Iterator[Samples]:
    """Yield the samples of blocks that may end within a frame, mixed to one channel."""
    rest, mix = b"", Mix()
    for block in blocks:
        data = rest + block
        whole = len(data) // layout.frame * layout.frame
        rest = data[whole:]
        yield mix(_decode(data[:whole], layout, name).reshape(-1, layout.channels))


class Mix:
    """Mixes frames [n, channels] of one recording, as they come, to one channel [n].

    It is the mean of all, but the loudest one alone where the others cancel it (a balanced microphone on a stereo
    input) or are dead.
    """

    def __init__(self) -> None:
        self._power: Any = 0.0  # of each channel, and of the mean, up to now

    def __call__(self, frames: Samples) -> Samples:
        mean = frames.mean(axis=1, dtype=np.float32)
        if frames.shape[1] == 1 or not len(frames):
            return mean
        # without what is constant, which is no sound
        self._power = self._power + len(frames) * np.var(np.column_stack([frames, mean]), axis=0, dtype=np.float64)
        *channels, mixed = self._power
        return frames[:, np.argmax(channels)] if mixed < CANCELLED * max(channels) else mean


def check_length(name: str, seconds: float, longest: float) -> None:
    """Check that a recording is not too long.

    Raises:
        UserError: it is.
    """
    if seconds > longest:
        raise UserError(f"{name}: {seconds:.2f} s long, at most {longest:g} s fits: trim it")


def _find_data(head: bytes, file: BinaryIO, name: str) -> tuple[Layout, int]:
    """Read up to the first sample, after the first twelve bytes, `head`.

    Returns:
        The layout, and the declared number of bytes, STREAMED or more if unknown.
    """
    if len(head) < 12 or not head.startswith(HEADS) or head[8:] != b"WAVE":
        raise UserError(f"{name}: not a WAV file; {FIX}")
    (whole,) = struct.unpack("<I", head[4:8])
    layout, place, large, unpadded = None, 12, 0, b""
    while len(head := unpadded + file.read(8 - len(unpadded))) == 8:
        kind, size = struct.unpack("<4sI", head)
        place += 8
        if kind == b"data":
            if layout is None:
                raise UserError(f"{name}: the WAV file's header has no format; {FIX}")
            # a recorder that never came back to fill in the sizes left 0 here and counts no bytes after this place
            unknown = size == 0 and (whole + 8 <= place or whole >= STREAMED)
            if unknown:
                return layout, STREAMED
            return layout, large if large and size == 0xFFFFFFFF else size
        content = file.read(min(size, 40))
        if kind == b"fmt ":
            layout = _layout(content, name)
        if kind == b"ds64" and len(content) >= 16:
            (large,) = struct.unpack("<Q", content[8:16])  # the size of the sound, where 32 bits may not hold it
        rest = size - len(content)
        while rest and (skipped := len(file.read(min(rest, READ_BYTES)))):
            rest -= skipped
        pad = file.read(size % 2)
        unpadded = pad.strip(b"\0")  # some writers forget to pad
        place += size + len(pad) - len(unpadded)
    raise UserError(f"{name}: the WAV file ends before its sound begins: fetch it again")


def _layout(content: bytes, name: str) -> Layout:
    """Read a format chunk, whose fields must agree, but bytes per second only where samples of 24 bits take 4 bytes."""
    if len(content) < 16:
        raise UserError(f"{name}: the WAV file's header is damaged; {FIX}")
    encoding, channels, rate, a_second, frame, bits = struct.unpack("<HHIIHH", content[:16])
    if encoding == EXTENSIBLE and content[26:40] == SUBTYPE:
        (encoding,) = struct.unpack("<H", content[24:26])
    width = -(-bits // 8)  # 12 bits lie at the upper end of two bytes
    if encoding == PCM and width == 3 and frame == 4 * channels and a_second == frame * rate:
        width = 4
    if (bits % 8 and encoding != PCM) or width not in SAMPLE_BYTES.get(encoding, ()):
        raise UserError(f"{name}: WAV encoding {encoding} with {bits} bits is not supported; {FIX}")
    if not channels or not rate or frame != channels * width:
        raise UserError(f"{name}: the WAV file's header is damaged; {FIX}")
    return Layout(encoding, channels, rate, width)


def _decode(data: bytes, layout: Layout, name: str) -> Samples:
    """Convert stored samples to float32 in [-1, 1]."""
    if layout.encoding == FLOAT:
        samples = np.frombuffer(data, f"<f{layout.width}")
        peak = np.abs(samples).max(initial=0)
        if not peak <= LOUDEST:  # so that NaN is refused, too
            raise UserError(f"{name}: its floats reach {peak:g}, full scale is 1: scale them, or export it as 16-bit")
        return np.clip(samples, -1, 1).astype(np.float32)
    if layout.encoding in (ALAW, ULAW):
        return _G711[layout.encoding][np.frombuffer(data, np.uint8)]
    if layout.width == 1:  # 8-bit WAV alone is unsigned
        return (np.frombuffer(data, np.uint8).astype(np.float32) - np.float32(128)) / np.float32(128)
    width = layout.width
    if width == 3:
        padded = np.zeros((len(data) // 3, 4), np.uint8)
        padded[:, 1:] = np.frombuffer(data, np.uint8).reshape(-1, 3)
        data, width = padded.tobytes(), 4
    return np.frombuffer(data, f"<i{width}").astype(np.float32) / np.float32(2.0 ** (8 * width - 1))


def _g711(alaw: bool) -> Samples:
    """Return what each byte [256] of A-law or mu-law means (ITU-T G.711), in [-1, 1]: telephones record so."""
    code = np.arange(256) ^ (0x55 if alaw else 0xFF)
    exponent, mantissa = code >> 4 & 7, code & 15
    if alaw:
        size = np.where(exponent > 0, (2 * mantissa + 33) << np.maximum(exponent - 1, 0), 2 * mantissa + 1) * 8
        return (np.where(code & 128, size, -size) / 32768).astype(np.float32)
    size = ((2 * mantissa + 33) << exponent) * 4 - 132
    return (np.where(code & 128, -size, size) / 32768).astype(np.float32)


_G711 = {ALAW: _g711(True), ULAW: _g711(False)}
