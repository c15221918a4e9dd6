"""Get the data, check them, and save them as arrays under data/.

Real data come from a mirror folder if one is named, else from the official hosts; where neither is available,
synthetic data are generated, and the output says so. See data/README.md.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import cli
from underbudget.data.sources import load_speech, load_weather
from underbudget.device.command_line import parser, run

EXAMPLES = """\
  .venv/bin/python scripts/01_download.py
  .venv/bin/python scripts/01_download.py --data real --mirror ~/downloads
  .venv/bin/python scripts/01_download.py --jena my_station.csv.xz --speech my_recordings/"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    cli.add_sources(options)
    sources = cli.sources(options.parse_args(), ask_again=True)
    for load in (load_weather, load_speech):
        identity = load(sources).identity
        print(f"{identity.source}: {identity.description}; split: {identity.split}; SHA-256 {identity.digest}")
    print("ready: every other command takes these data")


if __name__ == "__main__":
    run(main)
