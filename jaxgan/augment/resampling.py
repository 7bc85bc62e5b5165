"""Looking up images between their pixels: an orthogonal filter for twice the resolution, and bilinear interpolation.

All maps are linear in the image. The filter is a constant matrix along each axis. The interpolation I(x) and its
adjoint S(g), which spreads numbers over the pixels they came from, are each other's derivatives, so that derivatives of
every order (in reverse mode) are these two again. Positions are constants to differentiation.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np

# Daubechies' least asymmetric orthogonal filter with six vanishing moments: sum sqrt(2), sum of squares 1.
SYM6 = (
    0.015404109327027373,
    0.0034907120842174702,
    -0.11799011114819057,
    -0.048311742585633,
    0.4910559419267466,
    0.787641141030194,
    0.3379294217276218,
    -0.07263752278646252,
    -0.021060292512300564,
    0.04472490177066578,
    0.0017677118642428036,
    -0.007800708325034148,
)
REACH = 5  # samples of the fine signal that a pixel needs beyond its own two, either way
LAG = sum(k * tap for k, tap in enumerate(SYM6)) / sum(SYM6) - REACH  # 0.098: pixel i is at 2 i + LAG there


def mirror_period(side: int) -> int:
    """After how many pixels a line repeats that goes on mirrored about its end pixels."""
    return max(2 * (side - 1), 1)


@functools.cache
def up_matrix(side: int) -> np.ndarray:
    """Twice the resolution, for one period of the mirrored line and a sample of the next: [2 period + 1, side].

    u[j] = sqrt(2) sum_i h[j + 5 - 2 i] x[i].
    """
    period = mirror_period(side)
    matrix = np.zeros((2 * period + 1, side), np.float32)
    for j in range(len(matrix)):
        for k in range((j + REACH) % 2, len(SYM6), 2):
            i = (j + REACH - k) // 2 % period
            matrix[j, min(i, period - i)] += math.sqrt(2) * SYM6[k]
    return matrix


@functools.cache
def down_matrix(side: int) -> np.ndarray:
    """The way back, half the adjoint of the way up, from samples -5 to 2 side + 4: [side, 2 side + 10].

    y[i] = sum_j h[j + 5 - 2 i] u[j] / sqrt(2). The filter is orthogonal, so y = x.
    """
    matrix = np.zeros((side, 2 * (side + REACH)), np.float32)
    for i in range(side):
        matrix[i, 2 * i : 2 * i + len(SYM6)] = np.asarray(SYM6) / math.sqrt(2)
    return matrix


def filtered(images: jax.Array, vertical: np.ndarray, horizontal: np.ndarray) -> jax.Array:
    """A matrix along each axis: [H, h], [b, h, w, c], [W, w] -> [b, H, W, c]."""
    # Half the digits, as accelerators multiply by default, would be noise on every image.
    rows = jnp.einsum("Hh,bhwc->bHwc", vertical, images, precision="highest")
    return jnp.einsum("Ww,bHwc->bHWc", horizontal, rows, precision="highest")


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def interpolated(size: tuple[int, int], images: jax.Array, corners: jax.Array, shares: jax.Array) -> jax.Array:
    """I(x): bilinear interpolation between the pixels of 2x2 windows.

    Args:
      size: (h, w) of the images.
      images: [b, h, w, c].
      corners: int32 [b, n, 2], (row, column) of each window's first pixel, at most (h - 2, w - 2).
      shares: [b, n, 2] in [0, 1), how far each point is from there to the next (row, column).

    Returns:
      [b, n, c].
    """
    flat = images.reshape(len(images), size[0] * size[1], -1)
    first = corners[..., 0] * size[1] + corners[..., 1]
    weights = _weights(shares)

    def pixels(down: int, right: int) -> jax.Array:
        places = first + (down * size[1] + right)
        found = jax.vmap(lambda image, place: image.at[place].get(mode="promise_in_bounds"))(flat, places)
        return weights[:, :, down, right, None] * found

    return pixels(0, 0) + pixels(0, 1) + pixels(1, 0) + pixels(1, 1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def spread(size: tuple[int, int], values: jax.Array, corners: jax.Array, shares: jax.Array) -> jax.Array:
    """S(g), the adjoint of I: <I(x), g> = <x, S(g)>; values [b, n, c] -> images [b, *size, c]."""
    windows = _weights(shares)[..., None] * values[:, :, None, None]
    # One scatter of windows takes a CPU a third of the time of four scatters of pixels; with gathers it is reversed.
    numbers = jax.lax.ScatterDimensionNumbers((1, 2, 3), (), (0, 1))
    mode = jax.lax.GatherScatterMode.PROMISE_IN_BOUNDS

    def add(window: jax.Array, corner: jax.Array) -> jax.Array:
        image = jnp.zeros((*size, values.shape[-1]), values.dtype)
        return jax.lax.scatter_add(image, corner, window, numbers, mode=mode)

    return jax.vmap(add)(windows, corners)


interpolated.defvjp(
    lambda size, x, corners, shares: (interpolated(size, x, corners, shares), (corners, shares)),
    lambda size, places, g: (spread(size, g, *places), None, None),
)
spread.defvjp(
    lambda size, g, corners, shares: (spread(size, g, corners, shares), (corners, shares)),
    lambda size, places, t: (interpolated(size, t, *places), None, None),
)


def _weights(shares: jax.Array) -> jax.Array:
    """Of the pixels of each window: [b, n, 2] -> [b, n, 2, 2], of sum 1."""
    both = jnp.stack([1 - shares, shares], axis=-1)  # [b, n, (row, column), (first, second)]
    return both[:, :, 0, :, None] * both[:, :, 1, None, :]
