"""The order of examples: a pure function of (seed, position), so that a run resumes without any stored state."""

from collections.abc import Callable

import numpy as np

# Streams of random numbers, the second words of their keys. Those of the order are the numbers of the epochs; what a
# source draws has one of its own, up here.
STACKED_DIGITS = 2**64 - 1
HUES = 2**64 - 2
CHOSEN_LABELS = 2**64 - 3
PARTNERS = 2**63  # and those that follow, one an epoch of the smaller domain


def random_raw(seed: int, stream: int, count: int) -> np.ndarray:
    """Numbers uniform in 0..2^64-1, uint64 `[count]`, of the Philox stream with the key (seed, stream).

    NumPy keeps raw bit streams fixed over its versions (NEP 19) but not what `Generator` makes of them, and what was
    drawn must outlive an upgrade.
    """
    return np.random.Philox(key=np.array([seed % 2**64, stream], np.uint64)).random_raw(count)


def epoch_permutation(seed: int, epoch: int, size: int) -> np.ndarray:
    """The order of one epoch: a permutation of `0..size-1`, int64 `[size]`, read-only.

    It is the stable argsort of the raw stream of (seed, epoch).

    Args:
      seed: of the run.
      epoch: number of the pass over the set, from 0; or another stream, for a permutation that is no epoch's.
      size: number of examples.
    """
    order = np.argsort(random_raw(seed, epoch, size), kind="stable").astype(np.int64)
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
