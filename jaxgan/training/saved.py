"""A run directory as other verbs than `train` find it: its system, and the states of its checkpoints."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import jax

from jaxgan.config import SHARED
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import Sampler
from jaxgan.errors import JaxganError, UnknownName
from jaxgan.systems import System, build_system
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.run_directory import RunDirectory
from jaxgan.training.seeds import as_array, make_init, seeds_of

Checkpoint: TypeAlias = int | Literal["last", "best"]
"""Which of a run's: of a step, the newest one that is whole, or the best one by the run's `keep_best`."""


@dataclasses.dataclass(frozen=True)
class Saved:
    """A run's system, built from its own settings; no data set and no recipe is looked for.

    Attributes:
      run: where it is.
      system: that was trained.
      spec: what the data looked like.
      config: the run's settings.
      sampler: of the system; all checkpoints and seeds share its compiled programs.
    """

    run: RunDirectory
    system: System
    spec: DataSpec
    config: Mapping[str, Any]
    sampler: Sampler

    def steps(self) -> list[int]:
        """Steps that have a complete checkpoint, ascending."""
        with _reading(self.run.checkpoints) as checkpoints:
            return checkpoints.steps()

    def restore(self, which: Checkpoint) -> tuple[int, Any]:
        """A checkpoint's step, and the states of all seeds in one, as they were trained.

        Args:
          which: of them.

        Raises:
          JaxganError: no such checkpoint, or none that is whole.
        """
        seeds = seeds_of(self.config)
        abstract = {"state": jax.eval_shape(make_init(self.system, self.spec.zeros(1), seeds), as_array(seeds))}
        if which == "best" and not self.config["keep_best"]:
            raise JaxganError(f"{self.run.path} keeps no best checkpoint; train with --config.keep_best=METRIC.")
        with _reading(self.run.best if which == "best" else self.run.checkpoints) as checkpoints:
            if not isinstance(which, str):
                if which not in checkpoints.steps():
                    raise JaxganError(
                        f"{self.run.path} has no checkpoint of step {which}; it has {checkpoints.steps()}."
                    )
                step, trees = which, checkpoints.restore(which, abstract)
            else:
                found = checkpoints.restore_newest(abstract, lambda message: print(message, file=sys.stderr))
                if found is None:
                    raise JaxganError(f"{self.run.path} has no{' best' if which == 'best' else ''} checkpoint yet.")
                step, trees = found
        return step, jax.device_put(trees["state"])


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[Checkpoints]:
    checkpoints = Checkpoints(folder)
    try:
        yield checkpoints
    finally:
        checkpoints.close()


def open_run(directory: str | Path) -> Saved:
    """The run in a directory.

    Raises:
      JaxganError: there is none, or it has something that is in no table now.
    """
    run = RunDirectory(directory)
    config, spec = SHARED | dict(run.config()), run.spec()
    try:
        system = build_system(config, spec)
    except UnknownName as error:
        raise JaxganError(
            f"{error}\nIf a recipe file of your own added it, give it with --config FILE.py; in Python import it first."
        ) from error
    return Saved(run, system, spec, config, Sampler(system))
