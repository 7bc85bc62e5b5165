"""Real examples that scores look at: of the test split of what a run is trained on, which it has not seen, or not."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.data import Example, Source, open_source
from jaxgan.data.few_labels import underlying
from jaxgan.data.memory import read, stack
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


def open_split(asker: str, data: Mapping[str, Any], split: str) -> tuple[Source, str]:
    """A split as the names of metrics have it.

    Args:
      asker: as of `open_test_split`.
      data: resolved settings of the run's data; of a few labels, the set that they were taken from is meant.
      split: "train", all that the run learns from, or "test", the whole test split.

    Returns:
      the split, and what a protocol calls it: `"digits test"`.

    Raises:
      JaxganError: as of `open_test_split`, or the run learns from something else than the train split.
    """
    settings = underlying(data)
    if split == "test":
        return open_test_split(asker, settings), f"{settings['name']} test"
    learnt = settings.get("split", "")
    if not re.fullmatch(r"(train(\[[^]]*\])?)?", learnt):
        raise JaxganError(f"{asker}: the run learns from split={learnt!r}, which is not the train split of the name.")
    return open_source(settings, 0), " ".join(filter(None, (settings["name"], learnt)))


def held_out_images(metric: str, data: Mapping[str, Any], count: int) -> tuple[np.ndarray, str]:
    """Some images of the test split, the same for every run.

    Args:
      metric: that scores them.
      data: resolved settings of the run's data.
      count: how many.

    Returns:
      the images, uint8 [count, h, w, c], in the split's order, and what a protocol says of them.

    Raises:
      JaxganError: as of `open_test_split`, or the split has fewer.
    """
    examples, said = drawn_examples(metric, data, "test", count)
    return examples["image"], said


def drawn_examples(
    metric: str, data: Mapping[str, Any], split: str, count: int, at_most: bool = False
) -> tuple[Example, str]:
    """Some examples of a split, the same for every run: drawn, as a folder's first ones are all of one class.

    Args:
      metric: that scores them, or compares with them.
      data: as of `open_split`.
      split: likewise.
      count: how many.
      at_most: take all of a split that has fewer.

    Returns:
      the examples, [count, ...] each, in the split's order, and what a protocol says of them.

    Raises:
      JaxganError: as of `open_split`, or the split has fewer, and all are needed.
    """
    source, name = open_split(f"the metric {metric}", data, split)
    size = source.spec.size
    if at_most:
        count = min(count, size)
    if size < count:
        raise JaxganError(
            f"the metric {metric} scores {count:,} examples of the {split} split, which has {size:,}; {LEAVE_OUT}."
        )
    rows = np.sort(epoch_permutation(0, 0, size)[:count])
    which = f"{count:,} of {size:,}, drawn with seed 0" if count < size else f"{count:,}"
    return stack(read(source, rows.tolist()), source.spec, count), f"{name} ({which})"
