"""The sliced Wasserstein distance, between vectors and between patches of images at several scales."""

import itertools
from collections.abc import Iterator

import numpy as np

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics.images import check_alike, check_images, filtered
from jaxgan.evaluation.statistics.one_dimension import wasserstein
from jaxgan.evaluation.statistics.vectors import VALUES, check_sets

PATCH = 7
COARSEST = 16
TAPS = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
IMAGES = 256
"""Images that are taken apart at once."""
ROWS = 2**16
"""Vectors that are projected at once."""
FEWEST = 32
"""Directions that are taken at once at least: every time, all vectors are brought to float64 anew."""


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: int, rng: np.random.Generator) -> float:
    """Mean 1-Wasserstein distance between the projections of two sets onto random directions.

      mean_k W1({a_i . u_k}, {b_j . u_k}),  u_k uniform on the unit sphere

    Args:
      a: [n, d].
      b: [m, d].
      directions: how many, at least 1.
      rng: draws them.

    Raises:
      JaxganError: not vectors, not finite, of different lengths, or no direction.

    Source: J. Rabin et al., 2011; N. Bonneel et al., 2015.
    """
    check_sets(a, b)
    if directions < 1:
        raise JaxganError(f"a sliced distance needs directions, not {directions}.")
    units = rng.standard_normal((directions, a.shape[1]))
    units /= np.linalg.norm(units, axis=1, keepdims=True)
    few = max(FEWEST, VALUES // max(len(a), len(b)))
    total = 0.0
    for start in range(0, directions, few):
        some = units[start : start + few]
        total += sum(map(wasserstein, _projected(a, some), _projected(b, some)))
    return total / directions


def _projected(vectors: np.ndarray, units: np.ndarray) -> np.ndarray:
    """Vectors [n, d] by units [k, d]: float64 [k, n]."""
    parts = [units @ vectors[i : i + ROWS].astype(np.float64).T for i in range(0, len(vectors), ROWS)]
    return np.concatenate(parts, axis=1)


def patch_distances(
    real: np.ndarray, generated: np.ndarray, rng: np.random.Generator, per_image: int = 128, directions: int = 512
) -> dict[str, float]:
    """Sliced Wasserstein distances between patches at each level of the images' Laplacian pyramids.

    Per level 128 patches of 7x7 pixels an image; each channel of a level is brought to mean 0 and deviation 1 over the
    patches of its set; 512 directions; times 1,000. Since each set is scaled by its own deviation, differences of
    brightness, tint and contrast between the sets as a whole do not show.

    The paper has 16,384 images of each kind, in colour, with sides that are powers of 2. Any other size is halved to
    the larger half, down to a smaller side of 16; images smaller than 32 have one level. The levels of such images
    compare among themselves. Few images raise all figures: sets that are compared have equal numbers.

    At any time the patches of one level are held, 25 kB a channel of an image, of both sets.

    Args:
      real: uint8 [n, h, w, c], h and w at least 7, c 1 or 3.
      generated: uint8 [m, h, w, c].
      rng: draws, level by level, the patches of real images, those of generated ones, and the directions.
      per_image: patches of an image and a level.
      directions: of each level.

    Returns:
      the distance of each level by its size, as `"32x32"`, the finest first, and their `"mean"`.

    Raises:
      JaxganError: other images, different ones, or too small ones.

    Source: T. Karras et al., 2018 (arXiv:1710.10196), section 5 and its published program.
    """
    check_alike(real, generated)
    distances = {}
    for level, (height, width) in enumerate(level_sizes(*real.shape[1:3])):
        a, b = (_normalised_patches(images, level, rng, per_image) for images in (real, generated))
        distances[f"{height}x{width}"] = 1000 * sliced_wasserstein(a, b, directions, rng)
    return distances | {"mean": sum(distances.values()) / len(distances)}


def level_sizes(height: int, width: int) -> list[tuple[int, int]]:
    """Sizes of the levels, the finest first: the smaller side is at least 16, but for images that are smaller."""
    sizes = [(height, width)]
    while min(height := -(-height // 2), width := -(-width // 2)) >= COARSEST:
        sizes.append((height, width))
    return sizes


def laplacian_pyramid(images: np.ndarray) -> Iterator[np.ndarray]:
    """The levels of images: what each has that the next does not, l_k = x_k - u(x_{k+1}), and last the coarsest x_K.

    x_{k+1} is x_k under the filter (1, 4, 6, 4, 1) / 16, mirrored at the borders, every second pixel of it; u puts
    zeros between and filters with gain 4.

    Args:
      images: uint8 [n, h, w, c].

    Yields:
      float32 [n, h_k, w_k, c] for each of `level_sizes`. Of uint8, sums of the dyadic taps are exact.
    """
    fine = images.astype(np.float32)
    for _ in level_sizes(*images.shape[1:3])[1:]:
        coarse = _mirrored(fine)[:, ::2, ::2]
        spread = np.zeros_like(fine)
        spread[:, ::2, ::2] = coarse
        yield fine - 4 * _mirrored(spread)
        fine = coarse
    yield fine


def _mirrored(images: np.ndarray) -> np.ndarray:
    """Filtered, of the same size."""
    frame = len(TAPS) // 2
    return filtered(np.pad(images, ((0, 0), (frame, frame), (frame, frame), (0, 0)), mode="reflect"), TAPS)


def patches(images: np.ndarray, level: int, rng: np.random.Generator, per_image: int = 128) -> np.ndarray:
    """Random patches of a level of the images' pyramids.

    Args:
      images: uint8 [n, h, w, c], c 1 or 3, as `check_patches` asks.
      level: 0 is the finest.
      rng: draws the places, uniformly among those where the patch is inside.
      per_image: patches of an image.

    Returns:
      float32 [n per_image, 7, 7, c].

    Raises:
      JaxganError: other images, too small ones, or no patch.
    """
    check_images(images)
    _, height, width, _ = images.shape
    check_patches(height, width, per_image)
    pyramid = next(itertools.islice(laplacian_pyramid(images), level, None))
    windows = np.lib.stride_tricks.sliding_window_view(pyramid, (PATCH, PATCH), axis=(1, 2))
    image = np.repeat(np.arange(len(pyramid)), per_image)
    top, left = (rng.integers(windows.shape[axis], size=len(image)) for axis in (1, 2))
    return windows[image, top, left].transpose(0, 2, 3, 1)


def check_patches(height: int, width: int, per_image: int = 128) -> None:
    """Refuses images in which no patch fits.

    Raises:
      JaxganError: a side is under 7, or no patch is asked for.
    """
    if min(height, width) < PATCH or per_image < 1:
        raise JaxganError(f"images of {height}x{width} do not have {per_image} patches of {PATCH}x{PATCH} pixels.")


def _normalised_patches(images: np.ndarray, level: int, rng: np.random.Generator, per_image: int) -> np.ndarray:
    """`patches` of many images, taken apart a few at a time, as `normalised` vectors."""
    parts = [patches(images[i : i + IMAGES], level, rng, per_image) for i in range(0, len(images), IMAGES)]
    return normalised(np.concatenate(parts))


def normalised(level: np.ndarray) -> np.ndarray:
    """Patches [n, 7, 7, c] -> vectors float32 [n, 49 c], each channel of mean 0 and deviation 1 over all of them.

    Where a channel is constant it is 0.
    """
    mean = level.mean(axis=(0, 1, 2), dtype=np.float64)
    std = level.std(axis=(0, 1, 2), dtype=np.float64)
    scaled = (level - mean.astype(np.float32)) / np.where(std > 0, std, 1).astype(np.float32)
    return scaled.reshape(len(level), -1)
