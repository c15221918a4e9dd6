"""Show a model, in the terminal and as a page: what it is, how well it does, its layers, how it was made.

MODEL is a file NAME.tflite.zlib with its card NAME.json beside it, or the name of a published one, such as
improved/kws_a. The page goes to results/local/page.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from underbudget import files
from underbudget.device import artifact
from underbudget.device.command_line import parser, run
from underbudget.store import LOCAL, model_path

EXAMPLES = """\
  .venv/bin/python scripts/23_show.py improved/kws_a
  .venv/bin/python scripts/23_show.py models/local/report/th_a.tflite.zlib"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("model", nargs="?", default="improved/kws_a", help="default: improved/kws_a")
    model: str = options.parse_args().model
    # these imports take seconds, and --help should not
    from underbudget.results_page.markdown import aligned
    from underbudget.results_page.model_page import model_page, sections

    path = model_path(model)
    card, content = artifact.load_file(path)
    title = f"{path.parent.name}/{card.name}"
    print(f"{title}\n")
    for name, table in sections(card, content):
        print(f"{name}\n\n{aligned(table)}")
    page = LOCAL.page / f"{title.replace('/', '-')}.html"
    files.write_text(page, model_page(title, card, content))
    print(f"with charts, to open in a browser: {files.shown(page)}")


if __name__ == "__main__":
    run(main)
