"""StyleGAN2's path length regularisation of G, as a gradient that is added to that of its objective."""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.penalties import PathLength, path_lengths
from jaxgan.schedules import value_at
from jaxgan.systems.players import Player

MEAN = 0.99
"""Decay of the running mean of path lengths, an update in which they are computed."""


def path_length_gradient(
    penalty: PathLength,
    generator: nn.Module,
    player: Player,
    inputs: tuple[jax.Array, jax.Array | None],
    mean: jax.Array,
    updates: jax.Array,
    images: jax.Array,
    key: jax.Array,
) -> tuple[Any, jax.Array, jax.Array]:
    """Gradient by G's parameters of weight every (||J_w^T y|| - a)^2 where it is due, else 0.

    Args:
      penalty: weight, period and share.
      generator: with `styles` and `synthesis`.
      player: its arrays.
      inputs: latents [b, latent_size] and labels [b] or None; the first share of them is used.
      mean: a, float32 [].
      updates: of G so far, int32 [].
      images: shown so far, float32 [].
      key: of styles, noise and y.

    Returns:
      the gradient, the penalty, float32 [], and the mean after it.
    """
    count = max(1, int(penalty.share * len(inputs[0])))
    z, labels = jax.tree.map(lambda x: x[:count], inputs)
    style_key, noise_key, y_key = jax.random.split(key, 3)

    def loss(params: Any) -> tuple[jax.Array, jax.Array]:
        variables = {"params": params, **player.statistics}

        def synthesis(w: jax.Array) -> jax.Array:
            rngs = {"noise": noise_key}
            return jnp.asarray(generator.apply(variables, w, train=True, method="synthesis", rngs=rngs))

        w = generator.apply(variables, z, labels, train=True, method="styles", rngs={"noise": style_key})
        lengths = path_lengths(synthesis, jnp.asarray(w), y_key)
        moved = MEAN * mean + (1 - MEAN) * jax.lax.stop_gradient(jnp.mean(lengths))
        weight = value_at(penalty.weight, images) * penalty.every
        return weight * jnp.mean(jnp.square(lengths - moved)), moved

    def due() -> tuple[Any, jax.Array, jax.Array]:
        (value, moved), gradient = jax.value_and_grad(loss, has_aux=True)(player.params)
        return gradient, value, moved

    def not_due() -> tuple[Any, jax.Array, jax.Array]:
        return jax.tree.map(jnp.zeros_like, player.params), jnp.zeros(()), mean

    return jax.lax.cond(updates % penalty.every == 0, due, not_due)
