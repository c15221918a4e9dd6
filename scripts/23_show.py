"""Show a model, in the terminal and as a page: what it is, how well it does, its layers, how it was made.

MODEL is a file NAME.tflite.zlib with its card NAME.json beside it, or the name of a published one, such as
improved/kws_a. The page goes to results/local/page.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from textwrap import fill

from underbudget import files
from underbudget.device import artifact
from underbudget.device.command_line import parser, run
from underbudget.store import LOCAL, listening_of

SPOKEN = files.ROOT / "examples" / "yes.wav"
EXAMPLES = """\
  .venv/bin/python scripts/23_show.py improved/kws_a
  .venv/bin/python scripts/23_show.py models/local/report/th_a.tflite.zlib"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    options.add_argument("model", nargs="?", default="improved/kws_a", help="default: improved/kws_a")
    model: str = options.parse_args().model
    # these imports take seconds, and --help should not
    from underbudget.data.recording import load_sound
    from underbudget.data.takes import loudest_second
    from underbudget.device.runtime import try_out
    from underbudget.results_page.markdown import aligned
    from underbudget.results_page.model_page import example, in_letters, model_page, sections

    path = artifact.model_path(model)
    card, content = artifact.load_file(path)
    try_out(content, str(path))
    folder = path.resolve().parent
    inside = folder.is_relative_to(files.MODELS)
    title = f"{folder.relative_to(files.MODELS) if inside else folder.name}/{card.name}"
    listening = listening_of(card)
    parts = sections(card, content, listening)
    print(f"{title}\n")
    for name, words, table in parts:
        print("\n\n".join(filter(None, (name, fill(words, 100), aligned(table)))))
    seen = None
    if card.front_end:
        words, image = example(card, content, loudest_second(load_sound(SPOKEN)))
        seen = f"What it sees of {files.shown(SPOKEN)}", words, image
        print(f"{seen[0]}\n\n{words}\n\n{in_letters(image)}")
    page = LOCAL.page / f"{title.replace('/', '-')}.html"
    files.write_text(page, model_page(title, card, parts, seen, listening))
    print(f"with charts, to open in a browser: {files.shown(page)}")


if __name__ == "__main__":
    run(main)
