"""Packing: D judges several examples at once, so that it sees whether they are too much alike.

Source: PacGAN, Lin et al. 2018 (arXiv:1712.04086).
"""

import jax
import jax.numpy as jnp


def packed_shape(shape: tuple[int, ...], packing: int) -> tuple[int, ...]:
    """Shape of what D sees: the examples of a pack side by side along the last axis."""
    return (*shape[:-1], shape[-1] * packing)


def pack(examples: jax.Array, packing: int) -> jax.Array:
    """[b, ..., c] -> [b / packing, ..., packing c]: examples i packing to (i + 1) packing - 1 make pack i."""
    packs = examples.reshape(len(examples) // packing, packing, *examples.shape[1:])
    return jnp.moveaxis(packs, 1, -2).reshape(len(packs), *packed_shape(examples.shape[1:], packing))


def unpack(packs: jax.Array, packing: int) -> jax.Array:
    """The inverse of `pack`: [n, ..., packing c] -> [n packing, ..., c]."""
    apart = packs.reshape(*packs.shape[:-1], packing, packs.shape[-1] // packing)
    return jnp.moveaxis(apart, -2, 1).reshape(len(packs) * packing, *packs.shape[1:-1], apart.shape[-1])
