"""Real examples that a run has not seen: of the test split of what it was trained on."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.data import Source, open_source
from jaxgan.data.memory import stack
from jaxgan.errors import JaxganError


def open_test_split(metric: str, data: Mapping[str, Any], **changes: Any) -> Source:
    """The test split, with the other settings of the run's data.

    Args:
      metric: that asks for it.
      data: resolved settings of the run's data.
      changes: of these settings.

    Raises:
      JaxganError: the data has no splits, or no test split.
    """
    if "split" not in data:
        raise JaxganError(
            f"the metric {metric} scores examples held out of training, and config.data.name={data['name']} has no "
            "test split; remove it with --config.metrics='()'."
        )
    return open_source({**data, "split": "test", **changes}, seed=0)


def first_images(metric: str, source: Source, count: int) -> np.ndarray:
    """The first images of a source, uint8 [count, h, w, c].

    Raises:
      JaxganError: there are fewer.
    """
    if source.spec.size < count:
        raise JaxganError(
            f"the metric {metric} scores {count:,} examples of the test split, which has {source.spec.size:,}; "
            "remove it with --config.metrics='()'."
        )
    return stack((source[index] for index in range(count)), source.spec, count)["image"]
