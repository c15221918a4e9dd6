"""Time models on this machine or, with --host, on a Raspberry Pi over SSH: all in models/, or the five of make all.

The protocol is the course's: 100 passes over one second of random 48 kHz audio after 10 to warm up, 0.1 s apart, one
thread. Total: resample to 16 kHz, features, set, invoke, get. Inference: invoke and get. Also measured: the steady
state, without pauses. A model that was measured on the device before is skipped; remove its file in
results/local/latency/ to measure them again.

A Pi needs a 64-bit system with SSH and Python, and no internet. Your own OpenSSH is used (configuration, agent, keys;
never a password); the runtime and the models are sent to a private folder under /var/tmp, which is removed at the end.

--emulated counts instructions on an emulated Cortex-A72. The counts repeat and rank models; they are not times.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from typing import Any

from underbudget import cli, files
from underbudget.device.command_line import parser, run
from underbudget.reproduction.host import measure_here, model_files
from underbudget.reproduction.measured_models import read_result
from underbudget.store import latest_path
from underbudget.versions.catalogue import VERSIONS

EXAMPLES = """\
  .venv/bin/python scripts/08_measure.py
  .venv/bin/python scripts/08_measure.py --host pi@raspberrypi.local --verify
  .venv/bin/python scripts/08_measure.py --host mypi --ssh "ssh -p 2222 -i ~/.ssh/pi"
  .venv/bin/python scripts/08_measure.py --emulated"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("--host", help="measure there: any name that ssh takes (default: here)")
    options.add_argument("--ssh", default="ssh", metavar="COMMAND", help="the ssh command, with options if need be")
    options.add_argument("--verify", action="store_true", help="run the test split there too, and compare")
    options.add_argument("--versions", action="store_true", help="only the five versions that make all built")
    options.add_argument("--emulated", action="store_true", help="count instructions on an emulated Pi (needs QEMU)")
    cli.add_sources(options)
    arguments = options.parse_args()
    if arguments.host and arguments.emulated:
        options.error("--host and --emulated: one of them")
    if arguments.emulated:
        from underbudget.beyond.raspberry_pi import count_emulated

        path = count_emulated()
    elif arguments.host:
        from underbudget.beyond.raspberry_pi import measure_there

        path = measure_there(arguments.host, arguments.ssh, cli.sources(arguments) if arguments.verify else None)
    else:
        paths = model_files()
        if arguments.versions:
            own = cli.sources(arguments).own
            made = [latest_path(name, arguments.data, own(v.task) is not None) for name, v in VERSIONS.items()]
            paths = [path for path in made if path]
        path = measure_here(paths)
    result = read_result(path)
    device = result["device"]
    for entry in result["models"].values():
        print(_line(entry))
        if not entry["xnnpack"]:
            print("  without XNNPACK: other kernels, so other times, and outputs that differ in the last digits")
        if "verified" in entry:
            print(f"  the same inputs here: {entry['verified']}")
    print(f"on {device['model']} ({device['kind']}); in full: {path.relative_to(files.ROOT)}")


def _line(entry: dict[str, Any]) -> str:
    if "instructions" in entry:
        counts = entry["instructions"]
        return f"{entry['name']}: inference {counts['inference']:,}, total {counts['total']:,} instructions (medians)"
    inference, total = (entry[key]["mean"] for key in ("inference_ms", "total_ms"))
    return f"{entry['name']}: inference {inference:.3f} ms, total {total:.3f} ms (means)"


if __name__ == "__main__":
    run(main)
