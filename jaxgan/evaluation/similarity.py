"""How alike the generated images of a class look, beside how alike the real ones do: what collapse raises."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.evaluation.held_out import drawn_examples
from jaxgan.evaluation.kept import fingerprint
from jaxgan.evaluation.metric import LEAVE_OUT, PIXELS, Metric, check_generated_images, of_samples
from jaxgan.evaluation.patches import ordered
from jaxgan.evaluation.statistics.structural import diversity, most_scales
from jaxgan.systems import System

SEED = 0
"""Of the pairs."""

PAIRS = 100
"""Of images of a class."""

PAIRS_OF_ALL = 1000
"""Of images, where there are no classes."""


def similarities(images: np.ndarray, labels: np.ndarray | None, scales: int) -> np.ndarray:
    """Mean MS-SSIM of random pairs of different images of each class, or of all images.

    Args:
      images: uint8 [n, h, w, c].
      labels: int [n], at least two images of each that occurs; None for no classes.
      scales: of `ms_ssim`.

    Returns:
      float64 [classes], in the order of the labels; without classes [1]. The same for any order of the images.
    """
    rng = np.random.default_rng(SEED)
    if labels is None:
        return np.array([diversity(ordered(images), rng, PAIRS_OF_ALL, scales).mean])
    classes = (ordered(images[labels == label]) for label in np.unique(labels))
    return np.array([diversity(of_class, rng, PAIRS, scales).mean for of_class in classes])


def ms_ssim1k_train(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """MS-SSIM between pairs of 1,000 generated images, within classes where there are some; that of the train split.

    Figures, 0..1, the higher the more alike; that they are low says nothing of quality:
      ms_ssim: of 100 random pairs of different images of a class, averaged over the classes the run generates by; of a
        run without labels of 1,000 pairs of all.
      real_ms_ssim: of 1,000 images of the train split, or all of fewer, in the same way.
      least_varied: that of the class that is most alike; of runs with labels only.
      collapsed: share of the classes that are more alike than the most alike real one, likewise; the paper has 15.3 %.

    The paper's 5 scales need sides of 161. Smaller images have as many as their sides permit, which the protocol says,
    with the first weights over their sum: 1 from 11 pixels, 2 from 21, 3 from 41, 4 from 81. Figures of different
    scales do not compare.

    Args:
      spec: of the data the run was trained on.
      system: that is trained.
      data: settings of the run's data.

    Raises:
      JaxganError: the run makes no images, or smaller ones than 11x11; there is no such split, or a class has fewer
        than two of the images, real or generated.

    Source: A. Odena, C. Olah & J. Shlens, 2017 (arXiv:1610.09585), section 4.2.
    """
    return similarity("ms_ssim1k_train", 1000, "train", spec, system, data)


def ms_ssim1k_test(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """As `ms_ssim1k_train`, beside the test split."""
    return similarity("ms_ssim1k_test", 1000, "test", spec, system, data)


def similarity(name: str, num: int, split: str, spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """The metric `name`, of `num` images. Others and errors as of `ms_ssim1k_train`."""
    check_generated_images(name, spec, system)
    height, width, _ = spec.shape
    classes, scales = system.num_classes, most_scales(height, width)
    if not scales:
        raise JaxganError(
            f"the metric {name} looks through windows of 11x11 pixels, and images are {height}x{width}; {LEAVE_OUT}."
        )
    if num < 2 * classes:
        raise JaxganError(
            f"the metric {name} compares images of a class: {num:,} of {classes:,} classes are too few; {LEAVE_OUT}."
        )
    examples, said = drawn_examples(name, data, split, num, at_most=True)
    labels = examples["label"] if classes else None
    if labels is not None and np.bincount(labels, minlength=classes).min() < 2:
        raise JaxganError(
            f"the metric {name}: of {said} some of the {classes:,} classes have fewer than two images; {LEAVE_OUT}."
        )
    real = similarities(examples["image"], labels, scales)

    def score(seen: Mapping[str, np.ndarray]) -> dict[str, float]:
        found = similarities(seen["images"], seen["labels"] if classes else None, scales)
        figures = {"ms_ssim": float(found.mean()), "real_ms_ssim": float(real.mean())}
        if not classes:
            return figures
        return figures | {"least_varied": float(found.max()), "collapsed": float(np.mean(found > real.max()))}

    protocol = {
        "reference": said,
        "reference_sha256": fingerprint(examples),
        "pairs": f"{PAIRS} within each of {classes} classes" if classes else f"{PAIRS_OF_ALL} of all images",
        "pairs_seed": SEED,
        "scales": scales,
        "quantisation": "uint8",
        "shape": spec.shape,
        "version": 1,
    }
    return of_samples(num, PIXELS, score, protocol, None)
