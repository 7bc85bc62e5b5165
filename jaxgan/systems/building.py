"""How systems are built of a recipe: what their `from_config` have in common."""

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError, check_range
from jaxgan.registry import build, complete

AVERAGE = {"average_half_life": 1e12, "average_rampup": 1e6}
"""The most that the options of a parameter average may be."""


def options_of(system: Any, config: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a system, those that a recipe does not state at their defaults.

    Args:
      system: its class.
      config: the recipe.

    Raises:
      JaxganError: an unknown option, or a value of the wrong type.
    """
    completed = complete(config["system"], {config["system"]["name"]: system}, "config.system")
    return {key: value for key, value in completed.items() if key != "name"}


def given_of(config: Mapping[str, Any], spec: DataSpec, **more: Any) -> dict[str, Any]:
    """What parts are given besides their options, each what it asks for: by the recipe, by the data, and `more`."""
    return dict(
        shape=spec.shape,
        num_classes=0,
        dtype=jnp.dtype(config["precision"]),
        images_per_update=config["batch_size"],
    ) | dict(more)


def parts_of(
    system: Any, config: Mapping[str, Any], given: Mapping[str, Any], **per_part: Mapping[str, Any]
) -> dict[str, Any]:
    """What a system is made of, by the names of its `PARTS`.

    Args:
      system: its class.
      config: the recipe.
      given: as of `given_of`; a part is also given those before it.
      per_part: what one part is given instead, by its name.

    Raises:
      JaxganError: as `build`.
    """
    built: dict[str, Any] = {}
    for key, table in system.PARTS.items():
        built[key] = build(config[key], table, f"config.{key}", **{**given, **per_part.get(key, {}), **built})
    return built


def check_numbers(options: Mapping[str, Any], *counts: str, **highest: float) -> None:
    """Refuses options that are out of range; those of a parameter average are looked at wherever there is one.

    Args:
      options: of a system.
      counts: names of those that must be at least 1.
      highest: the most that others may be, which must be at least 0.

    Raises:
      JaxganError: it names the option, its value and the range.
    """
    for key in counts:
        if options[key] < 1:
            raise JaxganError(f"config.system.{key} is {options[key]}, but must be at least 1.")
    for key, high in (AVERAGE | highest).items():
        if key in options:
            check_range(f"config.system.{key}", options[key], 0, high)


def check_conditional(options: Mapping[str, Any], spec: DataSpec) -> None:
    """Refuses players that are to be given labels where examples have none of their own.

    Raises:
      JaxganError: it says what to set.
    """
    if options["conditional"] and not spec.num_classes:
        raise JaxganError(
            "config.system.conditional needs labels, and this data has none. Put the images into one sub-folder "
            "a class, or set --config.system.conditional=False."
        )
    if options["conditional"] and spec.other:
        raise JaxganError("config.system.conditional needs examples with labels of their own; these are pairs.")
