"""How far the small pieces of generated images are from those of real ones, at several scales."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.evaluation.held_out import drawn_examples
from jaxgan.evaluation.kept import fingerprint
from jaxgan.evaluation.metric import PIXELS, Aim, Metric, check_generated_images, of_samples
from jaxgan.evaluation.statistics.sliced import check_patches, level_sizes, patch_distances
from jaxgan.evaluation.statistics.vectors import canonical_order
from jaxgan.systems import System

SEED = 0
"""Of the places of the patches and the directions."""

PER_IMAGE, DIRECTIONS = 128, 512


def swd10k_test(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """Sliced Wasserstein distance of the Laplacian pyramids of 10,000 generated images and 10,000 of the test split.

    Figures, times 1,000, as of `statistics.sliced.patch_distances`, which says what does not show in them:
      swd_HxW: of the level of that size; the finest says most of textures, the coarsest of what is large.
      swd: their mean.

    Of two halves of one set they are not 0, and the fewer images the larger: those of different numbers, or of images
    of different sizes, do not compare. MNIST's test split and 10,000 of its train split are at 4.4, 1,000 of each at
    7.4, and noise at 294. 10,000 take 47 s on one core and 1.8 GB. The paper has 16,384 images.

    The images are held, as uint8, and the patches of one level. The figures are the same for any order of the images.

    Args:
      spec: of the data the run was trained on.
      system: that is trained.
      data: settings of the run's data.

    Raises:
      JaxganError: the run makes no images, or smaller ones than 7x7; there is no such split, or it has too few.

    Source: T. Karras et al., 2018 (arXiv:1710.10196), section 5.
    """
    return sliced_distance("swd10k_test", 10_000, "test", spec, system, data)


def swd10k_train(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """As `swd10k_test`, from 10,000 images of the train split."""
    return sliced_distance("swd10k_train", 10_000, "train", spec, system, data)


def swd1k_test(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """As `swd10k_test`, between 1,000 generated images and 1,000 of the test split."""
    return sliced_distance("swd1k_test", 1000, "test", spec, system, data)


def swd1k_train(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """As `swd10k_test`, between 1,000 generated images and 1,000 of the train split."""
    return sliced_distance("swd1k_train", 1000, "train", spec, system, data)


def sliced_distance(name: str, num: int, split: str, spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """The metric `name`: of `num` generated images from as many of a split. Others and errors as of `swd10k_test`."""
    check_generated_images(name, spec, system)
    height, width, _ = spec.shape
    try:
        check_patches(height, width)
    except JaxganError as error:
        raise JaxganError(f"the metric {name}: {error}") from error
    examples, said = drawn_examples(name, data, split, num)
    real = ordered(examples["image"])

    def score(seen: Mapping[str, np.ndarray]) -> dict[str, float]:
        rng = np.random.default_rng(SEED)
        distances = patch_distances(real, ordered(seen["images"]), rng, PER_IMAGE, DIRECTIONS)
        return {"swd": distances.pop("mean"), **{f"swd_{size}": distance for size, distance in distances.items()}}

    protocol = {
        "reference": said,
        "reference_sha256": fingerprint({"image": real}),
        "levels": [f"{high}x{wide}" for high, wide in level_sizes(height, width)],
        "patches": f"{PER_IMAGE} of 7x7 an image and level, each set by its own mean and deviation a channel",
        "directions": DIRECTIONS,
        "patches_seed": SEED,
        "quantisation": "uint8",
        "shape": spec.shape,
        "version": 1,
    }
    return of_samples(num, PIXELS, score, protocol, Aim("swd", lower=True))


def ordered(images: np.ndarray) -> np.ndarray:
    """Images [n, ...] in an order of their own, so that what is drawn of them by number depends on the set alone."""
    return images[canonical_order(images)]
