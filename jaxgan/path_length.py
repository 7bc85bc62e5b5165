"""Path lengths of a generator: how far an image moves when its styles do."""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp


def path_lengths(synthesis: Callable[[jax.Array], jax.Array], w: jax.Array, key: jax.Array) -> jax.Array:
    """||J_w^T y||_2 with J_w = dg(w)/dw and y ~ N(0, I) / sqrt(h w), for each example.

    The square is summed over the components of a style and averaged over the layers. The derivative of the norm at zero
    is taken as 0, where that of `jnp.linalg.norm` is NaN.

    Args:
      synthesis: g, styles to images [b, h, w, c] float32; each image must depend on its own styles only.
      w: styles [b, layers, w_dim] float32.
      key: of y.

    Returns:
      [b] float32.

    Source: Karras et al. 2020, section 3.2, equation 4; scale of y and mean over the layers as officially implemented.
    """
    images, pullback = jax.vjp(synthesis, w)
    y = jax.random.normal(key, images.shape) / math.sqrt(images.shape[1] * images.shape[2])
    squares = jnp.mean(jnp.sum(jnp.square(pullback(y)[0]), axis=2), axis=1)
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)
