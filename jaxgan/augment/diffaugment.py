"""DiffAugment: changes of colour, translation with zeros moving in, and cutout. Zero is mid-grey.

Source: Zhao et al. 2020 (arXiv:2006.10738), section 3; strengths are those of its released code.
"""

import jax
import jax.numpy as jnp

from jaxgan.augment.augmentation import Augmentation
from jaxgan.augment.blitting import shifted
from jaxgan.augment.draws import Transform, coins, in_turn, per_image
from jaxgan.errors import JaxganError, check_range


def diffaugment(color: bool = True, translation: float = 0.125, cutout: float = 0.5) -> Augmentation:
    """Every transform on every image, with parameters of its own.

    Args:
      color: brightness, then saturation, then contrast.
      translation: the longest shift, as a share of the side; 0 is none.
      cutout: side of the rectangle of zeros, as a share of the image's; 0 is none.

    Raises:
      JaxganError: a share leaves [0, 1], or nothing is left to do.
    """
    check_range("config.augmentation.translation", translation, 0, 1)
    check_range("config.augmentation.cutout", cutout, 0, 1)
    transforms: list[Transform] = [brighten, saturate, change_contrast] if color else []
    transforms += [translate(translation)] if translation else []
    transforms += [cut_out(cutout)] if cutout else []
    if not transforms:
        raise JaxganError("config.augmentation has color, translation and cutout all off; set one, or name=none.")
    return Augmentation(in_turn(*transforms), 1.0)


def brighten(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """Brightness: x + b, b ~ U(-1/2, 1/2); images [b, h, w, c]."""
    return images + _drawn(p, key, len(images), 0.5)


def saturate(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """Saturation: s (x - m) + m, s ~ U(0, 2), m the mean of a pixel's channels; images [b, h, w, c]."""
    mean = jnp.mean(images, axis=3, keepdims=True)
    return (1 + _drawn(p, key, len(images), 1.0)) * (images - mean) + mean


def change_contrast(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
    """Contrast: c (x - m) + m, c ~ U(1/2, 3/2), m the mean of the whole image; images [b, h, w, c]."""
    mean = jnp.mean(images, axis=(1, 2, 3), keepdims=True)
    return (1 + _drawn(p, key, len(images), 0.5)) * (images - mean) + mean


def _drawn(p: jax.Array, key: jax.Array, count: int, limit: float) -> jax.Array:
    """A number an image, from U(-limit, limit) with probability p and otherwise 0: [b, 1, 1, 1]."""
    coin, draw = jax.random.uniform(key, (2, count))
    return per_image(coins(coin, p) * limit * (2 * draw - 1), 4)


def translate(share: float) -> Transform:
    """Shifts by -n..n whole pixels, n = round(share side), each as likely as the others; zeros move in."""

    def apply(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
        coin, *draws = jax.random.uniform(key, (3, len(images)))
        limits = _pixels(share, images.shape[1]), _pixels(share, images.shape[2])
        places = [jnp.floor(draw * (2 * n + 1)) - n for draw, n in zip(draws, limits, strict=True)]
        shifts = per_image(coins(coin, p), 2) * jnp.stack(places, axis=1)
        return shifted(images, shifts.astype(jnp.int32), limits, "constant")

    return apply


def cut_out(share: float) -> Transform:
    """Zeros in a rectangle of round(share side), the centre of which is anywhere in the image."""

    def apply(images: jax.Array, p: jax.Array, key: jax.Array) -> jax.Array:
        coin, *draws = jax.random.uniform(key, (3, len(images)))
        rows, columns = (_inside(draw, n, _pixels(share, n)) for draw, n in zip(draws, images.shape[1:3], strict=True))
        hole = per_image(coin < p, 3) & rows[:, :, None] & columns[:, None, :]
        return jnp.where(hole[..., None], 0, images)

    return apply


def _pixels(share: float, side: int) -> int:
    """A share of a side in whole pixels, a half rounded up as in the released code."""
    return int(share * side + 0.5)


def _inside(draw: jax.Array, side: int, size: int) -> jax.Array:
    """Which of `side` pixels are in a stretch of `size`, part of which may be outside: [b] of U(0, 1) -> [b, side]."""
    # An even stretch has its centre between pixels, at one of side + 1 places.
    start = jnp.floor(draw * (side + 1 - size % 2)) - size // 2
    place = jnp.arange(side)[None] - start[:, None]
    return (place >= 0) & (place < size)
