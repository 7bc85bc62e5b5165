"""Sets of images: what every statistic asks of them, and filters."""

from collections.abc import Sequence

import numpy as np

from jaxgan.errors import JaxganError


def check_images(images: np.ndarray) -> None:
    """Refuses what is not images uint8 [n, h, w, c], n > 0, c 1 or 3.

    Raises:
      JaxganError: it names type and shape.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images) or images.shape[3] not in (1, 3):
        raise JaxganError(f"images must be uint8 [n, h, w, 1 or 3], not {images.dtype} {list(images.shape)}.")


def check_alike(a: np.ndarray, b: np.ndarray) -> None:
    """Refuses images of different sizes or channels, and what `check_images` refuses.

    Raises:
      JaxganError: it names both shapes.
    """
    check_images(a)
    check_images(b)
    if a.shape[1:] != b.shape[1:]:
        shapes = " and ".join("x".join(map(str, images.shape[1:])) for images in (a, b))
        raise JaxganError(f"images of {shapes} do not compare: bring them to one size and number of channels.")


def filtered(images: np.ndarray, taps: Sequence[float] | np.ndarray) -> np.ndarray:
    """y[i, j] = sum_kl f[k] f[l] x[i + k, j + l], where all of the K x K window is inside the image.

    Args:
      images: floats [n, h, w, c], h and w at least K.
      taps: f, [K].

    Returns:
      of the same type, [n, h - K + 1, w - K + 1, c].
    """
    for axis in (1, 2):
        size = images.shape[axis] - len(taps) + 1
        places = [slice(None)] * images.ndim
        total = np.zeros([size if i == axis else side for i, side in enumerate(images.shape)], images.dtype)
        for k, tap in enumerate(taps):
            places[axis] = slice(k, k + size)
            total += images[tuple(places)] * images.dtype.type(tap)
        images = total
    return images
