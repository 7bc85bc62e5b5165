"""Convolutional generator and discriminator of DCGAN, for any height, width and number of channels.

Source: Radford, Metz & Chintala 2016. A transposed convolution is the adjoint of a strided one, so it can produce every
size that the strided one maps to its input's; hence odd and non-square images need no special case.
"""

import math
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range
from jaxgan.networks.layers import (
    ACTIVATIONS,
    INITIALISERS,
    LARGEST_MOMENTUM,
    Conditioning,
    Conv,
    ConvTranspose,
    Dense,
    Head,
    InitName,
    batch_norm,
    join_labels,
    leaky_relu,
)

Size = tuple[int, int]


def default_multipliers(height: int, width: int) -> tuple[int, ...]:
    """Channels of the layers from the image inwards, in units of the network's width: (1, 2, 4, ...).

    The image is halved while its short side has at least 8 pixels, so 64 gives (1, 2, 4, 8) and 28 gives (1, 2).
    """
    halvings, side = 0, min(height, width)
    while side >= 8:
        halvings, side = halvings + 1, -(-side // 2)
    return tuple(2**i for i in range(max(halvings, 1)))


MOST_KERNEL = 64
"""Side of the largest kernel: convolutions are laid out in Python, an entry of the kernel at a time."""


def _per_layer(value: int | tuple[int, ...], layers: int, name: str) -> tuple[int, ...]:
    values = (value,) * layers if isinstance(value, int) else tuple(value)
    if len(values) != layers:
        raise JaxganError(f"dcgan: {name} has {len(values)} entries for {layers} layers; give one number or {layers}.")
    if min(values) < 1:
        raise JaxganError(f"dcgan: {name} is {value}, but must be at least 1.")
    if name == "kernel" and max(values) > MOST_KERNEL:
        raise JaxganError(f"dcgan: kernel is {value}, but must be at most {MOST_KERNEL}.")
    return values


def _check(net: "DCGANGenerator | DCGANDiscriminator | DCGANEncoder") -> None:
    shape = net.shape
    if len(shape) != 3 or min(shape) < 1:
        raise JaxganError(f"dcgan makes images of (height, width, channels), not examples of shape {tuple(shape)}.")
    _per_layer(net.width, 1, "width")
    check_range("dcgan: momentum", net.momentum, 0, LARGEST_MOMENTUM)
    check_range("dcgan: slope", net.slope, 0, 1)


def _generator_layers(net: "DCGANGenerator") -> tuple[Size, int, list[tuple[int, int, int, Size]]]:
    """Size and channels of the projection, then `(features, kernel, stride, output size)` of each layer above it.

    Raises:
      JaxganError: the shape is no image's, or a list has not one entry a layer.
    """
    _check(net)
    check_range("dcgan: epsilon", net.epsilon, 1e-8, 1e6)  # with 0 a constant channel would become 0 / 0
    height, width, channels = net.shape
    multipliers = net.multipliers or default_multipliers(height, width)[::-1]
    count = len(_per_layer(multipliers, len(multipliers), "multipliers"))
    kernels, strides = _per_layer(net.kernel, count, "kernel"), _per_layer(net.stride, count, "stride")
    sizes = [(height, width)]
    for stride in reversed(strides):  # from the image down; SAME maps a side n to ceil(n / stride)
        sizes.insert(0, (-(-sizes[0][0] // stride), -(-sizes[0][1] // stride)))
    features = [net.width * m for m in multipliers[1:]] + [channels]
    return sizes[0], net.width * multipliers[0], list(zip(features, kernels, strides, sizes[1:], strict=True))


def _discriminator_layers(net: "DCGANDiscriminator") -> list[tuple[int, int, int, str]]:
    """`(features, kernel, stride, padding)` of each layer.

    Raises:
      JaxganError: the shape is no image's, or a list has not one entry a layer.
    """
    _check(net)
    check_range("dcgan: epsilon", net.epsilon, 1e-8, 1e6)
    layers = _layers_inwards(net)
    paddings = (net.padding,) * len(layers) if isinstance(net.padding, str) else net.padding
    if len(paddings) != len(layers):
        raise JaxganError(
            f"dcgan: padding has {len(paddings)} entries for {len(layers)} layers; give one or {len(layers)}."
        )
    return [(*layer, padding) for layer, padding in zip(layers, paddings, strict=True)]


def _layers_inwards(net: "DCGANDiscriminator | DCGANEncoder") -> list[tuple[int, int, int]]:
    """`(features, kernel, stride)` of each layer, from the image inwards."""
    multipliers = net.multipliers or default_multipliers(*net.shape[:2])
    count = len(_per_layer(multipliers, len(multipliers), "multipliers"))
    kernels, strides = _per_layer(net.kernel, count, "kernel"), _per_layer(net.stride, count, "stride")
    return list(zip([net.width * m for m in multipliers], kernels, strides, strict=True))


def _use_bias(net: "DCGANGenerator | DCGANDiscriminator") -> bool:
    return not net.normalise if net.use_bias is None else net.use_bias


def _maybe_again(layer: Any, remat: bool) -> Any:
    """The layer, or one that is computed again on the way back; parameters keep their names."""
    return nn.remat(layer, static_argnums=(2,)) if remat else layer


class DCGANGenerator(nn.Module):
    """Projection of the latents to a small map, then transposed convolutions up to the image.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels; otherwise the label's one-hot code is appended to the latents.
      dtype: of the arithmetic.
      width: channels of the last hidden layer.
      multipliers: channels of the projection and of each hidden layer, in units of `width`, from the smallest map up;
        () doubles them from the image inwards until the map's short side is under 8.
      kernel: side of the kernels, one number or one a layer.
      stride: of the transposed convolutions, one number or one a layer.
      slope: of the leaky ReLU; 0 is ReLU.
      normalise: batch normalisation before every activation.
      normalise_projection: normalisation, if any, and activation also after the projection.
      use_bias: a bias in every layer; None: if nothing is normalised, which is where an offset comes from otherwise.
      output: "tanh" for images, "none" for what a likelihood makes of it.
      momentum: of the running statistics, in [0, 1), Flax's and Keras' sense (PyTorch's is one minus it).
      epsilon: of batch normalisation, at least 1e-8.
      kernel_init: of the kernels.
      remat: compute each layer again on the way back instead of keeping what it went through: less memory, more time.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    kernel: int | tuple[int, ...] = 4
    stride: int | tuple[int, ...] = 2
    slope: float = 0.0
    normalise: bool = True
    normalise_projection: bool = True
    use_bias: bool | None = None
    output: Literal["tanh", "none"] = "tanh"
    momentum: float = 0.9
    epsilon: float = 1e-5
    kernel_init: InitName = "normal"
    remat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        _generator_layers(self)

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> images [b, *shape] float32, in [-1, 1] under tanh."""
        init = INITIALISERS[self.kernel_init]
        base, features, layers = _generator_layers(self)
        use_bias = _use_bias(self)

        def activate(x: jax.Array) -> jax.Array:
            if self.normalise:
                x = batch_norm(train, self.momentum, self.epsilon, self.kernel_init, self.dtype)(x)
            return leaky_relu(x, self.slope)

        def layer(net: nn.Module, x: jax.Array, index: int) -> jax.Array:
            features, kernel, stride, size = layers[index]
            x = ConvTranspose(features, kernel, stride, size, use_bias, init, self.dtype)(x)
            return activate(x) if index < len(layers) - 1 else x

        x = join_labels(z, labels, self.num_classes)
        # A transposed convolution from one pixel to the whole map (PyTorch's first layer) is this dense layer.
        x = nn.Dense(math.prod(base) * features, use_bias, dtype=self.dtype, kernel_init=init)(x)
        x = x.reshape(-1, *base, features)
        if self.normalise_projection:
            x = activate(x)
        for index in range(len(layers)):
            x = _maybe_again(layer, self.remat)(self, x, index)
        return ACTIVATIONS[self.output](x.astype(jnp.float32))


class DCGANDiscriminator(nn.Module):
    """Strided convolutions down from the image, then one logit.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels.
      dtype: of the arithmetic; the head and its logits are float32.
      width: channels of the first layer.
      multipliers: channels of each layer in units of `width`, from the image inwards; () doubles them until the map's
        short side is under 8.
      kernel: side of the kernels, one number or one a layer.
      stride: of the convolutions, one number or one a layer.
      padding: "SAME" or "VALID", for all layers or one a layer.
      slope: of the leaky ReLU.
      normalise: batch normalisation in every layer but the first.
      normalise_first: batch normalisation in the first layer as well.
      spectral: spectral normalisation of every kernel.
      conditioning: what D does with labels: "projection" of the class on the features in the head, "concatenation" of
        their one-hot code with every pixel, or "classifier", a second head that tells the class.
      pool: what the head sees: "flatten" every position (PyTorch's last, whole-map convolution), or their "mean".
      use_bias: a bias in every convolution; None: if nothing is normalised. With neither, D(0) is 0 whatever it learns.
      head_bias: a bias in the head.
      momentum: of the running statistics, in [0, 1), Flax's and Keras' sense (PyTorch's is one minus it).
      epsilon: of batch normalisation, at least 1e-8.
      kernel_init: of the kernels.
      remat: as in the generator.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    kernel: int | tuple[int, ...] = 4
    stride: int | tuple[int, ...] = 2
    padding: Literal["SAME", "VALID"] | tuple[Literal["SAME", "VALID"], ...] = "SAME"
    slope: float = 0.2
    normalise: bool = True
    normalise_first: bool = False
    spectral: bool = False
    conditioning: Conditioning = "projection"
    pool: Literal["flatten", "mean"] = "flatten"
    use_bias: bool | None = None
    head_bias: bool = False
    momentum: float = 0.9
    epsilon: float = 1e-5
    kernel_init: InitName = "normal"
    remat: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        layers = _discriminator_layers(self)
        height, width, _ = self.shape
        if min(_side_after(height, layers), _side_after(width, layers)) < 1:
            least = next(n for n in range(1, 100_000) if _side_after(n, layers) >= 1)
            raise JaxganError(
                f"dcgan: an image of {height}x{width} is used up before the last of D's {len(layers)} layers; "
                f"the nearest legal size is {max(height, least)}x{max(width, least)}."
            )

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] (and labels int32 [b]) -> logits [b] float32."""
        if self.conditioning == "concatenation":
            x = join_labels(x, labels, self.num_classes)
        init, layers, use_bias = INITIALISERS[self.kernel_init], _discriminator_layers(self), _use_bias(self)

        def layer(net: nn.Module, x: jax.Array, index: int) -> jax.Array:
            x = Conv(*layers[index], use_bias, init, self.dtype, self.spectral)(x)
            if self.normalise and (index > 0 or self.normalise_first):
                x = batch_norm(train, self.momentum, self.epsilon, self.kernel_init, self.dtype)(x)
            return leaky_relu(x, self.slope)

        for index in range(len(layers)):
            x = _maybe_again(layer, self.remat)(self, x, index)
        x = x.mean(axis=(1, 2)) if self.pool == "mean" else x.reshape(x.shape[0], -1)
        return Head(self.num_classes, self.head_bias, init, self.spectral, self.conditioning)(x, labels)


class DCGANEncoder(nn.Module):
    """Strided convolutions down from the image, then a linear map: D's trunk with another head.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels; otherwise the label's one-hot code joins every pixel.
      outputs: numbers an image becomes.
      dtype: of the arithmetic; the last map is float32.
      width: channels of the first layer.
      multipliers: channels of each layer in units of `width`, from the image inwards; () doubles them until the map's
        short side is under 8.
      kernel: side of the kernels, one number or one a layer.
      stride: of the convolutions, one number or one a layer.
      slope: of the leaky ReLU; 0 is ReLU.
      normalise: batch normalisation before every activation.
      momentum: of the running statistics, in [0, 1).
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    num_classes: int
    outputs: int
    dtype: Any
    width: int = 64
    multipliers: tuple[int, ...] = ()
    kernel: int | tuple[int, ...] = 4
    stride: int | tuple[int, ...] = 2
    slope: float = 0.2
    normalise: bool = True
    momentum: float = 0.9
    kernel_init: InitName = "normal"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self)
        _layers_inwards(self)

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] (and labels int32 [b]) -> [b, outputs] float32."""
        init = INITIALISERS[self.kernel_init]
        x = join_labels(x, labels, self.num_classes)
        for features, kernel, stride in _layers_inwards(self):
            x = Conv(features, kernel, stride, "SAME", not self.normalise, init, self.dtype)(x)
            if self.normalise:
                x = batch_norm(train, self.momentum, 1e-5, self.kernel_init, self.dtype)(x)
            x = leaky_relu(x, self.slope)
        x = x.reshape(x.shape[0], -1).astype(jnp.float32)
        return Dense(self.outputs, True, init, jnp.float32)(x)


def _side_after(side: int, layers: list[tuple[int, int, int, str]]) -> int:
    """What is left of an image's side after D's layers; 0 if it is used up."""
    for _, kernel, stride, padding in layers:
        if padding == "VALID" and side < kernel:
            return 0
        side = -(-side // stride) if padding == "SAME" else (side - kernel) // stride + 1
    return side
