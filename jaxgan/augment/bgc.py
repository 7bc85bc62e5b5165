"""The augmentations of StyleGAN2-ADA: "bgc" is pixel blitting, geometry and colour, in this order.

Source: Karras et al. 2020 (arXiv:2006.06676), section 3 and appendix B.
"""

from jaxgan.augment.augmentation import Augmentation
from jaxgan.augment.blitting import blit as blit_pixels
from jaxgan.augment.colour import recolour
from jaxgan.augment.draws import Transform, in_turn
from jaxgan.augment.geometry import geometric
from jaxgan.errors import JaxganError, check_range
from jaxgan.schedules import Schedule, check_schedule


def bgc(p: Schedule = 0.3, blit: bool = True, geometry: bool = True, color: bool = True) -> Augmentation:
    """Each of twelve transforms with the same probability.

    Args:
      p: the probability, a number in [0, 1] or a schedule of such numbers on the clock of images shown.
      blit: mirror images, quarter turns, shifts by whole pixels.
      geometry: scaling, rotation, stretching, shifts by parts of a pixel.
      color: brightness, contrast, luma flip, hue, saturation.

    Raises:
      JaxganError: p leaves [0, 1], or all three groups are off.
    """
    check_schedule("config.augmentation.p", p, 0, 1)
    return Augmentation(_pipeline(blit, geometry, color), p)


def ada(
    target: float = 0.6,
    speed_images: int = 500_000,
    blit: bool = True,
    geometry: bool = True,
    color: bool = True,
) -> Augmentation:
    """Adaptive discriminator augmentation: the transforms of `bgc`, the more often the more D overfits.

    Args:
      target: mean of sign D(x) over real images that is aimed at: the probability grows above it and shrinks below.
      speed_images: images shown while the probability goes from 0 to 1.
      blit: as in `bgc`.
      geometry: as in `bgc`.
      color: as in `bgc`.

    Raises:
      JaxganError: the target leaves [-1, 1], the speed is under 1, or all three groups are off.
    """
    check_range("config.augmentation.target", target, -1, 1)
    if speed_images < 1:
        raise JaxganError(f"config.augmentation.speed_images is {speed_images}, but must be at least 1.")
    return Augmentation(_pipeline(blit, geometry, color), None, target, speed_images)


def _pipeline(blit: bool, geometry: bool, color: bool) -> Transform:
    groups = ((blit, blit_pixels), (geometry, geometric), (color, recolour))
    if not any(wanted for wanted, _ in groups):
        raise JaxganError("config.augmentation has blit, geometry and color all off; set one, or name=none.")
    return in_turn(*(transform for wanted, transform in groups if wanted))
