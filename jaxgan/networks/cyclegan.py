"""CycleGAN's generator: a residual network from images to images of the same size.

Source: Zhu et al. 2017 (arXiv:1703.10593), section 7.2, after Johnson et al. 2016. No layer looks at other images than
its own, so that a translation does not depend on its batch.
"""

import functools
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
    reflect_pad,
)


class ResNetTranslator(nn.Module):
    """In the paper's words c7s1-k, d2k, ..., R2^n k blocks times, u2^(n-1) k, ..., c7s1-channels.

    Instance normalisation and ReLU follow every convolution but the last, which ends in tanh. Kernels of stride 1 see
    the image reflected at its edges. A transposed convolution makes the very size that its strided one came from, so
    that odd sides need no special case.

    Attributes:
      shape: (height, width, channels) of an image.
      dtype: of the arithmetic; images are float32.
      width: k, channels of the first layer.
      halvings: n, strided convolutions, each of which doubles the channels.
      blocks: residual blocks on the smallest map; 6 in the paper for 128x128, 9 for 256x256.
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    dtype: Any
    width: int = 64
    halvings: int = 2
    blocks: int = 9
    kernel_init: InitName = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.width < 1 or self.blocks < 0:
            raise JaxganError(
                f"resnet: width is {self.width} and blocks is {self.blocks}, but must be at least 1 and at least 0."
            )
        check_range("resnet: blocks", self.blocks, 0, 2**8)
        check_halvings("resnet: halvings", self.halvings, 0, self.shape)

    @nn.compact
    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] -> images [b, *shape] float32 in [-1, 1]; `train` changes nothing."""
        init = INITIALISERS[self.kernel_init]
        # A bias before instance normalisation would be subtracted again.
        conv = functools.partial(Conv, use_bias=False, kernel_init=init, dtype=self.dtype)

        def activate(x: jax.Array) -> jax.Array:
            return nn.relu(instance_norm(x))

        def residual(x: jax.Array) -> jax.Array:
            h = activate(conv(x.shape[-1], 3, 1, "VALID")(reflect_pad(x, 1)))
            return x + instance_norm(conv(x.shape[-1], 3, 1, "VALID")(reflect_pad(h, 1)))

        x, sizes = activate(conv(self.width, 7, 1, "VALID")(reflect_pad(x, 3))), []
        for _ in range(self.halvings):
            sizes.append((x.shape[1], x.shape[2]))
            x = activate(conv(2 * x.shape[-1], 3, 2, "SAME")(x))
        for _ in range(self.blocks):
            x = residual(x)
        for size in reversed(sizes):
            x = activate(ConvTranspose(x.shape[-1] // 2, 3, 2, size, False, init, self.dtype)(x))
        x = Conv(self.shape[-1], 7, 1, "VALID", True, init, self.dtype)(reflect_pad(x, 3))
        return jnp.tanh(x.astype(jnp.float32))
