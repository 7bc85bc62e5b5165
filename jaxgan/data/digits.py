"""Real handwritten digits that scikit-learn carries: a data set without a download."""

from typing import Literal

import numpy as np
from PIL import Image

from jaxgan.data import images
from jaxgan.data.classes import leaving_out
from jaxgan.data.memory import ArraySource
from jaxgan.data.spec import Source


def digits(
    seed: int,
    *,
    split: Literal["train", "test", "all"] = "train",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
    without: tuple[str, ...] = (),
) -> Source:
    """1,797 handwritten digits, 8x8 grey, ten classes.

    The 17 grey levels 0..16 become 0..255. Example i belongs to the test split if `i % 5 == 0` (360 examples), to the
    train split otherwise (1,437): fixed, so that scores on the test split always concern examples not trained on.

    Args:
      seed: not used; the set is fixed.
      split: "train", "test" or "all".
      image_size: 0 = 8x8; n = n x n; or (height, width).
      resize: how an image is fitted to `image_size`; see `images.fit`.
      without: names of classes to leave out.

    Raises:
      JaxganError: an unknown class.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository, 1998 (its test part).
    """
    from sklearn.datasets import load_digits  # slow to import

    data = load_digits()
    held_out = np.arange(len(data.target)) % 5 == 0
    chosen = {"train": ~held_out, "test": held_out, "all": np.ones_like(held_out)}[split]
    levels = np.rint(data.images[chosen] * (255 / 16)).astype(np.uint8)
    shape = (*images.target_size(image_size, native=levels.shape[1:]), 1)
    pixels = np.stack([images.fit(Image.fromarray(level), shape, resize) for level in levels])
    labels = data.target[chosen]
    source = ArraySource(pixels, labels, tuple(str(name) for name in data.target_names))
    return leaving_out(source, without, lambda: labels)
