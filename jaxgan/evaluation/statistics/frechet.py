"""The Fréchet distance between two sets of vectors, each taken for a Gaussian: FID, where they are Inception's."""

import dataclasses
import functools
from collections.abc import Iterable

import numpy as np

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics.vectors import canonical_order, check_vectors

ROWS = 4096
"""Vectors that are held in float64 at once."""

SMALL = 1e-8
"""Squares of singular values that are less than this part of the largest are computed apart."""


@dataclasses.dataclass(frozen=True, eq=False)
class Moments:
    """What the Fréchet distance knows of a set of vectors. All in float64.

    Attributes:
      count: n, of vectors.
      mean: [d].
      covariance: [d, d], with 1 / (n - 1); of one vector zeros.
    """

    count: int
    mean: np.ndarray
    covariance: np.ndarray

    @classmethod
    def of(cls, vectors: np.ndarray) -> "Moments":
        """The moments of vectors [n, d], n at least 1; the same bits for any order of the rows.

        Sums of floats depend on their order, so the rows are first brought into one of their own.

        Raises:
          JaxganError: they are not such vectors, or not finite.
        """
        check_vectors(vectors)
        order = canonical_order(vectors)
        parts = (vectors[order[start : start + ROWS]] for start in range(0, len(order), ROWS))
        return functools.reduce(cls.merge, map(_of_few, parts))

    @classmethod
    def of_batches(cls, batches: Iterable[np.ndarray]) -> "Moments":
        """The moments of the vectors [n_i, d] of all batches, of which it holds one at a time.

        Equal to those of the whole but for rounding, which depends on how the batches were cut.

        Raises:
          JaxganError: a batch is refused by `of`, or there is none.
        """
        moments = None
        for batch in batches:
            moments = cls.of(batch) if moments is None else moments.merge(cls.of(batch))
        if moments is None:
            raise JaxganError("no vectors to take the moments of.")
        return moments

    def merge(self, other: "Moments") -> "Moments":
        """The moments of both sets together.

        With delta = m2 - m1, n = n1 + n2 and S = (n - 1) C, the sum of the squares about the mean:

          m = m1 + delta n2 / n,  S = S1 + S2 + delta delta^T n1 n2 / n

        Raises:
          JaxganError: their vectors are of different lengths.

        Source: T. F. Chan, G. H. Golub & R. J. LeVeque, 1979.
        """
        _check_alike(self, other)
        count = self.count + other.count
        delta = other.mean - self.mean
        squares = (self.count - 1) * self.covariance + (other.count - 1) * other.covariance
        squares += np.outer(delta, delta) * (self.count * other.count / count)
        return Moments(count, self.mean + delta * (other.count / count), squares / (count - 1))


def _of_few(vectors: np.ndarray) -> Moments:
    exact = vectors.astype(np.float64)
    mean = exact.mean(axis=0)
    exact -= mean
    return Moments(len(exact), mean, exact.T @ exact / max(len(exact) - 1, 1))


def _check_alike(a: Moments, b: Moments) -> None:
    if a.mean.shape != b.mean.shape:
        raise JaxganError(f"moments of {len(a.mean)} and {len(b.mean)} values do not compare: use the same features.")


def check_count(count: int, size: int) -> None:
    """Refuses too few vectors for a covariance of full rank; n of them give a rank of n - 1 at most.

    Below it the Fréchet distance is defined, and biased by far more than what it should tell. Far above it a bias of
    order 1/n remains: distances of different counts do not compare.

    Args:
      count: of vectors, n.
      size: of a vector, d.

    Raises:
      JaxganError: n <= d.
    """
    if count <= size:
        raise JaxganError(
            f"the covariance of {size:,} features needs more than {size:,} examples, not {count:,}: take more, or "
            "score by the kernel distance."
        )


def frechet_distance(a: Moments, b: Moments) -> float:
    """Squared 2-Wasserstein distance between the two Gaussians with these moments.

      |m1 - m2|^2 + tr C1 + tr C2 - 2 tr (C1^1/2 C2 C1^1/2)^1/2

    The last trace is the sum of the singular values of R1^T R2, where C = R R^T. There is no root of the product C1 C2,
    which is not symmetric and gets imaginary parts where a covariance is singular; nor of C1^1/2 C2 C1^1/2, whose small
    eigenvalues are lost in rounding at 1e-16 of the largest, and their roots at 1e-8.

    Args:
      a: moments of at least 2 vectors, as is b. Whether these are enough says `check_count`.
      b: of vectors of the same length.

    Returns:
      a number that is not negative; of a set and itself 0 but for rounding.

    Raises:
      JaxganError: fewer vectors, or of different lengths.

    Source: D. C. Dowson & B. V. Landau, 1982; M. Heusel et al., 2017 (arXiv:1706.08500).
    """
    _check_alike(a, b)
    if min(a.count, b.count) < 2:
        raise JaxganError(f"a covariance needs at least 2 examples, not {min(a.count, b.count)}.")
    delta = a.mean - b.mean
    overlap = _sum_of_singular_values(_root(a.covariance).T @ _root(b.covariance))
    distance = delta @ delta + np.trace(a.covariance) + np.trace(b.covariance) - 2 * overlap
    return max(float(distance), 0.0)


def _root(covariance: np.ndarray) -> np.ndarray:
    """R [d, rank] with R R^T = C: Cholesky's factor, the largest pivot first, up to where rounding begins.

    Its last rows and columns are what an eigenvalue decomposition would find at 1e-16 of the largest eigenvalue, or
    below 0, at a tenth of the cost.
    """
    from scipy.linalg import lapack  # slow to import

    factor, pivots, rank, _ = lapack.dpstrf(covariance, lower=1)
    root = np.zeros((len(covariance), rank))
    root[pivots - 1] = np.tril(factor)[:, :rank]
    return root


def _sum_of_singular_values(matrix: np.ndarray) -> float:
    """As of a singular value decomposition, in half of its time: by the eigenvalues of M^T M, which are their squares.

    The smallest of these are lost in the rounding of the largest. So the sum is of the others, whose roots are right to
    `SMALL`^-1/2 times a rounding, and of what M is on the eigenvectors of the small ones, by the same rule: there they
    are large.
    """
    if not matrix.any():
        return 0.0
    squares, vectors = np.linalg.eigh(matrix.T @ matrix)
    if squares[-1] <= 0:  # all of them too small to be squared
        return 0.0
    small = squares < SMALL * squares[-1]
    return float(np.sqrt(squares[~small]).sum()) + _sum_of_singular_values(matrix @ vectors[:, small])
