"""Real examples that a run has not seen: of the test split of what it was trained on."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.data import Source, open_source
from jaxgan.data.few_labels import underlying
from jaxgan.data.memory import read
from jaxgan.data.order import epoch_permutation
from jaxgan.errors import JaxganError
from jaxgan.evaluation.metric import LEAVE_OUT


def open_test_split(asker: str, data: Mapping[str, Any], **changes: Any) -> Source:
    """The test split of the set that a run is trained on, every example with its label; of a folder `test`.

    Args:
      asker: that looks at it, for messages: `"the metric elbo10k_test"`.
      data: resolved settings of the run's data, which hold for the test split too; what is drawn is drawn with seed 0.
      changes: of these settings.

    Raises:
      JaxganError: the data has no splits or no test split, or the run's is not "train" or a part of it.
    """
    settings = underlying(data)
    if "split" not in settings:
        raise JaxganError(
            f"{asker} asks for examples held out of training, and config.data.name={data['name']} has no test split: "
            f"{LEAVE_OUT}."
        )
    if not re.fullmatch(r"train(\[[^]]*\])?", settings["split"]):
        raise JaxganError(
            f"{asker} asks for examples held out of training, which those of the test split may not be under "
            f"config.data.split={settings['split']!r}: train with --config.data.split=train, or {LEAVE_OUT}."
        )
    return open_source({**settings, "split": "test", **changes}, seed=0)


def held_out_images(metric: str, data: Mapping[str, Any], count: int) -> tuple[np.ndarray, str]:
    """Some images of the test split, the same for every run: drawn, as a folder's first ones are all of one class.

    Args:
      metric: that scores them.
      data: resolved settings of the run's data.
      count: how many.

    Returns:
      the images, uint8 [count, h, w, c], in the split's order, and what a protocol says of them.

    Raises:
      JaxganError: as of `open_test_split`, or the split has fewer.
    """
    source = open_test_split(f"the metric {metric}", data)
    size = source.spec.size
    if size < count:
        raise JaxganError(
            f"the metric {metric} scores {count:,} examples of the test split, which has {size:,}; {LEAVE_OUT}."
        )
    rows = np.sort(epoch_permutation(0, 0, size)[:count])
    images = np.stack([example["image"] for example in read(source, rows.tolist())])
    which = f"{count:,} of {size:,}, drawn with seed 0" if count < size else f"{count:,}"
    return images, f"{underlying(data)['name']} test ({which})"
