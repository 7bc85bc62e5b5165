"""Scores. A metric's name is its protocol; what a score was computed from stands beside it in `evaluations.jsonl`."""

from collections.abc import Callable

from jaxgan.data.spec import DataSpec
from jaxgan.evaluation.digits import svm1k_digits
from jaxgan.evaluation.metric import Metric

METRICS: dict[str, Callable[[DataSpec, int], Metric]] = {"svm1k_digits": svm1k_digits}

__all__ = ["METRICS", "Metric"]
