"""Pack a model for a Raspberry Pi: one archive with all that it needs there, but for Python and its packages.

MODEL is a file NAME.tflite.zlib with its card NAME.json beside it, or the name of a published one, such as
improved/th_a. The archive goes to results/local/bundles; see docs/raspberry-pi.md.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import files
from underbudget.device.artifact import model_path
from underbudget.device.command_line import parser, run

EXAMPLES = """\
  .venv/bin/python scripts/24_bundle.py live/kws_a
  .venv/bin/python scripts/24_bundle.py models/own/words/words.tflite.zlib"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("model", nargs="?", default="live/kws_a", help="default: live/kws_a")
    model: str = options.parse_args().model
    # these imports take seconds, and --help should not
    from underbudget.beyond.bundle import bundle

    path = bundle(model_path(model))
    name = path.name
    print(f"{files.shown(path)}: {path.stat().st_size / 1000:.0f} kB. To install it on a Raspberry Pi:")
    print(f"  scp {files.shown(path)} pi@raspberrypi.local:")
    print(f"  ssh pi@raspberrypi.local 'tar -xf {name} && sh {name[:-7]}/install.sh'")
    print("The last line that install.sh prints there says how to run it.")


if __name__ == "__main__":
    run(main)
