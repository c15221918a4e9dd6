"""Write the tables of README.md, docs/ and models/README.md, the plots and the page from the published results."""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import files
from underbudget.device.command_line import parser, run
from underbudget.results_page.render import rendered


def main() -> None:
    parser(__doc__, "  .venv/bin/python scripts/16_render.py").parse_args()
    made = rendered()
    for path, content in made.items():
        files.write_text(path, content)
    print(f"written, to be looked at and committed: {', '.join(files.shown(path) for path in made)}")


if __name__ == "__main__":
    run(main)
