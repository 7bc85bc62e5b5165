"""Scores. A metric's name is its protocol; what a score was computed from stands beside it in `evaluations.jsonl`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from jaxgan.data.spec import DataSpec
from jaxgan.errors import check_file_name, unknown
from jaxgan.evaluation import comparisons
from jaxgan.evaluation.accuracy import accuracy_test
from jaxgan.evaluation.anomalies import anomaly_test_5nn
from jaxgan.evaluation.codes import codes10k_mnist
from jaxgan.evaluation.digits import svm1k_digits
from jaxgan.evaluation.gaussians import moments10k_gaussian
from jaxgan.evaluation.likelihoods import elbo10k_test, likelihood1k_test_iw1000
from jaxgan.evaluation.metric import Metric, View
from jaxgan.evaluation.mixtures import modes2500_grid, modes2500_ring
from jaxgan.evaluation.mnist import classes10k_mnist, modes26k_stacked_mnist
from jaxgan.evaluation.patches import swd1k_test, swd1k_train, swd10k_test, swd10k_train
from jaxgan.evaluation.path_length import ppl10k
from jaxgan.evaluation.probe import probe100_cifar10_jpg, probe100_mnist, probe1000_cifar10_jpg, probe1000_mnist
from jaxgan.evaluation.reconstructions import reconstruction10k_test
from jaxgan.evaluation.similarity import ms_ssim1k_test, ms_ssim1k_train
from jaxgan.evaluation.translation import translation10k_mnist
from jaxgan.systems import System

METRICS: dict[str, Callable[[DataSpec, System, Mapping[str, Any]], Metric]] = {
    "accuracy_test": accuracy_test,
    "anomaly_test_5nn": anomaly_test_5nn,
    "classes10k_mnist": classes10k_mnist,
    "codes10k_mnist": codes10k_mnist,
    "elbo10k_test": elbo10k_test,
    "likelihood1k_test_iw1000": likelihood1k_test_iw1000,
    "modes2500_grid": modes2500_grid,
    "modes2500_ring": modes2500_ring,
    "modes26k_stacked_mnist": modes26k_stacked_mnist,
    "moments10k_gaussian": moments10k_gaussian,
    "ms_ssim1k_test": ms_ssim1k_test,
    "ms_ssim1k_train": ms_ssim1k_train,
    **{f"ppl10k_{features}": ppl10k(features) for features in comparisons.FEATURES},
    "probe1000_cifar10_jpg": probe1000_cifar10_jpg,
    "probe1000_mnist": probe1000_mnist,
    "probe100_cifar10_jpg": probe100_cifar10_jpg,
    "probe100_mnist": probe100_mnist,
    "reconstruction10k_test": reconstruction10k_test,
    "svm1k_digits": svm1k_digits,
    "swd10k_test": swd10k_test,
    "swd10k_train": swd10k_train,
    "swd1k_test": swd1k_test,
    "swd1k_train": swd1k_train,
    "translation10k_mnist": translation10k_mnist,
}
"""Name -> `(spec of the data, system that is trained, resolved settings of the data) -> Metric`."""


def check_metric(name: str) -> None:
    """Refuses a name that is neither in `METRICS` nor one of the comparisons', and one that files cannot have.

    Raises:
      UnknownName: it is neither.
      JaxganError: a figure and a folder of checkpoints could not be called by it.
    """
    if name not in METRICS and comparisons.parse(name) is None:
        raise comparisons.misnamed(name) or unknown("metric", name, [*METRICS, *comparisons.EXAMPLES])
    check_file_name("metric", name)


def make_metrics(names: Sequence[str], spec: DataSpec, system: System, data: Mapping[str, Any]) -> dict[str, Metric]:
    """The metrics of some names, with their references loaded, each network and each reference once for all.

    Features of real images, which may take hours, are made last, when nothing is refused any more.

    Args:
      names: as of `check_metric`.
      spec: of the data.
      system: that is trained.
      data: resolved settings of the data.

    Raises:
      JaxganError: one is unknown, or cannot score this system or these data.
    """
    for name in names:
        check_metric(name)
    library = comparisons.Library(data, spec.shape)
    compared = [name for name in names if name not in METRICS]
    for name in compared:
        comparisons.check(name, spec, system, library)
    made = {name: METRICS[name](spec, system, data) for name in names if name in METRICS}
    made |= {name: comparisons.metric(name, spec, library) for name in compared}
    return {name: made[name] for name in names}


__all__ = ["METRICS", "Metric", "View", "check_metric", "make_metrics"]
