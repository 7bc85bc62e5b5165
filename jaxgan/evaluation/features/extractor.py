"""What a feature network gives of images, whichever it is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np


class Extracted(NamedTuple):
    """What is known of n images.

    Attributes:
      vectors: float32 [n, d]; distances between images are distances between these.
      probabilities: float32 [n, K] of the network's own classes; of a network without classes [n, 0].
    """

    vectors: np.ndarray
    probabilities: np.ndarray


class Extractor(NamedTuple):
    """A feature network with its weights loaded.

    Attributes:
      name: stands in the names of its scores: "inception", "mnist".
      extract: images uint8 [n, h, w, c], c 1 or 3, of any size -> what is known of them. Each image by itself: the
        result does not depend on the others. It never computes more at a time than a batch of its own size.
      unrounded: images float32 [n, h, w, c] in 0..255 that were never rounded to levels, or clipped -> the vectors of
        `extract`, [n, d]. For pairs of images that are less than a level apart; scores are of images as written.
      protocol: what else decides the features: `weights_sha256`, `resize`, `input_range`.
    """

    name: str
    extract: Callable[[np.ndarray], Extracted]
    unrounded: Callable[[np.ndarray], np.ndarray]
    protocol: Mapping[str, Any]
