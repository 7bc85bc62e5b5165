"""TensorFlow 1's bilinear resize, which the Inception network's images have gone through in every published score."""

import functools

import jax
import jax.numpy as jnp
import numpy as np


def bilinear_matrix(size: int, out: int) -> np.ndarray:
    """The weights of `size` pixels along an axis in each of `out`: TensorFlow 1's bilinear resize, as a matrix.

    y_i = (1 - f) x_k + f x_min(k + 1, size - 1)  where k + f = i size / out, 0 <= f < 1

    Pixel i starts at i size / out: corners are not aligned, and centres are half a pixel off. Nothing is averaged, so
    that an image that shrinks loses what lies between the pixels that are met (`jax.image.resize` would average, and
    align the centres: other features). Positions are of float32 numbers, as they are there.

    Args:
      size: pixels given.
      out: pixels wanted.

    Returns:
      float32 [out, size]; rows add up to 1.

    Source: `ResizeBilinear` of TensorFlow 1, with align_corners and half_pixel_centers off.
    """
    position = np.arange(out, dtype=np.float32) * np.float32(size / out)
    low = position.astype(np.int64)
    fraction = position - low.astype(np.float32)
    matrix = np.zeros((out, size), np.float32)
    rows = np.arange(out)
    matrix[rows, low] += 1 - fraction
    matrix[rows, np.minimum(low + 1, size - 1)] += fraction
    return matrix


@functools.partial(jax.jit, static_argnums=1)
def resized(images: jax.Array, side: int) -> jax.Array:
    """Images in 0..255 [b, h, w, c] -> float32 [b, side, side, c] in 0..255, by `bilinear_matrix` along both axes.

    Nothing is rounded between the resize and the network, as nothing is there.
    """
    rows, columns = (jnp.asarray(bilinear_matrix(size, side)) for size in images.shape[1:3])
    return jnp.einsum("yh,xw,bhwc->byxc", rows, columns, images.astype(jnp.float32), precision="highest")
