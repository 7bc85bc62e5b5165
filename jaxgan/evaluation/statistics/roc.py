"""The area under the receiver operating characteristic."""

import numpy as np


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """P(s+ > s-) + P(s+ = s-) / 2, the area under the ROC curve.

    Args:
      scores: [n].
      positive: bool [n], of both kinds at least one.
    """
    negatives = np.sort(scores[~positive])
    below, up_to = (np.searchsorted(negatives, scores[positive], side) for side in ("left", "right"))
    return float(np.mean((below + up_to) / 2) / len(negatives))
