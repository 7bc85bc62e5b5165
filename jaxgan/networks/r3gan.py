"""Generator and discriminator of R3GAN, for any height, width and number of channels.

Stages of residual blocks without normalisation, a stage for each size of the map, doubled from one to the next by
interpolation; the discriminator is the generator's mirror image. Source: Huang, Gokaslan, Kuleshov & Tompkin 2024,
"The GAN is dead; long live the GAN!", configuration E, and the authors' code for what the paper leaves open.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError
from jaxgan.networks.layers import Conv, Embed, Init, leaky_relu, reveal
from jaxgan.ops.conv import conv
from jaxgan.ops.resample import downsample, upsample

SLOPE = 0.2
TAPS = (1, 3, 3, 1)
"""The authors' filter (1, 2, 1), which their code convolves with the box (1, 1) of a nearest neighbour."""

MOST = {"width": 2**14, "expansion": 2**6, "group_size": 2**16, "blocks": 2**8}
"""The most that a network is laid out for; each block is a layer of the program."""

_MERGED = 32  # channels of the convolutions that a grouped one is made of

Size = tuple[int, int]


def default_multipliers(height: int, width: int) -> tuple[int, ...]:
    """Channels of the stages from the image inwards, in units of the network's width.

    The image is halved while its short side is above 4. The four smallest maps are equally wide, and those above them
    half as wide as the one below: 256 gives (1, 2, 4, 8, 8, 8, 8), 32 gives (1, 1, 1, 1), as the paper has it.
    """
    stages, side = 1, min(height, width)
    while side > 4:
        stages, side = stages + 1, -(-side // 2)
    return tuple(2 ** min(stage, max(stages - 4, 0)) for stage in range(stages))


def _normal(gain: float) -> Init:
    """N(0, gain^2 / fan_in): a layer multiplies the second moment of what it sees by gain^2."""
    return nn.initializers.variance_scaling(gain**2, "fan_in", "normal")


def _stages(net: "R3GANGenerator | R3GANDiscriminator", order: int) -> list[tuple[int, int]]:
    """`(channels, blocks)` of each stage; order is 1 if they are listed from the image inwards, -1 if up to it.

    Raises:
      JaxganError: the shape is no image's, a number below 1, a list that has not one entry a stage, stages beyond a map
        of 1x1, or groups that do not fit into the channels.
    """
    if len(net.shape) != 3 or min(net.shape) < 1:
        raise JaxganError(f"r3gan makes images of (height, width, channels), not examples of shape {tuple(net.shape)}.")
    multipliers = net.multipliers or default_multipliers(*net.shape[:2])[::order]
    most = 1 + (max(net.shape[:2]) - 1).bit_length()  # ceil(log2(side)) halvings end at one pixel
    if len(multipliers) > most:
        raise JaxganError(
            f"r3gan: multipliers has {len(multipliers)} entries, but {net.shape[0]}x{net.shape[1]} images are one "
            f"pixel after {most} stages; give at most {most}."
        )
    blocks = (net.blocks,) * len(multipliers) if isinstance(net.blocks, int) else tuple(net.blocks)
    if len(blocks) != len(multipliers):
        raise JaxganError(
            f"r3gan: blocks has {len(blocks)} entries for {len(multipliers)} stages; give one number or "
            f"{len(multipliers)}."
        )
    numbers = dict(width=net.width, expansion=net.expansion, group_size=net.group_size)
    for name, least in (numbers | dict(multipliers=min(multipliers), blocks=min(blocks))).items():
        if least < 1:
            raise JaxganError(f"r3gan: {name} is {getattr(net, name)}, but must be at least 1.")
    for name, largest in (numbers | dict(blocks=max(blocks))).items():
        if largest > MOST[name]:
            raise JaxganError(f"r3gan: {name} is {getattr(net, name)}, but must be at most {MOST[name]}.")
    common = net.expansion * net.width * math.gcd(*multipliers)
    if common % net.group_size:
        legal = [size for size in range(1, common + 1) if common % size == 0]
        nearest = min(legal, key=lambda size: abs(size - net.group_size))
        hidden = ", ".join(str(net.expansion * net.width * m) for m in sorted(set(multipliers)))
        raise JaxganError(
            f"r3gan: group_size is {net.group_size}, which does not divide the blocks' {hidden} hidden channels; "
            f"the nearest legal one is {nearest}."
        )
    return [(net.width * m, count) for m, count in zip(multipliers, blocks, strict=True)]


def _generator_stages(net: "R3GANGenerator") -> list[tuple[int, int]]:
    return _stages(net, -1)


def _discriminator_stages(net: "R3GANDiscriminator") -> list[tuple[int, int]]:
    return _stages(net, 1)


def _sizes(shape: tuple[int, ...], stages: int) -> list[Size]:
    """(height, width) of each stage's map, from the image inwards; a side n becomes ceil(n / 2)."""
    sizes = [(shape[0], shape[1])]
    while len(sizes) < stages:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
    return sizes


def grouped_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Convolution at stride 1, "SAME", in which each feature sees the channels of its own group only.

    y[b, p, q, (g, o)] = sum_{i, j, c} x[b, p + i - top, q + j - left, (g, c)] kernel[i, j, c, (g, o)]

    Groups are merged into ordinary convolutions with block-diagonal kernels of at most 32 channels, each applied to its
    slice. On 2 Zen 5 cores, float32, 3x3 kernels in groups of 16, inside a loop: milliseconds for a value, for both
    gradients, and for both gradients of a squared gradient:

    | images           | group by group | merged to 32  | to 64         | to 128       | one product of all patches |
    |------------------|----------------|---------------|---------------|--------------|----------------------------|
    | 32 x 16x16 x 128 | 7.5, 22, 43    | 5.9, 19, 39   | 6.9, 25, 61   | 12, 56, 106  | 34, 61, 121                |
    | 32 x 8x8 x 128   | 1.6, 4.1, 8.8  | 1.2, 4.5, 9.4 | 1.5, 6.8, 13  | 2.2, 6.3, 17 | 2.3, 4.8, 11               |
    | 32 x 4x4 x 256   | 1.2, 3.2, 6.7  | 0.9, 2.2, 4.5 | 1.0, 3.3, 6.6 | 1.7, 5.0, 15 | 0.8, 1.7, 3.6              |

    XLA's own grouped convolution took 2.1, 190 and 263 ms for the second row.

    Args:
      x: images [b, h, w, groups * c].
      kernel: [kh, kw, c, groups * o].

    Returns:
      [b, h, w, groups * o].
    """
    (kh, kw, c, features), groups = kernel.shape, x.shape[-1] // kernel.shape[2]
    merged = max(m for m in range(1, max(1, min(groups, _MERGED // c)) + 1) if groups % m == 0)
    o, parts = features // groups, groups // merged
    by_group = kernel.reshape(kh, kw, c, parts, merged, o)
    diagonal = jnp.einsum("ijcpmo,mn->pijmcno", by_group, jnp.eye(merged, dtype=kernel.dtype))
    diagonal = diagonal.reshape(parts, kh, kw, merged * c, merged * o)
    y = jax.vmap(conv, (3, 0), 3)(x.reshape(*x.shape[:3], parts, merged * c), diagonal)
    return y.reshape(*y.shape[:3], features)


class GroupedConv(nn.Module):
    """Convolution 3x3 in groups, and a bias: [b, h, w, c] -> [b, h, w, c].

    Attributes:
      group_size: channels of a group; parameters [3, 3, group_size, c].
      kernel_init: of the kernel.
      dtype: of the arithmetic.
    """

    group_size: int
    kernel_init: Init
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        features = x.shape[-1]
        kernel = self.param("kernel", self.kernel_init, (3, 3, self.group_size, features))
        bias = self.param("bias", nn.initializers.zeros, (features,))
        y = grouped_conv(x.astype(self.dtype), kernel.astype(self.dtype))
        return y + bias.astype(self.dtype).reshape(1, 1, 1, -1)


class ResidualBlock(nn.Module):
    """x + C(a(B(a(A(x))))): 1x1 up to the hidden channels, 3x3 in groups, 1x1 back; a(x) = leaky_relu(x + bias).

    C starts at zero, so that the block starts as the identity. A and B start with the gain of the activation times
    L^(-1/4), L blocks in the network, so that C, were it of gain 1, would add 1 / L of the second moment of x
    (Fix-up; Zhang, Dauphin & Ma 2019).

    Attributes:
      expansion: hidden channels in units of those of x.
      group_size: channels of a group of B.
      depth: L.
      dtype: of the arithmetic.
    """

    expansion: int
    group_size: int
    depth: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        init = _normal(math.sqrt(2 / (1 + SLOPE**2)) * self.depth ** (-1 / 4))
        y = Conv(self.expansion * channels, 1, 1, "SAME", True, init, self.dtype)(x)
        y = GroupedConv(self.group_size, init, self.dtype)(leaky_relu(y, SLOPE))
        y = Conv(channels, 1, 1, "SAME", False, nn.initializers.zeros, self.dtype)(leaky_relu(y, SLOPE))
        return x + y


def _block(net: "R3GANGenerator | R3GANDiscriminator", x: jax.Array, depth: int) -> jax.Array:
    return ResidualBlock(net.expansion, net.group_size, depth, net.dtype)(x)


def _blocks(net: "R3GANGenerator | R3GANDiscriminator", x: jax.Array, count: int, depth: int) -> jax.Array:
    block = nn.remat(_block, static_argnums=(2,)) if net.remat else _block  # parameters keep their names
    for _ in range(count):
        x = block(net, x, depth)
    return x


def _to_channels(x: jax.Array, channels: int, dtype: Any) -> jax.Array:
    """A 1x1 convolution, where the width changes."""
    return x if x.shape[-1] == channels else Conv(channels, 1, 1, "SAME", False, _normal(1), dtype)(x)


class R3GANGenerator(nn.Module):
    """A basis of smallest maps, weighted by the latents, then stages of residual blocks up to the image.

    The image is not squashed: it comes to lie in [-1, 1] by training.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels; otherwise an embedding of the class, as long as the latents, is appended to them.
      dtype: of the arithmetic.
      width: channels of the stage at the image's size; the paper has 768 up to 32 pixels, 384 at 64, 96 at 256.
        The residual branches start at 0 and grow by about learning_rate * 2 * width a step under Adam, so that narrow
        networks want a learning rate in inverse proportion (the paper: width 768, 2e-4). All above the first map sees
        no more directions of the latents than that map has channels: give narrow networks wide small maps.
      multipliers: channels of each stage in units of `width`, from the smallest map up; () makes the four smallest maps
        the widest, and halves from there to the image, the smallest map's short side being 3 or 4.
      blocks: residual blocks of a stage, one number or one a stage.
      expansion: hidden channels of a block, in units of the stage's.
      group_size: hidden channels of a group of the 3x3 convolution.
      remat: compute each block again on the way back instead of keeping what it went through: less memory, more time.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    blocks: int | tuple[int, ...] = 2
    expansion: int = 2
    group_size: int = 16
    remat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _generator_stages(self)

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> images [b, *shape] float32."""
        stages = _generator_stages(self)
        sizes, depth = _sizes(self.shape, len(stages))[::-1], sum(count for _, count in stages)
        if self.num_classes:
            init = nn.initializers.normal(1 / math.sqrt(self.num_classes))
            z = jnp.concatenate([z, Embed(self.num_classes, z.shape[-1], init)(labels)], axis=-1)

        channels = stages[0][0]
        basis = self.param("basis", nn.initializers.normal(1), (*sizes[0], channels)).astype(self.dtype)
        weights = nn.Dense(channels, use_bias=False, dtype=self.dtype, kernel_init=_normal(1))(z)
        x = weights[:, None, None, :] * basis[None]
        for stage, ((channels, count), size) in enumerate(zip(stages, sizes, strict=True)):
            if stage > 0:
                x = upsample(_to_channels(x, channels, self.dtype), size, TAPS)
            x = _blocks(self, x, count, depth)
        x = Conv(self.shape[-1], 1, 1, "SAME", False, _normal(1), self.dtype)(x)
        return x.astype(jnp.float32)


class R3GANDiscriminator(nn.Module):
    """Stages of residual blocks down from the image, then one number a channel of the smallest map, then the logit.

    With classes the logit is the projection of the class on features as many as the last stage has channels.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels.
      dtype: of the arithmetic; what follows the last stage is float32.
      width: channels of the stage at the image's size; the paper has 768 up to 32 pixels, 384 at 64, 96 at 256.
        The residual branches start at 0 and grow by about learning_rate * 2 * width a step under Adam, so that narrow
        networks want a learning rate in inverse proportion (the paper: width 768, 2e-4).
      multipliers: channels of each stage in units of `width`, from the image inwards; () makes the four smallest maps
        the widest, as in the generator.
      blocks: residual blocks of a stage, one number or one a stage.
      expansion: hidden channels of a block, in units of the stage's.
      group_size: hidden channels of a group of the 3x3 convolution.
      remat: as in the generator.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    blocks: int | tuple[int, ...] = 2
    expansion: int = 2
    group_size: int = 16
    remat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _discriminator_stages(self)

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Images [b, *shape] (and labels int32 [b]) -> logits [b] float32."""
        stages = _discriminator_stages(self)
        depth = sum(count for _, count in stages)
        x = Conv(stages[0][0], 1, 1, "SAME", False, _normal(1), self.dtype)(x)
        for stage, (channels, count) in enumerate(stages):
            if stage > 0:
                x = _to_channels(downsample(x, TAPS), channels, self.dtype)
            x = _blocks(self, x, count, depth)

        # A convolution of each channel with a kernel as large as the map.
        basis = self.param("basis", nn.initializers.normal(1 / math.sqrt(math.prod(x.shape[1:3]))), x.shape[1:])
        features = jnp.einsum("bhwc,hwc->bc", x.astype(jnp.float32), basis)
        reveal(self, "features", features)
        if not self.num_classes:
            return nn.Dense(1, use_bias=False, kernel_init=_normal(1))(features)[:, 0]
        features = nn.Dense(channels, use_bias=False, kernel_init=_normal(1))(features)
        init = nn.initializers.normal(1 / math.sqrt(channels * self.num_classes))
        return jnp.sum(features * Embed(self.num_classes, channels, init)(labels), axis=-1)
