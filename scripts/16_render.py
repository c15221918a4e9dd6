"""Write the tables of README.md, docs/ and models/README.md, the plots and the page from the published results."""

from device.cli import parser, run
from pipeline import files
from pipeline.report.render import rendered


def main() -> None:
    parser(__doc__, "  .venv/bin/python scripts/16_render.py").parse_args()
    for path, content in rendered().items():
        files.write_text(path, content)


if __name__ == "__main__":
    run(main)
