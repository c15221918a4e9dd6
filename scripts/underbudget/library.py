"""What is offered to other programs, and needs the data, or a process of its own (see docs/how-it-works.md)."""

import os
from pathlib import Path
from typing import Any, Literal

from underbudget.data import sources
from underbudget.data.sources import DataSets, Sources
from underbudget.data.speech import Speech
from underbudget.data.weather import Weather
from underbudget.determinism import import_tensorflow
from underbudget.device.artifact import FORECASTING, Card, read_card
from underbudget.device.errors import UserError
from underbudget.recipes import Readings, Recipe
from underbudget.tasks import prepare
from underbudget.versions.catalogue import VERSIONS

Source = str | Path | None


def load_weather(path: Source = None, mirror: Source = None, *, synthetic: bool = False) -> Weather:
    """Load weather readings: .inputs("train") and .targets("train") are [windows, 6, 2] in °C and %.

    Args:
        path: your own CSV in place of the official file (data/README.md has the format).
        mirror: the folder that is searched before the network (default: the variable DATA_MIRROR).
        synthetic: generated readings, to try something; figures from them mean nothing.

    Raises:
        UserError: bad data, or none.
    """
    return sources.load_weather(_sources(mirror, synthetic, jena=_path(path)))


def load_speech(
    path: Source = None,
    mirror: Source = None,
    split: Literal["course", "speaker"] = "course",
    *,
    synthetic: bool = False,
) -> Speech:
    """Load spoken words: .clips("train") yields sound [16000], .labels("train") are [n], places in .words.

    Args:
        path: your own folder or archive of <word>/*.wav with the eight words, in place of the official one.
        mirror: the folder that is searched before the network (default: the variable DATA_MIRROR).
        split: "course": by the course's lists, where the clips are the official ones; "speaker": no speaker is in two
            splits. Other clips are always split by speaker: .identity.split says which it is.
        synthetic: generated words, to try something; figures from them mean nothing.

    Raises:
        UserError: bad data, or none; another split.
    """
    if split not in ("course", "speaker"):
        raise UserError(f"split {split!r} is none of course, speaker")
    return sources.load_speech(_sources(mirror, synthetic, speech=_path(path), by_speaker=split == "speaker"))


def train(recipe: Recipe, data: Weather | Speech, seed: int = 22) -> Any:
    """Train a recipe's network on the train split of the data, in this process; return the tf_keras model.

    Its `history.history` has the losses, until it is first asked to predict. The same seed gives the same weights on
    every processor if deterministic() was called before TensorFlow was imported.

    Raises:
        UserError: the recipe is one of the other task, or wants other sounds, which are no part of the data.
    """
    if isinstance(recipe.inputs, Readings) != isinstance(data, Weather) or recipe.needs_other_sounds:
        raise UserError(f"a recipe with {recipe.inputs} can't be trained on {data.identity.description} alone")
    import_tensorflow()
    from underbudget import build

    return build.train(recipe, prepare(recipe, DataSets(data)), seed)


def build_version(
    version: str = "th_a",
    recipe: str = "report",
    seed: int = 22,
    folder: Source = None,
    *,
    path: Source = None,
    mirror: Source = None,
    synthetic: bool = False,
) -> Card:
    """Build one version by one of its recipes, in a process of its own, unless it is up to date; return its card.

    So the same seed gives the same file, whatever this process has imported.

    Args:
        folder: where NAME.tflite.zlib and its card go (default: models/local/RECIPE, or models/own and
            models/synthetic, in this project's folder).
        path, mirror, synthetic: the data, as in load_weather and load_speech.

    Raises:
        UserError: there is no such version or recipe, the data are bad or missing, or the training failed.
    """
    if version not in VERSIONS or recipe not in VERSIONS[version].recipes:
        known = "; ".join(f"{name}: {', '.join(known.recipes)}" for name, known in VERSIONS.items())
        raise UserError(f"version {version!r} has no recipe {recipe!r}, or there is none: {known}")
    from underbudget.processes import OneByOne  # which sets variables for Ray

    own: dict[str, Any] = {"jena" if VERSIONS[version].task == FORECASTING else "speech": _path(path)}
    given = _sources(mirror, synthetic, **own)
    tasks = [(version, _build, version, recipe, seed, given, None if folder is None else Path(folder).absolute())]
    with OneByOne() as workers:
        (done,) = workers.run(lambda: tasks.pop() if tasks else None)
    if done.error:
        raise UserError(done.error)
    return read_card(done.value)


def _build(version: str, recipe: str, seed: int, given: Sources, folder: Path | None) -> Path:
    from underbudget.build import build
    from underbudget.overrides import build_command

    chosen = VERSIONS[version]
    return build(chosen, recipe, seed, given, build_command(chosen, recipe, seed, given), folder)


def _sources(mirror: Source, synthetic: bool, **own: Any) -> Sources:
    """Return where data come from: synthetic ones only if asked for."""
    return Sources("synthetic" if synthetic else "real", _path(mirror or os.environ.get("DATA_MIRROR") or None), **own)


def _path(source: Source) -> Path | None:
    return None if source is None else Path(source).expanduser().absolute()
