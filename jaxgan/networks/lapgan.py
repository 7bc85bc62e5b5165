"""LAPGAN's networks of a pyramid's level: what a low-pass image lacks, and whether that is real.

Source: Denton et al. 2015 (arXiv:1506.05751), section 4.1, and the authors' code for CIFAR-10: kernels, 128 channels,
dropout before D's head. Here maps keep their size (theirs shrink in D by the kernels), and the label joins as a map a
class (theirs is one map, a linear function of the class).
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range
from jaxgan.networks.layers import INITIALISERS, Conv, Head, InitName, join_labels


def _check(net: "LAPGANGenerator | LAPGANDiscriminator") -> None:
    if len(net.shape) != 3 or min(net.shape) < 1:
        raise JaxganError(f"lapgan makes images of (height, width, channels), not examples of {tuple(net.shape)}.")
    if net.width < 1:
        raise JaxganError(f"lapgan: width is {net.width}, but must be at least 1.")


class LAPGANGenerator(nn.Module):
    """G_k: three convolutions, of 7x7, 7x7 and 5x5 pixels, over the low-pass image and a map of noise.

    Attributes:
      shape: (height, width, channels) of the level's images.
      num_classes: 0 without labels; otherwise the label's one-hot code joins every pixel.
      dtype: of the arithmetic.
      width: channels of the hidden maps.
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 128
    kernel_init: InitName = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self)

    @nn.compact
    def __call__(self, z: jax.Array, low: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Latents [b, h * w], low-pass images [b, *shape] (and labels int32 [b]) -> band-pass images, float32."""
        noise = z.reshape(-1, *self.shape[:2], 1)
        x = join_labels(jnp.concatenate([noise, low], axis=-1), labels, self.num_classes)
        init = INITIALISERS[self.kernel_init]
        for _ in range(2):
            x = nn.relu(Conv(self.width, 7, 1, "SAME", True, init, self.dtype)(x))
        return Conv(self.shape[-1], 5, 1, "SAME", True, init, self.dtype)(x).astype(jnp.float32)


class LAPGANDiscriminator(nn.Module):
    """D_k: two convolutions of 5x5 pixels, the second strided, over the sum of low-pass and band-pass image.

    Attributes:
      shape: (height, width, channels) of the level's images.
      num_classes: 0 without labels; otherwise the label's one-hot code joins every pixel.
      dtype: of the arithmetic; the head and its logits are float32.
      width: channels of the hidden maps.
      dropout: share of the features that are left out in training, in [0, 1).
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 128
    dropout: float = 0.5
    kernel_init: InitName = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self)
        check_range("lapgan: dropout", self.dropout, 0, 0.999)

    @nn.compact
    def __call__(self, high: jax.Array, low: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Band-pass and low-pass images [b, *shape] (and labels int32 [b]) -> logits [b] float32."""
        init, x = INITIALISERS[self.kernel_init], join_labels(low + high, labels, self.num_classes)
        for stride in (1, 2):
            x = nn.relu(Conv(self.width, 5, stride, "SAME", True, init, self.dtype)(x))
        x = nn.Dropout(self.dropout, deterministic=not train, rng_collection="noise")(x.reshape(len(x), -1))
        return Head(self.num_classes, True, init, conditioning="concatenation")(x, labels)
