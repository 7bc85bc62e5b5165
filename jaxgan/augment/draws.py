"""What the transforms share: each image draws its own parameters, and a coin says whether they are used.

Parameters are zero where they change nothing, so that a coin of 0 or 1 is a factor of them. They are constants to
differentiation: a transform is differentiated by its images only.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

Transform = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
"""`(images [b, h, w, c] float32, p float32 [], key) -> [b, h, w, c]`: each image is changed with probability p."""


def coins(uniform: jax.Array, p: jax.Array) -> jax.Array:
    """1.0 with probability p and otherwise 0.0, from numbers of U(0, 1), which leaves p a traced value."""
    return (uniform < p).astype(jnp.float32)


def per_image(values: jax.Array, ndim: int) -> jax.Array:
    """One value an image, [b], in the shape that meets arrays [b, ...] of `ndim` axes: [b, 1, ...]."""
    return values.reshape(-1, *(1,) * (ndim - 1))


def in_turn(*transforms: Transform) -> Transform:
    """The transforms one after another, the first one first, each with a key of its own."""

    def apply(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
        for index, transform in enumerate(transforms):
            images = transform(images, p, jax.random.fold_in(key, index))
        return images

    return apply
