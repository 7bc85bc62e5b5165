"""What a metric is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Metric(NamedTuple):
    """A protocol with its reference loaded, ready to score generated examples.

    Attributes:
      num: how many examples it is defined on.
      score: `(examples, labels int32 [num]) -> {figure: value}`; images uint8 [num, h, w, c], as they would be written
        to files, points float32 [num, d], as they are.
      protocol: what else decides the figures: reference, split, features, resize mode.
    """

    num: int
    score: Callable[[np.ndarray, np.ndarray], dict[str, float]]
    protocol: Mapping[str, Any]
