"""The order of examples: a pure function of (seed, position), so that a run resumes without any stored state."""

from collections.abc import Callable

import numpy as np


def epoch_permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of one epoch: a permutation of `0..size-1`, int64 `[size]`, read-only.

    It is the stable argsort of a raw Philox stream keyed by (seed, epoch). NumPy keeps raw bit streams fixed over its
    versions (NEP 19) but not what `Generator.permutation` makes of them, and an order must outlive an upgrade.

    Args:
      seed: of the run.
      epoch: number of the pass over the set, from 0.
      size: number of examples.
    """
    key = np.array([seed % 2**64, epoch], np.uint64)
    order = np.argsort(np.random.Philox(key=key).random_raw(size), kind="stable").astype(np.int64)
    order.setflags(write=False)
    return order


def indices(
    seed: int,
    start: int,
    count: int,
    size: int,
    permutation: Callable[[int, int, int], np.ndarray] = epoch_permutation,
) -> np.ndarray:
    """Which examples stand at the global positions `start..start+count-1`, int64 `[count]`.

    Position p is element `p % size` of the permutation of epoch `p // size`: every example is drawn exactly once an
    epoch, nothing is dropped at an epoch's end, and `count` may exceed `size`.

    Args:
      seed: of the run.
      start: first position, counted from the start of training.
      count: number of positions.
      size: number of examples in the set.
      permutation: `epoch_permutation`, or a cache of it.
    """
    epochs, offsets = np.divmod(np.arange(start, start + count), size)
    result = np.empty(count, np.int64)
    for epoch in np.unique(epochs):
        inside = epochs == epoch
        result[inside] = permutation(seed, int(epoch), size)[offsets[inside]]
    return result
