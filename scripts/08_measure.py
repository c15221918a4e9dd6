"""Time every model in models/, on this machine or, with --host, on a Raspberry Pi over SSH.

By the course's protocol: 100 passes over one second of random 48 kHz audio after 10 to warm up, 0.1 s apart, one
thread. Total: resample to 16 kHz, features, set, invoke, get. Inference: invoke and get. Also measured: the steady
state without pauses on 1 to 4 threads, a cold start, peak memory. Models that were measured on the device before are
skipped; remove its file in results/local/latency/ to measure them again.

On a Pi it uses your own OpenSSH (configuration, agent, keys; never a password), works in one private folder under
~/.cache, installs the pinned runtime there, and sets the performance governor if sudo allows, for as long as it runs.
"""

from device.cli import parser, run
from pipeline import cli, files
from pipeline.measure import measure_here, read_latency

EXAMPLES = """\
  python scripts/08_measure.py
  python scripts/08_measure.py --host pi@raspberrypi.local --verify
  python scripts/08_measure.py --host mypi --ssh "ssh -p 2222 -i ~/.ssh/pi" --wheels"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    options.add_argument("--host", help="measure there: any name that ssh takes (default: here)")
    options.add_argument("--ssh", default="ssh", metavar="COMMAND", help="the ssh command, with options if need be")
    options.add_argument("--wheels", action="store_true", help="fetch its packages here: for a Pi without internet")
    options.add_argument("--verify", action="store_true", help="run the test split there too, and compare")
    cli.add_sources(options)
    arguments = options.parse_args()
    if arguments.host:
        from pipeline.remote import measure_there

        sources = cli.sources(arguments)
        path = measure_there(arguments.host, arguments.ssh, arguments.wheels, arguments.verify, sources)
    else:
        path = measure_here()
    result = read_latency(path)
    device = result["device"]
    for entry in result["models"].values():
        inference, total = (entry[key]["mean"] for key in ("inference_ms", "total_ms"))
        print(f"{entry['name']}: inference {inference:.3f} ms, total {total:.3f} ms (means)")
        if "verified" in entry:
            print(f"  the same inputs here: {entry['verified']}")
    print(f"on {device['model']} ({device['kind']}); in full: {path.relative_to(files.ROOT)}")


if __name__ == "__main__":
    run(main)
