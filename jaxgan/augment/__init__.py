"""Differentiable augmentation: D judges T(x) and T(G(z)) instead of x and G(z), so that few real images last longer.

One distribution of T for real and generated images. Everything is differentiated through T by the images, to any order:
G's gradient, and a penalty on D's, which is then one on the gradient of D(T(x)) by x. Each image draws its own
parameters, from the key alone. The probability p of each transform is an array, so that a change compiles nothing.

T leaks, that is G learns to make transformed images, where the distribution of T(x) does not determine that of x. It
does while an image is left alone with a probability 1 - p > 0, in practice with p up to 0.8 (Karras et al. 2020,
section 2.2). `flip` leaks on purpose: mirror images become as likely as what they mirror.
"""

from collections.abc import Callable

from jaxgan.augment import bgc, diffaugment
from jaxgan.augment.augmentation import Augmentation, adjusted, check
from jaxgan.augment.blitting import mirror

__all__ = ["AUGMENTATIONS", "Augmentation", "adjusted", "check"]


def none() -> None:
    """Images as they are."""


def flip() -> Augmentation:
    """Left and right exchanged with probability 1/2."""
    return Augmentation(mirror, 1.0)


AUGMENTATIONS: dict[str, Callable[..., Augmentation | None]] = {
    "none": none,
    "flip": flip,
    "diffaugment": diffaugment.diffaugment,
    "bgc": bgc.bgc,
    "ada": bgc.ada,
}
