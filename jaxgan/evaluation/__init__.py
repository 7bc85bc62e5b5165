"""Scores. A metric's name is its protocol; what a score was computed from stands beside it in `evaluations.jsonl`."""

from collections.abc import Callable, Mapping
from typing import Any

from jaxgan.data.spec import DataSpec
from jaxgan.evaluation.digits import svm1k_digits
from jaxgan.evaluation.metric import Metric, Subject
from jaxgan.evaluation.mixtures import modes2500_grid, modes2500_ring
from jaxgan.evaluation.mnist import classes10k_mnist, modes26k_stacked_mnist
from jaxgan.systems import System

METRICS: dict[str, Callable[[DataSpec, System, Mapping[str, Any]], Metric]] = {
    "classes10k_mnist": classes10k_mnist,
    "modes2500_grid": modes2500_grid,
    "modes2500_ring": modes2500_ring,
    "modes26k_stacked_mnist": modes26k_stacked_mnist,
    "svm1k_digits": svm1k_digits,
}
"""Name -> `(spec of the data, system that is trained, resolved settings of the data) -> Metric`."""

__all__ = ["METRICS", "Metric", "Subject"]
