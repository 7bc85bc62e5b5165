"""Residual generator and discriminator, for any height, width and number of channels.

One family holds the networks of WGAN-GP (Gulrajani et al. 2017), SNGAN (Miyato et al. 2018), SAGAN (Zhang et al. 2019)
and BigGAN (Brock et al. 2019), which `presets.py` states as options. From the image inwards a side n becomes
ceil(n / 2): upsampling repeats pixels and crops, downsampling takes the mean of what there is in each 2x2 window.
"""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range
from jaxgan.networks.attention import SelfAttention
from jaxgan.networks.conditioning import ConditionalBatchNorm, split_latents
from jaxgan.networks.dcgan import default_multipliers
from jaxgan.networks.layers import (
    INITIALISERS,
    LARGEST_MOMENTUM,
    Conditioning,
    Conv,
    Dense,
    Embed,
    Head,
    InitName,
    given,
    join_labels,
    mean_pool,
    upsample_nearest,
)

Size = tuple[int, int]
Maker = Callable[..., nn.Module]  # a layer's class with what all layers of a network have in common


def _makers(net: "ResNetGenerator | ResNetDiscriminator") -> tuple[Maker, Maker, Maker]:
    """Convolutions of the residual branches and of the rest, and self-attention."""
    init = INITIALISERS[net.kernel_init]

    def residual_init(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
        return net.residual_gain * init(key, shape, dtype)

    conv = functools.partial(
        Conv, stride=1, padding="SAME", use_bias=True, kernel_init=init, dtype=net.dtype, spectral=net.spectral
    )
    attention = functools.partial(SelfAttention, init, net.dtype, net.spectral)
    return functools.partial(conv, kernel=3, kernel_init=residual_init), conv, attention


class _UpBlock(nn.Module):
    """Residual block of G: [b, h, w, c] -> [b, *size, features].

    y = up(W x) + conv(relu(norm(conv(up(relu(norm(x)))))))
    """

    features: int
    size: Size
    residual: Maker
    conv: Maker
    norm: Maker
    attention: Maker | None

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None, vector: jax.Array | None) -> jax.Array:
        h = nn.relu(self.norm()(x, labels, vector))
        h = self.residual(self.features)(upsample_nearest(h, self.size))
        h = nn.relu(self.norm()(h, labels, vector))
        h = self.residual(self.features)(h)
        # A 1x1 convolution commutes with resampling, and costs a quarter on the smaller map.
        y = h + upsample_nearest(self.conv(self.features, kernel=1)(x), self.size)
        return self.attention()(y) if self.attention else y


class _DownBlock(nn.Module):
    """Residual block of D: [b, h, w, c] -> [b, ceil(h / 2), ceil(w / 2), features], or without the halving.

    y = W down(x) + down(conv(relu(norm(conv(relu(norm(x)))))))

    The first block takes the image as it is, without the norms and the inner ReLU. W is the identity where neither size
    nor channels change.
    """

    features: int
    first: bool
    halve: bool
    residual: Maker
    conv: Maker
    norm: Maker
    attention: Maker | None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        h = x if self.first else nn.relu(self.norm()(x))
        h = self.residual(self.features)(h)
        h = self.residual(self.features)(nn.relu(h if self.first else self.norm()(h)))
        if self.halve:
            x, h = mean_pool(x), mean_pool(h)
        if self.halve or x.shape[-1] != self.features:
            x = self.conv(self.features, kernel=1)(x)
        y = x + h
        return self.attention()(y) if self.attention else y


class _Identity(nn.Module):
    """No normalisation."""

    def __call__(self, x: jax.Array) -> jax.Array:
        return x


def _norm(kind: str, train: bool, dtype: Any) -> Maker:
    """D's normalisation: of the batch, or of each example over all its positions and channels."""
    if kind == "batch":
        return functools.partial(nn.BatchNorm, not train, momentum=0.9, epsilon=1e-5, dtype=dtype)
    if kind == "layer":
        return functools.partial(nn.LayerNorm, 1e-5, dtype, reduction_axes=(1, 2, 3), feature_axes=-1)
    return _Identity


def _check(net: "ResNetGenerator | ResNetDiscriminator", least: int) -> None:
    if len(net.shape) != 3 or min(net.shape) < 1:
        raise JaxganError(f"resnet makes images of (height, width, channels), not examples of shape {net.shape}.")
    if net.width < 1:
        raise JaxganError(f"resnet: width is {net.width}, but must be at least 1.")
    if net.multipliers and (len(net.multipliers) < least or min(net.multipliers) < 1):
        raise JaxganError(
            f"resnet: multipliers is {tuple(net.multipliers)}, but must be () or at least {least} numbers from 1 up."
        )
    check_range("resnet: residual_gain", net.residual_gain, 1e-6, 1e6)


def _check_halvings(net: "ResNetGenerator | ResNetDiscriminator", halvings: int) -> None:
    height, width, _ = net.shape
    most = max(1, (max(height, width) - 1).bit_length())  # ceil(log2(side)); the default has one even of one pixel
    if halvings > most:
        entries = len(net.multipliers)
        raise JaxganError(
            f"resnet: multipliers has {entries} entries, but {height}x{width} images are one pixel after "
            f"{most} halvings; give at most {entries - (halvings - most)}."
        )


def _attending(attention: tuple[int, ...], sizes: list[Size]) -> set[int]:
    """Indices of the blocks that self-attention follows: for each side the first map whose short side it is.

    Raises:
      JaxganError: no map has such a side.
    """
    sides = [min(size) for size in sizes]
    for side in attention:
        if side not in sides:
            nearest = min(sides, key=lambda other: abs(other - side))
            raise JaxganError(
                f"resnet: attention is {tuple(attention)}, but no map has a short side of {side}; "
                f"the nearest is {nearest} of {sorted(set(sides))}."
            )
    return {sides.index(side) for side in attention}


def _halved(size: Size) -> Size:
    return -(-size[0] // 2), -(-size[1] // 2)


def _generator_blocks(net: "ResNetGenerator") -> tuple[Size, int, list[tuple[int, Size, bool]]]:
    """Size and channels of the first map, then `(features, size, attend)` of each block above it.

    Raises:
      JaxganError: a number out of its range, blocks beyond a map of 1x1, or attention at a size that no map has.
    """
    _check(net, least=2)
    check_range("resnet: momentum", net.momentum, 0, LARGEST_MOMENTUM)
    check_range("resnet: class_embedding", net.class_embedding, 0, 1_000_000)
    height, width, _ = net.shape
    upwards = default_multipliers(height, width)[::-1]
    multipliers = net.multipliers or (upwards[0], *upwards)
    _check_halvings(net, len(multipliers) - 1)
    sizes = [(height, width)]
    for _ in multipliers[1:]:
        sizes.insert(0, _halved(sizes[0]))
    attending = _attending(net.attention, sizes[1:])
    blocks = [
        (net.width * m, size, index in attending)
        for index, (m, size) in enumerate(zip(multipliers[1:], sizes[1:], strict=True))
    ]
    return sizes[0], net.width * multipliers[0], blocks


def _discriminator_blocks(net: "ResNetDiscriminator") -> list[tuple[int, bool, bool]]:
    """`(features, halve, attend)` of each block.

    Raises:
      JaxganError: a number out of its range, halvings beyond a map of 1x1, or attention at a size that no map has.
    """
    _check(net, least=1)
    height, width, _ = net.shape
    inwards = default_multipliers(height, width)
    multipliers = net.multipliers or inwards + inwards[-1:] * net.plain
    check_range("resnet: plain", net.plain, 0, len(multipliers))
    sizes, halvings = [], len(multipliers) - net.plain
    _check_halvings(net, halvings)
    for index in range(len(multipliers)):
        height, width = _halved((height, width)) if index < halvings else (height, width)
        sizes.append((height, width))
    attending = _attending(net.attention, sizes)
    return [(net.width * m, index < halvings, index in attending) for index, m in enumerate(multipliers)]


def _joined(*vectors: jax.Array | None) -> jax.Array | None:
    """Those vectors [b, d] that there are, end to end."""
    there = [vector for vector in vectors if vector is not None]
    return jnp.concatenate(there, axis=-1) if there else None


class ResNetGenerator(nn.Module):
    """Projection of the latents to a small map, then residual blocks that double its sides up to the image.

    With labels every batch normalisation but the last has a scale and a shift of the class.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels.
      dtype: of the arithmetic.
      width: channels that the multipliers count in.
      multipliers: channels of the first map and of each block, in units of `width`, from the smallest map up; ()
        doubles them from the image inwards until the map's short side is under 8.
      attention: short sides of the maps that self-attention follows; the first such map has it.
      class_embedding: length of a class vector that all norms share through linear maps of their own; 0 gives every
        norm a table of its own.
      hierarchical: each block's norms get a part of the latents.
      spectral: spectral normalisation of every kernel, but not of the class tables and vectors.
      momentum: of the running statistics, in [0, 1), Flax's and Keras' sense (PyTorch's is one minus it).
      kernel_init: of the kernels.
      residual_gain: factor of the initial kernels of the residual branches.
      remat: compute each block again on the way back instead of keeping what it went through: less memory, more time.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    attention: tuple[int, ...] = ()
    class_embedding: int = 0
    hierarchical: bool = False
    spectral: bool = False
    momentum: float = 0.9
    kernel_init: InitName = "glorot_uniform"
    residual_gain: float = 1.0
    remat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _generator_blocks(self)

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> images [b, *shape] float32 in [-1, 1]."""
        base, features, blocks = _generator_blocks(self)
        init, (residual, conv, attention) = INITIALISERS[self.kernel_init], _makers(self)
        norm = functools.partial(
            ConditionalBatchNorm, train, self.momentum, self.num_classes, init, self.dtype, self.spectral
        )
        block = nn.remat(_UpBlock) if self.remat else _UpBlock

        labels, shared = given(labels, self.num_classes) if self.num_classes else None, None
        if labels is not None and self.class_embedding:
            shared, labels = Embed(self.num_classes, self.class_embedding, init)(labels), None
        parts: Sequence[jax.Array | None] = [None] * len(blocks)
        if self.hierarchical:
            z, *parts = split_latents(z, len(blocks))

        x = Dense(math.prod(base) * features, True, init, self.dtype, self.spectral)(z)
        x = x.reshape(-1, *base, features)
        for index, ((features, size, attend), part) in enumerate(zip(blocks, parts, strict=True)):
            follow = attention if attend else None
            up = block(features, size, residual, conv, norm, follow, name=f"block_{index}")
            x = up(x, labels, _joined(shared, part))
        x = conv(self.shape[-1], kernel=3)(nn.relu(norm()(x)))
        return jnp.tanh(x.astype(jnp.float32))


class ResNetDiscriminator(nn.Module):
    """Residual blocks that halve the sides of the image, then pooling over all positions and one logit.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels.
      dtype: of the arithmetic; the pooling, the head and its logits are float32.
      width: channels that the multipliers count in.
      multipliers: channels of each block in units of `width`, from the image inwards; () doubles them until the map's
        short side is under 8, and keeps them in the plain blocks.
      plain: blocks at the end that do not halve their map.
      attention: short sides of the maps that self-attention follows; the first such map has it.
      normalisation: "batch", "layer" (of each example over all its positions and channels), or "none"; the first block
        has none.
      spectral: spectral normalisation of every kernel.
      conditioning: what D does with labels: "projection" of the class on the features in the head, "concatenation" of
        their one-hot code with every pixel, or "classifier", a second head that tells the class.
      pool: "sum" or "mean" over the positions of the last map.
      head_bias: a bias in the head.
      kernel_init: of the kernels.
      residual_gain: factor of the initial kernels of the residual branches.
      remat: as in the generator.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    plain: int = 1
    attention: tuple[int, ...] = ()
    normalisation: Literal["batch", "layer", "none"] = "none"
    spectral: bool = False
    conditioning: Conditioning = "projection"
    pool: Literal["sum", "mean"] = "sum"
    head_bias: bool = True
    kernel_init: InitName = "glorot_uniform"
    residual_gain: float = 1.0
    remat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _discriminator_blocks(self)

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] (and labels int32 [b]) -> logits [b] float32."""
        residual, conv, attention = _makers(self)
        norm = _norm(self.normalisation, train, self.dtype)
        block = nn.remat(_DownBlock) if self.remat else _DownBlock
        if self.conditioning == "concatenation":
            x = join_labels(x, labels, self.num_classes)
        x = x.astype(self.dtype)
        for index, (features, halve, attend) in enumerate(_discriminator_blocks(self)):
            follow = attention if attend else None
            x = block(features, index == 0, halve, residual, conv, norm, follow, name=f"block_{index}")(x)
        x = nn.relu(x).astype(jnp.float32)
        x = x.sum(axis=(1, 2)) if self.pool == "sum" else x.mean(axis=(1, 2))
        init = INITIALISERS[self.kernel_init]
        return Head(self.num_classes, self.head_bias, init, self.spectral, self.conditioning)(x, labels)
