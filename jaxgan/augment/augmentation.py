"""A random transform of images, and what decides how often it is used."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from jaxgan.augment.draws import Transform
from jaxgan.errors import JaxganError
from jaxgan.schedules import Schedule


class Augmentation(NamedTuple):
    """A random transform of images, and what decides how often it is used.

    Attributes:
      apply: `(images [b, h, w, c] float32 in [-1, 1], p float32 [], key) -> images`, which may leave [-1, 1]; p = 0 is
        the identity.
      p: probability of each transform; None where it adapts itself by `adjusted`, starting at 0.
      target: adaptive only: the mean of sign D(x) over real images that is aimed at.
      speed_images: adaptive only: images shown while p goes from 0 to 1.
    """

    apply: Transform
    p: Schedule | None
    target: float = 0.6
    speed_images: int = 500_000


def adjusted(augmentation: Augmentation, p: jax.Array, sign: jax.Array, images: jax.Array | int) -> jax.Array:
    """Changes images more often where D overfits: p <- clip(p + sign(r - target) images / speed, 0, 1).

    Args:
      augmentation: an adaptive one.
      p: float32 [], before.
      sign: r = E sign D(T(x)), [] in [-1, 1], over the real images shown since the last adjustment.
      images: how many those were.

    Source: Karras et al. 2020 (arXiv:2006.06676), section 3.1.
    """
    step = jnp.sign(sign - augmentation.target) * (images / augmentation.speed_images)
    return jnp.clip(p + step, 0.0, 1.0)


def check(name: str, shape: tuple[int, ...]) -> None:
    """Refuses to augment what is not an image.

    Args:
      name: of the augmentation, as in the table.
      shape: of one example.

    Raises:
      JaxganError: the shape is not (height, width, channels), and the augmentation is not "none".
    """
    if name != "none" and len(shape) != 3:
        raise JaxganError(
            f"config.augmentation={name} transforms images of (height, width, channels), not examples of shape "
            f"{tuple(shape)}; set --config.augmentation.name=none."
        )
