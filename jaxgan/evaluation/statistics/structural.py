"""Structural similarity of two images, and of the images of one set: how alike they look."""

from collections.abc import Iterator

import numpy as np

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics.estimate import Estimate
from jaxgan.evaluation.statistics.images import check_alike, check_images, filtered

WINDOW, SIGMA = 11, 1.5
WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
LUMINANCE, CONTRAST = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""What keeps the two ratios finite in the dark and in the flat."""
PIXELS = 2**20
"""Pixels of a set that are compared at once."""


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity of pairs of images.

      mean over places of (2 m_a m_b + c1) / (m_a^2 + m_b^2 + c1) * (2 s_ab + c2) / (s_a^2 + s_b^2 + c2)

    with means, variances and covariance under a Gaussian window of 11x11 pixels, sigma 1.5, that is inside the image;
    c1 = (.01 * 255)^2, c2 = (.03 * 255)^2. The mean is over the channels too.

    Args:
      a: uint8 [n, h, w, c], h and w at least 11, c 1 or 3.
      b: of the same shape.

    Returns:
      float64 [n], at most 1, which only equal images have.

    Raises:
      JaxganError: other images, or different ones.

    Source: Z. Wang et al., 2004, section III.
    """
    _check_pairs(a, b, 1)
    parts = [_scale(x, y)[0].mean(axis=1) for x, y in _exact_parts(a, b)]
    return np.concatenate(parts)


def ms_ssim(a: np.ndarray, b: np.ndarray, scales: int = 5) -> np.ndarray:
    """Structural similarity of pairs of images at several scales.

      ssim_M^w_M prod_{j < M} cs_j^w_j

    with cs the second factor of `ssim`, averaged over places; from a scale to the next, means of 2x2 pixels, where the
    last row or column of an odd number counts twice. Averages that are negative are 0. Channels are taken apart and
    averaged last.

    The weights w are those of the paper for its 5 scales, which need sides of 161 and more. Fewer scales have the
    first of the weights over their sum, and must be asked for: other scales are another figure. One is SSIM.

    Args:
      a: uint8 [n, h, w, c], c 1 or 3, as large as `most_scales` says.
      b: of the same shape.
      scales: M, 1..5.

    Returns:
      float64 [n], 0..1.

    Raises:
      JaxganError: other images, different ones, or too small ones for so many scales.

    Source: Z. Wang, E. P. Simoncelli & A. C. Bovik, 2003, equation 7.
    """
    _check_pairs(a, b, scales)
    weights = np.array(WEIGHTS[:scales])
    if scales < len(WEIGHTS):
        weights /= weights.sum()  # the five of the paper sum to 1.0001 and stay as they are
    return np.concatenate([_of_scales(x, y, weights) for x, y in _exact_parts(a, b)])


def diversity(images: np.ndarray, rng: np.random.Generator, pairs: int = 100, scales: int = 5) -> Estimate:
    """MS-SSIM between random pairs of different images of one set: the lower, the more varied they are.

    The figure that collapse raises. It says nothing of quality, and compares with that of as many real images under
    the same scales only. Where there are classes it is meant within one: images of different classes differ anyway.

    Args:
      images: uint8 [n, h, w, c], n at least 2.
      rng: draws the pairs.
      pairs: how many, at least 1.
      scales: of `ms_ssim`.

    Returns:
      mean and standard deviation over the pairs.

    Raises:
      JaxganError: as `ms_ssim`, or there is no pair.

    Source: A. Odena, C. Olah & J. Shlens, 2017 (arXiv:1610.09585), section 4.2, with 100 pairs a class.
    """
    check_images(images)
    if len(images) < 2 or pairs < 1:
        raise JaxganError(f"{len(images):,} images do not make {pairs:,} pairs.")
    first = rng.integers(len(images), size=pairs)
    second = (first + rng.integers(1, len(images), size=pairs)) % len(images)
    return Estimate.of(ms_ssim(images[first], images[second], scales))


def most_scales(height: int, width: int) -> int:
    """The number of scales, at most 5, whose images are at least 11 pixels high and wide; 0 for smaller images."""
    side = min(height, width)
    # ceil(side / 2^j) is the side j scales down.
    return sum(-(-side // 2**j) >= WINDOW for j in range(len(WEIGHTS)))


def _check_pairs(a: np.ndarray, b: np.ndarray, scales: int) -> None:
    check_alike(a, b)
    if len(a) != len(b):
        raise JaxganError(f"{len(a):,} and {len(b):,} images do not make pairs.")
    most = most_scales(*a.shape[1:3])
    if not 1 <= scales <= most:
        size = "x".join(map(str, a.shape[1:3]))
        raise JaxganError(f"images of {size} have windows of 11x11 pixels at {most} scales of 5, not at {scales}.")


def _exact_parts(a: np.ndarray, b: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Some pairs at a time, in float64."""
    size = max(1, PIXELS // a[0].size)
    for start in range(0, len(a), size):
        part = slice(start, start + size)
        yield a[part].astype(np.float64), b[part].astype(np.float64)


def _of_scales(a: np.ndarray, b: np.ndarray, weights: np.ndarray) -> np.ndarray:
    product = 1.0
    for weight in weights[:-1]:
        product = product * np.maximum(_scale(a, b)[1], 0) ** weight
        a, b = _halved(a), _halved(b)
    return (product * np.maximum(_scale(a, b)[0], 0) ** weights[-1]).mean(axis=1)


def _scale(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """SSIM and its second factor alone, averaged over places: [n, c] each."""
    places = np.arange(WINDOW) - WINDOW // 2
    taps = np.exp(-(places**2) / (2 * SIGMA**2))
    taps /= taps.sum()
    mean_a, mean_b = filtered(a, taps), filtered(b, taps)
    variances = filtered(a * a + b * b, taps) - mean_a**2 - mean_b**2
    covariance = filtered(a * b, taps) - mean_a * mean_b
    structure = (2 * covariance + CONTRAST) / (variances + CONTRAST)
    luminance = (2 * mean_a * mean_b + LUMINANCE) / (mean_a**2 + mean_b**2 + LUMINANCE)
    return (luminance * structure).mean(axis=(1, 2)), structure.mean(axis=(1, 2))


def _halved(images: np.ndarray) -> np.ndarray:
    """Means of 2x2 pixels."""
    _, height, width, _ = images.shape
    even = np.pad(images, ((0, 0), (0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4
