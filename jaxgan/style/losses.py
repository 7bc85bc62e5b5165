"""What style transfer minimises: functions of activations [b, h, w, c], of one layer each, unreduced over the batch.

Source: Gatys, Ecker & Bethge 2016, with means for sums, as in the first author's later code. Of pictures of one size
the paper's content loss (equation 1) is h w c / 2 times this one, its style loss (equation 4) a quarter of this one.
"""

import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError


def gram(features: jax.Array) -> jax.Array:
    """Gram matrix of the channels: G_ij = 1 / (h w) sum_k F_ki F_kj over all positions k.

    Args:
      features: [b, h, w, c].

    Returns:
      [b, c, c], symmetric; the same wherever in the picture things are.
    """
    _, height, width, _ = features.shape
    return jnp.einsum("bhwi,bhwj->bij", features, features) / (height * width)


def content_loss(features: jax.Array, content: jax.Array) -> jax.Array:
    """Mean over positions and channels of (F - P)^2.

    Args:
      features: of the picture that is made, [b, h, w, c].
      content: P, of the one whose content it is to have, likewise.

    Returns:
      [b].

    Raises:
      JaxganError: the shapes differ.
    """
    _check_shapes("content", features, content)
    return jnp.mean((features - content) ** 2, axis=(1, 2, 3))


def style_loss(features: jax.Array, style: jax.Array) -> jax.Array:
    """Mean over pairs of channels of (G - A)^2, with G the Gram matrix of the features.

    Args:
      features: of the picture that is made, [b, h, w, c].
      style: A, the Gram matrix of the picture whose style it is to have, [b, c, c].

    Returns:
      [b].

    Raises:
      JaxganError: the shapes do not fit.
    """
    matrix = gram(features)
    _check_shapes("style", matrix, style)
    return jnp.mean((matrix - style) ** 2, axis=(1, 2))


def _check_shapes(name: str, made: jax.Array, target: jax.Array) -> None:
    if made.shape != target.shape:
        raise JaxganError(f"{name} loss: {made.shape} cannot be compared with {target.shape}.")
