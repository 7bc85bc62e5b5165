"""Optimizers by name, constraints on parameters, and parameter averages.

The optimizers are optax's; defaults are the field's, not optax's. Every rate may be a schedule on the clock of images
shown. Two constraints are links of an optimizer's chain: orthogonal regularisation before it, weight clipping last.
"""

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import jax
import jax.numpy as jnp
import optax

from jaxgan.errors import check_range
from jaxgan.schedules import Schedule, check_schedule, value_at

Tree = TypeVar("Tree")
Optimizer: TypeAlias = optax.GradientTransformation

UNDER_ROOT = 1e-32
"""Added to Adam's second moment. Its root, 1e-16, is lost to rounding beside an epsilon of 1e-8, so no step changes;
but where the moment is 0, as of a unit that has never been active, the root has a finite slope, and a step that is
differentiated (an unrolled GAN's) has a gradient that is not infinity times 0."""


def _check(learning_rate: Schedule, clip: float, orthogonal: float, **shares: Schedule) -> None:
    check_schedule("learning_rate", learning_rate, 0, 3e38)  # what float32 holds
    for name, value in (("clip", clip), ("orthogonal", orthogonal)):
        check_range(name, value, 0, 1e6)
    for name, share in shares.items():  # an average that keeps all of itself would be 0 / 0
        check_schedule(name, share, 0, 0.999_999)


def _scheduled(factory: Callable[..., Optimizer], images_per_update: int, fixed: Any, **rates: Schedule) -> Optimizer:
    """The optimizer of optax with these rates, of which those that are schedules move with the updates it has made."""

    def moving(rate: Schedule) -> Any:
        return lambda count: value_at(rate, jnp.float32(count) * images_per_update)

    schedules = {name: moving(rate) for name, rate in rates.items() if isinstance(rate, tuple)}
    options = fixed | rates
    if not schedules:
        return factory(**options)
    return optax.inject_hyperparams(factory, static_args=options.keys() - schedules.keys())(**options | schedules)


def _constrained(optimizer: Optimizer, clip: float, orthogonal: float) -> Optimizer:
    links = [orthogonality(orthogonal)] if orthogonal else []
    links.append(optimizer)
    if clip:
        links.append(weight_clipping(clip))
    return optax.chain(*links) if len(links) > 1 else optimizer


def adam(
    images_per_update: int,
    learning_rate: Schedule = 2e-4,
    b1: Schedule = 0.5,
    b2: Schedule = 0.999,
    epsilon: float = 1e-8,
    clip: float = 0.0,
    orthogonal: float = 0.0,
) -> Optimizer:
    """Adam (Kingma & Ba 2015) with the momentum that DCGAN found stable: b1 = 0.5 (Radford et al. 2016).

    Args:
      images_per_update: real images shown from one update to the next, for the schedules.
      learning_rate: at least 0.
      b1: in [0, 1).
      b2: in [0, 1).
      epsilon: above 0, or parameters without a gradient would become 0 / 0.
      clip: bound of every parameter's absolute value (`weight_clipping`); 0 is none.
      orthogonal: weight of `orthogonality`; 0 is none.
    """
    check_range("epsilon", epsilon, 1e-30, 1e6)
    _check(learning_rate, clip, orthogonal, b1=b1, b2=b2)
    fixed, rates = dict(eps=epsilon, eps_root=UNDER_ROOT), dict(learning_rate=learning_rate, b1=b1, b2=b2)
    return _constrained(_scheduled(optax.adam, images_per_update, fixed, **rates), clip, orthogonal)


def rmsprop(
    images_per_update: int,
    learning_rate: Schedule = 5e-5,
    decay: Schedule = 0.9,
    epsilon: float = 1e-8,
    clip: float = 0.0,
    orthogonal: float = 0.0,
) -> Optimizer:
    """RMSprop (Tieleman & Hinton 2012), with the learning rate of the Wasserstein GAN (Arjovsky et al. 2017).

    The step is learning_rate g / (sqrt(average of g^2) + epsilon), as in PyTorch. Arguments as of `adam`.
    """
    check_range("epsilon", epsilon, 1e-30, 1e6)
    _check(learning_rate, clip, orthogonal, decay=decay)
    fixed = dict(eps=epsilon, eps_in_sqrt=False)
    optimizer = _scheduled(optax.rmsprop, images_per_update, fixed, learning_rate=learning_rate, decay=decay)
    return _constrained(optimizer, clip, orthogonal)


def sgd(
    images_per_update: int,
    learning_rate: Schedule = 1e-2,
    momentum: Schedule = 0.0,
    clip: float = 0.0,
    orthogonal: float = 0.0,
) -> Optimizer:
    """Gradient descent; momentum 0 is none. Arguments as of `adam`."""
    _check(learning_rate, clip, orthogonal, momentum=momentum)
    rates = dict(learning_rate=learning_rate) | (dict(momentum=momentum) if momentum else {})
    optimizer = _scheduled(optax.sgd, images_per_update, {}, **rates)
    return _constrained(optimizer, clip, orthogonal)


OPTIMIZERS: dict[str, Callable[..., Optimizer]] = {"adam": adam, "rmsprop": rmsprop, "sgd": sgd}


def has_slope(optimizer: Optimizer) -> bool:
    """Whether its step can be differentiated where a gradient is 0, as those of units that are never active are."""
    param = {"bias": jnp.ones(())}

    def step(gradient: jax.Array) -> jax.Array:
        updates: Any = optimizer.update({"bias": gradient}, optimizer.init(param), param)[0]
        return jnp.asarray(updates["bias"])

    return bool(jnp.isfinite(jax.grad(step)(jnp.zeros(()))))


_SCHEDULED = optax.InjectStatefulHyperparamsState
_MOMENTS = (optax.ScaleByAdamState, optax.ScaleByRmsState, optax.TraceState)


def forgotten(opt_state: Any) -> Any:
    """An optimizer's state with the moments it has gathered, and what counts them, as at the start.

    The clocks of schedules go on, and what else there is stays.
    """

    def at_start(part: Any) -> Any:
        return jax.tree.map(jnp.zeros_like, part) if isinstance(part, _MOMENTS) else part

    return jax.tree.map(at_start, opt_state, is_leaf=lambda part: isinstance(part, _MOMENTS))


def with_clocks_of(opt_states: Any, current: Any) -> Any:
    """Whatever holds optimizers' states, with the clocks of their schedules set to those of another of its kind.

    Args:
      opt_states: a tree with optimizers' states in it, a system's state say.
      current: a tree of the same structure.
    """

    def set_clock(part: Any, now: Any) -> Any:
        if not isinstance(part, _SCHEDULED):
            return part
        return part._replace(count=now.count, hyperparams=now.hyperparams, hyperparams_states=now.hyperparams_states)

    return jax.tree.map(set_clock, opt_states, current, is_leaf=lambda part: isinstance(part, _SCHEDULED))


def weight_clipping(limit: float) -> Optimizer:
    """The last link of a chain: every parameter ends in [-limit, limit] (Arjovsky et al. 2017, algorithm 1)."""

    def clip(updates: Any, params: Any) -> Any:
        return jax.tree.map(lambda u, p: jnp.clip(p + u, -limit, limit) - p, updates, params)

    return optax.stateless(clip)


def orthogonality(weight: float) -> Optimizer:
    """Adds the gradient of weight ||W^T W * (1 - I)||^2, the sum over kernels W [all other axes, last axis].

    Outputs are pushed to be orthogonal to each other, of a transposed convolution inputs; lengths are left alone.
    Biases, scales and embeddings are no kernels.

    Source: Brock et al. 2019 (arXiv:1809.11096), equation 3.
    """

    def add(gradients: Any, params: Any) -> Any:
        def of(path: Any, gradient: jax.Array, param: jax.Array) -> jax.Array:
            if getattr(path[-1], "key", None) != "kernel":
                return gradient
            w = param.reshape(-1, param.shape[-1])
            overlaps = (w.T @ w) * (1 - jnp.eye(w.shape[1], dtype=w.dtype))
            return gradient + (4 * weight * (w @ overlaps)).reshape(param.shape)

        return jax.tree_util.tree_map_with_path(of, gradients, params)

    return optax.stateless(add)


def exponential_average(
    average: Tree, current: Tree, images: jax.Array, images_per_step: int, half_life: float, rampup: float
) -> Tree:
    """Moves an average one step: a <- d a + (1 - d) x, with d = 2^(-images per step / h), h = min(half life, rampup n).

    The warm-up keeps the random initial parameters from lingering in the average: its half-life is at most that share
    of the n images shown so far.

    Args:
      average: tree of arrays.
      current: tree of the same structure.
      images: shown before this step, float32 [].
      images_per_step: shown in this step.
      half_life: in images; 0 makes the average the current value.
      rampup: share of the images shown so far that bounds the half-life; 0 is no warm-up.

    Source: Karras et al. 2020 (arXiv:2006.06676), appendix D; the warm-up is that of the authors' code.
    """
    life = jnp.minimum(half_life, rampup * images) if rampup else jnp.float32(half_life)
    decay = jnp.exp2(-images_per_step / jnp.maximum(life, 1e-8))
    return optax.incremental_update(current, average, 1 - decay)
