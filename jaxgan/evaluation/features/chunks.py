"""What feature networks do to any images before they see them: checked, made RGB, taken a few at a time."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from jaxgan.drawing import in_chunks
from jaxgan.errors import JaxganError


def as_rgb(images: np.ndarray) -> np.ndarray:
    """Images uint8 [n, h, w, c], c 1 or 3, as RGB [n, h, w, 3]: grey ones have it three times.

    Raises:
      JaxganError: it says what they are instead.
    """
    images = np.asarray(images)
    if images.dtype != np.uint8:
        raise JaxganError(
            f"features are of images as they would be written, uint8 in 0..255, and these are {images.dtype}; "
            "round and clip them first, all in one way."
        )
    return repeated(images)


def repeated(images: np.ndarray) -> np.ndarray:
    """Images [n, h, w, c] of any type, c 1 or 3, as RGB [n, h, w, 3].

    Raises:
      JaxganError: as of `as_rgb`.
    """
    if images.ndim != 4:
        raise JaxganError(f"features are of images [n, height, width, channels], and these are {list(images.shape)}.")
    channels = images.shape[3]
    if channels not in (1, 3):
        hint = "; drop the opacity, or lay them over one colour" if channels == 4 else ""
        raise JaxganError(f"features are of grey or RGB images, and these have {channels} channels{hint}.")
    return np.broadcast_to(images, (*images.shape[:3], 3))


def through_network(compute: Callable[..., Any], params: Any, images: np.ndarray, size: int) -> tuple[np.ndarray, ...]:
    """What a program gives of n images, `size` at a time.

    One shape means one compilation, and numbers that do not depend on how many images there are. Arithmetic is in
    float32 on every device: three digits of TF32 would show in a score.

    Args:
      compute: params, images [size, h, w, c] -> arrays [size, ...], one row an image.
      params: of the network.
      images: [n, h, w, c], n at least 1.
      size: images a call.

    Returns:
      arrays [n, ...].

    Raises:
      JaxganError: there are no images.
    """
    if not len(images):
        raise JaxganError("features are of one image or more, and there is none.")
    with jax.default_matmul_precision("float32"):
        return in_chunks(compute, params, images, chunk=size)
