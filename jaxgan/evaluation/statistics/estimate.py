"""A figure with its spread."""

from typing import NamedTuple

import numpy as np


class Estimate(NamedTuple):
    """Mean and standard deviation of repeated values; what was repeated is said where it is returned.

    Attributes:
      mean: of the values.
      std: sqrt(mean (x_i - mean)^2), with 1/n; not a standard error.
    """

    mean: float
    std: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Estimate":
        """Of values [n], n at least 1."""
        return cls(float(np.mean(values, dtype=np.float64)), float(np.std(values, dtype=np.float64)))
