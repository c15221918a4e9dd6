"""Try each reader on damaged bytes, steered by atheris to code that no input has reached yet.

Whatever a reader raises but UserError is a finding; the bytes that led there are kept in tests/fuzz/findings.
"""

import contextlib
import io
import random
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris
from helpers import ROOT

with atheris.instrument_imports(include=["underbudget"]):
    from underbudget.data.recording import decode
    from underbudget.data.speech import read_speech
    from underbudget.data.weather_csv import read_weather
    from underbudget.device.artifact import card_path, decode_model, read_card
    from underbudget.device.command_line import add_number, parser
    from underbudget.device.errors import UserError
    from underbudget.device.runtime import try_out

from fuzz.cases import PUBLISHED, good_archives, good_log, good_wav

FINDINGS = ROOT / "tests" / "fuzz" / "findings"
EXAMPLES = "  make fuzz-readers MINUTES=2 ONLY=wav"
SECONDS, MEBIBYTES = 60, 4096  # that one input may take


def from_file(read: Callable[[Path], object]) -> Callable[[bytes], object]:
    """Return a reader of bytes, given one of files."""
    path = Path(tempfile.mkdtemp()) / "input"

    def read_bytes(data: bytes) -> object:
        path.write_bytes(data)
        return read(path)

    return read_bytes


READERS: dict[str, tuple[Callable[[bytes], object], Callable[[random.Random], list[bytes]]]] = {  # and good inputs
    "wav": (lambda data: decode(data, "x.wav", 60), lambda rng: [good_wav(rng) for _ in range(20)]),
    "log": (from_file(lambda path: read_weather(path, user=True)), lambda rng: [good_log(rng, 30).encode()]),
    "card": (from_file(read_card), lambda _: [card_path(path).read_bytes() for path in PUBLISHED]),
    # what is damaged lies inside the zlib stream, whose sum would tell any damage to itself
    "model": (
        lambda data: try_out(decode_model(zlib.compress(data, 0), "x"), "x"),
        lambda _: [zlib.decompress(path.read_bytes()) for path in PUBLISHED],
    ),
    "archive": (from_file(lambda path: read_speech(path, user=True)), good_archives),
}


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    add_number(options, "--minutes", "for each reader", (0.01, 100_000.0), 3.0)
    add_number(options, "--seed", "of all damage", (1, 2**32 - 1), 22)
    options.add_argument("--only", choices=READERS, help="one reader (default: each in turn)")
    arguments = options.parse_args()
    FINDINGS.mkdir(exist_ok=True)
    failed = []
    for name in [arguments.only] if arguments.only else READERS:
        print(f"{name}:", flush=True)
        with tempfile.TemporaryDirectory() as folder:
            for number, data in enumerate(READERS[name][1](random.Random(arguments.seed))):
                (Path(folder) / str(number)).write_bytes(data)
            command = [sys.executable, __file__, name, folder, f"-max_total_time={round(60 * arguments.minutes)}"]
            command += [f"-seed={arguments.seed}", f"-timeout={SECONDS}", f"-rss_limit_mb={MEBIBYTES}", "-verbosity=0"]
            failed += [name] * (subprocess.run([*command, f"-artifact_prefix={FINDINGS}/{name}-"]).returncode != 0)
    sys.exit(f"findings: {', '.join(failed)}" if failed else 0)


def fuzz(name: str) -> None:
    """Feed one reader until the time is up or it fails; never returns."""

    def read(data: bytes) -> None:
        with contextlib.suppress(UserError), contextlib.redirect_stdout(io.StringIO()):
            READERS[name][0](data)

    atheris.Setup([sys.argv[0], *sys.argv[2:]], read)
    atheris.Fuzz()


if __name__ == "__main__":
    fuzz(sys.argv[1]) if sys.argv[1:2] and sys.argv[1] in READERS else main()
