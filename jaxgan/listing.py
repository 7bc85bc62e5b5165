"""What `jaxgan list` tells: every recipe, study, part, option and metric."""

import inspect
from collections.abc import Mapping
from typing import Any

from jaxgan import config
from jaxgan.data import SOURCES
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.comparisons import FEATURES, STATISTICS
from jaxgan.registry import Several, Table, options_of
from jaxgan.study.plan import studies_folder
from jaxgan.systems import SYSTEMS


def listing() -> str:
    """All of it, as text; each with the first line of its description, and its options with their defaults."""
    lines: list[str] = []
    tell = lines.append
    tell("recipes (jaxgan train --config NAME)")
    for name in config.recipe_names():
        tell(f"  {name:24} {config.description(name)}")
    tell("\nstudies (jaxgan study NAME)")
    for name in config.names_in(studies_folder()):
        tell(f"  {name:24} {config.description(name, studies_folder())}")
    tables: dict[str, Table] = {"config.data": SOURCES, "config.system": SYSTEMS}
    parts = _parts(SYSTEMS)
    for (part, _), (table, names) in parts.items():
        owners = "" if sum(part == other for other, _ in parts) == 1 else f" of {', '.join(names)}"
        tables[f"config.{part}{owners}"] = table
    for path, table in tables.items():
        several = f" (any number of them: --{path}.NAME.OPTION=VALUE)" if isinstance(table, Several) else ""
        tell(f"\n{path}{several}")
        for name, factory in table.items():
            defaults = ", ".join(f"{key}={option.default!r}" for key, option in options_of(factory).items())
            tell(f"  {name:24} {_first_line(factory)}" + (f"\n{'':27}{defaults}" if defaults else ""))
    tell("\nconfig.metrics")
    for name, metric in METRICS.items():
        tell(f"  {name:24} {_first_line(metric)}")
    tell(f"\nconfig.metrics of N samples, 10k say, by the features of {', '.join(FEATURES)}")
    for name, statistic in STATISTICS.items():
        form = f"{name}N_train_FEATURES, {name}N_test_FEATURES" if statistic.compared else f"{name}N_FEATURES"
        tell(f"  {form:42} {_first_line(statistic.make)}")
    tell("\nshared settings")
    tell("  " + ", ".join(f"{key}={value!r}" for key, value in config.SHARED.items()))
    return "\n".join(lines)


def _parts(systems: Mapping[str, Any]) -> dict[tuple[str, int], tuple[Any, list[str]]]:
    """Each part of the systems and each table that it is looked up in: the table, and the systems that do so."""
    found: dict[tuple[str, int], tuple[Any, list[str]]] = {}
    for name, system in systems.items():
        for part, table in system.PARTS.items():
            found.setdefault((part, id(table)), (table, []))[1].append(name)
    return found


def _first_line(thing: object) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]
