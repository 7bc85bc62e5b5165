"""Arrays whose rows come a few at a time."""

import numpy as np


class Rows:
    """An array [n, ...] that is filled from the front as its rows come, and so never stands in memory twice.

    Args:
      count: n.
    """

    def __init__(self, count: int):
        self._count, self._filled = count, 0
        self._array: np.ndarray | None = None

    def add(self, rows: np.ndarray) -> None:
        """Takes the next rows [m, ...], the first of which decide the array's type; those beyond n are left out."""
        if self._array is None:
            self._array = np.empty((self._count, *rows.shape[1:]), rows.dtype)
        some = rows[: self._count - self._filled]
        self._array[self._filled : self._filled + len(some)] = some
        self._filled += len(some)

    def whole(self) -> np.ndarray:
        """The array.

        Raises:
          ValueError: fewer than n rows have come.
        """
        if self._array is None or self._filled < self._count:
            raise ValueError(f"{self._filled} rows have come of {self._count}")
        return self._array
