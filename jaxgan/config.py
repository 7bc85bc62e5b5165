"""Recipes and settings: loading, overriding, completing, checking.

A recipe is a `ConfigDict` of shared settings and of named things (`registry.py`). `resolve` completes it, so that the
run directory states every setting that had an effect, and refuses what it does not know before anything is compiled.
"""

import ast
import importlib.util
import json
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from jaxgan.data import SOURCES
from jaxgan.errors import JaxganError, unknown
from jaxgan.evaluation import check_metric
from jaxgan.literals import parsed
from jaxgan.registry import Several, Table, complete, expected, lookup, matches
from jaxgan.schedules import SHAPES
from jaxgan.systems import SYSTEMS

Settings = dict[str, Any]
"""A resolved recipe: nested dicts of plain values and tuples, complete and checked."""

SHARED: Settings = dict(
    seed=0,
    seeds=1,  # independent runs trained together, with the seeds seed, seed + 1, ...
    steps=1000,  # one step = one update of the generator
    batch_size=64,  # global: over all devices
    steps_per_call=50,  # steps inside one compiled call; the host sees nothing in between
    log_every=50,
    sample_every=500,
    save_every=500,
    evaluate_every=0,  # 0: at the end only
    metrics=(),  # what `evaluate_every` and the end of the run compute
    keep_best="",  # the metric, one of them, by which the best scored state is kept as well
    stop_on=(),  # alarms that end the run, saved, when they begin
    roll_back_on=(),  # alarms that bring the best state back when they begin; the run goes on from it by other batches
    samples=64,  # images on a sample sheet
    keep_checkpoints=3,
    device_limit_mib=2048,  # a set that is larger, decoded, streams from the host
    fsdp=False,  # split parameters and what optimizers keep over the devices too, for networks too large for one
    precision="float32",  # of the networks' arithmetic: float32 or bfloat16
    matmul_precision="default",  # of products of float32: on GPUs the default is TF32, "float32" is exact
)
"""The settings that every recipe has, and their defaults."""

ALARMS = ("collapsed", "regressed", "runaway", "saturated", "still")
"""What a run raises while it trains, see docs/evaluation.md."""

MOST = 2**31 - 1
"""The largest number of anything: steps are counted in int32."""

PRECISIONS = ("float32", "bfloat16")
MATMUL_PRECISIONS = ("default", "bfloat16", "tensorfloat32", "float32")  # JAX's names


def recipe(**settings: Any) -> ConfigDict:
    """A recipe: the shared settings, with what this recipe says differently."""
    return _apart({**SHARED, "data": {"name": "digits"}, "system": {"name": "gan"}, **settings})


def _apart(settings: Any) -> ConfigDict:
    """A recipe whose parts share no dict: a ConfigDict keeps one that two players were given as one for both."""
    return ConfigDict(plain_settings(settings))


def recipes_folder() -> Path:
    """The folder of the recipes that come with jaxgan: inside an installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def recipe_names() -> list[str]:
    """Names of the recipes that come with jaxgan."""
    return names_in(recipes_folder())


def names_in(folder: Path) -> list[str]:
    """Names of the files of a folder of recipes, or of studies, in order."""
    return sorted(path.stem for path in folder.glob("*.py") if path.stem != "__init__")


def description(name: str, folder: Path | None = None) -> str:
    """First line of the docstring of a recipe that comes with jaxgan, or of a file of another folder."""
    module = ast.parse(((folder or recipes_folder()) / f"{name}.py").read_text())
    return (ast.get_docstring(module) or "").partition("\n")[0]


def load(name_or_path: str) -> ConfigDict:
    """Loads a recipe by the name of one that comes with jaxgan, or by the path of a file with `get_config()`.

    Raises:
      JaxganError: there is no such recipe, or its file does not return one.
    """
    recipe = execute(name_or_path, recipes_folder(), "recipe", "get_config")
    if not isinstance(recipe, ConfigDict | Mapping):
        raise JaxganError(f"get_config() of {name_or_path} returns {type(recipe).__name__}, not a recipe.")
    return _apart(recipe)


def execute(name_or_path: str, folder: Path, kind: str, function: str) -> Any:
    """What a function returns that a file of the user's, or of a folder of jaxgan's, defines.

    Args:
      name_or_path: of a file of the folder, its name; of any other its path, which ends in .py.
      folder: of those that come with jaxgan.
      kind: what such a file is called, e.g. "recipe".
      function: its name.

    Raises:
      JaxganError: there is no such file, it raises an error, or has no such function.
    """
    path = Path(name_or_path)
    if path.suffix != ".py":
        path = folder / f"{name_or_path}.py"
        if not path.is_file():
            raise unknown(kind, name_or_path, names_in(folder))
    elif not path.is_file():
        raise JaxganError(f"there is no {kind} file {path}.")
    spec = importlib.util.spec_from_file_location(f"jaxgan_{kind}_{path.stem}", path)
    assert spec is not None  # a path that ends in .py always has one
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        if not hasattr(module, function):
            raise JaxganError(f"{path} has no function {function}() that returns a {kind}.")
        return getattr(module, function)()
    except JaxganError:
        raise
    except Exception as error:  # whatever the user's own file raises
        own = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = getattr(error, "lineno", None) or own[-1]  # where it calls something that fails, the call
        raise JaxganError(f"{path}, line {line}: {type(error).__name__}: {error}") from error


def parts(config: Mapping[str, Any]) -> dict[str, Table]:
    """The named things of a recipe and the tables they are looked up in; the system says which ones it is made of."""
    system = lookup(config.get("system", {}), SYSTEMS, "config.system")
    return {"data": SOURCES, "system": SYSTEMS, **system.PARTS}  # type: ignore[attr-defined]


def override(config: ConfigDict, assignments: Sequence[str]) -> ConfigDict:
    """Applies `a.b=value` assignments, names first: naming another thing drops the options of the one before it.

    Args:
      config: a recipe.
      assignments: `"generator.width=32"`; values are Python literals, anything else is a string.

    Raises:
      JaxganError: an assignment without `=`, or one into something that is not a group of settings.
    """
    result = plain_settings(config)
    for assignment in sorted(assignments, key=_groups_and_names_first):
        key, equals, text = assignment.partition("=")
        if not equals:
            raise JaxganError(f"--config.{assignment} needs a value: --config.{key}=VALUE.")
        *groups, last = key.split(".")
        target = result
        for depth, group in enumerate(groups, 1):
            target = target.setdefault(group, {})
            if not isinstance(target, dict):
                path = ".".join(groups[:depth])
                raise JaxganError(f"--config.{key}: config.{path} is a value, not a group of settings.")
        if groups and last == "name" and target.get("name") != text:
            target.clear()
        value, before = parsed(text), target.get(last)
        if isinstance(value, str) and isinstance(before, dict) and "name" in before:  # objective=hinge is its name
            value = before if before["name"] == value else {"name": value}
        if isinstance(before, dict) and not isinstance(value, dict):
            raise JaxganError(
                f"--config.{key} names a group of settings; set one of them, as --config.{key}.NAME=VALUE, or all of "
                f"it: --config.{key}='dict(...)'."
            )
        target[last] = value
    return ConfigDict(result)


def _groups_and_names_first(assignment: str) -> tuple[int, bool]:
    key = assignment.partition("=")[0]
    return key.count("."), not key.endswith(".name")


def resolve(config: ConfigDict | Mapping[str, Any]) -> Settings:
    """Checks a recipe and completes it, so that it states every setting that has an effect.

    Raises:
      JaxganError: an unknown setting, name or option, a value of the wrong type or out of range, a part not given.
    """
    plain = plain_settings(config)
    tables = parts(plain)
    for key in plain:
        if key not in SHARED and key not in tables:
            raise unknown("setting", f"config.{key}", [f"config.{known}" for known in (*SHARED, *tables)])
    for key, table in tables.items():
        if isinstance(table, Several):
            plain.setdefault(key, {})
        elif "none" in table:  # a part that one can do without
            plain.setdefault(key, {"name": "none"})
        if key not in plain:
            raise JaxganError(f'the system {plain["system"]["name"]!r} needs config.{key} = dict(name="...").')
        plain[key] = complete(plain[key], table, f"config.{key}")
    plain |= complete_shared(plain)
    for metric in plain["metrics"]:
        check_metric(metric)
    images = float(plain["steps"] * images_per_step(plain))
    return {key: _over_the_run(value, images) for key, value in plain.items()}


def complete_shared(settings: Mapping[str, Any]) -> Settings:
    """The settings of `SHARED`, those that are not stated at their defaults, each one checked but for names of metrics.

    Raises:
      JaxganError: a value of the wrong type, out of range, or that another one excludes.
    """
    shared = {key: settings.get(key, default) for key, default in SHARED.items()}
    for key, default in SHARED.items():
        names = isinstance(default, tuple)
        kind = tuple[str, ...] if names else type(default)
        if not matches(shared[key], kind):
            example = f", as {(shared[key],)}" if names else ""
            raise JaxganError(f"config.{key} is {shared[key]!r}, but must be {expected(shared[key], kind)}{example}.")
    _check_ranges(shared)
    return shared


def images_per_step(settings: Mapping[str, Any]) -> int:
    """Real images that D, or what there is in its place, is trained on in a step: a batch for each of its updates.

    Args:
      settings: of a recipe, with its system completed.
    """
    return settings["batch_size"] * settings["system"].get("critic_steps", 1)


def _over_the_run(setting: Any, images: float) -> Any:
    """The setting with schedules that do not say how long they take stretched over this many images."""
    if isinstance(setting, dict):
        return {key: _over_the_run(value, images) for key, value in setting.items()}
    if isinstance(setting, tuple) and len(setting) == 3 and setting[0] in SHAPES:
        return (*setting, images)
    return setting


def _check_ranges(plain: Mapping[str, Any]) -> None:
    for key in ("seeds", "steps", "batch_size", "steps_per_call", "log_every", "samples"):
        if plain[key] < 1:
            raise JaxganError(f"config.{key} is {plain[key]}, but must be at least 1.")
    if plain["keep_checkpoints"] < 2:
        raise JaxganError(
            f"config.keep_checkpoints is {plain['keep_checkpoints']}, but must be at least 2: a run whose newest one "
            "is damaged goes on from the one before."
        )
    if plain["seed"] + plain["seeds"] > 2**32:  # JAX would take the last 32 bits
        raise JaxganError(f"config.seed is {plain['seed']}, but seeds must be in 0..{2**32 - 1}.")
    for key, value in plain.items():
        if isinstance(value, int) and value > MOST and key != "seed":
            raise JaxganError(f"config.{key} is {value}, but must be at most {MOST}.")
    for key in ("seed", "sample_every", "save_every", "evaluate_every", "device_limit_mib"):
        if plain[key] < 0:
            raise JaxganError(f"config.{key} is {plain[key]}, but must not be negative.")
    for key, known in (("precision", PRECISIONS), ("matmul_precision", MATMUL_PRECISIONS)):
        if plain[key] not in known:
            raise unknown(f"config.{key}", plain[key], known)
    for key in ("stop_on", "roll_back_on"):
        for alarm in plain[key]:
            if alarm not in ALARMS:
                raise unknown(f"config.{key}", alarm, ALARMS)
    if plain["roll_back_on"] and not plain["keep_best"]:
        raise JaxganError("config.roll_back_on brings the best state back; set --config.keep_best=METRIC as well.")
    if plain["keep_best"] and plain["keep_best"] not in plain["metrics"]:
        scored = ", ".join(plain["metrics"]) or "none"
        raise JaxganError(f"config.keep_best is {plain['keep_best']!r}, but must be one of config.metrics: {scored}.")
    if plain["keep_best"] and not plain["evaluate_every"]:
        raise JaxganError("config.keep_best is of states that are scored; set --config.evaluate_every=N as well.")


def plain_settings(config: Any) -> Any:
    """Settings as nested dicts and tuples, whatever mixture of ConfigDict, dict and list came in."""
    if isinstance(config, ConfigDict):
        config = config.to_dict()
    if isinstance(config, Mapping):
        return {key: plain_settings(value) for key, value in config.items()}
    if isinstance(config, list | tuple):
        return tuple(plain_settings(item) for item in config)
    return config


def to_json(config: Mapping[str, Any]) -> str:
    """The text of a run's `config.json`."""
    return json.dumps(plain_settings(config), indent=2, sort_keys=True) + "\n"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """One line a setting that differs: `config.batch_size: 64 -> 128`."""
    before, after = dict(_flat(plain_settings(old))), dict(_flat(plain_settings(new)))
    return [
        f"config.{key}: {before.get(key, '(none)')!r} -> {after.get(key, '(none)')!r}"
        for key in sorted(before.keys() | after.keys())
        if before.get(key, "(none)") != after.get(key, "(none)")
    ]


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value
