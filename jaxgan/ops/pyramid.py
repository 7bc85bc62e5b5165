"""The Laplacian pyramid: an image as what each doubling of the resolution adds to it (Burt & Adelson 1983).

    I_0 = I, I_{k+1} = d(I_k), l_k = u(I_{k+1}), h_k = I_k - l_k

d blurs and halves, u doubles and smooths, both with the filter (1, 3, 3, 1). The band-pass images h_0 .. h_{K-1} and
the small image I_K give the image back: I_k = l_k + h_k.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.ops.resample import downsample, upsample

TAPS = (1, 3, 3, 1)


class Band(NamedTuple):
    """A level of a pyramid: the low-pass image l_k that it starts from, and the band-pass image h_k that it adds."""

    low: jax.Array
    high: jax.Array


def halved(images: jax.Array) -> jax.Array:
    """d: images [b, h, w, c] with even sides -> [b, h / 2, w / 2, c]; a constant stays one."""
    return downsample(_framed(images, 2), TAPS)[:, 1:-1, 1:-1]


def doubled(images: jax.Array) -> jax.Array:
    """u: images [b, h, w, c] -> [b, 2 h, 2 w, c]; a constant stays one."""
    _, height, width, _ = images.shape
    return upsample(_framed(images, 1), (2 * height + 4, 2 * width + 4), TAPS)[:, 2:-2, 2:-2]


def _framed(images: jax.Array, pixels: int) -> jax.Array:
    """With a frame of repeated border pixels: the zeros that `resample` has outside would turn a border grey."""
    return jnp.pad(images, ((0, 0), (pixels, pixels), (pixels, pixels), (0, 0)), mode="edge")


def laplacian_pyramid(images: jax.Array, levels: int) -> tuple[list[Band], jax.Array]:
    """Takes images apart.

    Args:
      images: [b, h, w, c], with sides that 2^(levels - 1) divides.
      levels: number of images that one becomes.

    Returns:
      the bands, that of the full size first, and the small images [b, h / 2^(levels - 1), w / 2^(levels - 1), c].
    """
    bands = []
    for _ in range(levels - 1):
        small = halved(images)
        low = doubled(small)
        bands.append(Band(low, images - low))
        images = small
    return bands, images
