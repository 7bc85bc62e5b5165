"""What a denoiser has to mend: images made worse, in a way that is drawn anew for each."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range

LUMINANCE = (0.299, 0.587, 0.114)
"""Of red, green and blue in a grey level: ITU-R BT.601, as in PIL and JPEG."""


class Corruption(NamedTuple):
    """What is done to images.

    Attributes:
      name: by which protocols tell it from others, with what it is set to.
      apply: `(images [b, h, w, c] in [-1, 1], key) -> images` of the same shape and range.
    """

    name: str
    apply: Callable[[jax.Array, jax.Array], jax.Array]

    def __call__(self, images: jax.Array, key: jax.Array) -> jax.Array:
        """The images, made worse."""
        return self.apply(images, key)


def none() -> None:
    """Images as they are."""


def noise(std: float = 0.5) -> Corruption:
    """Gaussian noise on every number, and what leaves [-1, 1] clipped: x <- clip(x + std N(0, 1)).

    Args:
      std: its standard deviation, where black is -1 and white 1.
    """
    check_range("std", std, 0, 1e3)

    def add(images: jax.Array, key: jax.Array) -> jax.Array:
        return jnp.clip(images + std * jax.random.normal(key, images.shape), -1, 1)

    return Corruption(f"noise, std {std}", add)


def masking(share: float = 0.5) -> Corruption:
    """Pixels, all channels of one together, turned black, each with a probability and by itself.

    After Vincent et al. 2008, section 2.3, who turn a fixed number of the components of every image to 0, single ones,
    so that of a coloured pixel one channel may be lost and the others stay.

    Args:
      share: of the pixels, on average.
    """
    check_range("share", share, 0, 1)

    def mask(images: jax.Array, key: jax.Array) -> jax.Array:
        kept = jax.random.bernoulli(key, 1 - share, (*images.shape[:-1], 1))
        return jnp.where(kept, images, -1.0)

    return Corruption(f"masking, share {share}", mask)


def grey(shape: tuple[int, ...]) -> Corruption:
    """Without colour: every channel becomes the luminance, so that a denoiser learns to colourise.

    Args:
      shape: (height, width, 3).

    Raises:
      JaxganError: there is no colour to take away.
    """
    if shape[-1] != 3:
        raise JaxganError(f"grey needs images with 3 channels, not {shape[-1]}; set --config.corruption.name=noise.")

    def without_colour(images: jax.Array, key: jax.Array) -> jax.Array:
        levels = jnp.dot(images, jnp.array(LUMINANCE), precision="highest")
        return jnp.broadcast_to(levels[..., None], images.shape)

    return Corruption("grey", without_colour)


CORRUPTIONS: dict[str, Callable[..., Corruption | None]] = {
    "none": none,
    "noise": noise,
    "masking": masking,
    "grey": grey,
}
