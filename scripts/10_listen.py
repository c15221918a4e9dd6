"""Detect a spotter's words in a sound as it comes: from a microphone, a WAV file of any length, or standard input.

It needs scripts/underbudget/device, a model and its card, and runs on a Raspberry Pi or a workstation. The microphone
needs the package sounddevice. It prints one line per detected word: the time in seconds, the word, its probability, and
the latency. The model's card has a threshold for each of three sensitivities, chosen on validation sounds.
"""

from underbudget.device.start import prepare

prepare()
# isort: split
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from underbudget.device import artifact
from underbudget.device.audio import RATE, Audio, resample_blocks
from underbudget.device.command_line import add_number, parser, run
from underbudget.device.errors import UserError
from underbudget.device.keep import keep
from underbudget.device.listen import HOP, Detection, Frame, KeywordDetector, in_hops, settings_of
from underbudget.device.runtime import try_out
from underbudget.device.wav import stream_mono

EXAMPLES = """\
  .venv/bin/python scripts/10_listen.py
  .venv/bin/python scripts/10_listen.py --wav meeting.wav --json
  arecord -q -f S16_LE -r 16000 -c 1 -t raw | .venv/bin/python scripts/10_listen.py --raw
  .venv/bin/python scripts/10_listen.py --sensitivity low --keep detected/
  .venv/bin/python scripts/10_listen.py --model models/report/kws_c.tflite.zlib --threshold 0.9"""
MODEL = Path(__file__).parents[1] / "models" / "live" / "kws_a.tflite.zlib"
MUTE = 5  # seconds of the same sample before a warning
CLIPPED = 0.1  # of the samples of a second at full scale: then the sound is too loud


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    source = options.add_mutually_exclusive_group()
    source.add_argument("--wav", type=Path, help="a WAV file of any length, sample rate and bit depth; -: as --raw")
    source.add_argument(
        "--raw", action="store_true", help="standard input: WAV, or without a header 16-bit little-endian, mono, 16 kHz"
    )
    source.add_argument(
        "--device", metavar="N", help="a microphone, by number or a part of its name (python -m sounddevice lists them)"
    )
    options.add_argument("--model", type=Path, default=MODEL, help="NAME.tflite.zlib with its card NAME.json beside it")
    options.add_argument(
        "--sensitivity", choices=artifact.SENSITIVITIES, default="middle", help="how readily a word is detected"
    )
    add_number(options, "--threshold", "smallest probability of a word", (0.0, 1.0), None, "by --sensitivity")
    options.add_argument("--json", action="store_true", help="print one JSON object per line")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="write each word's second of sound to a WAV file")
    arguments = options.parse_args()
    card, content = artifact.load_file(arguments.model)
    if card.front_end is None:
        raise UserError(f"{arguments.model}: not a keyword spotter: give a kws model")
    try_out(content, card.name)
    settings = settings_of(card, arguments.sensitivity)
    if arguments.threshold is not None:
        settings = replace(settings, threshold=arguments.threshold)
    listener = KeywordDetector(card, content, settings)
    end = "; Ctrl-C ends it"
    if arguments.raw or arguments.wav == Path("-"):
        name, sound = "standard input", from_standard_input()
    elif arguments.wav:
        name, sound, end = str(arguments.wav), from_wav(arguments.wav), ""
    else:
        name, sound = "the microphone", from_microphone(arguments.device)
    model, words = f"{arguments.model.parent.name}/{card.name}", ", ".join(card.words)
    of_card = (
        ""
        if card.thresholds or arguments.threshold is not None
        else (
            " at any sensitivity, as its card has none (scripts/18_listening.py MODEL finds some, --threshold sets one)"
        )
    )
    detected = False
    for at, chunk in enumerate(watched(in_hops(sound, name))):
        if at == 0:
            print(f"{model}: listening for {words}; threshold {settings.threshold:g}{of_card}{end}", file=sys.stderr)
        found = listener.process(chunk)
        if found:
            detected = True
            show(found, arguments.json)
            if arguments.keep:
                keep(arguments.keep, found, listener.second)
    if not detected:
        print(f"no word was detected: {why_none(listener.likeliest, settings.threshold)}", file=sys.stderr)


def why_none(likeliest: Frame | None, threshold: float) -> str:
    """Say what came nearest to a word that was detected."""
    if likeliest is None:
        return "nothing was louder than its background: is the recording very quiet, or shorter than a second?"
    nearest = f"{likeliest.word}, {likeliest.confidence:.2f} at {likeliest.time:.2f} s"
    return f"the likeliest was {nearest}, of {threshold:g} that are needed (--threshold, or --sensitivity high)"


def show(found: Detection, as_json: bool) -> None:
    if as_json:
        print(json.dumps(asdict(found)), flush=True)
    else:
        print(f"{found.time:8.2f} s  {found.word:8} {found.confidence:5.2f}  {found.latency_ms:6.2f} ms", flush=True)


def watched(sound: Iterator[Audio]) -> Iterator[Audio]:
    """Yield chunks; say it once if they are all the same for some seconds, as no room is, or far too loud."""
    same, clipped = 0, 0.0
    said: set[str] = set()
    for chunk in sound:
        yield chunk
        same = 0 if np.ptp(chunk) > 2e-4 else same + HOP
        clipped += (float(np.mean(np.abs(chunk) > 0.99)) - clipped) * HOP / RATE
        if same >= MUTE * RATE and "mute" not in said:
            said.add("mute")
            print(f"no sound at all for {MUTE} s: is the microphone muted, or another one meant?", file=sys.stderr)
        if clipped > CLIPPED and "clipped" not in said:
            said.add("clipped")
            print("the sound is clipped: fewer words will be heard; lower the recording level", file=sys.stderr)


def read(file: BinaryIO, name: str, headerless: bool = False) -> Iterator[Audio]:
    """Yield blocks at 16 kHz of a WAV file or stream, or of raw sound."""
    blocks, rate = stream_mono(file, name, headerless)
    if rate < RATE:
        print(f"{name}: recorded at {rate / 1000:g} kHz, not 16: fewer words will be heard", file=sys.stderr)
    yield from resample_blocks(blocks, rate, name)


def from_wav(path: Path) -> Iterator[Audio]:
    """Yield blocks of a file, or of a stream that has a path."""
    try:
        with path.open("rb") as file:
            yield from read(file, str(path))
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None


def from_standard_input() -> Iterator[Audio]:
    """Yield blocks of a WAV stream, or of raw sound."""
    file = io.BytesIO() if sys.stdin is None else sys.stdin.buffer  # None: it was closed
    yield from read(file, "standard input", headerless=True)


def from_microphone(device: str | None) -> Iterator[Audio]:
    """Yield blocks of a microphone (default: the system's), resampled where it has not the rate of the models."""
    try:
        import sounddevice
    except ImportError as error:
        raise UserError(f"sounddevice is not installed ({error}): pip install sounddevice; or use --raw") from None
    except OSError as error:
        raise UserError(
            f"PortAudio library missing ({error}): sudo apt install libportaudio2; or use --raw with arecord"
        ) from None
    rate = RATE
    options = {"channels": 1, "dtype": "float32", "device": int(device) if device and device.isdigit() else device}
    try:
        try:
            stream = sounddevice.InputStream(RATE, HOP, **options)
        except sounddevice.PortAudioError:
            stream = sounddevice.InputStream(None, HOP, **options)  # None: the device's own rate
            rate = round(stream.samplerate)
        with stream:
            yield from resample_blocks(_read(stream), rate, "the microphone")
    except ValueError as error:  # no, or several devices have this name
        raise UserError(f"--device {device}: {error}: python -m sounddevice lists them") from None
    except sounddevice.PortAudioError as error:
        raise UserError(
            f"the microphone can't be opened ({error}): is one attached? If arecord -l lists it, as card 1 say:"
            " arecord -q -D plughw:1 -f S16_LE -r 16000 -c 1 -t raw | .venv/bin/python scripts/10_listen.py --raw"
        ) from None


def _read(stream: Any) -> Iterator[Audio]:
    """Yield blocks of an open stream of sounddevice; say it once if some sound was lost."""
    lost = False
    while True:
        block, overflowed = stream.read(HOP)
        if overflowed and not lost:
            lost = True
            print(
                "sound was lost: this machine is too slow or busy; from now on times leave out what is lost",
                file=sys.stderr,
            )
        yield block[:, 0]


if __name__ == "__main__":
    run(main)
