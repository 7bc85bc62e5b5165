"""Distances between two sets of numbers: Wasserstein, exactly; divergences, by a histogram."""

import math

import numpy as np

from jaxgan.errors import JaxganError
from jaxgan.evaluation.divergences import kl_divergence
from jaxgan.evaluation.statistics.vectors import check_numbers


def wasserstein(a: np.ndarray, b: np.ndarray) -> float:
    """1-Wasserstein distance, the area between the two distribution functions.

      W1 = integral |F_a(x) - F_b(x)| dx,  for n = m the mean of |a_(i) - b_(i)| over the sorted numbers

    Args:
      a: [n].
      b: [m].

    Raises:
      JaxganError: none, not finite, or of another shape.
    """
    x, y = _sorted(a), _sorted(b)
    if len(x) == len(y):
        return float(np.abs(x - y).mean())
    steps = np.sort(np.concatenate([x, y]))
    heights = np.searchsorted(x, steps[:-1], "right") / len(x) - np.searchsorted(y, steps[:-1], "right") / len(y)
    return float(np.abs(heights) @ np.diff(steps))


def quantile_edges(reference: np.ndarray, bins: int) -> np.ndarray:
    """Edges between bins that have equal shares of the reference, so that none is empty.

    Args:
      reference: [n].
      bins: 2 .. n.

    Returns:
      float64, increasing, bins - 1 of them; fewer where numbers repeat so often that one fills several bins.

    Raises:
      JaxganError: the numbers are refused, do not fill so many bins, or are all but equal.
    """
    values = _sorted(reference)
    if not 2 <= bins <= len(values):
        raise JaxganError(f"{len(values):,} numbers do not fill {bins} bins.")
    # The least number is never an edge: it would leave the bin below it empty.
    edges = np.unique(values[[i * len(values) // bins for i in range(1, bins)]])
    edges = edges[edges > values[0]]
    if not len(edges):
        raise JaxganError("the reference hardly varies: there is no edge that parts it into bins.")
    return edges


def histogram(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts in (-inf, e_1), [e_1, e_2), ..., [e_K, inf): no number is left out.

    Args:
      values: [n].
      edges: e, [K], increasing.

    Returns:
      int [K + 1].

    Raises:
      JaxganError: the numbers are refused, or the edges do not increase.
    """
    if edges.ndim != 1 or (np.diff(edges) <= 0).any():
        raise JaxganError("the edges of a histogram must be increasing numbers.")
    return np.bincount(np.searchsorted(edges, _sorted(values), "right"), minlength=len(edges) + 1)


def histogram_kl(values: np.ndarray, reference: np.ndarray, edges: np.ndarray) -> float:
    """KL(p || q) between the histograms of values and of a reference, in nats.

    It is infinite where p has a bin that q lacks; not so with `quantile_edges` of the reference.

    Args:
      values: [n].
      reference: [m].
      edges: as of `histogram`.

    Raises:
      JaxganError: as `histogram`.
    """
    p, q = histogram(values, edges), histogram(reference, edges)
    return math.inf if (p[q == 0] > 0).any() else kl_divergence(p, q / q.sum())


def histogram_js(a: np.ndarray, b: np.ndarray, edges: np.ndarray) -> float:
    """Jensen-Shannon divergence between two histograms, in nats: 0 for equal ones, ln 2 for ones without overlap.

    Args and errors as of `histogram_kl`; it is symmetric and always finite.
    """
    return js_divergence(histogram(a, edges), histogram(b, edges))


def js_divergence(a: np.ndarray, b: np.ndarray) -> float:
    """JS(p, q) = KL(p || m) / 2 + KL(q || m) / 2, m = (p + q) / 2, in nats; the divergence, not its root.

    Args:
      a: counts [K], not negative, not all zero; p is their shares.
      b: counts [K], likewise, of q.
    """
    middle = (a / a.sum() + b / b.sum()) / 2
    return (kl_divergence(a, middle) + kl_divergence(b, middle)) / 2


def _sorted(values: np.ndarray) -> np.ndarray:
    """Numbers [n], n > 0, checked and sorted, in float64."""
    check_numbers(values)
    return np.sort(values.astype(np.float64))
