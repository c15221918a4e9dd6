"""Options that the workstation's scripts share."""

import argparse
import os
from collections.abc import Callable, Iterable
from pathlib import Path

from underbudget.data.sources import Sources
from underbudget.device.command_line import add_number

DATA_CHOICES = ("auto", "real", "synthetic")


def one_of(names: Iterable[str]) -> Callable[[str], str]:
    """Return a type for an option that takes one of `names`; unlike `choices`, it also allows an empty list."""
    allowed = tuple(names)

    def check(text: str) -> str:
        if text not in allowed:
            raise argparse.ArgumentTypeError(f"{text!r} is none of {', '.join(allowed)}")
        return text

    return check


def path(text: str) -> Path:
    """Return a path; `~` is the user's home, which few shells expand in `make words SPEECH=~/my_words`."""
    if not text:
        raise argparse.ArgumentTypeError("an empty path: give one, or leave the option out")
    return Path(os.path.expanduser(text))  # noqa: PTH111 - where there is no such user, Path's raises


def add_data(options: argparse._ActionsContainer) -> None:
    """Add the option that says whether data are real."""
    options.add_argument(
        "--data",
        type=one_of(DATA_CHOICES),
        default=DATA_CHOICES[0],
        metavar="{" + ",".join(DATA_CHOICES) + "}",
        help="auto: real data, or synthetic data where there are none; real: never synthetic data",
    )


def add_sources(options: argparse.ArgumentParser) -> None:
    """Add the options on where data come from."""
    group = options.add_argument_group("data")
    add_data(group)
    group.add_argument(
        "--mirror",
        type=path,
        default=os.environ.get("DATA_MIRROR") or None,
        metavar="PATH",
        help="folder to take data files from before the network (default: the variable DATA_MIRROR)",
    )
    for name, text in (
        ("--jena", "your own weather CSV (plain, gz, xz or zip) in place of the official one"),
        ("--speech", "your own folder or archive of <word>/*.wav (flac, ogg, mp3) in place of the official one"),
        (
            "--other",
            "other sounds: folder or archive of speech/, words/, noise/ or <word>/; speech_commands_v0.02: 2.4 GB",
        ),
    ):
        group.add_argument(name, type=path, metavar="PATH", help=text)


def sources(arguments: argparse.Namespace, ask_again: bool = False) -> Sources:
    """Return the sources that the options name."""
    return Sources(arguments.data, arguments.mirror, arguments.jena, arguments.speech, ask_again, other=arguments.other)


def add_jobs(options: argparse.ArgumentParser, usual: int) -> None:
    """Add the option that says how many models are made at once; without it, `usual`."""
    help_text = "how many models to train at once; with the environment variable RAY_ADDRESS, on a cluster"
    add_number(options, "--jobs", help_text, (1, 1000), usual)
