"""StyleGAN2, for any height, width and number of channels.

A latent z becomes a style w = f(z), and a learned constant becomes an image under one style a layer. G sums the images
that its resolutions draw, each enlarged to the next one's size ("skip"); D is residual. From the image inwards a side
of n pixels becomes ceil(n / 2) while the short side has at least 8, so 1024 ends at 4 and 28 at 7.

Source: Karras et al. 2020 (arXiv 1912.04958), configuration F, as in the official implementations; labels as in
StyleGAN2-ADA (arXiv 2006.06676). That paper's CIFAR-10 configuration is `mapping_layers=2, mixing=0` for G and
`residual=False, group_size=32` for D.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range
from jaxgan.networks.layers import LARGEST_MOMENTUM, reveal
from jaxgan.networks.stylegan2_layers import (
    TAPS,
    EqualisedConv,
    EqualisedDense,
    MappingNetwork,
    Size,
    SynthesisLayer,
    ToRGB,
    activate,
    minibatch_deviation,
)
from jaxgan.ops.resample import upsample

Level = tuple[Size, int]  # size of the maps and their channels


def _levels(net: "StyleGAN2Generator | StyleGAN2Discriminator") -> tuple[Level, ...]:
    """The resolutions from the smallest up to the image's.

    A map k doublings above the smallest counts as one of side r = 4 * 2^k and has min(channel_base / r, channel_max)
    channels.

    Raises:
      JaxganError: the shape is no image's, or a number of channels or layers is less than 1.
    """
    if len(net.shape) != 3 or min(net.shape) < 1:
        raise JaxganError(f"stylegan2 makes images of (height, width, channels), not examples of {tuple(net.shape)}.")
    for name in ("channel_base", "channel_max", "mapping_layers"):
        if getattr(net, name) < 1:
            raise JaxganError(f"stylegan2: {name} is {getattr(net, name)}, but must be at least 1.")
    check_range("stylegan2: mapping_layers", net.mapping_layers, 1, 2**8)
    height, width, _ = net.shape
    sizes = [(height, width)]
    while min(sizes[0]) >= 8:
        sizes.insert(0, (-(-sizes[0][0] // 2), -(-sizes[0][1] // 2)))
    if net.channel_base < 2 ** (len(sizes) + 1):
        raise JaxganError(
            f"stylegan2: channel_base is {net.channel_base}, which leaves no channels at {height}x{width}; "
            f"the least is {2 ** (len(sizes) + 1)}."
        )
    return tuple((size, min(net.channel_base // 2 ** (k + 2), net.channel_max)) for k, size in enumerate(sizes))


class SynthesisNetwork(nn.Module):
    """The synthesis network g: one style a layer -> images.

    Attributes:
      levels: resolutions from the smallest up.
      channels: of an image.
      dtype: of the arithmetic; the sum of images is float32.
    """

    levels: tuple[Level, ...]
    channels: int
    dtype: Any

    @nn.compact
    def __call__(self, w: jax.Array, train: bool) -> jax.Array:
        """Styles [b, 2 len(levels), w_dim] -> images [b, h, w, channels] float32.

        Resolution k has two layers (the smallest one), under styles 2 k - 1 and 2 k, and its image is drawn under
        style 2 k + 1, which is also that of the layer above.
        """
        (size, features), *above = self.levels
        constant = self.param("constant", nn.initializers.normal(1.0), (*size, features))
        x = jnp.broadcast_to(constant[None], (len(w), *constant.shape))
        x = SynthesisLayer(features, size, self.dtype, index=0)(x, w[:, 0], train)
        image = ToRGB(self.channels, self.dtype)(x, w[:, 1])
        for k, (size, features) in enumerate(above, start=1):
            x = SynthesisLayer(features, size, self.dtype, index=2 * k - 1, up=True)(x, w[:, 2 * k - 1], train)
            x = SynthesisLayer(features, size, self.dtype, index=2 * k)(x, w[:, 2 * k], train)
            image = upsample(image, size, TAPS) + ToRGB(self.channels, self.dtype)(x, w[:, 2 * k + 1])
        return image


class RunningMean(nn.Module):
    """Mean of w [b, d] over training, [d]: mean <- decay mean + (1 - decay) mean_b w, kept in `batch_stats`."""

    decay: float

    @nn.compact
    def __call__(self, w: jax.Array, train: bool) -> jax.Array:
        mean = self.variable("batch_stats", "mean", jnp.zeros, w.shape[-1:])
        if train and self.is_mutable_collection("batch_stats") and not self.is_initializing():
            mean.value = self.decay * mean.value + (1 - self.decay) * jnp.mean(w, axis=0)
        return mean.value


class StyleGAN2Generator(nn.Module):
    """Mapping network and synthesis network. Images are not squashed: they learn to stay in [-1, 1].

    Training draws from the stream "noise": `apply(..., train=True, rngs={"noise": key})`.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels; otherwise an embedded class joins the latent.
      dtype: of the synthesis network's arithmetic; the mapping network's is float32.
      channel_base: channels of a map times its side, for square images of a power of two.
      channel_max: the most channels that a layer has.
      w_dim: of the styles.
      mapping_layers: of the mapping network.
      mixing: share of the training images that change from one style to another at one of their layers.
      w_decay: of the running mean of w, the share of the old value that stays, in [0, 1).
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    channel_base: int = 32768
    channel_max: int = 512
    w_dim: int = 512
    mapping_layers: int = 8
    mixing: float = 0.9
    w_decay: float = 0.998

    def __post_init__(self) -> None:
        super().__post_init__()
        _levels(self)
        if self.w_dim < 1:
            raise JaxganError(f"stylegan2: w_dim is {self.w_dim}, but must be at least 1.")
        check_range("stylegan2: mixing", self.mixing, 0, 1)
        check_range("stylegan2: w_decay", self.w_decay, 0, LARGEST_MOMENTUM)

    def setup(self) -> None:
        """Names the parts, so that `mapping`, `styles` and `synthesis` can each be applied on their own."""
        self.mapping_network = MappingNetwork(self.w_dim, self.mapping_layers, self.num_classes)
        self.synthesis_network = SynthesisNetwork(_levels(self), self.shape[-1], self.dtype)
        self.w_mean = RunningMean(self.w_decay)

    @property
    def layers(self) -> int:
        """Number of styles that an image is made under."""
        return 2 * len(_levels(self))

    def __call__(
        self, z: jax.Array, labels: jax.Array | None = None, *, train: bool, truncation: float | jax.Array = 1.0
    ) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> images [b, *shape] float32; for `truncation` see `styles`."""
        return self.synthesis(self.styles(z, labels, train=train, truncation=truncation), train=train)

    def mapping(self, z: jax.Array, labels: jax.Array | None = None) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> w [b, w_dim] float32."""
        return self.mapping_network(z, labels)

    def synthesis(self, w: jax.Array, *, train: bool) -> jax.Array:
        """Styles [b, layers, w_dim] -> images [b, *shape] float32."""
        return self.synthesis_network(w, train)

    def styles(
        self, z: jax.Array, labels: jax.Array | None = None, *, train: bool, truncation: float | jax.Array = 1.0
    ) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> w [b, layers, w_dim] float32, one style a layer.

        With `train` the running mean of w moves (if `batch_stats` is mutable) and styles are mixed. Without,
        `truncation` psi in [0, 1] pulls w to that mean: w' = mean + psi (w - mean); 0 gives one image for all latents.
        """
        w = self.mapping(z, labels)
        mean = self.w_mean(w, train)
        if train and self.mixing > 0:
            return self._mixed(w, z, labels)
        if not train:
            w = truncation * w + (1 - truncation) * mean[None]  # in this form exact for psi = 0 and psi = 1
        return jnp.repeat(w[:, None], self.layers, axis=1)

    def _mixed(self, w: jax.Array, z: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Style w up to a layer drawn for each image, another latent's from there on: [b, layers, w_dim].

        (The official implementation draws one layer a batch; one an image does not tie examples together.)
        """
        latent_key, chance_key, place_key = jax.random.split(self.make_rng("noise"), 3)
        other = self.mapping(jax.random.normal(latent_key, z.shape), labels)
        crosses = jax.random.uniform(chance_key, (len(z), 1)) < self.mixing
        place = jax.random.randint(place_key, (len(z), 1), 1, self.layers)
        before = jnp.arange(self.layers)[None] < jnp.where(crosses, place, self.layers)
        return jnp.where(before[..., None], w[:, None], other[:, None])


class StyleGAN2Discriminator(nn.Module):
    """Residual blocks down from the image, minibatch standard deviation, two dense layers.

    Attributes:
      shape: (height, width, channels) of an image.
      num_classes: 0 without labels; otherwise the logit is the features' product with the mapped class, over the square
        root of their number.
      dtype: of the arithmetic; the smallest map, the head and its logits are float32.
      channel_base: channels of a map times its side, for square images of a power of two.
      channel_max: the most channels that a layer has.
      mapping_layers: of the network that maps the class; unused without labels.
      group_size: of minibatch standard deviation; the greatest divisor of the batch up to it is used.
      residual: False leaves out the skip connections, as StyleGAN2-ADA does on CIFAR-10.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    channel_base: int = 32768
    channel_max: int = 512
    mapping_layers: int = 8
    group_size: int = 4
    residual: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        _levels(self)
        if self.group_size < 1:
            raise JaxganError(f"stylegan2: group_size is {self.group_size}, but must be at least 1.")

    @property
    def mixes_examples(self) -> bool:
        """Whether what it makes of an example depends on the others beside it."""
        return self.group_size > 1

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Images [b, *shape] in [-1, 1] (and labels int32 [b]) -> logits [b] float32."""
        *inner, features = (channels for _, channels in _levels(self))
        x = EqualisedConv(features, 1, self.dtype, name="from_rgb")(x)
        for features in reversed(inner):
            x = self._block(x, features)
        x = minibatch_deviation(x.astype(jnp.float32), self.group_size)
        x = EqualisedConv(features, 3, jnp.float32)(x)
        x = activate(EqualisedDense(features)(x.reshape(len(x), -1)))
        reveal(self, "features", x)
        if not self.num_classes:
            return EqualisedDense(1)(x)[:, 0]
        mapped_class = MappingNetwork(features, self.mapping_layers, self.num_classes)(None, labels)
        return jnp.sum(EqualisedDense(features)(x) * mapped_class, axis=-1) / math.sqrt(features)

    def _block(self, x: jax.Array, features: int) -> jax.Array:
        """[b, h, w, c] -> [b, ceil(h / 2), ceil(w / 2), features]: (conv(conv(x)) + skip(x)) / sqrt(2)."""
        y = EqualisedConv(x.shape[-1], 3, self.dtype)(x)
        y = EqualisedConv(features, 3, self.dtype, down=True)(y)
        if not self.residual:
            return y
        return (y + EqualisedConv(features, 1, self.dtype, down=True, active=False)(x)) / math.sqrt(2)
