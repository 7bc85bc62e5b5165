"""The Inception score: confident in each image, and undecided over all of them."""

import itertools

import numpy as np

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics.estimate import Estimate
from jaxgan.evaluation.statistics.vectors import check_vectors

SUM_WITHIN = 1e-3  # of 1: a softmax in float32 is nearer, logits are not


def inception_score(probabilities: np.ndarray, rng: np.random.Generator, splits: int = 10) -> Estimate:
    """Exponential of the mutual information between image and class.

      exp(mean_i KL(p(y | x_i) || p(y))),  p(y) = mean_i p(y | x_i)

    Each split has a p(y) of its own. So the score depends on what is in which split: of samples sorted by class each
    split would have one class, and a score near 1. Therefore they are shuffled first. A split of few images scores
    lower than the whole, so that scores of different n / splits do not compare.

    Args:
      probabilities: p(y | x_i), [n, K], in [0, 1] and of sum 1.
      rng: shuffles the rows.
      splits: 1 .. n parts of sizes that differ by at most 1.

    Returns:
      mean and standard deviation of the score over the splits; a score is in 1..K.

    Raises:
      JaxganError: they are not probabilities, or there are fewer than splits.

    Source: T. Salimans et al., 2016 (arXiv:1606.03498), section 4; S. Barratt & R. Sharma, 2018 (arXiv:1801.01973) on
      what the splits do.
    """
    check_vectors(probabilities)
    if probabilities.min() < 0 or np.abs(probabilities.sum(axis=1, dtype=np.float64) - 1).max() > SUM_WITHIN:
        raise JaxganError("the Inception score takes probabilities, not negative and of sum 1 in each row; not logits.")
    if not 1 <= splits <= len(probabilities):
        raise JaxganError(f"{len(probabilities):,} images do not make {splits} splits.")
    shuffled = probabilities[rng.permutation(len(probabilities))].astype(np.float64)
    bounds = [i * len(shuffled) // splits for i in range(splits + 1)]
    return Estimate.of(np.array([_score(shuffled[i:j]) for i, j in itertools.pairwise(bounds)]))


def _score(p: np.ndarray) -> float:
    # A class of probability 0 adds p ln p = 0: the ratio is set to 1 there.
    ratios = np.divide(p, p.mean(axis=0), out=np.ones_like(p), where=p > 0)
    return float(np.exp((p * np.log(ratios)).sum(axis=1).mean()))
