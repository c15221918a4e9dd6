"""The main function of the version scripts: options, one model, and its card in a few lines."""

import sys
import textwrap
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.build import build
from underbudget.cli import add_sources, one_of, sources
from underbudget.data.identity import Identity
from underbudget.device.artifact import read_card
from underbudget.device.command_line import add_number, parser, run
from underbudget.metrics import METRICS, in_words
from underbudget.overrides import build_command, changed, described
from underbudget.recipes import Version
from underbudget.reproduction.reference import PUBLISHED_SEED
from underbudget.store import NO_VERDICT, PUBLISHED

EXAMPLES = """\
  .venv/bin/python scripts/{script}
  .venv/bin/python scripts/{script} --seed 7
  .venv/bin/python scripts/{script} --set 'learning_rate=0.005'
  .venv/bin/python scripts/{script} --mirror ~/downloads
  .venv/bin/python scripts/{script} --data synthetic"""


def version_main(version: Version, doc: str | None) -> None:
    """Run a version script: build the version as its options say, and print what the card says of the limits."""

    def main() -> None:
        listed = (f"fields of the recipe {name}: {described(recipe)}" for name, recipe in version.recipes.items())
        about = "\n\n".join([doc or "", *(textwrap.fill(line, 100, subsequent_indent="  ") for line in listed)])
        options = parser(about, EXAMPLES.format(script=Path(sys.argv[0]).name))
        options.add_argument(
            "--recipe",
            type=one_of(version.recipes),
            default="report",
            metavar="{" + ",".join(version.recipes) + "}",
            help="which of the version's recipes (default: report)",
        )
        options.add_argument(
            "--set",
            default="",
            metavar="FIELD=VALUE ...",
            help="change fields of the recipe, as in --set 'epochs=5 batch_size=64'; the model goes to a folder that"
            " says what was changed",
        )
        add_number(
            options, "--seed", "the seed of all random numbers", (0, 2**32 - 1), None, "that of the published model"
        )
        add_sources(options)
        arguments = options.parse_args()
        ordered, recipe = changed(version, arguments.recipe, arguments.set)
        seed = arguments.seed if arguments.seed is not None else published_seed(version, arguments.recipe)
        given = sources(arguments)
        path = build(ordered, recipe, seed, given, build_command(version, recipe, seed, given))
        print("".join(line + "\n" for line in card_lines(path)), end="")  # at once: others may print beside it

    run(main)


def published_seed(version: Version, recipe: str) -> int:
    """Return the seed of a recipe's published model, so that the same file is made, or else PUBLISHED_SEED.

    Raises:
        UserError: the published model does not match its card.
    """
    card = PUBLISHED.card(recipe, version.name)
    return int(card.content["made_from"]["seed"]) if card else PUBLISHED_SEED


def card_lines(path: Path) -> list[str]:
    """Format a card for a terminal: its bytes, and one line per limit."""
    card = read_card(path)
    content, published = card.content, PUBLISHED.card(path.parent.name, card.name)
    synthetic = Identity(**content["made_from"]["data"]).synthetic
    size = content["file"]
    return [
        *([NO_VERDICT] if synthetic else []),
        f"{content['name']}: {size['compressed_bytes']:,} bytes ({size['converted_compressed_bytes']:,} before it was "
        f"stripped, as the report counts); card: {path.relative_to(files.ROOT)}",
        *(["  it is the published file, byte for byte"] if published and published.sha256 == card.sha256 else []),
        *(f"  {verdict(result, content, synthetic)}" for result in content["results"]),
        *(f"  {remark}" for remark in content.get("remarks", ())),
        f"  layers, scores, curve: make show MODEL={files.shown(path.with_suffix('.tflite.zlib'))}",
    ]


def verdict(result: dict[str, Any], content: dict[str, Any], synthetic: bool) -> str:
    """Format one limit on a card: value, interval, limit, and whether it is met (not stated for synthetic data).

    Beside a forecaster's error stands that of repeating the last reading.
    """
    name, value = result["metric"], result["value"]
    limit = METRICS[name].limit(result["limit"])
    if value is None:
        return f"{METRICS[name].title} not measured yet: make measure (limit {limit})"
    met = "" if synthetic else ": met" if result["met"] else ": MISSED"
    said = in_words(name, {**content["test"], name: value}, content.get("last_reading"))
    return f"{said} (limit {limit}){met}"
