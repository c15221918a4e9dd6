"""What the workstation's scripts share: options, and a quiet TensorFlow."""

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from device.cli import parser, run
from pipeline.data import Sources
from pipeline.recipe import Version

DATA_CHOICES = ("auto", "real", "standin")


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """A type for an option; unlike `choices` it also checks a default that comes from a variable."""
    allowed = tuple(names)

    def check(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return check


def add_data(options: argparse._ActionsContainer) -> None:
    """Which data: the option that stands for the variable DATA."""
    options.add_argument(
        "--data",
        type=one_of(DATA_CHOICES),
        default=os.environ.get("DATA") or DATA_CHOICES[0],
        metavar="{" + ",".join(DATA_CHOICES) + "}",
        help="auto: real data, or the generated stand-in where none can be had; real refuses the stand-in",
    )


def add_sources(options: argparse.ArgumentParser) -> None:
    """Where data come from. Each option's default is the make variable of the same meaning."""
    group = options.add_argument_group("data (defaults from the variables DATA, DATA_MIRROR, JENA, SPEECH)")
    add_data(group)
    for name, variable, text in (
        ("--mirror", "DATA_MIRROR", "folder to take data files from before the network"),
        ("--jena", "JENA", "your own weather CSV (plain, gz, xz or zip) in place of the official one"),
        ("--speech", "SPEECH", "your own folder or archive of <word>/*.wav in place of the official one"),
    ):
        value = os.environ.get(variable)
        group.add_argument(name, type=Path, default=Path(value) if value else None, metavar="PATH", help=text)


def sources(arguments: argparse.Namespace, ask_again: bool = False) -> Sources:
    """What the options say, as `pipeline.data` takes it."""
    return Sources(arguments.data, arguments.mirror, arguments.jena, arguments.speech, ask_again)


def import_tensorflow() -> None:
    """Import TensorFlow without its start-up messages, which no log level silences; a failure still raises."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("wb") as void:
            os.dup2(void.fileno(), 2)
            import tensorflow
            import tensorflow_model_optimization
            import tf_keras

            assert tensorflow and tf_keras and tensorflow_model_optimization
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def version_main(version: Version, doc: str | None) -> None:
    """The main function of a version script."""

    def main() -> None:
        options = parser(doc or "", _VERSION_EXAMPLES.format(script=Path(sys.argv[0]).name))
        options.add_argument(
            "--recipe",
            type=one_of(version.recipes),
            default=os.environ.get("RECIPE") or "report",
            metavar="{" + ",".join(version.recipes) + "}",
            help="which of the version's recipes (default: $RECIPE, or report)",
        )
        options.add_argument(
            "--seed", type=int, default=os.environ.get("SEED") or "22", help="of all randomness (default: $SEED, or 22)"
        )
        add_sources(options)
        arguments = options.parse_args()
        import_tensorflow()  # after the options are known to be good: it takes seconds
        from pipeline.show import card_lines
        from pipeline.version import make

        path = make(version, arguments.recipe, arguments.seed, sources(arguments))
        print("\n".join(card_lines(path)))

    run(main)


_VERSION_EXAMPLES = """\
  python scripts/{script}
  python scripts/{script} --seed 7
  python scripts/{script} --mirror ~/downloads
  python scripts/{script} --data standin"""
