"""pix2pix's networks: the U-Net from images to images, and PatchGAN, which judges every patch of an image alone.

Source: Isola et al. 2017 (arXiv:1611.07004), section 6.1. At the paper's batch size of 1 its batch normalisation is
instance normalisation; here it is that at every batch size, so that no image depends on its batch.
"""

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range
from jaxgan.networks.layers import (
    INITIALISERS,
    Conv,
    ConvTranspose,
    InitName,
    check_halvings,
    instance_norm,
    leaky_relu,
)

SLOPE = 0.2  # of the leaky ReLU
WIDEST = 8  # channels of the innermost layers, in units of the network's width
DROPPED = 3  # layers of the decoder that dropout follows, from the smallest map up


class UNetTranslator(nn.Module):
    """Strided convolutions down to a small map and transposed ones up again, each beside the map of its size.

    C64-C128-C256-C512-C512-C512-C512-C512 and CD512-CD512-CD512-C512-C256-C128-C64 at 256x256. Every layer of the
    decoder makes the very size that the encoder's had, so that any side will do.

    Attributes:
      shape: (height, width, channels) of an image.
      dtype: of the arithmetic; images are float32.
      width: channels of the first layer.
      multipliers: channels of the encoder's layers in units of `width`, each of which halves the map; () is 1, 2, 4, 8,
        8, ... down to one pixel.
      dropout: share of what the first three layers of the decoder make that is dropped in training, the only thing here
        that is drawn; with four multipliers or fewer these are all of its layers but the one that makes the image. The
        paper drops in translations too.
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    dropout: float = 0.5
    kernel_init: InitName = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        multipliers = _multipliers(self)
        if self.width < 1 or min(multipliers) < 1:
            raise JaxganError(f"unet: width is {self.width} and multipliers {multipliers}; all must be at least 1.")
        check_range("unet: dropout", self.dropout, 0, 0.99)
        # The innermost map, which is not normalised, may be of one pixel.
        check_halvings("unet: the number of multipliers", len(multipliers), 1, self.shape, spared=1)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] -> images [b, *shape] float32 in [-1, 1]."""
        init, multipliers = INITIALISERS[self.kernel_init], _multipliers(self)
        last, above = len(multipliers) - 1, []  # of each layer what it is made of
        for level, multiplier in enumerate(multipliers):
            above.append(x)
            x = leaky_relu(x, SLOPE) if level else x
            normalised = 0 < level < last
            x = Conv(self.width * multiplier, 4, 2, "SAME", not normalised, init, self.dtype)(x)
            x = instance_norm(x) if normalised else x
        for level in range(last, 0, -1):
            _, height, width, features = above[level].shape
            x = ConvTranspose(features, 4, 2, (height, width), False, init, self.dtype)(nn.relu(x))
            x = instance_norm(x)
            if last - level < DROPPED:
                x = nn.Dropout(self.dropout, deterministic=not train, rng_collection="noise")(x)
            x = jnp.concatenate([x, above[level]], axis=-1)
        height, width, channels = self.shape
        x = ConvTranspose(channels, 4, 2, (height, width), True, init, self.dtype)(nn.relu(x))
        return jnp.tanh(x.astype(jnp.float32))


def _multipliers(net: UNetTranslator) -> tuple[int, ...]:
    most = max(1, (max(net.shape[:2]) - 1).bit_length())  # halvings down to one pixel
    return tuple(net.multipliers) or tuple(min(2**level, WIDEST) for level in range(most))


class PatchDiscriminator(nn.Module):
    """PatchGAN: a logit a position, each a function of the patch of the image around it.

    C64-C128-C256-C512 with three strided layers, then one channel; its patches are of 70x70 pixels. Two strided layers
    make them 34x34, one 16x16. Every layer pads as "SAME" does, so that an image of 256x256 has 32x32 logits; in the
    authors' code the last two maps lose a row and a column each, which leaves 30x30.

    Attributes:
      shape: (height, width, channels) of what is judged.
      dtype: of the arithmetic; the last layer and its logits are float32.
      width: channels of the first layer.
      layers: strided ones; one of stride 1 follows, and the one that makes the logits.
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    dtype: Any
    width: int = 64
    layers: int = 3
    kernel_init: InitName = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1:
            raise JaxganError(f"patchgan: width is {self.width}, but must be at least 1.")
        check_halvings("patchgan: layers", self.layers, 1, self.shape)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] -> logits [b, ceil(h / 2^layers), ceil(w / 2^layers)] float32."""
        init = INITIALISERS[self.kernel_init]
        for level in range(self.layers + 1):
            features, stride = self.width * min(2**level, WIDEST), 2 if level < self.layers else 1
            x = Conv(features, 4, stride, "SAME", level == 0, init, self.dtype)(x)
            x = leaky_relu(instance_norm(x) if level else x, SLOPE)
        return Conv(1, 4, 1, "SAME", True, init, jnp.float32)(x)[..., 0]
