"""Fidelity and variety apart: is a generated example where real ones are, and is every real one among generated ones?

A set stands for its manifold, the union of balls around its points that reach to the k-th nearest *other* point of the
set. The balls are closed: a copy of a real example is inside, also where k + 1 equal real ones make its ball a point.
The figures depend on the numbers of points in both sets and compare for equal ones only.
"""

from typing import NamedTuple

import numpy as np

from jaxgan.evaluation.statistics.vectors import check_sets, squared_distances


class PrecisionRecall(NamedTuple):
    """Shares in 0..1: of generated examples on the real manifold, of real ones on the generated manifold."""

    precision: float
    recall: float


class DensityCoverage(NamedTuple):
    """How many real balls a generated example is in, of the k expected; the share of real balls that have one.

    Attributes:
      density: not negative, 1 on average for two sets of one distribution; above 1 where generated ones crowd.
      coverage: in 0..1.
    """

    density: float
    coverage: float


def precision_recall(real: np.ndarray, generated: np.ndarray, k: int = 3) -> PrecisionRecall:
    """Improved precision and recall.

      precision = mean_j [some i: |g_j - r_i| <= rho(r_i)],  recall = mean_i [some j: |r_i - g_j| <= rho(g_j)]

    with rho the distance to the k-th nearest other point of the same set.

    Args:
      real: r, [n, d], n > k.
      generated: g, [m, d], m > k.
      k: at least 1.

    Raises:
      JaxganError: too few, not finite, or of different lengths.

    Source: T. Kynkäänniemi et al., 2019 (arXiv:1904.06991), equations 1 and 2; k = 3 is theirs.
    """
    check_sets(real, generated, fewest=k + 1)
    around_real, around_generated = squared_radii(real, k), squared_radii(generated, k)
    precise = 0
    recalled = np.zeros(len(real), bool)
    for part, distances in squared_distances(generated, real):
        precise += int((distances <= around_real).any(axis=1).sum())
        recalled |= (distances <= around_generated[part, None]).any(axis=0)
    return PrecisionRecall(precise / len(generated), float(recalled.mean()))


def density_coverage(real: np.ndarray, generated: np.ndarray, k: int = 5) -> DensityCoverage:
    """Density and coverage, of which outliers among the real examples make less than of precision.

      density = 1/km sum_j sum_i [|g_j - r_i| <= rho(r_i)],  coverage = mean_i [some j: |g_j - r_i| <= rho(r_i)]

    with rho the distance to the k-th nearest other real point. Of two sets of n and m from one distribution the
    coverage is 1 - (n-1)...(n-k) / (n+m-1)...(n+m-k) on average, for n = m about 1 - 2^-k.

    Args:
      real: r, [n, d], n > k.
      generated: g, [m, d], m at least 1.
      k: at least 1.

    Raises:
      JaxganError: too few, not finite, or of different lengths.

    Source: M. F. Naeem et al., 2020 (arXiv:2002.09797), with k = 5; their program has open balls.
    """
    check_sets(real, generated)
    around_real = squared_radii(real, k)
    inside = np.zeros(len(real), np.int64)
    for _, distances in squared_distances(generated, real):
        inside += np.count_nonzero(distances <= around_real, axis=0)
    return DensityCoverage(float(inside.sum() / (k * len(generated))), float((inside > 0).mean()))


def squared_radii(vectors: np.ndarray, k: int) -> np.ndarray:
    """Squared distance of each vector to the k-th nearest other one.

    A vector is not its own neighbour; one that equals it is, at distance 0.

    Args:
      vectors: [n, d], n > k.
      k: at least 1.

    Returns:
      float64 [n].

    Raises:
      JaxganError: too few, or not finite.
    """
    check_sets(vectors, fewest=k + 1)
    radii = np.empty(len(vectors))
    for part, distances in squared_distances(vectors, vectors):
        own = np.arange(part.start, part.stop)
        distances[own - part.start, own] = np.inf
        radii[part] = np.partition(distances, k - 1, axis=1)[:, k - 1]
    return radii
