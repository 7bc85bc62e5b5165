"""Progressive GAN's networks: the one for small images is the beginning of the one for larger images.

From the image inwards a side is halved while the short side has at least 8 pixels, so 64 gives 4, 8, 16, 32, 64 and 28
gives 7, 14, 28. Level k counts from the smallest map, and its layers are the same, under the same names, in every
network that has it. So parameters of the full size serve the network of any smaller one, which looks at its own only.

The largest level fades in, by alpha from 0 to 1:

    G: (1 - alpha) up(to_image_{k-1}(x_{k-1})) + alpha to_image_k(x_k)
    D: (1 - alpha) from_image_{k-1}(pool(image)) + alpha block_k(from_image_k(image))

alpha is a variable in the collection "fade", 1 unless it is set: at 0 the network is that of half the size, with its
images doubled or halved, at 1 the new layers alone, both to the bit. Under a system that sets nothing these are
Progressive GAN's networks without growth.

Source: Karras et al. 2018 (arXiv:1710.10196), section 2 and table 2; equalised learning rate, pixel norm and minibatch
standard deviation (sections 4.1, 4.2 and 3) are those of `stylegan2_layers.py`.
"""

import itertools
import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError
from jaxgan.networks.layers import given, join_labels, mean_pool, reveal, upsample_nearest
from jaxgan.networks.stylegan2_layers import (
    EqualisedConv,
    EqualisedDense,
    Size,
    activate,
    minibatch_deviation,
    pixel_norm,
)

FADE = "fade"
"""Collection of the one variable `alpha`, float32 []."""


def sizes_of(height: int, width: int) -> tuple[Size, ...]:
    """Sizes of the levels from the smallest up, each half the next: the short side of the smallest has 4 to 7 pixels.

    An image smaller than that is a level by itself.

    Raises:
      JaxganError: a side cannot be halved as often.
    """
    halvings = 0
    while min(height, width) >= 8 * 2**halvings:
        halvings += 1
    if height % 2**halvings or width % 2**halvings:
        near = _nearest(height, width)
        raise JaxganError(
            f"progressive: {height}x{width} cannot be halved down to a short side of 4 to 7 pixels; "
            f"the nearest legal size is {near[0]}x{near[1]}."
        )
    return tuple((height // 2**i, width // 2**i) for i in reversed(range(halvings + 1)))


def _nearest(height: int, width: int) -> Size:
    """The nearest size that can be halved down to a short side of 4 to 7 pixels, by the sum of both changes."""
    legal = []
    for power in (2**i for i in range(1, height.bit_length())):
        heights, widths = ((side // power * power, -(-side // power) * power) for side in (height, width))
        legal += [size for size in itertools.product(heights, widths) if 4 <= min(size) // power < 8]
    return min(legal, key=lambda size: abs(size[0] - height) + abs(size[1] - width))


def faded(before: jax.Array, after: jax.Array, alpha: jax.Array) -> jax.Array:
    """(1 - alpha) before + alpha after: at 0 and at 1 exactly one of the two."""
    return (1 - alpha) * before + alpha * after


def _levels(net: "ProgressiveGenerator | ProgressiveDiscriminator") -> list[tuple[Size, int]]:
    """Size and channels of every level, from the smallest up.

    Level k counts as one of side r = 4 * 2^k and has min(channel_base / r, channel_max) channels.

    Raises:
      JaxganError: the shape is no image's, cannot be halved, or leaves a level without channels.
    """
    if len(net.shape) != 3 or min(net.shape) < 1:
        raise JaxganError(f"progressive makes images of (height, width, channels), not examples of {tuple(net.shape)}.")
    sizes = sizes_of(*net.shape[:2])
    for name, least in (("channel_base", 2 ** (len(sizes) + 1)), ("channel_max", 1)):
        if getattr(net, name) < least:
            raise JaxganError(f"progressive: {name} is {getattr(net, name)}, but must be at least {least}.")
    return [(size, min(net.channel_base // 2 ** (k + 2), net.channel_max)) for k, size in enumerate(sizes)]


def _alpha(net: nn.Module) -> jax.Array:
    return net.variable(FADE, "alpha", jnp.ones, ()).value


class GeneratorBlock(nn.Module):
    """A level of G: [b, h, w, c] -> [b, *size, features] float32; each convolution is activated, then pixel norm.

    Attributes:
      features: output channels.
      size: of the result, twice the input's.
      dtype: of the convolutions.
    """

    features: int
    size: Size
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = upsample_nearest(x, self.size)
        for _ in range(2):
            x = pixel_norm(EqualisedConv(self.features, 3, self.dtype)(x).astype(jnp.float32))
        return x


class DiscriminatorBlock(nn.Module):
    """A level of D: [b, h, w, c] -> [b, h / 2, w / 2, features].

    Attributes:
      features: output channels, those of the level below.
      dtype: of the convolutions.
    """

    features: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = EqualisedConv(x.shape[-1], 3, self.dtype)(x)
        return mean_pool(EqualisedConv(self.features, 3, self.dtype)(x))


class ProgressiveGenerator(nn.Module):
    """A dense layer to the smallest map, then a block a level. Images are not squashed: they learn to stay in [-1, 1].

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels; otherwise the label's one-hot code is appended to the latents.
      dtype: of the convolutions; pixel norm and images are float32.
      channel_base: channels of a map times its side, for square images of a power of two.
      channel_max: the most channels that a layer has.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    channel_base: int = 16384
    channel_max: int = 512

    def __post_init__(self) -> None:
        super().__post_init__()
        _levels(self)

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> images [b, *shape] float32."""
        alpha, levels, x, images = _alpha(self), _levels(self), self._smallest(z, labels), []
        for k, (size, features) in enumerate(levels):
            x = GeneratorBlock(features, size, self.dtype, name=f"block_{k}")(x) if k else x
            if k >= len(levels) - 2 or self.is_initializing():  # a new network has the layers of all stages
                pixels = EqualisedDense(self.shape[-1], name=f"to_image_{k}")(x.reshape(-1, features))
                images.append(pixels.reshape(*x.shape[:3], -1))
        if len(levels) == 1:
            return images[0]
        return faded(upsample_nearest(images[-2], levels[-1][0]), images[-1], alpha)

    def _smallest(self, z: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Level 0: latents, on the unit sphere but for a factor, to its map."""
        (size, features), *_ = _levels(self)
        x = pixel_norm(join_labels(z.astype(jnp.float32), labels, self.num_classes))
        x = EqualisedDense(math.prod(size) * features, name="first")(x).reshape(-1, *size, features)
        x = EqualisedConv(features, 3, self.dtype, name="block_0")(pixel_norm(activate(x)))
        return pixel_norm(x.astype(jnp.float32))


class ProgressiveDiscriminator(nn.Module):
    """A block a level, minibatch standard deviation at the smallest map, two dense layers.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels; otherwise there is a logit a class, and that of the label counts.
      dtype: of the blocks; the smallest map, the head and its logits are float32.
      channel_base: channels of a map times its side, for square images of a power of two.
      channel_max: the most channels that a layer has.
      group_size: of minibatch standard deviation; the greatest divisor of the batch up to it is used.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    channel_base: int = 16384
    channel_max: int = 512
    group_size: int = 4

    def __post_init__(self) -> None:
        super().__post_init__()
        _levels(self)
        if self.group_size < 1:
            raise JaxganError(f"progressive: group_size is {self.group_size}, but must be at least 1.")

    @property
    def mixes_examples(self) -> bool:
        """Whether what it makes of an example depends on the others beside it."""
        return self.group_size > 1

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] (and labels int32 [b]) -> logits [b] float32."""
        alpha, channels = _alpha(self), [features for _, features in _levels(self)]

        def from_image(image: jax.Array, k: int) -> jax.Array:
            return EqualisedConv(channels[k], 1, self.dtype, name=f"from_image_{k}")(image)

        top = len(channels) - 1
        image, x = x, from_image(x, top)
        for k in range(top, 0, -1):
            x = DiscriminatorBlock(channels[k - 1], self.dtype, name=f"block_{k}")(x)
            image = mean_pool(image)
            if k == top or self.is_initializing():  # a new network has the layers of all stages
                x = faded(from_image(image, k - 1), x, alpha)
        x = minibatch_deviation(x.astype(jnp.float32), self.group_size)
        x = EqualisedConv(channels[0], 3, jnp.float32, name="block_0")(x)
        x = activate(EqualisedDense(channels[0], name="hidden")(x.reshape(len(x), -1)))
        reveal(self, "features", x)
        logits = EqualisedDense(max(self.num_classes, 1), name="head")(x)
        if not self.num_classes:
            return logits[:, 0]
        return jnp.sum(jax.nn.one_hot(given(labels, self.num_classes), self.num_classes) * logits, axis=-1)
