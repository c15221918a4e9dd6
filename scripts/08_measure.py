"""Time every model in models/ on this machine, by the course's protocol.

100 passes over one second of random 48 kHz audio after 10 to warm up, 0.1 s apart, one thread. Total: resample to
16 kHz, features, set, invoke, get. Inference: invoke and get. Also measured: the steady state without pauses on 1 to 4
threads, a cold start, peak memory. Models that were measured here before are skipped; remove
results/local/latency/host.json to measure them again. This machine is a host, not a Raspberry Pi.
"""

from device.cli import parser, run
from pipeline import files
from pipeline.measure import measure_here, read_latency


def main() -> None:
    parser(__doc__, "  python scripts/08_measure.py").parse_args()
    path = measure_here()
    for entry in read_latency(path)["models"].values():
        inference, total = (entry[key]["mean"] for key in ("inference_ms", "total_ms"))
        print(f"{entry['name']}: inference {inference:.3f} ms, total {total:.3f} ms (means, on this host)")
    print(f"in full: {path.relative_to(files.ROOT)}")


if __name__ == "__main__":
    run(main)
