"""Pixel blitting: mirror images, quarter turns and whole-pixel shifts, which copy pixels and interpolate nothing.

Source: Karras et al. 2020 (arXiv:2006.06676), appendix B; strengths are those of its released code.
"""

from typing import Literal

import jax
import jax.numpy as jnp

from jaxgan.augment.draws import coins, in_turn, per_image

SHIFT = 0.125  # of the side, either way


def mirrored(images: jax.Array, mirror: jax.Array) -> jax.Array:
    """Images [b, h, w, c], left and right exchanged where `mirror`, bool [b], says so."""
    return jnp.where(per_image(mirror, 4), images[:, :, ::-1], images)


def turned(images: jax.Array, quarters: jax.Array) -> jax.Array:
    """Images [b, h, w, c] turned anticlockwise by `quarters`, int32 [b] in 0..3, of a circle; odd ones need h = w."""
    # One quarter is a transposition and then upside down, two are upside down and mirrored, three the other way round.
    odd, upside_down, mirror = quarters % 2 == 1, (quarters == 1) | (quarters == 2), quarters >= 2
    if images.shape[1] == images.shape[2]:
        images = jnp.where(per_image(odd, 4), images.swapaxes(1, 2), images)
    images = jnp.where(per_image(upside_down, 4), images[:, ::-1], images)
    return mirrored(images, mirror)


def shifted(
    images: jax.Array, shifts: jax.Array, limits: tuple[int, int], border: Literal["reflect", "constant"]
) -> jax.Array:
    """Images moved by whole pixels: out[y, x] = in[y - dy, x - dx].

    Args:
      images: [b, h, w, c].
      shifts: int32 [b, 2], (dy, dx) of each image: down and to the right.
      limits: the largest |dy| and |dx|, known before compilation.
      border: what moves in: the mirrored image, or zeros, which are mid-grey.
    """
    rows, columns = limits
    padded = jnp.pad(images, ((0, 0), (rows, rows), (columns, columns), (0, 0)), mode=border)
    starts = jnp.asarray(limits)[None] - shifts

    def window(image: jax.Array, start: jax.Array) -> jax.Array:
        return jax.lax.dynamic_slice(image, (start[0], start[1], 0), images.shape[1:])

    return jax.vmap(window)(padded, starts)


def mirror(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """With probability p, a fair coin says whether left and right are exchanged."""
    return mirrored(images, jax.random.uniform(key, (len(images),)) < p / 2)


def turn(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """With probability p, one of the four quarter turns, no turn among them; of 0 and 180 degrees where h != w."""
    coin, draw = jax.random.uniform(key, (2, len(images)))
    step = 1 if images.shape[1] == images.shape[2] else 2
    quarters = step * jnp.floor(draw * (4 // step))
    return turned(images, (coins(coin, p) * quarters).astype(jnp.int32))


def shift(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """With probability p, a shift by round(U(-1/8, 1/8) side) along each axis; borders mirror the image."""
    coin, *draws = jax.random.uniform(key, (3, len(images)))
    height, width = images.shape[1:3]
    shares = SHIFT * (2 * jnp.stack(draws, axis=1) - 1)
    shifts = per_image(coins(coin, p), 2) * jnp.round(shares * jnp.asarray([[height, width]]))
    return shifted(images, shifts.astype(jnp.int32), (round(SHIFT * height), round(SHIFT * width)), "reflect")


blit = in_turn(mirror, turn, shift)
