"""Measure other groups' published files beside ours, on the same test clips and windows (for maintainers).

FOLDER holds the files, each with a card NAME.json: source, labels, front end, scaling. They stay there: only figures
are written, to results/reference/peers.json.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from pathlib import Path

from underbudget import cli, files
from underbudget.beyond.peers import measure
from underbudget.device.command_line import parser, run
from underbudget.reproduction.reference import PEERS

EXAMPLES = """\
  .venv/bin/python scripts/22_peers.py ../peers"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("folder", type=Path, metavar="FOLDER", help="with the files and their cards")
    cli.add_sources(options)
    arguments = options.parse_args()
    found = measure(arguments.folder, cli.sources(arguments))
    files.write_json(PEERS, {"made_with": "scripts/22_peers.py FOLDER", **found})
    print(f"{files.shown(PEERS)}: {', '.join(f'{len(found[k])} of {k}' for k in found if isinstance(found[k], list))}")


if __name__ == "__main__":
    run(main)
