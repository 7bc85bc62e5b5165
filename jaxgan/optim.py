"""Optimizers by name, and parameter averages. The optimizers are optax's; defaults are the field's, not optax's."""

from collections.abc import Callable
from typing import TypeVar

import jax
import jax.numpy as jnp
import optax

from jaxgan.errors import check_range

Tree = TypeVar("Tree")


def _check(learning_rate: float, epsilon: float, **shares: float) -> None:
    check_range("learning_rate", learning_rate, 0, 3e38)  # what float32 holds
    check_range("epsilon", epsilon, 0, 1e6)
    for name, share in shares.items():
        check_range(name, share, 0, 1)


def adam(
    learning_rate: float = 2e-4, b1: float = 0.5, b2: float = 0.999, epsilon: float = 1e-8
) -> optax.GradientTransformation:
    """Adam (Kingma & Ba 2015) with the momentum that DCGAN found stable: b1 = 0.5 (Radford et al. 2016)."""
    _check(learning_rate, epsilon, b1=b1, b2=b2)
    return optax.adam(learning_rate, b1, b2, epsilon)


def rmsprop(learning_rate: float = 5e-5, decay: float = 0.9, epsilon: float = 1e-8) -> optax.GradientTransformation:
    """RMSprop (Tieleman & Hinton 2012), with the learning rate of the Wasserstein GAN (Arjovsky et al. 2017).

    The step is learning_rate g / (sqrt(average of g^2) + epsilon), as in PyTorch.
    """
    _check(learning_rate, epsilon, decay=decay)
    return optax.rmsprop(learning_rate, decay, epsilon, eps_in_sqrt=False)


def sgd(learning_rate: float = 1e-2, momentum: float = 0.0) -> optax.GradientTransformation:
    """Gradient descent; momentum 0 is none."""
    _check(learning_rate, 0.0, momentum=momentum)
    return optax.sgd(learning_rate, momentum or None)


OPTIMIZERS: dict[str, Callable[..., optax.GradientTransformation]] = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}


def exponential_average(average: Tree, current: Tree, step: jax.Array, decay: float) -> Tree:
    """Moves an average one step: a <- d a + (1 - d) x, with d = min(decay, (1 + step) / (10 + step)).

    The warm-up keeps the random initial parameters from lingering in the average.

    Args:
      average: tree of arrays.
      current: tree of the same structure.
      step: int32 [], updates made so far.
      decay: in [0, 1); 0 makes the average the current value.
    """
    rate = 1 - jnp.minimum(decay, (1.0 + step) / (10.0 + step))
    return optax.incremental_update(current, average, rate)
