"""Train a spotter of your own words: a folder or an archive with 1 to 40 folders of recordings, one for each word.

At least 20 recordings of each word; the more speakers, the better. Folders _background_noise_
and _other_ are optional: noise, and sounds that are none of the words, such as false detections that
10_listen.py --keep has written. See docs/own-words.md.
"""

from underbudget.determinism import deterministic

deterministic()
# isort: split
from dataclasses import replace

from underbudget import cli
from underbudget.beyond.words import MODEL_NAME, train_words
from underbudget.device.command_line import add_number, parser, run
from underbudget.reproduction.reference import PUBLISHED_SEED

EXAMPLES = """\
  .venv/bin/python scripts/17_words.py --speech ~/my_words
  .venv/bin/python scripts/17_words.py --speech kitchen.zip --name kitchen --seed 7"""


def main() -> None:
    options = parser(__doc__, EXAMPLES)
    add_number(options, "--seed", "the seed of all random numbers", (0, 2**32 - 1), PUBLISHED_SEED)
    cli.add_sources(options)
    options.add_argument(
        "--name", default=MODEL_NAME, help="of the model: another is not replaced (default: %(default)s)"
    )
    arguments = options.parse_args()
    print(train_words(replace(cli.sources(arguments), own_words=True), arguments.seed, arguments.name))


if __name__ == "__main__":
    run(main)
