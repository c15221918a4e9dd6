"""Time our front ends and training steps side by side with those of other libraries, in one run, and print the ratios.

Front ends: the features of one clip, beside eager tf.signal. Training: an optimiser step of each version's recipe
beside Keras' fit; where PyTorch is installed, the spotters' steps beside it, too. Every side has one thread, as each
version has that make all builds.
"""

from underbudget.determinism import ONE_THREAD, deterministic, import_tensorflow

deterministic()
# isort: split
import os
from importlib.util import find_spec

from underbudget import cli, files
from underbudget.beyond.bench import front_end_row, step_row
from underbudget.data.sources import load_weather
from underbudget.device.command_line import parser, run
from underbudget.device.frontend import Mfcc, Stft
from underbudget.device.probe import probe
from underbudget.store import store_of
from underbudget.versions.catalogue import SPOTTERS, VERSIONS

TORCH = "torch==2.13.0"
EXAMPLES = """\
  .venv/bin/python scripts/13_bench.py
  .venv/bin/python scripts/13_bench.py --data synthetic"""


def main() -> None:
    options = parser(__doc__ or "", EXAMPLES)
    cli.add_sources(options)
    sources = cli.sources(options.parse_args())
    os.environ.update(ONE_THREAD)
    import_tensorflow()
    path = store_of(load_weather(sources).identity).bench_path
    rows = [front_end_row(front_end) for front_end in (Mfcc(), Stft())]
    rows += [step_row("keras", name, "report", sources) for name in VERSIONS]
    if find_spec("torch"):
        rows += [step_row("torch", name, "report", sources) for name in SPOTTERS]
        rows += [step_row("torch", name, "improved", sources, qat) for name in SPOTTERS for qat in (False, True)]
    else:
        print(f"PyTorch is not installed, its rows are left out: .venv/bin/pip install {TORCH}, then run this again")
    files.write_json(path, {"made_with": "make bench", "device": probe(), "rows": rows})
    print(f"in full: {files.shown(path)}")


if __name__ == "__main__":
    run(main)
