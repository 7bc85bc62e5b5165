"""What a study is made of, and the recipes of its cells."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from ml_collections import ConfigDict

from jaxgan import config
from jaxgan.errors import JaxganError, shown


class Cell(NamedTuple):
    """A method under one setting, for all seeds."""

    method: str
    setting: str

    def __str__(self) -> str:
        return shown(f"{self.method}, {self.setting}")


@dataclasses.dataclass(frozen=True)
class Study:
    """Methods under a few settings each, trained with the same seeds on as many images.

    Attributes:
      cells: (method, setting) -> recipe, of which the study settles `steps`, seeds, metrics and intervals.
      images: that each cell's D, critic or what there is in their place is trained on: steps x batch x critic steps.
      seeds: trained together in every cell, from 0 on.
      metrics: that the last states are scored by. Methods are ranked by each that ranks states.
    """

    cells: Mapping[tuple[str, str], ConfigDict]
    images: int
    seeds: int
    metrics: tuple[str, ...]


AT_THE_END = dict(keep_best="", stop_on=(), roll_back_on=(), evaluate_every=0, sample_every=0)
"""Settings with which a cell trains to its end whatever happens, and is looked at there only."""

SETTLED = ("steps", "seed", "seeds", "metrics", *AT_THE_END)
"""Settings of its cells that a study settles."""


def rates(recipe: ConfigDict, factor: float) -> ConfigDict:
    """The recipe with the learning rates of all its players multiplied; those that follow a schedule, at both ends.

    Raises:
      JaxganError: a player leaves its rate to the default.
    """
    scaled = recipe.copy_and_resolve_references()
    for name, optimizer in scaled.items():
        if name.endswith("optimizer"):
            if "learning_rate" not in optimizer:
                raise JaxganError(f"rates: config.{name} leaves its learning rate to the default; state it.")
            rate = optimizer.learning_rate
            if isinstance(rate, tuple):
                shape, first, last, *over = rate
                optimizer.learning_rate = (shape, first * factor, last * factor, *over)
            else:
                optimizer.learning_rate = rate * factor
    return scaled


def studies_folder() -> Path:
    """The folder of the studies that come with jaxgan."""
    return config.recipes_folder() / "studies"


def load(name_or_path: str) -> Study:
    """Loads a study by the name of one that comes with jaxgan, or by the path of a file with `get_study()`.

    Raises:
      JaxganError: there is no such study, or its file does not return one.
    """
    study = config.execute(name_or_path, studies_folder(), "study", "get_study")
    if not isinstance(study, Study):
        raise JaxganError(f"get_study() of {name_or_path} returns {type(study).__name__}, not a jaxgan.study.Study.")
    return study


def changed(study: Study, images: int | None, seeds: int | None, metrics: Sequence[str] | None) -> Study:
    """The study with other images, seeds or metrics; None leaves those that it has.

    Raises:
      JaxganError: no images or no seeds.
    """
    for name, value in (("images", images), ("seeds", seeds)):
        if value is not None and value < 1:
            raise JaxganError(f"--{name} is {value}, but must be at least 1.")
    return dataclasses.replace(
        study,
        images=study.images if images is None else images,
        seeds=study.seeds if seeds is None else seeds,
        metrics=study.metrics if metrics is None else tuple(metrics),
    )


def settings(study: Study, overrides: Sequence[str]) -> dict[Cell, config.Settings]:
    """The resolved recipe of each cell, trained on the study's images, rounded down to whole intervals of `log_every`.

    Args:
      study: that is planned.
      overrides: `"data.data_dir=DIR"`, of every cell.

    Raises:
      JaxganError: an override of what the study settles, a recipe that is none, or one whose step takes more images
        than there are in all.
    """
    for override in overrides:
        key = override.partition("=")[0]
        if key in SETTLED:
            hint = {"steps": "; give --images", "seeds": "; give --seeds", "metrics": "; give --metrics"}.get(key, "")
            raise JaxganError(f"--config.{key}: the study settles it for all of its cells{hint}.")
    for names in study.cells:
        if not isinstance(names, tuple) or len(names) != 2 or not all(re.search(r"\w", str(name)) for name in names):
            raise JaxganError(
                f"cells are named by a method and a setting, as ('nsgan', 'rates'), and one is {names!r}."
            )
    if not study.cells:
        raise JaxganError("the study has no cells.")
    return {Cell(*names): _of_cell(Cell(*names), study, recipe, overrides) for names, recipe in study.cells.items()}


def _of_cell(cell: Cell, study: Study, recipe: ConfigDict, overrides: Sequence[str]) -> config.Settings:
    settled = dict(seed=0, seeds=study.seeds, metrics=study.metrics, **AT_THE_END)
    try:
        whole = config.override(ConfigDict({**config.plain_settings(recipe), **settled}), overrides)
        first = config.resolve(whole)
        images = config.images_per_step(first)
        if study.images < images:
            raise JaxganError(f"a step takes {images} images, and the study gives {study.images}.")
        steps = study.images // images
        # A remainder would break the intervals, and with them the calls of many steps, into pieces.
        whole.steps = steps - steps % first["log_every"] or steps
        return config.resolve(whole)  # once more: schedules that fill the run are as long as it is
    except JaxganError as error:
        raise JaxganError(f"cell {cell}: {error}") from error
