"""What scores of a method under several settings and seeds say: how it does, how it can do, and at what price.

A table is [settings, seeds] of one score, the lower the better; a setting that failed has infinity throughout.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Quartiles(NamedTuple):
    """A quarter of the scores is not above `lower`, half is not above `median`, three quarters not above `upper`."""

    lower: float
    median: float
    upper: float


def quartiles(scores: np.ndarray) -> Quartiles:
    """Of scores of any shape, at least one; interpolated linearly, and next to infinity infinite."""
    ordered, last = np.sort(np.asarray(scores, np.float64), axis=None), np.size(scores) - 1

    def at(share: float) -> float:
        low, high = ordered[math.floor(share * last)], ordered[math.ceil(share * last)]
        return float(low if low == high else low + (high - low) * (share * last % 1))  # inf - inf is no number

    return Quartiles(at(0.25), at(0.5), at(0.75))


def tuned(table: np.ndarray) -> np.ndarray:
    """Each seed's score under the setting that is the best for the other seeds, by their median: float [seeds].

    The best of many settings on the very scores it is picked by looks better than it is, the more so the more settings
    there are and the more the seeds differ. Here no score has a say in what it is a score of.

    Raises:
      ValueError: there is one seed only, and so no other.
    """
    seeds = table.shape[1]
    if seeds < 2:
        raise ValueError("settings are picked by the other seeds, and there is one seed.")
    others = (np.delete(table, seed, axis=1) for seed in range(seeds))
    picked = [np.argmin([quartiles(scores).median for scores in rest]) for rest in others]
    return table[picked, range(seeds)]


def expected_best(scores: Sequence[float], tries: int) -> float:
    """Expected best score of so many settings, picked at random among those that were tried, none of them twice.

    With n scores in order, v_1 <= ... <= v_n, the best of k is v_i if the k - 1 others are behind it:

      E = sum_i v_i C(n - i, k - 1) / C(n, k).

    Args:
      scores: one a setting.
      tries: k, 1..n.

    Returns:
      infinity, if all k may fail.

    Raises:
      ValueError: fewer settings were tried.

    Source: the curves over budgets of M. Lucic et al., Are GANs created equal?, 2018 (arXiv:1711.10337), in closed
      form.
    """
    n = len(scores)
    if not 1 <= tries <= n:
        raise ValueError(f"the best of {tries} cannot be told from {n} settings.")
    ways = [math.comb(n - i, tries - 1) for i in range(1, n + 1)]
    pairs = zip(sorted(scores), ways, strict=True)
    return sum(score * count for score, count in pairs if count) / math.comb(n, tries)  # without 0 * infinity
