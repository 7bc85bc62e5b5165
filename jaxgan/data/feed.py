"""From a source to the compiled step: which examples a step sees, and how they reach the device.

Step s consumes the global positions `s * m * b` to `(s + 1) * m * b - 1`, for batches of b and m micro-batches a step,
in the order of `order.indices`. Nothing else decides the order, so the position in the data *is* the step.
"""

import contextlib
import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import numpy as np

from jaxgan.data.order import indices
from jaxgan.data.spec import DataSpec, Source


class Feed(Protocol):
    """What the training loop knows of data.

    Attributes:
      constants: pytree of device arrays handed to every compiled call.
    """

    constants: Any

    def items(self, first_step: int, steps_per_call: int) -> Iterator[Any]:
        """Endless: one pytree a compiled call, with a leading axis of `steps_per_call`, from step `first_step` on."""
        ...

    def batch(self, constants: Any, item: Any) -> dict[str, jax.Array]:
        """Traced: the batch of one step, from `constants` and that step's slice of an item.

        Returns:
          `"image"`, dtype as in the source, and `"label"`, int32, if there are classes; leading axes `[b]` where there
          is one micro-batch a step, `[m, b]` where there are more.
        """
        ...


@dataclass(frozen=True)
class Schedule:
    """Which examples each step consumes.

    Attributes:
      seed: of the run.
      size: number of examples in the set.
      batch_size: examples a micro-batch.
      micro_batches: a step.
    """

    seed: int
    size: int
    batch_size: int
    micro_batches: int

    @property
    def leading_shape(self) -> tuple[int, ...]:
        """Leading axes of a step's batch: `(b,)` or `(m, b)`."""
        return (self.batch_size,) if self.micro_batches == 1 else (self.micro_batches, self.batch_size)

    def indices(self, first_step: int, steps: int) -> np.ndarray:
        """Data positions of some steps, int64 `[steps, b]` or `[steps, m, b]`."""
        per_step = self.micro_batches * self.batch_size
        flat = indices(self.seed, first_step * per_step, steps * per_step, self.size)
        return flat.reshape(steps, *self.leading_shape)


class ResidentFeed:
    """The whole set lives on the device; a call is handed indices only."""

    def __init__(self, source: Source, schedule: Schedule) -> None:
        """Moves the set to the default device; uint8 stays uint8."""
        self.constants = jax.device_put(dict(source.arrays()))
        self._schedule = schedule

    def items(self, first_step: int, steps_per_call: int) -> Iterator[np.ndarray]:
        """Indices into the set, int32 `[steps_per_call, (m,) b]`, without end."""
        step = first_step
        while True:
            yield self._schedule.indices(step, steps_per_call).astype(np.int32)
            step += steps_per_call

    def batch(self, constants: dict[str, jax.Array], item: jax.Array) -> dict[str, jax.Array]:
        """Gathers a step's examples, inside the compiled program."""
        # Indices come from permutations of the set: in bounds, so the gather need not mask.
        return {key: array.at[item].get(mode="promise_in_bounds") for key, array in constants.items()}


class StreamingFeed:
    """Examples are read by threads, ahead of the device; a call is handed the examples."""

    def __init__(self, source: Source, schedule: Schedule) -> None:
        """Reads nothing yet."""
        self.constants = ()
        self._source, self._schedule = source, schedule

    def items(self, first_step: int, steps_per_call: int) -> Iterator[dict[str, np.ndarray]]:
        """Stacked examples, `[steps_per_call, (m,) b, ...]`, without end; one more call's worth is read ahead.

        Raises:
          whatever the source raised when an example was read, at that example's call.
        """
        import grain  # slow to import

        threads = min(16, os.cpu_count() or 1)
        ahead = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=steps_per_call + threads)
        steps = grain.MapDataset.range(first_step, sys.maxsize).map(self._step).to_iter_dataset(ahead)
        with contextlib.closing(iter(steps.batch(steps_per_call))) as batches:
            yield from batches

    def batch(self, constants: tuple[()], item: dict[str, jax.Array]) -> dict[str, jax.Array]:
        """The item itself: it holds the examples."""
        return item

    def _step(self, step: int) -> dict[str, np.ndarray]:
        positions = self._schedule.indices(step, 1)[0]
        examples = [self._source[int(position)] for position in positions.flat]
        stacked = {key: np.stack([example[key] for example in examples]) for key in examples[0]}
        return {key: array.reshape(*positions.shape, *array.shape[1:]) for key, array in stacked.items()}


def make_feed(source: Source, batch_size: int, micro_batches: int, seed: int, device_limit: int) -> Feed:
    """Puts the set on the device if it fits, and streams it otherwise; both feed the same examples in the same order.

    Args:
      source: the data set.
      batch_size: examples a micro-batch; may exceed the set's size.
      micro_batches: a step.
      seed: of the run; decides the order.
      device_limit: largest size of the decoded images, in bytes, that may live on the device.
    """
    schedule = Schedule(seed, source.spec.size, batch_size, micro_batches)
    fits = decoded_bytes(source.spec) <= device_limit
    return ResidentFeed(source, schedule) if fits else StreamingFeed(source, schedule)


def decoded_bytes(spec: DataSpec) -> int:
    """Size of all images of a set, decoded."""
    return spec.size * math.prod(spec.shape) * np.dtype(spec.dtype).itemsize
