"""Run the scripts on inputs with random damage; fail on any signal, traceback or hang. An input's number and the seed
make it again: each input has a generator of its own.
"""

import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

from helpers import ROOT

from fuzz.cases import make_case, write_good
from fuzz.child import SECONDS, finding, run_script
from underbudget import files
from underbudget.data import array_cache, synthetic, weather_csv
from underbudget.device import forecast, listen
from underbudget.device.command_line import add_number, parser

assert forecast and listen and weather_csv  # for the children, which need not import them then
FINDINGS = ROOT / "tests" / "fuzz" / "findings"
EXAMPLES = """\
  make fuzz MINUTES=30 SEED=7
  make fuzz SEED=7 ONLY=123"""
REPORT_EVERY = 10.0  # seconds


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    add_number(options, "--minutes", "how long to go on", (0.0, 100_000.0), 3.0)
    add_number(options, "--inputs", "how many to stop at", (1, 10**9), 10**9)
    add_number(options, "--seed", "of all damage", (0, 2**32 - 1), 22)
    add_number(options, "--only", "run this input alone", (1, 10**9), None, "all, from 1 on")
    options.add_argument("--findings", type=Path, default=FINDINGS, help="where inputs with a finding are kept")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        good = Path(temporary) / "good"
        good.mkdir()
        write_good(good)
        _use_synthetic_data(Path(temporary) / "data")
        end = time.monotonic() + 60 * arguments.minutes
        numbers = range(1, arguments.inputs + 1) if arguments.only is None else (arguments.only,)
        done, found, reported = 0, 0, time.monotonic()
        for number in numbers:
            if time.monotonic() > end:
                break
            found += _one(arguments.seed, number, Path(temporary), good, arguments.findings)
            done += 1
            if time.monotonic() - reported > REPORT_EVERY:
                reported = time.monotonic()
                print(f"{done:,} inputs, {found} findings", flush=True)
    print(f"{done:,} inputs, {found} findings (seed {arguments.seed})")
    sys.exit(1 if found else 0)


def _one(seed: int, number: int, temporary: Path, good: Path, findings: Path) -> bool:
    """Run one input; tell whether there is a finding, and keep the input if so."""
    folder = temporary / f"{seed}-{number}"
    folder.mkdir()
    case = make_case(random.Random(f"{seed}:{number}"), folder, good)
    outcome = run_script(ROOT / "scripts" / case.script, case.arguments, case.stdin, folder, SECONDS)
    wrong = finding(outcome)
    if wrong:
        kept = findings / folder.name
        shutil.rmtree(kept, ignore_errors=True)
        shutil.copytree(folder, kept)
        (kept / "command").write_text(" ".join((case.script, *case.arguments)) + "\n")
        print(
            f"finding: {case.script}: {wrong}\n  input: {kept}\n  again: make fuzz SEED={seed} ONLY={number}",
            flush=True,
        )
    shutil.rmtree(folder)
    return wrong is not None


def _use_synthetic_data(folder: Path) -> None:
    """Have all scripts keep their data in `folder`, where there are few and synthetic ones."""
    files.DATA = folder
    origin = {"path": None, "own": False}
    array_cache.save(synthetic.make_weather(2000), folder / "synthetic" / "weather.npz", origin)
    array_cache.save(synthetic.make_speech(20), folder / "synthetic" / "speech.npz", origin)


if __name__ == "__main__":
    main()
