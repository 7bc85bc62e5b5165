"""Scaling, rotation, stretching and shifts by parts of a pixel: one affine map an image, resampled once.

The image is brought to twice its resolution by the orthogonal low-pass filter "sym6", mapped there by bilinear
interpolation, and brought back by the adjoint of the first step. Bilinear interpolation of the image itself would take
its high frequencies away (half a pixel's shift is the mean of neighbours), so that D could not teach them to G; at
twice the resolution there is less to take. The filter being orthogonal, the way up and back changes nothing.

Beyond its borders the image goes on mirrored, without end: one period of that signal is all there is to look up.

Source: Karras et al. 2020 (arXiv:2006.06676), appendix B; strengths are those of its released code. Different there:
quarter turns and shifts by whole pixels go through the same filter (here they are copies, see `blitting`), the mirrored
border ends after one image, and maps have their centre a fifth of a pixel beside the image's, because the filter's lag
is taken for that of a symmetric one.
"""

import math

import jax
import jax.numpy as jnp

from jaxgan.augment.draws import coins, per_image
from jaxgan.augment.resampling import LAG, REACH, down_matrix, filtered, interpolated, mirror_period, up_matrix

SCALE = 0.2  # standard deviation of log2, of the scale and of the stretch
FRACTION = 0.125  # standard deviation of a shift, of the side


def geometric(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """Each of the four kinds of map with probability p; images [b, h, w, c] that draw none come back as they were."""
    matrix, offset = draw_maps(p, key, images.shape)
    same = jnp.all(matrix == jnp.eye(2)[None], axis=(1, 2)) & jnp.all(offset == 0, axis=1)
    return jnp.where(per_image(same, 4), images, warped(images, matrix, offset))


def draw_maps(p: jax.Array, key: jax.Array, shape: tuple[int, ...]) -> tuple[jax.Array, jax.Array]:
    """The inverse map of each image of a batch of this shape: A [b, 2, 2] and t [b, 2], in pixels.

    An image is scaled by s, turned by a, stretched by (r, 1 / r), turned by b and shifted by t, hence
    A = R(a) diag(1 / r, r) R(b) / s, where the signs of the angles do not matter.
    """
    count, height, width, _ = shape
    coin_key, normal_key, angle_key = jax.random.split(key, 3)
    either = 1 - jnp.sqrt(jnp.maximum(1 - p, 0))  # of each of two rotations, so that the probability of any is p
    used = coins(jax.random.uniform(coin_key, (5, count)), jnp.stack([p, p, p, either, either])[:, None])
    normal = jax.random.normal(normal_key, (4, count))
    scale, stretch = jnp.exp2(SCALE * used[:2] * normal[:2])
    angles = used[3:] * jax.random.uniform(angle_key, (2, count), minval=-math.pi, maxval=math.pi)
    first, second = rotations(angles)
    diagonal = jnp.stack([1 / stretch, stretch], axis=1) / scale[:, None]
    matrix = jnp.einsum("bij,bj,bjk->bik", first, diagonal, second, precision="highest")
    shifts = FRACTION * jnp.asarray([[height], [width]]) * normal[2:]
    return matrix, (used[2:3] * shifts).T


def rotations(angles: jax.Array) -> jax.Array:
    """R(a) of each angle a in radians: [...] -> [..., 2, 2]."""
    cos, sin = jnp.cos(angles), jnp.sin(angles)
    return jnp.stack([cos, -sin, sin, cos], axis=-1).reshape(*angles.shape, 2, 2)


def warped(images: jax.Array, matrix: jax.Array, offset: jax.Array) -> jax.Array:
    """out(r) = in(A (r - t)), with r = (row, column) in pixels from the image's centre.

    Args:
      images: [b, h, w, c].
      matrix: A, [b, 2, 2].
      offset: t, [b, 2].

    Returns:
      [b, h, w, c].
    """
    height, width, channels = images.shape[1:]
    up = filtered(images, up_matrix(height), up_matrix(width))
    centre = jnp.asarray([height - 1, width - 1]).reshape(1, 1, 2) + LAG  # at twice the resolution
    sides = 2 * (height + REACH), 2 * (width + REACH)
    grid = jnp.stack(jnp.meshgrid(*map(jnp.arange, sides), indexing="ij"), axis=-1).reshape(1, -1, 2)
    points = grid - (REACH + centre + 2 * offset[:, None])
    points = jnp.einsum("bij,bnj->bni", matrix, points, precision="highest") + centre
    corners = jnp.floor(points)
    periods = 2 * jnp.asarray([mirror_period(height), mirror_period(width)]).reshape(1, 1, 2)
    moved = interpolated(up.shape[1:3], up, corners.astype(jnp.int32) % periods, points - corners)
    return filtered(moved.reshape(-1, *sides, channels), down_matrix(height), down_matrix(width))
