"""The generator that is sampled from: averaged parameters, and running statistics that fit them."""

import functools
from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.optim import exponential_average
from jaxgan.systems.players import SPECTRAL, Player, Variables

Policy = Literal["average", "copy", "reestimate"]
"""Whence the running statistics of the averaged generator come: averaged as its parameters are, copied from the
generator that is trained, or estimated anew by passes of the averaged one before samples are drawn."""

STATISTICS = "batch_stats"

POWER_ITERATIONS = 20
"""From the singular vectors of the trained generator's kernels to those of the averaged ones."""


def averaged(
    average: Variables,
    player: Player,
    step: jax.Array,
    shown: int,
    half_life: float,
    rampup: float,
    policy: Policy = "average",
) -> Variables:
    """The average after step number `step`, int32 [], if every step shows `shown` images; collections that are no
    running statistics are copied.
    """
    followed = ("params", STATISTICS) if policy == "average" else ("params",)
    old, new = ({k: v for k, v in tree.items() if k in followed} for tree in (average, player.variables))
    return {**player.variables, **exponential_average(old, new, jnp.float32(step) * shown, shown, half_life, rampup)}


def reestimated(training_pass: Callable[[Any, jax.Array], Any], statistics: Any, batches: int) -> Any:
    """Running statistics as the mean of those of several batches.

    Args:
      training_pass: `(statistics, i) -> statistics` after a pass in training over batch i, int32 []. It moves them by
        s <- m s + (1 - m) b with some momentum m, so b, those of the batch, are seen from where 0 and 1 are moved to.
      statistics: of the right shapes; their values do not matter.
      batches: how many.
    """

    def of_batch(i: jax.Array) -> Any:
        low, high = (training_pass(jax.tree.map(fill, statistics), i) for fill in (jnp.zeros_like, jnp.ones_like))
        return jax.tree.map(lambda a, b: a / (1 - (b - a)), low, high)

    return jax.tree.map(lambda s: jnp.mean(s, axis=0), jax.lax.map(of_batch, jnp.arange(batches)))


def with_singular_vectors(average: Variables, module: nn.Module, arguments: tuple[Any, ...]) -> Variables:
    """The average with the vectors of spectral normalisation, if it has any, of its own kernels; what it holds are
    copies of those of the kernels that are trained.

    Args:
      average: of a network.
      module: the network.
      arguments: that it can be applied to; of its results nothing is kept, nor computed.
    """
    return {**average, SPECTRAL: _singular_vectors(module, average, arguments)} if SPECTRAL in average else average


@functools.partial(jax.jit, static_argnums=0)  # one compilation for all sheets of a run
def _singular_vectors(module: nn.Module, average: Variables, arguments: tuple[Any, ...]) -> Any:
    def iteration(_: int, vectors: Any) -> Any:
        variables = {**average, SPECTRAL: vectors}
        return module.apply(variables, *arguments, train=False, mutable=[SPECTRAL])[1][SPECTRAL]

    return jax.lax.fori_loop(0, POWER_ITERATIONS, iteration, average[SPECTRAL])
