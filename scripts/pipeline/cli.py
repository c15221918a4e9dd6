"""Options that the workstation's scripts share, and a quiet TensorFlow."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from device.cli import add_number
from device.quiet import held_stderr
from pipeline.data.sources import Sources

DATA_CHOICES = ("auto", "real", "synthetic")


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Return a type for an option; unlike `choices` it also checks a default that comes from a variable."""
    allowed = tuple(names)

    def check(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return check


def add_data(options: argparse._ActionsContainer) -> None:
    """Add the option that stands for the variable DATA."""
    options.add_argument(
        "--data",
        type=one_of(DATA_CHOICES),
        default=os.environ.get("DATA") or DATA_CHOICES[0],
        metavar="{" + ",".join(DATA_CHOICES) + "}",
        help="auto: real data, or synthetic data where there are none; real refuses synthetic data",
    )


def add_sources(options: argparse.ArgumentParser) -> None:
    """Add the options on where data come from; their defaults are the make variables of the same meaning."""
    group = options.add_argument_group("data (defaults from the variables DATA, DATA_MIRROR, JENA, SPEECH, OTHER)")
    add_data(group)
    for name, variable, text in (
        ("--mirror", "DATA_MIRROR", "folder to take data files from before the network"),
        ("--jena", "JENA", "your own weather CSV (plain, gz, xz or zip) in place of the official one"),
        (
            "--speech",
            "SPEECH",
            "your own folder or archive of <word>/*.wav (flac, ogg, mp3) in place of the official one",
        ),
        (
            "--other",
            "OTHER",
            "folder or archive of speech/, words/, noise/ or <word>/ that are no words; speech_commands_v0.02: 2.4 GB",
        ),
    ):
        value = os.environ.get(variable)
        group.add_argument(name, type=Path, default=Path(value) if value else None, metavar="PATH", help=text)


def sources(arguments: argparse.Namespace, ask_again: bool = False) -> Sources:
    """Return the sources that the options name."""
    return Sources(arguments.data, arguments.mirror, arguments.jena, arguments.speech, ask_again, other=arguments.other)


def add_jobs(options: argparse.ArgumentParser, usual: int) -> None:
    """Add the option that stands for the variable JOBS; without it, `usual` models at once."""
    default = os.environ.get("JOBS") or str(usual)
    help_text = "models at once, by Ray; RAY_ADDRESS: on a cluster"
    add_number(options, "--jobs", help_text, (1, 1000), default, f"$JOBS, or {usual}")


def import_tensorflow() -> None:
    """Import TensorFlow without its start-up messages, which no log level silences; a failure still raises."""
    with held_stderr():
        import tensorflow
        import tensorflow_model_optimization
        import tf_keras

        assert tensorflow and tf_keras and tensorflow_model_optimization
