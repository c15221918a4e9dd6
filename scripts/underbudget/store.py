"""Where models and results are: the published ones, and those of this machine's runs."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from underbudget import files
from underbudget.data.identity import Identity
from underbudget.device import artifact
from underbudget.device.artifact import Card
from underbudget.device.errors import UserError
from underbudget.recipes import Version


@dataclass(frozen=True)
class ResultStore:
    """A folder of models, with one folder per recipe, and one of results, with one folder per kind of result."""

    models: Path
    results: Path

    @property
    def runs(self) -> Path:
        """One file per study, with one JSON line per run; the bench; and how well the spotters listen."""
        return self.results / "runs"

    @property
    def latency(self) -> Path:
        """One file per device."""
        return self.results / "latency"

    @property
    def page(self) -> Path:
        """The page and its plots."""
        return self.results / "page"

    @property
    def bench_path(self) -> Path:
        """The result of `make bench`."""
        return self.runs / "bench.json"

    def bench(self) -> dict[str, Any]:
        """Return the result of `make bench`, empty if there is none."""
        return _read_json(self.bench_path)

    @property
    def naive_path(self) -> Path:
        """The errors of forecasts that need no network, a result of `make baselines`."""
        return self.runs / "naive.json"

    def naive(self) -> dict[str, Any]:
        """Return the errors of forecasts that need no network, empty if there are none."""
        return _read_json(self.naive_path)

    @property
    def listening_path(self) -> Path:
        """The result of `make listening`."""
        return self.runs / "listening.json"

    def listening(self) -> dict[str, Any]:
        """Return the result of `make listening`, empty if there is none."""
        return _read_json(self.listening_path)

    def search_path(self, name: str) -> Path:
        """Return the result file of a search."""
        return self.runs / "search" / f"{name}.json"

    def searches(self) -> list[dict[str, Any]]:
        """Return the results of all searches, by task and from the smallest limit on size; none if there are none."""
        found = [_read_json(path) for path in sorted(self.search_path("*").parent.glob("*.json"))]
        return sorted(found, key=lambda search: (search["task"], size_limit(search)))

    def card(self, recipe: str, name: str) -> Card | None:
        """Return the card of a version by a recipe, if there is one.

        Raises:
            UserError: the model does not match its card, or the card is an old one.
        """
        path = self.models / recipe / f"{name}.tflite.zlib"
        return _card_of(path) if artifact.card_path(path).exists() else None

    def study_path(self, study: str) -> Path:
        """Return the file of a study."""
        return self.runs / f"{study}.jsonl"

    def study_runs(self, study: str) -> list[dict[str, Any]]:
        """Return the runs of a study; none if there are none."""
        return files.read_json_lines(self.study_path(study))


def _card_of(path: Path) -> Card:
    """Return the card of a model, or raise UserError if its recipe has a form that is no longer read."""
    card, _ = artifact.load_file(path)
    if card.content["format"] != artifact.CARD_FORMAT:
        raise UserError(f"{artifact.card_path(path)}: a card of an older format: make the model again")
    return card


def _read_json(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return content


PUBLISHED = ResultStore(files.MODELS, files.RESULTS)
LOCAL = ResultStore(files.MODELS / "local", files.RESULTS / "local")
OWN = ResultStore(files.MODELS / "own", files.RESULTS / "own")
SYNTHETIC = ResultStore(files.MODELS / "synthetic", files.RESULTS / "synthetic")
NAME_PATTERN = r"[a-z][a-z0-9_]{0,79}"
NO_VERDICT = "SYNTHETIC DATA: these figures say nothing about the report"


def store_of(*identities: Identity) -> ResultStore:
    """Return the store of models and results made from these data: the user's own data have a separate one."""
    if any(identity.synthetic for identity in identities):
        return SYNTHETIC
    return OWN if any(identity.own for identity in identities) else LOCAL


def listening_of(card: Card) -> dict[str, Any] | None:
    """Return what a spotter's listener does, if that was measured and lies among the results."""
    for store in (PUBLISHED, LOCAL, OWN, SYNTHETIC):
        own = _read_json(store.results / f"{card.name}.json")  # of a user's own words
        of_file = {own.get("sha256"): own, **store.listening().get("models", {})}
        found: dict[str, Any] = of_file.get(card.sha256, {})
        if "heard_pct" in found.get("det", {}):  # otherwise it was measured in an earlier way
            return found
    return None


def latest_path(name: str, data: str, own: bool = False) -> Path | None:
    """Return the file of this machine's run of a version by the report's recipe, on the data that DATA asks for.

    Args:
        own: the run on the user's own data.
    """
    stores = {"auto": (LOCAL, SYNTHETIC), "real": (LOCAL,), "synthetic": (SYNTHETIC,)}[data]
    paths = (store.models / "report" / f"{name}.tflite.zlib" for store in ((OWN,) if own else stores))
    return next((path for path in paths if path.exists()), None)


def latest(name: str, data: str, own: bool = False) -> Card | None:
    """Return the card of `latest_path`.

    Raises:
        UserError: the model does not match its card, or the card is an old one.
    """
    path = latest_path(name, data, own)
    return _card_of(path) if path else None


def differences(card: Card, published: Card | None, version: Version) -> list[str]:
    """Say how a model of this machine differs from the published one, and from what today's recipe would make.

    Args:
        published: the card of the published model by the same recipe, if there is one.
        version: of the model, as it is today.

    Returns:
        Words such as "seed 7", "recipe changed: network.width", "own data (my_station.csv)"; none if it is the
        published file, byte for byte, and still what the recipe says.
    """
    made = card.content["made_from"]
    theirs = published.content["made_from"] if published else {}
    today = version.recipes.get(made["recipe_name"])
    recipes = [theirs["recipe"]] if published else []
    recipes += [today.to_dict()] if today else []
    mine = _settings(made["recipe"])
    changed = dict.fromkeys(name for recipe in recipes for name in _unequal(mine, _settings(recipe)))
    found = [f"recipe changed: {', '.join(changed)}"] if changed else []
    if published and card.sha256 == published.sha256:
        return found
    if published and made["seed"] != theirs["seed"]:
        found.append(f"seed {made['seed']}")
    for key, what in (("data", "data"), ("other_sounds", "sounds")):
        if key in made:
            found += _data_differences(what, made[key], theirs.get(key))
    if published and (packages := _unequal(made["tools"], theirs["tools"])):
        found.append(f"other versions of {', '.join(packages)}")
    if published and not found:
        return ["other bytes than the published file: made by other code, or on another processor"]
    return found


def _settings(part: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return all settings of a recipe, as cards have it, by names such as "fit.qat.epochs"."""
    found: dict[str, Any] = {}
    for name, value in part.items():
        found |= _settings(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {prefix + name: value}
    return found


def _unequal(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """Return the names whose values differ."""
    return [name for name in {**one, **other} if one.get(name) != other.get(name)]


def _data_differences(what: str, made: Mapping[str, Any], theirs: Mapping[str, Any] | None) -> list[str]:
    """Say how data differ from those of the published run, if there is one, both as cards have them."""
    identity = Identity(**made)
    if theirs and identity.digest == theirs["digest"]:
        return [] if identity.split == theirs["split"] else [f"split of the {what}: {identity.split}"]
    if identity.synthetic:
        return [f"synthetic {what}"]
    if identity.own:
        return [f"own {what} ({identity.name})"]
    return [f"other {what} than the published run ({identity.name})"] if theirs else []


def check_name(name: str) -> None:
    """Check that a name can be one of a version, and of files.

    Raises:
        UserError: it can't.
    """
    if not re.fullmatch(NAME_PATTERN, name):
        raise UserError(f"name {name!r}: give up to 80 small letters, digits and _, a letter first")


def size_limit(search: Mapping[str, Any]) -> float:
    """Return the limit on size, in kB, that a search was given, or infinity."""
    return limits_of(search).get("size_kb", float("inf"))


def limits_of(search: Mapping[str, Any]) -> dict[str, float]:
    """Return the limits that a search was given, by metric."""
    return {limit["metric"]: limit["limit"] for limit in search["limits"]}
