"""Stacked MNIST: a thousand modes that can be counted."""

import numpy as np

from jaxgan.data import images
from jaxgan.data.memory import empty
from jaxgan.data.order import STACKED_DIGITS, random_raw
from jaxgan.data.spec import Accept, DataSpec, Example, Source
from jaxgan.data.tfds import tfds
from jaxgan.errors import check_range


def stacked_mnist(
    seed: int,
    accept: Accept,
    *,
    num: int = 128_000,
    split: str = "train",
    data_dir: str = "",
    image_size: images.ImageSize = 0,
    resize: images.Resize = "crop",
) -> Source:
    """Colour images whose channels are three MNIST digits, drawn independently: 1,000 modes; uint8, no labels.

    Image i is a function of (seed, i), whatever their number. The digits stay in memory, the images are put together
    when they are read: streaming costs 47 MB for the train split, while 128,000 images are 301 MB, and those only where
    the set lives on the device.

    Args:
      seed: the digits are drawn with it.
      accept: is asked before any digit is decoded.
      num: number of images; 128,000 as in the code published with PacGAN.
      split: of MNIST, that the digits are drawn from; "train+test" as in that code.
      data_dir: where tensorflow-datasets prepared MNIST; "" = its default folder.
      image_size: 0 = 28x28; n = n x n; or (height, width).
      resize: how a digit is fitted to `image_size`; see `images.fit`.

    Raises:
      JaxganError: MNIST is not prepared, or an unknown split.

    Source: L. Metz et al., Unrolled GAN, 2017; A. Srivastava et al., VEEGAN, 2017; Z. Lin et al., PacGAN, 2018.
    """
    check_range("config.data.num", num, 1, 2**30)
    source = tfds(seed, "mnist", split=split, data_dir=data_dir, image_size=image_size, resize=resize)
    accept(DataSpec((*source.spec.shape[:2], 3), "uint8", (), num))
    digits = source.arrays()["image"]
    return _StackedSource(digits, digit_table(seed, num, len(digits)))


def digit_table(seed: int, num: int, size: int) -> np.ndarray:
    """Which digits the channels of each image are, int64 `[num, 3]`, uniform over `0..size-1`.

    Made of a raw stream; the remainder's bias is below size / 2^64.
    """
    return (random_raw(seed, STACKED_DIGITS, 3 * num) % np.uint64(size)).astype(np.int64).reshape(num, 3)


class _StackedSource:
    """Images of three digits each, by a table of their numbers, int64 `[num, 3]`."""

    def __init__(self, digits: np.ndarray, table: np.ndarray) -> None:
        self.spec = DataSpec((*digits.shape[1:3], 3), "uint8", (), len(table))
        self._digits, self._table = digits, table

    def __getitem__(self, index: int) -> Example:
        return {"image": np.concatenate(self._digits[self._table[index]], axis=-1)}

    def arrays(self) -> Example:
        stacked = empty((self.spec.size, *self.spec.shape), np.uint8)
        for channel in range(3):
            stacked[..., channel] = self._digits[self._table[:, channel], ..., 0]
        return {"image": stacked}
