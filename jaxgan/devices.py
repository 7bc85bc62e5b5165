"""The devices that a program runs on: one mesh, over which batches are split, and large networks too if asked to.

A program is the same on one device, on eight, and on those of several hosts: it says which axis of a batch is split,
and the compiler splits the work and puts in the communication. Statistics of a batch are those of the whole batch.
"""

import dataclasses
import functools
import math
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from jaxgan.errors import JaxganError

AXIS = "data"
"""The one axis of the mesh."""

SPLIT_FROM = 4096
"""Numbers from which on an array of a state is worth splitting: a message costs more than the memory of fewer."""


def sharing() -> int:
    """Number of devices that share the batches of the program that is being compiled."""
    mesh = jax.sharding.get_abstract_mesh()
    return 1 if mesh.empty else mesh.size


def over_devices(batch: Any) -> Any:
    """Splits the first axis of every array of a batch over the devices of the program that is being compiled.

    What is drawn inside a program, such as latents, would otherwise be computed on every device. Axes that the number
    of devices does not divide are left alone, and so is everything where there is no mesh.
    """
    count = sharing()
    if count == 1:
        return batch

    def split(x: jax.Array) -> jax.Array:
        fits = x.ndim > 0 and x.shape[0] > 0 and x.shape[0] % count == 0
        return jax.lax.with_sharding_constraint(x, PartitionSpec(AXIS)) if fits else x

    return jax.tree.map(split, batch)


def on_every_device(params: Any) -> Any:
    """Has a network's parameters whole on each device while it is applied, wherever they are kept.

    Or a compiler that finds them split would split the images along their channels too, and send those.
    """
    if sharing() == 1:
        return params
    return jax.lax.with_sharding_constraint(params, PartitionSpec())


@dataclasses.dataclass(frozen=True)
class Devices:
    """Some devices, of this host or of several, and where on them things lie.

    Attributes:
      mesh: of them, in the order of the hosts.
      fsdp: split the arrays of a state over them (fully sharded data parallel) instead of keeping each on all.
    """

    mesh: Mesh
    fsdp: bool = False

    @classmethod
    def first(cls, count: int | None = None, fsdp: bool = False) -> "Devices":
        """The first devices that JAX sees, of all hosts; by default all.

        Raises:
          JaxganError: there are fewer; or there are several hosts, and some would have none.
        """
        known = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
        if count is not None and not 0 < count <= len(known):
            raise JaxganError(f"--devices {count}: JAX sees {len(known)} here, all of which are used by default.")
        if count not in (None, len(known)) and jax.process_count() > 1:
            raise JaxganError(f"--devices {count}: with --distributed all {len(known)} devices are used.")
        return cls(Mesh(np.array(known[:count]), (AXIS,), axis_types=(AxisType.Auto,)), fsdp)

    @property
    def count(self) -> int:
        """Number of devices, of all hosts."""
        return self.mesh.size

    @functools.cached_property
    def everywhere(self) -> NamedSharding:
        """Whole on each device."""
        return NamedSharding(self.mesh, PartitionSpec())

    def split(self, axis: int) -> NamedSharding:
        """In equal parts along one axis."""
        return NamedSharding(self.mesh, PartitionSpec(*[None] * axis, AXIS))

    def check_batch(self, batch_size: int) -> None:
        """Makes sure that every device gets an equal part of a batch.

        Raises:
          JaxganError: it does not.
        """
        if batch_size % self.count:
            below, above = batch_size // self.count * self.count, -(-batch_size // self.count) * self.count
            nearest = " or ".join(str(size) for size in (below, above) if size)
            fewer = max(n for n in range(1, self.count) if batch_size % n == 0)
            raise JaxganError(
                f"config.batch_size is {batch_size}, which {self.count} devices do not share evenly; set it to "
                f"{nearest}" + ("." if jax.process_count() > 1 else f", or use --devices {fewer}.")
            )

    def of_state(self, state: Any) -> Any:
        """Where each array of a state lies: whole everywhere, or with `fsdp` split along its longest axis that divides.

        Args:
          state: tree of arrays, or of their shapes and dtypes.

        Returns:
          a tree of shardings.
        """
        return jax.tree.map(lambda leaf: self._of_array(leaf.shape), state)

    def placed(self, abstract: Any) -> Any:
        """A tree of shapes and dtypes that says of each array of a state where it lies too."""
        return jax.tree.map(
            lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=self._of_array(leaf.shape)), abstract
        )

    def _of_array(self, shape: Sequence[int]) -> NamedSharding:
        axes = [axis for axis, length in enumerate(shape) if length % self.count == 0]
        if not self.fsdp or not axes or math.prod(shape) < SPLIT_FROM:
            return self.everywhere
        return self.split(max(axes, key=lambda axis: shape[axis]))

    def rows(self, batch_size: int) -> slice:
        """Those of a batch that this host's devices are given."""
        mine = [place for place, device in enumerate(self.mesh.devices) if device.process_index == jax.process_index()]
        part = batch_size // self.count
        return slice(mine[0] * part, (mine[-1] + 1) * part)

    def put(self, arrays: Any, sharding: NamedSharding) -> Any:
        """Arrays of the host, which every host has whole, on the devices; without a copy where device and host share
        their memory.
        """

        def place(array: np.ndarray) -> jax.Array:
            return jax.make_array_from_callback(array.shape, sharding, lambda index: array[index])

        return jax.tree.map(place, arrays)

    def join(self, arrays: Any, axis: int) -> Any:
        """Batches on the devices, split along an axis, of which every host has its own rows only."""
        sharding = self.split(axis)
        return jax.tree.map(lambda array: jax.make_array_from_process_local_data(sharding, array), arrays)

    def one(self, tree: Any) -> Any:
        """A tree of arrays whole on this host, where it can be worked on by itself: on one device, or, if it is split,
        in the host's memory, from where a program takes what it needs of it.

        All hosts take part, since what is split lies on all of them.
        """
        return jax.tree.map(on_host if self.fsdp else lambda x: x.addressable_data(0), tree)


def on_host(array: Any) -> np.ndarray:
    """An array as NumPy's, whole, wherever its parts lie; where they lie on several hosts all of them take part."""
    if isinstance(array, jax.Array) and not (array.is_fully_addressable or array.is_fully_replicated):
        return np.asarray(multihost_utils.process_allgather(array, tiled=True))
    return np.asarray(array)
