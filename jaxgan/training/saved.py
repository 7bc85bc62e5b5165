"""A run directory as other verbs than `train` find it: its system, and the states of its checkpoints."""

import contextlib
import dataclasses
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import jax

from jaxgan.config import complete_shared
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import Sampler
from jaxgan.errors import JaxganError, UnknownName
from jaxgan.systems import System, build_system
from jaxgan.training.checkpoints import Checkpoints, OtherStructureError
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
        """Steps that have a complete checkpoint, among the last states or the best ones, ascending."""
        return sorted({step for folder in self._folders() for step in self._steps_in(folder)})

    def restore(self, which: Checkpoint) -> tuple[int, Any]:
        """A checkpoint's step, and the states of all seeds in one, as they were trained.

        Args:
          which: of them.

        Raises:
          JaxganError: no such checkpoint, or none that is whole.
        """
        last, *best = self._folders()
        if which == "last":
            return self._newest(last, "")
        if which == "best":
            if not best:
                raise JaxganError(f"{self.run.path} keeps no best checkpoint; train with --config.keep_best=METRIC.")
            return self._newest(best[0], " best")
        damaged: JaxganError | None = None
        for folder in (last, *best):  # of one step both hold the same
            if which in self._steps_in(folder):
                try:
                    with _reading(folder) as checkpoints:
                        state = jax.device_put(checkpoints.restore(int(which), self._abstract())["state"])
                except OtherStructureError:
                    raise
                except JaxganError as error:
                    damaged = damaged or error
                    continue
                if damaged is not None:
                    print(f"taking the copy of step {which} in {folder}: {damaged}", file=sys.stderr)
                return int(which), state
        if damaged is not None:
            raise damaged
        raise JaxganError(f"{self.run.path} has no checkpoint of step {which}; it has {self.steps()}.")

    def _folders(self) -> list[Path]:
        """Of the last checkpoints, and, where they are kept, of the best ones."""
        judge = self.config["keep_best"]
        return [self.run.checkpoints, *([self.run.best_by(judge)] if judge else [])]

    def _steps_in(self, folder: Path) -> list[int]:
        with _reading(folder) as checkpoints:
            return checkpoints.steps()

    def _newest(self, folder: Path, kind: str) -> tuple[int, Any]:
        with _reading(folder) as checkpoints:
            found = checkpoints.restore_newest(self._abstract(), lambda message: print(message, file=sys.stderr))
        if found is None:
            raise JaxganError(f"{self.run.path} has no{kind} checkpoint yet.")
        return found[0], jax.device_put(found[1]["state"])

    def _abstract(self) -> dict[str, Any]:
        seeds = seeds_of(self.config)
        return {"state": jax.eval_shape(make_init(self.system, self.spec.zeros(1), seeds), as_array(seeds))}


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
      JaxganError: there is none, its files are damaged, or it has something that is in no table now.
    """
    run = RunDirectory(directory)
    written, spec = run.config(), run.spec()
    config = {**written, **complete_shared(written)}
    try:
        system = build_system(config, spec)
    except UnknownName as error:
        raise JaxganError(
            f"{error}\nIf a recipe file of your own added it, give it with --config FILE.py; in Python import it first."
        ) from error
    return Saved(run, system, spec, config, Sampler(system))
