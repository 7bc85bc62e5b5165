"""Divergences between distributions over classes."""

import numpy as np


def kl_divergence(counts: np.ndarray, reference: np.ndarray) -> float:
    """KL(p || q) = sum_k p_k ln(p_k / q_k), in nats; classes that p lacks add nothing.

    Of n samples drawn from q itself it is about (K - 1) / 2n, and not 0.

    Args:
      counts: [K], not negative, not all zero; p is their shares.
      reference: q, [K], positive, of sum 1.
    """
    seen = counts > 0
    p = counts[seen] / counts.sum()
    return float(np.sum(p * np.log(p / reference[seen])))
