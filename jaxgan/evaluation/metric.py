"""What a metric is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.errors import JaxganError


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


def wrong_data(metric: str, wanted: str, data: Mapping[str, Any]) -> JaxganError:
    """The error for a metric of one data set that is asked for in a run on another.

    Args:
      metric: its name.
      wanted: the data set it scores, as `config.data.name` names it.
      data: settings of the run's.
    """
    return JaxganError(
        f"the metric {metric} scores runs on config.data.name={wanted}, not {data['name']}; "
        "remove it with --config.metrics='()'."
    )
