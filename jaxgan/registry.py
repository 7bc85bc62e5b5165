"""Things that are named and given options: how a recipe's words become objects.

`dict(name="dcgan", width=32)` is looked up in a plain dict of callables. One rule says which parameters are settings:
**those with a default are the user's options, those without one are supplied by the program**. So a new option is a new
keyword, and nothing else has to learn of it.
"""

import inspect
import types
import typing
from collections import ChainMap
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from jaxgan.errors import JaxganError, unknown

Table = Mapping[str, Callable[..., Any]]


MOST_INT = 2**32
"""The largest whole number of a setting, and its largest negative one; seeds come near."""

MOST_FLOAT = float(np.finfo(np.float32).max)
"""The same of others: programs compute in float32."""


def options_of(factory: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of `factory` that are the user's: those with a default."""
    parameters = inspect.signature(factory).parameters
    # Linen adds `parent` and `name` to every module; they are not settings.
    return {
        key: value
        for key, value in parameters.items()
        if value.default is not inspect.Parameter.empty and key not in ("parent", "name")
    }


def matches(value: Any, annotation: Any) -> bool:
    """Whether a setting's value fits the annotation of the parameter that takes it; its numbers must be finite."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(matches(value, choice) for choice in arguments)
    if origin is typing.Literal:
        return any(value == choice and type(value) is type(choice) for choice in arguments)  # True == 1
    if origin is tuple:
        if not isinstance(value, tuple | list):
            return False
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return all(matches(item, arguments[0]) for item in value)
        return len(value) == len(arguments) and all(map(matches, value, arguments))
    if annotation is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MOST_FLOAT
    if annotation is int:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MOST_INT
    return isinstance(value, annotation)


def expected(value: Any, annotation: Any) -> str:
    """What a message says that a value must be which does not match."""
    return describe(annotation) + (", finite and of no more than 32 bits" if _has_extremes(value) else "")


def _has_extremes(value: Any) -> bool:
    if isinstance(value, tuple | list):
        return any(map(_has_extremes, value))
    most = MOST_INT if isinstance(value, int) else MOST_FLOAT
    return isinstance(value, int | float) and not abs(value) <= most


def describe(annotation: Any) -> str:
    """An annotation as a message names it: `int`, `one of 'SAME', 'VALID'`, `float or (int, int)`."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Literal:
        return ("one of " if len(arguments) > 1 else "") + ", ".join(map(repr, arguments))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(map(describe, arguments))
    if origin is tuple:
        return f"({', '.join(map(_described_inside, arguments))})"
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def _described_inside(annotation: Any) -> str:
    if annotation is Ellipsis:
        return "..."
    choices = typing.get_args(annotation) if typing.get_origin(annotation) is typing.Literal else ()
    return "|".join(map(repr, choices)) or describe(annotation)


def lookup(thing: Mapping[str, Any], table: Table, path: str) -> Callable[..., Any]:
    """The callable that a named thing stands for.

    A colon and what follows belong to the callable, as in `"tfds:mnist"`; only one with a parameter `dataset` takes it.

    Raises:
      JaxganError: the thing has no name, or one that is not in the table.
    """
    if not isinstance(thing, Mapping) or not isinstance(thing.get("name"), str):
        raise JaxganError(f'{path} must be given as dict(name="...", option=value).')
    name, colon, _ = thing["name"].partition(":")
    if name not in table or (colon and "dataset" not in inspect.signature(table[name]).parameters):
        raise unknown(path, thing["name"], table)
    return table[name]


class Several(ChainMap[str, Callable[..., Any]]):
    """A table of which a recipe names several things, or none, in one group: `{NAME: {option: value}}`.

    It knows what is added to the table later: a recipe file may do so.
    """


def complete(thing: Any, table: Table, path: str) -> dict[str, Any]:
    """A named thing, or a group of them, with every option it did not state at its default, each one checked.

    Args:
      thing: `{"name": ..., option: value}`; of a table `Several` `{NAME: {option: value}}`, which comes back in the
        order of the table.
      table: name -> callable.
      path: how the user names the thing, for messages, e.g. `"config.generator"`.

    Raises:
      JaxganError: unknown name, unknown option, or a value of the wrong type.
    """
    if not isinstance(table, Several):
        return _complete_one(thing, table, path)
    if not isinstance(thing, Mapping) or not all(isinstance(options, Mapping) for options in thing.values()):
        raise JaxganError(f"{path} must be given as dict(NAME=dict(option=value), ...).")
    for name in thing:
        if name not in table:
            raise unknown(path, name, table)
    completed = {name: _complete_one({"name": name, **thing[name]}, table, f"{path}.{name}") for name in thing}
    return {name: _options(completed[name]) for name in table if name in thing}


def _complete_one(thing: Mapping[str, Any], table: Table, path: str) -> dict[str, Any]:
    factory = lookup(thing, table, path)
    options = options_of(factory)
    hints = typing.get_type_hints(factory if inspect.isfunction(factory) else factory.__init__)
    completed = {"name": thing["name"]} | {key: option.default for key, option in options.items()}
    for key, value in thing.items():
        if key == "name":
            continue
        if key not in options:
            raise unknown(f"option of {path}={thing['name']}", key, options)
        if key not in hints:
            raise JaxganError(f"{path}={thing['name']}: its parameter {key} has no annotation to check values by.")
        if not matches(value, hints[key]):
            raise JaxganError(f"{path}.{key} is {value!r}, but must be {expected(value, hints[key])}.")
        completed[key] = value
    return completed


def build(thing: Any, table: Table, path: str, **given: Any) -> Any:
    """Makes a named thing: its callable, called with the user's options and with what it asks for of what is given.

    Of a table `Several` the things of the group, each with its name: `((name, thing), ...)`.

    Raises:
      JaxganError: as `complete`, or what the callable refuses, after the path.
    """
    completed = complete(thing, table, path)
    if isinstance(table, Several):
        return tuple(
            (name, _build_one(table[name], options, f"{path}.{name}", given)) for name, options in completed.items()
        )
    return _build_one(lookup(thing, table, path), _options(completed), path, given)


def _build_one(factory: Callable[..., Any], options: Mapping[str, Any], path: str, given: Mapping[str, Any]) -> Any:
    asked = inspect.signature(factory).parameters.keys() - options.keys()
    try:
        return factory(**{key: value for key, value in given.items() if key in asked}, **options)
    except JaxganError as error:  # a network does not know where in a recipe it stands; a source does
        raise JaxganError(f"{error}" if str(error).startswith(path) else f"{path}: {error}") from None


def _options(thing: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if key != "name"}
