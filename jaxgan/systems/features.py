"""Features of a discriminator as it is used, not trained: what a linear map of its own makes its logits of."""

from typing import Any

import flax.linen as nn
import jax

from jaxgan.systems.players import FEATURES, Variables


def features_of(discriminator: nn.Module, variables: Variables, examples: jax.Array) -> jax.Array:
    """Features [n, d] float32 of examples [n, *shape], each of its own example only."""
    revealed = discriminator.apply(variables, examples, train=False, mutable=[FEATURES])[1]
    return jax.tree.leaves(revealed)[0]


def feature_size(discriminator: nn.Module, example: Any) -> int:
    """How many features a discriminator reveals, computing nothing; 0 if it is of a kind that reveals none.

    Args:
      discriminator: the module.
      example: an array [1, *shape] that it takes.
    """
    variables = jax.eval_shape(lambda: discriminator.init(jax.random.key(0), example, train=False))
    revealed = jax.eval_shape(
        lambda variables: discriminator.apply(variables, example, train=False, mutable=[FEATURES])[1], variables
    )
    return next((int(leaf.shape[-1]) for leaf in jax.tree.leaves(revealed)), 0)
