"""Two domains of which every translation is known: MNIST's digits, and digits inverted and coloured."""

import numpy as np

from jaxgan.data import images
from jaxgan.data.memory import ArraySource
from jaxgan.data.order import HUES, random_raw
from jaxgan.data.spec import Accept, DataSpec, Source
from jaxgan.data.tfds import tfds
from jaxgan.errors import JaxganError, check_range


def mnist_domains(
    seed: int,
    accept: Accept,
    *,
    paired: bool = False,
    hues: tuple[float, float] = (0.0, 1.0),
    split: str = "train",
    data_dir: str = "",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
) -> Source:
    """`"image"`: digits white on black, as RGB. `"other"`: digits in a colour on white. uint8, no labels.

    other = 255 - x (1 - c) for a digit x and its colour c, pure in hue, so that one of its three channels is 0. There
    the digit can be read whatever its colour: see `uncoloured`.

    Unpaired, the split is cut in two: the first half are the digits of one domain, the second half those of the other,
    and no digit is in both. The colour of a digit is drawn with (seed, its number).

    Args:
      seed: hues are drawn with it.
      accept: is asked before any digit is decoded.
      paired: give every digit of the split with itself in colour instead.
      hues: colours are drawn from this part of the circle: (0, 1) is all of it, (0.6, 0.6) one blue.
      split: of MNIST.
      data_dir: where tensorflow-datasets prepared MNIST; "" = its default folder.
      image_size: 0 = 28x28; n = n x n; or (height, width).
      resize: how a digit is fitted to `image_size`; see `images.fit`.

    Raises:
      JaxganError: MNIST is not prepared, an unknown split or one of a single digit, hues that fall or leave [0, 1].
    """
    for hue in hues:
        check_range("config.data.hues", hue, 0, 1)
    if hues[0] > hues[1]:
        raise JaxganError(f"config.data.hues is {hues}, but must go upwards.")
    source = tfds(seed, "mnist", split=split, data_dir=data_dir, image_size=image_size, resize=resize)
    half = source.spec.size // 2
    if not (paired or half):
        raise JaxganError(f"config.data.split={split} has one digit; two domains need at least 2.")
    shape = (*source.spec.shape[:2], 3)
    accept(DataSpec(shape, "uint8", (), source.spec.size if paired else half, other=shape))
    digits = source.arrays()["image"]
    plain, other = (digits, digits) if paired else (digits[:half], digits[half : 2 * half])
    return ArraySource(np.repeat(plain, 3, axis=-1), others=coloured(other, drawn_hues(seed, len(other), hues)))


def drawn_hues(seed: int, count: int, hues: tuple[float, float]) -> np.ndarray:
    """Hues, float64 [count], uniform between two."""
    return hues[0] + (hues[1] - hues[0]) * random_raw(seed, HUES, count) / 2.0**64


def coloured(digits: np.ndarray, hues: np.ndarray) -> np.ndarray:
    """Digits uint8 [n, h, w, 1] in the colours of hues [n], black at 0 become white: uint8 [n, h, w, 3].

    A hue in [0, 1] goes round the circle of full saturation and value: 0 is red, 1/3 green, 2/3 blue.
    """
    offsets = np.array([0.0, 4.0, 2.0])
    colours = np.clip(np.abs((6 * hues[:, None] + offsets) % 6 - 3) - 1, 0, 1)  # [n, 3], the usual HSV to RGB
    absorbed = np.rint(255 * (1 - colours)).astype(np.uint16)[:, None, None, :]
    return (255 - (digits.astype(np.uint16) * absorbed + 127) // 255).astype(np.uint8)


def uncoloured(images: np.ndarray) -> np.ndarray:
    """The digits that `coloured` was given, whatever their hues: uint8 [n, h, w, 3] -> [n, h, w, 1]."""
    return 255 - images.min(axis=-1, keepdims=True)
