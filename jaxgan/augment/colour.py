"""Colour: brightness, contrast, luma flip, hue rotation and saturation, as one affine map of each image's pixels.

In the source's order a pixel x becomes S H F C (x + b). All but b act on the grey axis v = (1, 1, 1) / sqrt(3) by a
factor, and on the plane across it by a factor and a rotation. So they commute, and their product is

    M = c (f v v' + s (cos(t) (I - v v') + sin(t) [v]x)),   f = 1 or -1, [v]x y = v x y.

Grey images have the part along v, c f (x + b), where f = -1 gives the negative. What other numbers of channels stand
for is not known: brightness and contrast, c (x + b), are all they get.

Source: Karras et al. 2020 (arXiv:2006.06676), appendix B; strengths are those of its released code. Zero is mid-grey.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.augment.draws import coins, per_image

BRIGHTNESS = 0.2  # standard deviation
CONTRAST = 0.5  # standard deviation of log2
SATURATION = 1.0  # standard deviation of log2

GREY = np.full((3, 3), 1 / 3, np.float32)  # v v'
CHROMA = np.eye(3, dtype=np.float32) - GREY
CROSS = np.asarray([[0, -1, 1], [1, 0, -1], [-1, 1, 0]], np.float32) / math.sqrt(3)  # [v]x


def recolour(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """Each of the five changes of colour with probability p; images [b, h, w, c], of any number of channels."""
    channels = images.shape[-1]
    coin_key, normal_key, angle_key = jax.random.split(key, 3)
    uniform = jax.random.uniform(coin_key, (5, len(images)))
    flip = 1 - 2 * coins(uniform[4], p / 2)  # with probability p, a fair coin
    used = coins(uniform[:4], p)
    deviations = jnp.asarray([BRIGHTNESS, CONTRAST, SATURATION])[:, None]
    brightness, *logarithms = used[:3] * deviations * jax.random.normal(normal_key, (3, len(images)))
    contrast, saturation = map(jnp.exp2, logarithms)
    brighter = images + per_image(brightness, 4)
    if channels != 3:
        return per_image(contrast * flip if channels == 1 else contrast, 4) * brighter
    hue = used[3] * jax.random.uniform(angle_key, (len(images),), minval=-math.pi, maxval=math.pi)
    matrix = colour_matrix(contrast, flip, hue, saturation)
    return jnp.einsum("bij,bhwj->bhwi", matrix, brighter, precision="highest")


def colour_matrix(contrast: jax.Array, flip: jax.Array, hue: jax.Array, saturation: jax.Array) -> jax.Array:
    """M = c (f v v' + s (cos(t) (I - v v') + sin(t) [v]x)), [b, 3, 3].

    Args:
      contrast: c, [b], positive.
      flip: f, [b], -1 mirrors the luma and 1 leaves it.
      hue: t, [b], in radians, about the grey axis.
      saturation: s, [b], positive.
    """
    contrast, flip, hue, saturation = (per_image(value, 3) for value in (contrast, flip, hue, saturation))
    across = jnp.cos(hue) * CHROMA[None] + jnp.sin(hue) * CROSS[None]
    return contrast * (flip * GREY[None] + saturation * across)
