"""Detect a spotter's words in a sound as it comes: from a microphone, a WAV file of any length, or standard input.

It needs scripts/underbudget/device, a model and its card, and runs on a Raspberry Pi or a workstation. The microphone
needs the package sounddevice. It prints one line per detected word: the time in seconds, the word, its probability, and
the latency. The model's card has a threshold for each of three sensitivities, chosen on validation sounds.

On a terminal it also shows the level of the sound and the likeliest word.

--on WORD COMMAND runs a command when the word is detected. It is split as by a shell, but no shell runs it: if you want
one, say sh -c '…'. It gets WORD, CONFIDENCE and TIME as environment variables, and standard error for what it prints.
Listening goes on meanwhile; the command is not started again while it still runs.
"""

from underbudget.device.start import prepare

prepare()
# isort: split
import io
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from underbudget.device import artifact
from underbudget.device.audio import RATE, Audio, resample_blocks
from underbudget.device.command_line import add_number, parser, run
from underbudget.device.commands import Commands
from underbudget.device.errors import UserError
from underbudget.device.keep import keep, make_folder
from underbudget.device.listen import HOP, Detection, Frame, KeywordDetector, in_hops, settings_of
from underbudget.device.meter import Meter, say
from underbudget.device.runtime import try_out
from underbudget.device.wav import stream_mono

EXAMPLES = """\
  .venv/bin/python scripts/10_listen.py
  .venv/bin/python scripts/10_listen.py --wav meeting.wav --json
  arecord -q -f S16_LE -r 16000 -c 1 -t raw | .venv/bin/python scripts/10_listen.py --raw
  .venv/bin/python scripts/10_listen.py --sensitivity low --keep detected/
  .venv/bin/python scripts/10_listen.py --on go 'aplay go.wav' --on stop 'sh -c "echo $TIME >> stops.txt"'
  .venv/bin/python scripts/10_listen.py --model models/report/kws_c.tflite.zlib --threshold 0.9"""
MUTE = 5  # seconds of the same sample before a warning
CLIPPED = 0.1  # of the samples of a second at full scale: then the sound is too loud


@dataclass
class Source:
    """Where the sound comes from, and its rate there, in Hz; both are known for sure once sound has come."""

    name: str
    rate: int = RATE


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    sources = options.add_mutually_exclusive_group()
    sources.add_argument("--wav", type=Path, help="a WAV file of any length, sample rate and bit depth; -: as --raw")
    sources.add_argument(
        "--raw", action="store_true", help="standard input: WAV, or without a header 16-bit little-endian, mono, 16 kHz"
    )
    sources.add_argument(
        "--device", metavar="N", help="a microphone, by number or a part of its name (python -m sounddevice lists them)"
    )
    options.add_argument("--model", type=artifact.model_path, default="live/kws_a", help=artifact.MODEL_HELP)
    options.add_argument(
        "--sensitivity", choices=artifact.SENSITIVITIES, default="middle", help="how readily a word is detected"
    )
    add_number(options, "--threshold", "smallest probability of a word", (0.01, 1.0), None, "by --sensitivity")
    options.add_argument("--json", action="store_true", help="print one JSON object per line")
    options.add_argument("--keep", type=Path, metavar="FOLDER", help="write each word's second of sound to a WAV file")
    options.add_argument(
        "--on",
        nargs=2,
        action="append",
        default=[],
        metavar=("WORD", "COMMAND"),
        help="run a command when this word is detected; may be given several times",
    )
    arguments = options.parse_args()
    card, content = artifact.load_file(arguments.model)
    if card.front_end is None:
        raise UserError(f"{arguments.model}: not a keyword spotter: give a kws model")
    commands = Commands(arguments.on, card.words)
    if arguments.keep:
        make_folder(arguments.keep)
    try_out(content, card.name)
    settings = settings_of(card, arguments.sensitivity)
    if arguments.threshold is not None:
        settings = replace(settings, threshold=arguments.threshold)
    listener = KeywordDetector(card, content, settings)
    end = "; Ctrl-C ends it"
    if arguments.raw or arguments.wav == Path("-"):
        source = Source("standard input")
        sound = from_standard_input(source)
    elif arguments.wav:
        source, end = Source(str(arguments.wav)), ""
        sound = from_wav(arguments.wav, source)
    else:
        source = Source("the microphone")
        sound = from_microphone(arguments.device, source)
    model, words = f"{arguments.model.parent.name}/{card.name}", ", ".join(card.words)
    of_card = (
        ""
        if card.thresholds or arguments.threshold is not None
        else (
            " at any sensitivity, as its card has none (scripts/18_listening.py MODEL finds some, --threshold sets one)"
        )
    )
    detected = False
    meter = Meter()
    try:
        for at, chunk in enumerate(watched(in_hops(sound, source.name))):
            if at == 0:
                where = f"listening to {source.name} ({source.rate / 1000:g} kHz) for {words}"
                say(f"{model}: {where}; threshold {settings.threshold:g}{of_card}{end}")
            found = listener.process(chunk)
            if found:
                detected = True
                meter.pause()
                show(found, arguments.json)
                commands.start(found)
                if arguments.keep:
                    try:
                        keep(arguments.keep, found, listener.second)
                    except UserError as error:  # a full disk is no reason to stop listening
                        say(str(error))
            commands.reap()
            meter.show(chunk, listener.latest.word, listener.latest.confidence)
    finally:
        meter.pause()
    if not detected:
        say(f"no word was detected: {why_none(listener.likeliest, settings.threshold, arguments.sensitivity)}")
    commands.wait()


def why_none(likeliest: Frame | None, threshold: float, sensitivity: str) -> str:
    """Say what came nearest to a word that was detected."""
    if likeliest is None:
        return "nothing was louder than its background: is the sound very quiet, steady, or shorter than a second?"
    nearest = f"{likeliest.word}, {likeliest.confidence:.2f} at {likeliest.time:.2f} s"
    lower = "--threshold" if sensitivity == "high" else "--threshold, or --sensitivity high"
    return f"the likeliest was {nearest}, of {threshold:g} that are needed ({lower})"


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
            say(f"no sound at all for {MUTE} s: is the microphone muted, or another one meant?")
        if clipped > CLIPPED and "clipped" not in said:
            said.add("clipped")
            say("the sound is clipped: fewer words will be heard; lower the recording level")


def read(file: BinaryIO, source: Source, headerless: bool = False) -> Iterator[Audio]:
    """Yield blocks at 16 kHz of a WAV file or stream, or of raw sound."""
    blocks, source.rate = stream_mono(file, source.name, headerless)
    if source.rate < RATE:
        say(f"{source.name}: recorded at {source.rate / 1000:g} kHz, not 16: fewer words will be heard")
    yield from resample_blocks(blocks, source.rate, source.name)


def from_wav(path: Path, source: Source) -> Iterator[Audio]:
    """Yield blocks of a file, or of a stream that has a path."""
    try:
        with path.open("rb") as file:
            yield from read(file, source)
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}): correct the path") from None


def from_standard_input(source: Source) -> Iterator[Audio]:
    """Yield blocks of a WAV stream, or of raw sound."""
    file = io.BytesIO() if sys.stdin is None else sys.stdin.buffer  # None: it was closed
    yield from read(file, source, headerless=True)


def from_microphone(device: str | None, source: Source) -> Iterator[Audio]:
    """Yield blocks of a microphone (default: the system's), resampled where it has not the rate of the models."""
    try:
        import sounddevice
    except ImportError as error:
        raise UserError(f"sounddevice is not installed ({error}): pip install sounddevice; or use --raw") from None
    except OSError as error:
        raise UserError(
            f"PortAudio library missing ({error}): sudo apt install libportaudio2; or use --raw with arecord"
        ) from None
    options = {"channels": 1, "dtype": "float32", "device": int(device) if device and device.isdigit() else device}
    try:
        try:
            stream = sounddevice.InputStream(RATE, HOP, **options)
        except sounddevice.PortAudioError:
            stream = sounddevice.InputStream(None, HOP, **options)  # None: the device's own rate
            source.rate = round(stream.samplerate)
        source.name += f" {sounddevice.query_devices(stream.device)['name']}"
        with stream:
            yield from resample_blocks(_read(stream), source.rate, "the microphone")
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
            say("sound was lost: this machine is too slow or busy; from now on times leave out what is lost")
        yield block[:, 0]


if __name__ == "__main__":
    run(main)
