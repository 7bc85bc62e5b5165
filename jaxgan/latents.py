"""Ways through a latent space: between points, along a chain of them, and sums of averages. Pure functions of arrays.

A latent may have any shape; its length is that of all its numbers, and its angle with another one likewise.
"""

import functools
from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

How = Literal["slerp", "linear"]

NEARLY = 1e-3
"""Radians. Arcs below it are drawn straight, which differs by angle^2 / 8, less than float32 resolves; and of latents
that are opposite but for less, rounding would choose the plane of the arc."""


def lerp(a: jax.Array, b: jax.Array, t: jax.Array | float) -> jax.Array:
    """Linear interpolation, (1 - t) a + t b; exactly a at t = 0 and b at t = 1.

    Args:
      a: [...].
      b: of the shape of a.
      t: [], in [0, 1].
    """
    return (1 - t) * a + t * b


@jax.jit
def slerp(a: jax.Array, b: jax.Array, t: jax.Array | float) -> jax.Array:
    """Spherical interpolation: the direction turns evenly from a's to b's, the length goes evenly from |a| to |b|.

    With the angle w between a and b, u = a / |a|, and n the unit vector across u in the plane of both:

        lerp(|a|, |b|, t) (cos(t w) u + sin(t w) n)

    Of latents of one length this is Shoemake's sin((1 - t) w) / sin w a + sin(t w) / sin w b. Of others that formula
    turns unevenly and, between nearly opposite ones, leaves the lengths of both far behind; here the angle from a is
    t w and the length within [|a|, |b|] for all. A Gaussian prior in d dimensions lies around the sphere of radius
    sqrt(d), which a straight line leaves: half-way between two draws it is at 0.71 of that radius.

    Exactly a at t = 0 and b at t = 1. Where there is no arc, or no single one:
      parallel, or one of them 0 (which has no direction): the straight line, which is the limit.
      opposite: the half circle by way of the axis that a has least of; in one dimension, through 0.

    Args:
      a: [...].
      b: of the shape of a.
      t: [], in [0, 1].

    Source: K. Shoemake, Animating rotation with quaternion curves, 1985; T. White, Sampling generative networks, 2016.
    """
    length_a, length_b = _length(a), _length(b)
    u, v = _unit(a), _unit(b)
    angle = 2 * jnp.arctan2(_length(u - v), _length(u + v))  # W. Kahan's: exact near 0 and pi, where arccos is not
    across = jnp.where(angle > jnp.pi - NEARLY, _least_axis(u), v)
    n = _unit(across - jnp.sum(u * across) * u)
    arc = lerp(length_a, length_b, t) * (jnp.cos(t * angle) * u + jnp.sin(t * angle) * n)
    straight = (angle < NEARLY) | (length_a == 0) | (length_b == 0)
    return jnp.where(straight | (t == 0) | (t == 1), lerp(a, b, t), arc)


def _length(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.sum(x**2))


def _unit(x: jax.Array) -> jax.Array:
    length = _length(x)
    return x / jnp.where(length > 0, length, 1)


def _least_axis(u: jax.Array) -> jax.Array:
    """The unit vector along the axis that u has least of; the same for u and -u, so that ways back are ways out."""
    return jnp.zeros(u.size).at[jnp.argmin(jnp.abs(u))].set(1).reshape(u.shape)


WAYS: dict[How, Callable[..., jax.Array]] = {"slerp": slerp, "linear": lerp}


@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def path(stops: jax.Array, steps: int, how: How = "slerp", closed: bool = False) -> jax.Array:
    """Points along a chain of latents, evenly in t between each and the next; the stops themselves are exact.

    Args:
      stops: [k, ...], k >= 1.
      steps: from a stop to the next, at least 1.
      how: between two stops: "slerp" or "linear".
      closed: go on from the last stop towards the first, and end a step before it.

    Returns:
      [(k - 1) steps + 1, ...], or closed [k steps, ...]; stop i at i * steps.
    """
    starts, ends = (stops, jnp.roll(stops, -1, axis=0)) if closed else (stops[:-1], stops[1:])
    along = jax.vmap(WAYS[how], in_axes=(None, None, 0))
    legs = jax.vmap(along, in_axes=(0, 0, None))(starts, ends, jnp.arange(steps) / steps)  # [legs, steps, ...]
    points = legs.reshape(-1, *stops.shape[1:])
    return points if closed else jnp.concatenate([points, stops[-1:]])


def arithmetic(with_: jax.Array, without: jax.Array, other: jax.Array) -> jax.Array:
    """mean(with) - mean(without) + mean(other): what the first have and the second have not, given to the third.

    Averages of three, as in the source, suit a Gaussian prior: each has a third of a latent's variance, so that the
    sum is again as far from 0 as a latent is. Of n the sum is sqrt(3 / n) times as far.

    Args:
      with_: latents [n, ...] of examples that have something.
      without: [m, ...] of examples that lack it and are alike otherwise.
      other: [k, ...] of those that are to have it.

    Returns:
      [...].

    Source: A. Radford et al., Unsupervised representation learning with DCGAN, 2016, section 6.3.2.
    """
    return jnp.mean(with_, axis=0) - jnp.mean(without, axis=0) + jnp.mean(other, axis=0)
