"""From a source to the compiled step: which examples a step sees, and how they reach the device.

Step s consumes the global positions `s * m * b` to `(s + 1) * m * b - 1`, for batches of b and m micro-batches a step,
in the order of `order.indices`. Nothing else decides the order, so the position in the data *is* the step.
"""

import contextlib
import functools
import itertools
import math
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from jaxgan.data.memory import read, stack
from jaxgan.data.order import epoch_permutation, indices
from jaxgan.data.spec import DataSpec, Example, Source

if TYPE_CHECKING:
    import jax

READ_AHEAD = 64 * 2**20
"""Bytes of decoded examples that a set which streams has ready, at the most, beyond the call that is being filled."""

_PIECE = 64  # examples that a thread reads at a time: enough that handing them over costs nothing


class Feed(Protocol):
    """What the training loop knows of data.

    Attributes:
      constants: pytree of arrays that every device keeps, for every compiled call.
      batch_axis: of an item's arrays, that along which the examples of a step lie.
    """

    constants: Any
    batch_axis: int

    def items(self, first_step: int, steps_per_call: int) -> Iterator[Any]:
        """Endless: one pytree of NumPy's arrays a compiled call, with a leading axis of `steps_per_call`, from step
        `first_step` on; of each batch the rows of this host.
        """
        ...

    def batch(self, constants: Any, item: Any) -> "dict[str, jax.Array]":
        """Traced: the batch of one step, from `constants` and that step's slice of an item.

        Returns:
          what an example has: `"image"`, dtype as in the source, `"other"` of a pair, `"label"`, int32; leading axes
          `[b]` where there is one micro-batch a step, `[m, b]` where there are more; before them `[n]` where there are
          n > 1 seeds.
        """
        ...


@dataclass(frozen=True)
class Schedule:
    """Which examples each step consumes.

    Attributes:
      seeds: one a member. With several, each step's batch holds a batch for every member, which sees what a run with
        its seed alone would see.
      size: number of examples in the set.
      batch_size: examples a micro-batch.
      micro_batches: a step.
      rows: of a batch, those that are read here, where the others are another host's; None is all.
    """

    seeds: tuple[int, ...]
    size: int
    batch_size: int
    micro_batches: int
    rows: slice | None = None

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """Leading axes of a step's batch: `(b,)`, `(m, b)`, `(n, b)` or `(n, m, b)`; there is no axis of length one."""
        own = len(range(self.batch_size)[self._rows])
        return (*(length for length in (len(self.seeds), self.micro_batches) if length > 1), own)

    def indices(self, first_step: int, steps: int) -> np.ndarray:
        """Data positions of some steps, int64 `[steps, *leading_shape]`."""
        count = self.micro_batches * self.batch_size  # a step and member
        members = [
            indices(seed, first_step * count, steps * count, self.size, self._permutation).reshape(steps, count)
            for seed in self.seeds
        ]
        own = np.stack(members, axis=1).reshape(steps, -1, self.batch_size)[..., self._rows]
        return own.reshape(steps, *self.leading_shape)

    @property
    def _rows(self) -> slice:
        return slice(None) if self.rows is None else self.rows

    @functools.cached_property
    def _permutation(self) -> Callable[[int, int, int], np.ndarray]:
        """Epochs' orders, kept: a batch straddles two epochs, and reading ahead may reach the next."""
        return functools.lru_cache(maxsize=4 * len(self.seeds))(epoch_permutation)


class ResidentFeed:
    """The whole set lives on the device; a call is handed indices only."""

    def __init__(self, source: Source, schedule: Schedule) -> None:
        """Makes one array of the set, which devices keep as it is: uint8 stays uint8."""
        self.constants = dict(source.arrays())
        self.batch_axis = len(schedule.leading_shape)
        self._schedule = schedule

    def items(self, first_step: int, steps_per_call: int) -> Iterator[np.ndarray]:
        """Indices into the set, int32 `[steps_per_call, (n,) (m,) b]`, without end."""
        step = first_step
        while True:
            yield self._schedule.indices(step, steps_per_call).astype(np.int32)
            step += steps_per_call

    def batch(self, constants: "dict[str, jax.Array]", item: "jax.Array") -> "dict[str, jax.Array]":
        """Gathers a step's examples, inside the compiled program."""
        # Indices come from permutations of the set: in bounds, so the gather need not mask.
        return {key: array.at[item].get(mode="promise_in_bounds") for key, array in constants.items()}


class StreamingFeed:
    """Examples are read by threads, ahead of the device; a call is handed the examples.

    The host holds the call that the device works on, the one that is being filled, and up to READ_AHEAD bytes more.
    """

    def __init__(self, source: Source, schedule: Schedule) -> None:
        """Reads nothing yet."""
        self.constants = ()
        self.batch_axis = len(schedule.leading_shape)
        self._source, self._schedule = source, schedule
        self._threads = min(16, os.cpu_count() or 1)
        self._per_step = math.prod(schedule.leading_shape)
        # Of large images even _PIECE for each thread may be much: then a piece is as little as one.
        share = READ_AHEAD // (2 * self._threads * example_bytes(source.spec))
        self._pieces = math.ceil(self._per_step / max(1, min(_PIECE, share)))  # a step

    def items(self, first_step: int, steps_per_call: int) -> Iterator[dict[str, np.ndarray]]:
        """Stacked examples, `[steps_per_call, (n,) (m,) b, ...]`, without end.

        Up to one more call's worth is read ahead, within READ_AHEAD.

        Raises:
          whatever the source raised when an example was read, at that example's call.
        """
        import grain  # slow to import

        numbers = grain.MapDataset.range(first_step * self._pieces, sys.maxsize)
        options = grain.ReadOptions(self._threads, prefetch_buffer_size=self._pieces_ahead(steps_per_call))
        with contextlib.closing(iter(numbers.map(self._read).to_iter_dataset(options))) as pieces:
            while True:
                yield self._fill(itertools.islice(pieces, steps_per_call * self._pieces), steps_per_call)

    def batch(self, constants: tuple[()], item: "dict[str, jax.Array]") -> "dict[str, jax.Array]":
        """The item itself: it holds the examples."""
        return item

    def _pieces_ahead(self, steps_per_call: int) -> int:
        """Pieces that are read or being read: two a thread and one more call's, or what READ_AHEAD has room for."""
        piece_bytes = math.ceil(self._per_step / self._pieces) * example_bytes(self._source.spec)
        return max(self._threads, min(READ_AHEAD // piece_bytes, 2 * self._threads + steps_per_call * self._pieces))

    def _read(self, number: int) -> list[Example]:
        """The examples of one piece; steps are cut into pieces, and those numbered from the start of training."""
        step, piece = divmod(number, self._pieces)
        positions = np.array_split(self._schedule.indices(step, 1).ravel(), self._pieces)[piece]
        return read(self._source, positions.tolist())

    def _fill(self, pieces: Iterator[list[Example]], steps: int) -> dict[str, np.ndarray]:
        """Stacks the pieces of some steps, `[steps, *leading_shape, ...]`."""
        examples = itertools.chain.from_iterable(pieces)
        stacked = stack(examples, self._source.spec, steps * self._per_step)
        leading = (steps, *self._schedule.leading_shape)
        return {key: array.reshape(*leading, *array.shape[1:]) for key, array in stacked.items()}


def make_feed(
    source: Source,
    batch_size: int,
    micro_batches: int,
    seeds: Sequence[int],
    device_limit: int,
    rows: slice | None = None,
) -> Feed:
    """Puts the set on the device if it fits, and streams it otherwise; both feed the same examples in the same order.

    Args:
      source: the data set.
      batch_size: examples a micro-batch; may exceed the set's size.
      micro_batches: a step.
      seeds: at least one; each decides the order of one member's examples. One seed: batches have the leading axes
        `(b,)`, or `(m, b)` where there are m > 1 micro-batches. n > 1 seeds: another axis of n before them.
      device_limit: largest size of the decoded images, in bytes, that may live on the device.
      rows: of a batch, those of this host; by default all.
    """
    schedule = Schedule(tuple(seeds), source.spec.size, batch_size, micro_batches, rows)
    fits = decoded_bytes(source.spec) <= device_limit
    return ResidentFeed(source, schedule) if fits else StreamingFeed(source, schedule)


def decoded_bytes(spec: DataSpec) -> int:
    """Size of all images of a set, decoded."""
    return spec.size * example_bytes(spec)


def example_bytes(spec: DataSpec) -> int:
    """Size of one example of a set, decoded: of its image, or of both of a pair."""
    pixels = math.prod(spec.shape) + (math.prod(spec.other) if spec.other else 0)
    return pixels * np.dtype(spec.dtype).itemsize
