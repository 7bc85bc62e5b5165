"""Examples that are all in memory."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import DTypeLike

from jaxgan.data.spec import DataSpec, Example, Source

_ALIGNMENT = 64  # bytes; what XLA asks of a host array before it uses it in place on a CPU


class ArraySource:
    """Examples held as arrays."""

    def __init__(
        self,
        images: np.ndarray,
        labels: np.ndarray | None = None,
        class_names: tuple[str, ...] = (),
        others: np.ndarray | None = None,
    ) -> None:
        """Wraps the arrays, without a copy.

        Args:
          images: `[n, h, w, c]` uint8, or points `[n, d]` float32.
          labels: `[n]` integers, indices into `class_names`; none for a set without classes.
          class_names: one name a class.
          others: `[n, h, w, c]` uint8, the second parts of examples that are pairs; none where they are not.
        """
        other = () if others is None else others.shape[1:]
        self.spec = DataSpec(images.shape[1:], images.dtype.name, class_names, len(images), other)
        self._arrays = {"image": images} | ({} if others is None else {"other": others})
        if labels is not None:
            self._arrays["label"] = labels.astype(np.int32)

    def __getitem__(self, index: int) -> Example:
        """Example `index`."""
        return {key: array[index] for key, array in self._arrays.items()}

    def arrays(self) -> Example:
        """All examples, stacked."""
        return self._arrays


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Like `np.empty`, but aligned so that JAX uses the memory in place where the device is the CPU, without a copy."""
    size = math.prod(shape) * np.dtype(dtype).itemsize
    raw = np.empty(size + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + size].view(dtype).reshape(shape)


def read(source: Source, positions: Sequence[int]) -> list[Example]:
    """The examples at these positions, asked for together where the source can be."""
    together = getattr(source, "__getitems__", None)
    return together(positions) if together else [source[position] for position in positions]


def stack(examples: Iterable[Example], spec: DataSpec, count: int) -> dict[str, np.ndarray]:
    """Stacks examples as they come, so that they never stand in memory twice.

    Args:
      examples: `count` of them.
      spec: of their source.
      count: their number.

    Returns:
      what an example has, `[count, ...]` each, as `DataSpec.zeros` has it; memory as by `empty`.
    """
    arrays = {key: empty((count, *zero.shape), zero.dtype) for key, zero in spec.zeros().items()}
    for row, example in enumerate(examples):
        for key, array in arrays.items():
            array[row] = example[key]
    return arrays
