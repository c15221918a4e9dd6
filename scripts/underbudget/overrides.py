"""Recipes with fields changed from outside the code: "width=0.4 learning_rate=0.005"."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args, get_origin, get_type_hints

from underbudget.data.sources import Sources
from underbudget.device.errors import UserError
from underbudget.device.frontend import FRONT_ENDS, FrontEnd
from underbudget.recipes import Recipe, Version
from underbudget.versions.catalogue import VERSIONS

LONGEST = 80  # characters of changes: they name a folder
WHOLE_PARTS = ("inputs", "pruning", "augmentation", "qat")  # may be changed as a whole: inputs=stft, pruning=none


@dataclass(frozen=True)
class _Field:
    """A field of a recipe: the types it takes, its value, and whether the part that has it is there at all."""

    kind: Any
    value: Any
    there: bool


def changed(version: Version, recipe_name: str, settings: str) -> tuple[Version, str]:
    """Return a version that has a changed recipe as well, and the name of that.

    The name says what differs from the recipe, whatever the order and spelling of the settings, and is a folder beside
    its models: "report/width=0.4+learning_rate=0.005". If nothing differs, it is the recipe's own.

    Args:
        settings: FIELD=VALUE, apart by spaces; see `described` for the fields. A part is named before what is in it
            where a name occurs twice: "fit.epochs", "qat.epochs". A part that a recipe lacks, such as pruning, comes
            with the first of its fields.

    Raises:
        UserError: an unknown or ambiguous field, or a value that it does not take.
    """
    recipe, differs = version.recipes[recipe_name], []
    for whole in (True, False):  # a part comes with its own fields
        there = dict(_fields(Recipe, recipe))
        changes: dict[str, Any] = {}
        for setting in settings.split():
            name, _, text = setting.partition("=")
            if (name.rpartition(".")[2] in WHOLE_PARTS) == whole:
                found = _named(name, there)
                if not found:
                    close = get_close_matches(name, [path.rpartition(".")[2] for path in there])
                    raise UserError(
                        f"{name}: no field of {version.name}'s recipe {recipe_name}"
                        + (f": do you mean {' or '.join(close)}?" if close else f", which has: {described(recipe)}")
                    )
                if len(found) > 1:
                    raise UserError(f"{name}: say which: {_listed(found)}")
                (path,) = found
                if path in changes:
                    raise UserError(f"{setting}: {path} is given twice")
                now, value = there[path].value, _parsed(there[path].kind, text, setting)
                # inputs=logmel, where they are so already, keeps their own mel bins
                changes[path] = now if is_dataclass(value) and type(value) is type(now) else value
        changes = {path: changes[path] for path in there if path in changes and changes[path] != there[path].value}
        differs += [f"{_shortest(path, there)}={_text(value)}" for path, value in changes.items()]
        try:
            recipe = _with(Recipe, recipe, changes)
        except ValueError as error:
            raise UserError(f"{settings.strip()}: {error}") from None
    if not differs:
        return version, recipe_name
    name = "+".join(differs)
    if len(name) > LONGEST:
        raise UserError(f"{settings}: that is a recipe of its own: add it to versions/{version.name}.py")
    name = f"{recipe_name}/{name}"
    return replace(version, recipes={**version.recipes, name: recipe}), name


def chosen(text: str) -> tuple[Version, str]:
    """Return the version and the name of the recipe of "kws_b", "kws_b improved" or "kws_b improved epochs=20".

    Raises:
        UserError: as `changed`; an unknown version or recipe.
    """
    name, *rest = [*text.split(), ""]
    if name not in VERSIONS:
        raise UserError(f"{text!r}: first comes one of {', '.join(VERSIONS)}, then a recipe and FIELD=VALUE, if any")
    recipe = "report" if "=" in rest[0] or not rest[0] else rest.pop(0)
    if recipe not in VERSIONS[name].recipes:
        known = ", ".join(VERSIONS[name].recipes)
        raise UserError(f"{text!r}: {recipe!r} is no FIELD=VALUE, and none of {name}'s recipes {known}")
    return changed(VERSIONS[name], recipe, " ".join(rest))


def described(recipe: Recipe) -> str:
    """Return all fields of a recipe with their values."""
    shown = {path: field for path, field in _fields(Recipe, recipe) if field.there}
    return _listed({p: f for p, f in shown.items() if not is_dataclass(f.value) or isinstance(f.value, FrontEnd)})


def in_words(recipe_name: str) -> str:
    """Return the name of a recipe as `chosen` reads it: "report width=0.4 learning_rate=0.005"."""
    return recipe_name.replace("/", " ").replace("+", " ")


def build_command(version: Version, recipe_name: str, seed: int, sources: Sources) -> str:
    """Return the command that builds a version by a recipe, changed or not."""
    recipe, _, changes = in_words(recipe_name).partition(" ")
    settings = f" SET={shlex.quote(changes)}" if changes else ""
    return f"make {version.name} RECIPE={recipe}{settings} SEED={seed}{sources.variables(version.task)}"


def _fields(kind: type, part: Any, prefix: str = "") -> Iterator[tuple[str, _Field]]:
    """Yield the path and the field of all that a part holds; `part` is None where the recipe has none."""
    types = get_type_hints(kind)
    for field in fields(kind):
        path, takes, value = prefix + field.name, types[field.name], getattr(part, field.name, None)
        inner = _inner(takes, value)
        if inner is None or field.name in WHOLE_PARTS:
            yield path, _Field(takes, value, part is not None)
        if inner:
            yield from _fields(inner, value, f"{path}.")


def _listed(some: Mapping[str, _Field]) -> str:
    return ", ".join(f"{path}={_text(field.value)}" for path, field in some.items())


def _inner(takes: Any, value: Any) -> Any:
    """Return the dataclass of a part, even where there is none yet; None for a plain field."""
    return type(value) if is_dataclass(value) else next(filter(is_dataclass, get_args(takes)), None)


def _named(name: str, there: Mapping[str, _Field]) -> dict[str, _Field]:
    """Return the fields whose paths end in a name: that of the network, or of parts that a recipe has, or lacks."""
    found = {path: field for path, field in there.items() if f".{path}".endswith(f".{name}")}
    found = {path: field for path, field in found.items() if field.there} or found
    return {path: field for path, field in found.items() if path == f"network.{name}"} or found


def _shortest(path: str, there: Mapping[str, _Field]) -> str:
    """Return the shortest end of a path that names its field."""
    ends = [path.split(".", dots)[-1] for dots in range(path.count("."), -1, -1)]
    return next(end for end in ends if [*_named(end, there)] == [path])


def _parsed(takes: Any, text: str, setting: str) -> Any:
    """Return a value as a field takes it, or raise UserError."""
    kinds = get_args(takes)
    if get_origin(takes) is tuple:
        parts = [] if text == "none" else text.split(",")
        kinds = kinds[:1] * len(parts) if kinds[-1] is Ellipsis else kinds
        if len(parts) != len(kinds):
            raise UserError(f"{setting}: not {len(kinds)} values with a comma between")
        return tuple(_parsed(kind, part, setting) for kind, part in zip(kinds, parts, strict=True))
    values: dict[str, Any] = {}
    numbers = []
    for kind in kinds or (takes,):
        if kind in (int, float):
            numbers.append(kind)
        elif kind is bool:
            values |= {"true": True, "false": False}
        elif kind is NoneType:
            values["none"] = None
        elif isinstance(kind, str):
            values[kind] = kind
        elif kind in FRONT_ENDS.values():
            values[kind.__name__.lower()] = kind()
    if text in values:
        return values[text]
    try:
        return numbers[0](text)
    except (IndexError, ValueError):
        names = {int: "a whole number", float: "a number"}
        raise UserError(f"{setting}: not {' or '.join([*values, *map(names.__getitem__, numbers)])}") from None


def _text(value: Any) -> str:
    """Return a value as `_parsed` reads it."""
    if isinstance(value, tuple):
        return ",".join(map(_text, value)) or "none"
    if isinstance(value, float):
        return repr(value).removesuffix(".0")
    return (type(value).__name__ if is_dataclass(value) else str(value)).lower()


def _with(kind: type, part: Any, changes: Mapping[str, Any]) -> Any:
    """Return a part with changes, by path; None becomes a part of the given kind.

    Raises:
        ValueError: values out of their range, or some that the part needs and has not.
    """
    values = {path: value for path, value in changes.items() if "." not in path}
    types = get_type_hints(kind)
    for name in dict.fromkeys(path.partition(".")[0] for path in changes if "." in path):
        deeper = {path.removeprefix(f"{name}."): v for path, v in changes.items() if path.startswith(f"{name}.")}
        inner = getattr(part, name, None)
        values[name] = _with(_inner(types[name], inner), inner, deeper)
    if part is not None:
        return replace(part, **values)
    if lacking := [f.name for f in fields(kind) if f.default is MISSING and f.name not in values]:
        raise ValueError(f"{kind.__name__.lower()} needs {' and '.join(lacking)} too")
    return kind(**values)
