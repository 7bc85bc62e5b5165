"""The convolutions of VGG16 and VGG19: pictures in, the activations that one asks for out.

Source: Simonyan & Zisserman 2015, configurations D and E: blocks of 3x3 convolutions with ReLU, a pooling by two
between blocks. Activation `relu3_2` is that of the second convolution, `conv3_2`, of the third block.
"""

from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, unknown
from jaxgan.networks.layers import INITIALISERS, Conv, max_pool, mean_pool

Depth = Literal[16, 19]
Pooling = Literal["max", "average"]

BLOCKS: dict[Depth, tuple[int, ...]] = {16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
"""Convolutions of each block."""

WIDTHS = (64, 128, 256, 512, 512)
"""Channels of each block."""

IMAGENET_MEAN = (123.68, 116.779, 103.939)
"""Of red, green and blue in 0..255, which Simonyan & Zisserman subtract from every picture."""

POOLINGS = {"max": max_pool, "average": mean_pool}


def activations(depth: Depth) -> tuple[str, ...]:
    """Names of all activations in their order: relu1_1, relu1_2, relu2_1, ..."""
    return tuple(f"relu{i}_{j}" for i, count in enumerate(BLOCKS[depth], 1) for j in range(1, count + 1))


def convolution(activation: str) -> str:
    """Name of the convolution before an activation: relu1_2 -> conv1_2."""
    return activation.replace("relu", "conv")


def block(name: str) -> int:
    """Index in `WIDTHS` of the block of an activation or a convolution: relu3_1 -> 2."""
    return int(name[4]) - 1


def receptive_field(depth: Depth, activation: str) -> int:
    """Side, in pixels, of the square of the picture that one position of an activation sees."""
    field, pixel, last = 1, 1, 0  # `pixel`: how far apart neighbours of the map are in the picture
    for name in activations(depth):
        if block(name) > last:
            field, pixel, last = field + pixel, 2 * pixel, block(name)
        field += 2 * pixel
        if name == activation:
            return field
    raise unknown(f"activation of VGG{depth}", activation, activations(depth))


class VGG(nn.Module):
    """Pictures to activations; nothing behind the last one asked for is computed, or has parameters.

    Parameters: `mean` [3], of red, green and blue in 0..255; a kernel [3, 3, in, out] and a bias [out] a convolution.
    As they are initialised (He et al. 2015), activations keep their size from layer to layer.

    Attributes:
      depth: 16 or 19.
      layers: the activations asked for, e.g. ("relu1_1", "relu3_3").
      pooling: "max", as it was trained, or "average", which Gatys et al. find to make smoother pictures. An odd last
        row or column is left out, as by PyTorch and Keras.
    """

    depth: Depth
    layers: tuple[str, ...]
    pooling: Pooling = "max"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth not in BLOCKS:
            raise JaxganError(f"there is no VGG of {self.depth} layers here, only of {' and '.join(map(str, BLOCKS))}.")
        if self.pooling not in POOLINGS:
            raise unknown("pooling", self.pooling, POOLINGS)
        if not self.layers:
            raise JaxganError("vgg: no activation is asked for.")
        for layer in self.layers:
            if layer not in activations(self.depth):
                raise unknown(f"activation of VGG{self.depth}", layer, activations(self.depth))

    @nn.compact
    def __call__(self, images: jax.Array) -> dict[str, jax.Array]:
        """RGB images [b, h, w, 3] in [-1, 1] -> {name: activations [b, h / 2^k, w / 2^k, channels] float32}."""
        mean = self.param("mean", lambda _: jnp.asarray(IMAGENET_MEAN))
        x = (images.astype(jnp.float32) + 1) * 127.5 - mean.reshape(1, 1, 1, 3)
        asked, last = {}, 0
        for name in activations(self.depth):
            if block(name) > last:
                x, last = self._pooled(x), block(name)
            conv = Conv(
                WIDTHS[last], 3, 1, "SAME", True, INITIALISERS["he_normal"], jnp.float32, name=convolution(name)
            )
            x = nn.relu(conv(x))
            if name in self.layers:
                asked[name] = x
            if len(asked) == len(set(self.layers)):
                break
        return asked

    def _pooled(self, x: jax.Array) -> jax.Array:
        _, height, width, _ = x.shape
        return POOLINGS[self.pooling](x[:, : height // 2 * 2, : width // 2 * 2])
