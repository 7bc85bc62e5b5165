"""Sets of vectors: what every statistic asks of them, an order of their own, and distances between two sets."""

from collections.abc import Iterator

import numpy as np

from jaxgan.errors import JaxganError

VALUES = 2**22
"""Distances held at once: 32 MiB."""


def check_vectors(vectors: np.ndarray, fewest: int = 1) -> None:
    """Refuses what is not a set of vectors [n, d], d > 0, n at least `fewest`, all of it finite.

    Raises:
      JaxganError: it says which of these does not hold.
    """
    if vectors.ndim != 2 or not vectors.shape[1]:
        raise JaxganError(f"one vector an example is needed, [n, d], not an array of shape {vectors.shape}.")
    if len(vectors) < fewest:
        raise JaxganError(f"at least {fewest:,} vectors are needed, not {len(vectors):,}.")
    broken = np.count_nonzero(~np.isfinite(vectors).all(axis=1))
    if broken:
        raise JaxganError(f"{broken:,} of {len(vectors):,} vectors have values that are NaN or infinite.")


def check_numbers(values: np.ndarray) -> None:
    """Refuses what is not finite numbers [n], n > 0.

    Raises:
      JaxganError: it says which of these does not hold.
    """
    if values.ndim != 1 or not len(values):
        raise JaxganError(f"some numbers [n] are needed, not an array of shape {values.shape}.")
    broken = np.count_nonzero(~np.isfinite(values))
    if broken:
        raise JaxganError(f"{broken:,} of {len(values):,} numbers are NaN or infinite.")


def check_sets(*sets: np.ndarray, fewest: int = 1) -> None:
    """Refuses sets of vectors of different lengths, and what `check_vectors` refuses.

    Raises:
      JaxganError: it says what is wrong.
    """
    for vectors in sets:
        check_vectors(vectors, fewest)
    lengths = [vectors.shape[1] for vectors in sets]
    if len(set(lengths)) > 1:
        raise JaxganError(f"vectors of {' and '.join(map(str, lengths))} values do not compare: use the same features.")


def canonical_order(vectors: np.ndarray) -> np.ndarray:
    """The order of the rows by their bytes, which is one for all permutations of a set.

    Args:
      vectors: [n, d] of any type; of images [n, h, w, c] a row is an image.

    Returns:
      int [n], the indices of the rows in that order.
    """
    rows = np.ascontiguousarray(vectors).reshape(len(vectors), -1)
    return np.argsort(rows.view(f"V{rows.shape[1] * rows.itemsize}").ravel())


def squared_distances(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Squared Euclidean distances between two sets, some rows at a time.

      |x - y|^2 = |x|^2 + |y|^2 - 2 x.y, in float64, with the median of b as origin

    Differences that are no larger than the rounding of the three terms are 0: copies are at distance 0. The origin
    costs a common offset of all vectors no digits; outliers do not move it.

    Args:
      a: [n, d], of checked vectors, as is b.
      b: [m, d], m at least 1.

    Yields:
      which rows of a, and float64 [rows, m]; both together are all rows in their order.
    """
    origin = np.median(b, axis=0).astype(np.float64)
    columns = b - origin
    squares = np.einsum("ij,ij->i", columns, columns)
    rounding = (a.shape[1] + 4) * np.finfo(np.float64).eps
    rows = max(1, VALUES // len(b))
    for start in range(0, len(a), rows):
        part = slice(start, min(start + rows, len(a)))
        block = a[part] - origin
        terms = np.einsum("ij,ij->i", block, block)[:, None] + squares
        distances = (-2 * block) @ columns.T
        distances += terms
        terms *= rounding
        distances[distances <= terms] = 0
        yield part, distances
