"""Gradient penalties: pure functions of (critic, real, fake, key), one number an example, already weighted.

A penalty differentiates the critic by its images inside a loss that is differentiated by its parameters, so it needs
second derivatives, which the convolutions of `ops` have.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

from jaxgan.errors import check_range

Critic = Callable[[jax.Array], jax.Array]
Penalty = Callable[[Critic, jax.Array, jax.Array, jax.Array], jax.Array]
"""`(critic, real [b, ...], fake [b, ...], key) -> [b]` float32; `critic` maps [b, ...] to logits [b]."""


def gradient_norms(critic: Critic, x: jax.Array) -> jax.Array:
    """Norm of the gradient of each example's logit by that example, over all its axes: [b, ...] -> [b].

    The derivative of the norm at zero is taken as 0, where that of `jnp.linalg.norm` is NaN. Gradients are those of the
    sum of all logits, so the critic must treat examples alone: with batch normalisation each would have a share of
    every other's.
    """
    gradients = jax.grad(lambda images: jnp.sum(critic(images)))(x)
    squares = jnp.sum(jnp.square(gradients.astype(jnp.float32)), axis=tuple(range(1, x.ndim)))
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)


def wgan_gp(weight: float = 10.0, one_sided: bool = False) -> Penalty:
    """WGAN-GP's: weight (||grad D(u)|| - 1)^2 at points u = e x + (1 - e) G(z), e ~ U(0, 1) for each example.

    Args:
      weight: at least 0.
      one_sided: only norms above 1 are penalised: weight max(||grad D(u)|| - 1, 0)^2.

    Source: Gulrajani et al. 2017, equation 3 and section 4.
    """
    check_range("config.penalty.weight", weight, 0, 1e6)

    def penalty(critic: Critic, real: jax.Array, fake: jax.Array, key: jax.Array) -> jax.Array:
        share = jax.random.uniform(key, (len(real),) + (1,) * (real.ndim - 1))
        excess = gradient_norms(critic, share * real + (1 - share) * fake) - 1
        return weight * jnp.square(jnp.maximum(excess, 0.0) if one_sided else excess)

    return penalty


def none() -> None:
    """No penalty."""


PENALTIES: dict[str, Callable[..., Penalty | None]] = {"none": none, "wgan_gp": wgan_gp}
