"""Checkpoints: orbax's atomic directories, with a digest of the arrays, so that damage is noticed and stepped over."""

import contextlib
import errno
import hashlib
import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
from flax import serialization

from jaxgan.devices import on_host
from jaxgan.errors import Diverged, JaxganError
from jaxgan.training import hosts

Trees = dict[str, Any]

OF_TABLE = "table_sha256"
"""In a checkpoint's table of contents, beside the names of the trees: the digest of the rest of it."""

SLOW = 5.0
"""Seconds; whoever waits for a checkpoint for longer is told so."""


def digest(arrays: Any) -> str:
    """SHA-256 over the path, dtype, shape and bytes of every array of a tree."""
    total = hashlib.sha256()
    for path, leaf in jax.tree_util.tree_leaves_with_path(arrays):
        total.update(f"{jax.tree_util.keystr(path)} {leaf.dtype} {leaf.shape}".encode())
        total.update(np.ascontiguousarray(on_host(leaf)).view(np.uint8).data)
    return total.hexdigest()


def layout(tree: Any) -> dict[str, str]:
    """Path of every array of a tree, with its dtype and shape."""
    return {_path(path): f"{leaf.dtype} {leaf.shape}" for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")


def _sum(table: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(table, sort_keys=True).encode()).hexdigest()


class OtherStructureError(JaxganError):
    """A checkpoint is whole, but holds the arrays of other settings."""


class Checkpoints:
    """The checkpoints of one run, `directory/<step>/`. Of several hosts each makes one of these, all call its methods
    in the same order, and each writes what lies on its own devices.

    Args:
      directory: exists.
      keep: how many of the newest stay; None opens them for reading only.
    """

    def __init__(self, directory: Path, keep: int | None = None):
        self._directory = directory.absolute()
        self._keep = keep
        self._unsettled: int | None = None  # the checkpoint that may still be written
        self._before: int | None = None  # the newest one before it
        self._manager = ocp.CheckpointManager(
            self._directory,
            # What a kill left of a save is removed: a writer is alone here.
            options=ocp.CheckpointManagerOptions(
                max_to_keep=keep, create=keep is not None, cleanup_tmp_directories=keep is not None
            ),
        )
        # It waits for no other host, of which one that meets damage never comes; `restore` has them agree instead.
        alone = ocp.options.MultiprocessingOptions(
            primary_host=jax.process_index(), active_processes={jax.process_index()}
        )
        self._reader = ocp.Checkpointer(
            ocp.CompositeCheckpointHandler(composite_options=ocp.CompositeOptions(multiprocessing_options=alone)),
            multiprocessing_options=alone,
        )

    def steps(self) -> list[int]:
        """Steps that have a complete checkpoint, ascending."""
        return sorted(self._manager.all_steps())

    def save(self, step: int, trees: Mapping[str, Any], report: Callable[[str], None] | None = None) -> None:
        """Copies the arrays of some trees and writes them in the background.

        Args:
          step: names the checkpoint.
          trees: name -> tree of arrays on devices; `restore` can ask for some of them.
          report: told if the one before was not on disk for long.

        Raises:
          Diverged: a number is not finite; earlier checkpoints are untouched.
          JaxganError: the disk is full or fails; likewise.
        """
        if not self._directory.is_dir():
            raise self._failure(step, "")
        self.wait(report)  # so that the one before is on disk when this one's success removes an older one
        self._before = max(self._names(), default=None)
        # Copies, because the next call of the training program overwrites these buffers while orbax still writes.
        arrays = {
            name: jax.tree.map(
                lambda x: jax.device_put(x, x.sharding, may_alias=False),
                serialization.to_state_dict(tree),
            )
            for name, tree in trees.items()
        }
        for path, leaf in jax.tree_util.tree_leaves_with_path(arrays):
            if jax.numpy.issubdtype(leaf.dtype, jax.numpy.floating) and not np.isfinite(on_host(leaf)).all():
                raise Diverged(
                    f"training diverged: {_path(path)} is not finite after "
                    f"step {step}, which is not saved. The last checkpoint from before is kept.\n"
                    "Lower the learning rate of the player it belongs to, or clip or smooth its objective."
                )
        size = sum(leaf.nbytes for leaf in jax.tree.leaves(arrays))
        free, needed = shutil.disk_usage(self._directory).free, size + 2**20
        if free < needed:
            raise self._failure(
                step, f"the disk is full: {free / 2**20:.1f} MiB free, {math.ceil(needed / 2**20)} MiB needed"
            )
        table = {name: {"sha256": digest(tree), "layout": layout(tree)} for name, tree in arrays.items()}
        try:
            with hosts.noticing():
                saved = self._manager.save(
                    step,
                    args=ocp.args.Composite(
                        **{name: ocp.args.StandardSave(tree) for name, tree in arrays.items()},
                        contents=ocp.args.JsonSave({**table, OF_TABLE: _sum(table)}),
                    ),
                )
        except (OSError, ValueError) as error:  # tensorstore reports a failing disk as ValueError
            raise self._failure(step, str(error).splitlines()[0][:200]) from error
        if not saved:
            raise self._failure(step, f"step {step} is not later than the newest checkpoint")
        self._unsettled = step

    def wait(self, report: Callable[[str], None] | None = None) -> None:
        """Returns when what was saved is on disk, where a loss of power leaves it too.

        Args:
          report: told if that took long.

        Raises:
          JaxganError: as `save`.
        """
        step, before = self._unsettled, time.perf_counter()
        try:
            with hosts.noticing():
                self._manager.wait_until_finished()
            if self._unsettled is not None and hosts.primary():
                _settle(self._directory / str(self._unsettled))
                self._unsettled = None
        except (OSError, ValueError) as error:
            raise self._failure(None, str(error).splitlines()[0][:200]) from error
        waited = time.perf_counter() - before
        if report and step is not None and waited > SLOW:
            report(f"the disk is slow: training waited {waited:.0f} s for the checkpoint of step {step}.")

    def _names(self) -> list[int]:
        """Steps that have a folder of their own, which a checkpoint has once it is complete."""
        return [int(path.name) for path in self._directory.iterdir() if path.name.isdecimal()]

    def _failure(self, step: int | None, reason: str) -> JaxganError:
        # The folder itself may be there again: Tensorstore makes those that it writes to.
        if not (self._directory if self._before is None else self._directory / str(self._before)).is_dir():
            return JaxganError(
                f"could not save a checkpoint: {self._directory} is gone.\n"
                "Bring it back, and run the same command again; it continues from the last checkpoint in it."
            )
        # Orbax's own list already leaves out those that a successful save would have removed.
        good = sorted(known for known in self._names() if known != step)
        left = f"the checkpoint of step {good[-1]} is intact" if good else "there is no earlier checkpoint"
        return JaxganError(f"could not save a checkpoint: {reason}.\n{left}; make room and run the same command again.")

    def restore(self, step: int, abstract: Trees) -> Trees:
        """The trees saved at `step`.

        Args:
          step: one of `steps()`.
          abstract: name -> tree of the structure that was saved, with shapes and dtypes, and where each array is to
            lie: by default on this process' first device.

        Raises:
          OtherStructureError: the files hold a state of another structure.
          JaxganError: the files are damaged, or another host could not read them.
        """
        with hosts.all_or_none(f"could not read checkpoint {step}"):
            saved, sums = self._read_trees(step, abstract)
        with hosts.all_or_none(f"found checkpoint {step} damaged"):
            # All of them, whatever the first comes to: what is split over the hosts is brought together by all of them.
            if {name: digest(saved[name]) for name in abstract} != sums:
                raise JaxganError(f"checkpoint {step} is damaged (its arrays do not match their SHA-256)")
        return {name: serialization.from_state_dict(tree, saved[name]) for name, tree in abstract.items()}

    def _read_trees(self, step: int, abstract: Trees) -> tuple[Any, dict[str, str]]:
        """What this host is to have of the trees, and the digests that the whole of them were saved with."""
        here = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
        targets = {
            name: jax.tree.map(
                lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=getattr(x, "sharding", None) or here),
                serialization.to_state_dict(tree),
            )
            for name, tree in abstract.items()
        }
        contents = self._read(step, {"contents": ocp.args.JsonRestore()})["contents"]
        try:
            # Or a layout that is damaged would be taken for one of other settings. Older checkpoints do without.
            if contents.pop(OF_TABLE, None) not in (None, _sum(contents)):
                raise ValueError("its SHA-256 is another")
            facts = {name: (dict(contents[name]["layout"]), str(contents[name]["sha256"])) for name in targets}
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise JaxganError(f"checkpoint {step} is damaged (its table of contents is not one)") from error
        for name, target in targets.items():
            _compare(step, name, facts[name][0], layout(target))
        saved = self._read(step, {name: ocp.args.StandardRestore(target) for name, target in targets.items()})
        return saved, {name: sha256 for name, (_, sha256) in facts.items()}

    def _read(self, step: int, parts: Mapping[str, Any]) -> Any:
        try:
            return self._reader.restore(self._directory / str(step), args=ocp.args.Composite(**parts))
        # Damage surfaces as whatever the reader of the damaged part raises; each becomes a message of its own.
        except Exception as error:
            raise JaxganError(f"checkpoint {step} cannot be read ({str(error).splitlines()[0][:200]})") from error

    def restore_newest(self, abstract: Trees, report: Callable[[str], None]) -> tuple[int, Trees] | None:
        """The newest checkpoint that is whole; None if there never was one.

        Args:
          abstract: as in `restore`.
          report: told of each checkpoint that had to be stepped over.

        Raises:
          OtherStructureError: it holds a state of another structure.
          JaxganError: there are checkpoints and none is whole.
        """
        steps = self.steps()
        for step in reversed(steps):
            try:
                return step, self.restore(step, abstract)
            except OtherStructureError:
                raise
            except JaxganError as error:
                report(f"{str(error).removesuffix('.')}; falling back to the one before it.")
        if steps:
            raise JaxganError(f"none of the checkpoints in {self._directory} can be restored: {steps}.")
        return None

    def set_aside(self, after: int) -> None:
        """Moves checkpoints later than `after`, which are damaged, out of the way of those to come; deletes nothing."""
        for step in self.steps() if hosts.primary() else []:
            if step > after:
                folder = self._directory.parent / "damaged_checkpoints"
                folder.mkdir(exist_ok=True)
                earlier = len(list(folder.glob(f"{step}*")))
                (self._directory / str(step)).rename(folder / (f"{step}.{earlier}" if earlier else str(step)))
        hosts.wait_for_all()  # none looks before they are gone
        self._manager.reload()

    def thin(self) -> None:
        """Removes all but the newest that are to stay, as a save does: a kill may have come while it did."""
        for step in self.steps()[: -self._keep] if self._keep else []:
            self._manager.delete(step)

    def forget(self, after: int) -> None:
        """Deletes checkpoints later than `after`."""
        for step in self.steps():
            if step > after:
                self._manager.delete(step)

    def close(self) -> None:
        """Ends the background writer; a failure to write has been raised by `save` or `wait`."""
        self._reader.close()
        with contextlib.suppress(OSError, ValueError):
            self._manager.close()


def _settle(folder: Path) -> None:
    """Brings files that have been written, and their names, from memory to the disk.

    Tensorstore has done so for the arrays. Orbax writes the small files around them and renames folders without.
    """
    for path in [*folder.rglob("*"), folder, folder.parent]:
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # a file system that has nothing to bring there
                raise
        finally:
            os.close(file)


def _compare(step: int, name: str, saved: Mapping[str, str], wanted: Mapping[str, str]) -> None:
    for path in sorted(saved.keys() | wanted.keys()):
        there, here = saved.get(path, "absent"), wanted.get(path, "absent")
        if there != here:
            raise OtherStructureError(
                f"checkpoint {step} was made with other settings: {name}/{path} is {there} in it and {here} here.\n"
                "Choose another --workdir, or the settings that the run was made with."
            )
