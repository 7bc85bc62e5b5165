"""Are generated examples copies of the train set? Held-out examples say how near is near.

What is near in one feature is not in another: the figures are of a feature network, as the Fréchet distance is.
"""

from typing import NamedTuple

import numpy as np

from jaxgan.evaluation.statistics.roc import roc_auc
from jaxgan.evaluation.statistics.vectors import check_numbers, check_sets, squared_distances

NEAR = 0.01
"""The share of held-out examples that are called near."""


class Neighbours(NamedTuple):
    """Nearest neighbours: Euclidean distances float64 [n], indices int [n]; the first of equals."""

    distances: np.ndarray
    indices: np.ndarray


class Copying(NamedTuple):
    """How much nearer to the train set generated examples are than held-out ones.

    Attributes:
      closer: the probability in 0..1 that a generated example is nearer than a held-out one, equals counting half; 1/2
        for a generator that knows no more of the train set than of the test set, 1 for one that copies, 0 for one
        whose examples are unlike either.
      z: the same as the test statistic of Meehan et al. with one cell: of mean 0 and deviation 1 under 1/2, far
        below for copying, far above for underfitting. It grows with the numbers of examples.
      near: the share of generated examples that are as near as the nearest 1 % of the held-out ones: about .01 where
        none is copied. It sees the few copies that the other two do not.
    """

    closer: float
    z: float
    near: float


def nearest(vectors: np.ndarray, train: np.ndarray) -> Neighbours:
    """The nearest neighbour of each vector in the train set.

    Args:
      vectors: [n, d].
      train: [m, d].

    Raises:
      JaxganError: not vectors, not finite, or of different lengths.
    """
    check_sets(vectors, train)
    distances, indices = np.empty(len(vectors)), np.empty(len(vectors), np.int64)
    for part, squares in squared_distances(vectors, train):
        indices[part] = squares.argmin(axis=1)
        distances[part] = np.sqrt(squares.min(axis=1))
    return Neighbours(distances, indices)


def copying(generated: np.ndarray, held_out: np.ndarray) -> Copying:
    """Compares distances to the train set, those of generated examples with those of held-out ones.

    With U = n m (1 - closer), the pairs of which the generated one is the farther:

      closer = P(g < h) + P(g = h) / 2,  z = (U - n m / 2) / sqrt(n m (n + m + 1) / 12)

    Args:
      generated: g, [n], of `nearest` in the train set, n at least 1.
      held_out: h, [m], of examples of the same distribution as the train set, m at least 1.

    Raises:
      JaxganError: none of either, or not finite.

    Source: C. Meehan, K. Chaudhuri & S. Dasgupta, 2020 (arXiv:2004.05675), without the cells of the space.
    """
    check_numbers(generated)
    check_numbers(held_out)
    n, m = len(generated), len(held_out)
    closer = roc_auc(-np.concatenate([generated, held_out]), np.arange(n + m) < n)
    z = n * m * (0.5 - closer) / np.sqrt(n * m * (n + m + 1) / 12)
    return Copying(closer, float(z), float(np.mean(generated <= np.quantile(held_out, NEAR))))
