"""Hear a spotter's words in a running sound: a microphone, a WAV file of any length, or raw PCM on standard input.

Needs scripts/device, a model and its card: it runs on a Raspberry Pi as on a workstation. The microphone needs the
package sounddevice. It prints one line per word: the second at which it was known, the word, its probability, and how
long that took. The model's card names a threshold for each of three sensitivities, chosen on validation sounds.
"""

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from device import artifact  # first: it says how numpy computes

# isort: split
import numpy as np

from device.audio import RATE, Audio, read_wav
from device.cli import add_number, parser, run
from device.errors import UserError
from device.keep import keep
from device.listen import HOP, Detection, KeywordDetector, Settings, threshold_of
from device.runtime import try_out

EXAMPLES = """\
  .venv/bin/python scripts/10_listen.py
  .venv/bin/python scripts/10_listen.py --wav meeting.wav --json
  arecord -q -f S16_LE -r 16000 -c 1 -t raw | .venv/bin/python scripts/10_listen.py --raw
  .venv/bin/python scripts/10_listen.py --sensitivity low --keep heard/
  .venv/bin/python scripts/10_listen.py --model models/report/kws_c.tflite.zlib --threshold 0.9"""
MODEL = Path(__file__).parents[1] / "models" / "live" / "kws_a.tflite.zlib"
DEFAULTS = Settings()


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    source = options.add_mutually_exclusive_group()
    source.add_argument("--wav", type=Path, help="a WAV file of any length, rate and width")
    source.add_argument("--raw", action="store_true", help="standard input: 16-bit little-endian, mono, 16 kHz")
    options.add_argument("--model", type=Path, default=MODEL, help="NAME.tflite.zlib with its card NAME.json beside it")
    options.add_argument(
        "--sensitivity", choices=artifact.SENSITIVITIES, default="middle", help="how readily a word is heard"
    )
    add_number(options, "--threshold", "smallest probability of a word", (0.0, 1.0), None, "by --sensitivity")
    add_number(options, "--smoothing", "seconds to average over", (0.0, 10.0), DEFAULTS.smoothing)
    add_number(options, "--refractory", "seconds to wait after a word", (0.0, 60.0), DEFAULTS.refractory)
    add_number(options, "--loudness", "times louder than the background", (0.0, 1000.0), DEFAULTS.loudness)
    options.add_argument("--json", action="store_true", help="print one JSON object per line")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="write each word's second of sound to a WAV file")
    arguments = options.parse_args()
    card, content = artifact.load_file(arguments.model)
    if card.front_end is None:
        raise UserError(f"{arguments.model}: not a keyword spotter: give a kws model")
    try_out(content, card.name)
    threshold = threshold_of(card, arguments.sensitivity) if arguments.threshold is None else arguments.threshold
    settings = Settings(threshold, arguments.smoothing, arguments.refractory, arguments.loudness)
    listener = KeywordDetector(card, content, settings)
    if arguments.wav:
        chunks = from_wav(arguments.wav)
    elif arguments.raw:
        chunks = from_raw()
    else:
        chunks = from_microphone()
    for chunk in chunks:
        heard = listener.process(chunk)
        if heard:
            show(heard, arguments.json)
            if arguments.keep:
                keep(arguments.keep, heard, listener.second)


def show(heard: Detection, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(heard)), flush=True)
    else:
        print(f"{heard.time:8.2f} s  {heard.word:8} {heard.confidence:5.2f}  {heard.latency_ms:6.2f} ms", flush=True)


def from_wav(path: Path) -> Iterator[Audio]:
    """Yield chunks [HOP] of a file, and of a second of silence after it, so that its last word is heard too."""
    try:
        with path.open("rb") as file:
            audio = read_wav(file, str(path))
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None
    audio = np.pad(audio, (0, RATE + HOP - len(audio) % HOP))
    yield from audio[: len(audio) // HOP * HOP].reshape(-1, HOP)


def from_raw() -> Iterator[Audio]:
    """Yield chunks [HOP] of standard input."""
    data = sys.stdin.buffer.read(2 * HOP)
    while len(data) == 2 * HOP:
        yield np.frombuffer(data, "<i2").astype(np.float32) / np.float32(32768)
        data = sys.stdin.buffer.read(2 * HOP)


def from_microphone() -> Iterator[Audio]:
    """Yield chunks [HOP] of the default microphone."""
    try:
        import sounddevice
    except (ImportError, OSError):
        raise UserError("no microphone: install it (pip install sounddevice), or use --wav or --raw") from None
    try:
        with sounddevice.InputStream(RATE, HOP, channels=1, dtype="float32") as stream:
            print("listening; Ctrl-C ends it", file=sys.stderr)
            while True:
                yield stream.read(HOP)[0][:, 0]
    except sounddevice.PortAudioError as error:
        raise UserError(f"no microphone ({error}): attach one, or use --wav or --raw") from None


if __name__ == "__main__":
    run(main)
