"""Layers shared by the networks. Parameters are float32; arithmetic runs in the dtype a layer is given."""

from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.ops.conv import Padding, conv, conv_transpose

Init = jax.nn.initializers.Initializer
INITIALISERS: dict[str, Init] = {
    "glorot_uniform": nn.initializers.glorot_uniform(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "normal": nn.initializers.normal(0.02),  # N(0, 0.02^2), as in DCGAN
}
InitName = Literal["glorot_uniform", "lecun_normal", "normal"]

ACTIVATIONS: dict[str, Callable[[jax.Array], jax.Array]] = {
    "elu": nn.elu,
    "gelu": nn.gelu,
    "none": lambda x: x,
    "sigmoid": nn.sigmoid,
    "silu": nn.silu,
    "tanh": jnp.tanh,
}


def leaky_relu(x: jax.Array, slope: float) -> jax.Array:
    """max(x, slope * x) for 0 <= slope <= 1; slope 0 is the ordinary ReLU."""
    return nn.relu(x) if slope == 0 else nn.leaky_relu(x, slope)


class Conv(nn.Module):
    """Convolution through the three-map primitive: [b, h, w, in] -> [b, oh, ow, features].

    Attributes:
      features: output channels.
      kernel: side of the square kernel; parameters [kernel, kernel, in, features].
      stride: of both axes.
      padding: "SAME" or "VALID".
      use_bias: adds a bias [features].
      kernel_init: of the kernel.
      dtype: of the arithmetic.
    """

    features: int
    kernel: int
    stride: int
    padding: Padding
    use_bias: bool
    kernel_init: Init
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = conv(x.astype(self.dtype), kernel.astype(self.dtype), self.stride, self.padding)
        return _add_bias(self, y)


class ConvTranspose(nn.Module):
    """The adjoint of a strided convolution: [b, h, w, in] -> [b, *output_size, features].

    Attributes:
      features: output channels.
      kernel: side of the square kernel; parameters [kernel, kernel, features, in]: those of the convolution whose
        adjoint this is.
      stride: of both axes.
      output_size: (height, width); every size that the convolution maps to the input's can be had.
      use_bias: adds a bias [features].
      kernel_init: of the kernel.
      dtype: of the arithmetic.
    """

    features: int
    kernel: int
    stride: int
    output_size: tuple[int, int]
    use_bias: bool
    kernel_init: Init
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, self.features, x.shape[-1])
        kernel = self.param("kernel", self.kernel_init, shape)
        y = conv_transpose(
            x.astype(self.dtype), kernel.astype(self.dtype), self.stride, "SAME", output_size=self.output_size
        )
        return _add_bias(self, y)


def _add_bias(layer: Conv | ConvTranspose, y: jax.Array) -> jax.Array:
    if not layer.use_bias:
        return y
    bias = layer.param("bias", nn.initializers.zeros, (layer.features,))
    return y + bias.astype(layer.dtype).reshape(1, 1, 1, -1)


def _around_one(key: jax.Array, shape: tuple[int, ...], dtype: Any = jnp.float32) -> jax.Array:
    """N(1, 0.02^2): DCGAN's initial scale of batch normalisation."""
    return 1 + 0.02 * jax.random.normal(key, shape, dtype)


def batch_norm(train: bool, momentum: float, epsilon: float, kernel_init: InitName, dtype: Any) -> nn.BatchNorm:
    """Batch normalisation over all axes but the last; statistics are computed and kept in float32.

    The running variance is the biased one, as in Keras; PyTorch's is n / (n - 1) times it.

    Args:
      train: use the batch's statistics and move the running ones; otherwise use the running ones.
      momentum: of the running statistics, in Flax's and Keras' sense: the share of the old value that stays
        (PyTorch's momentum is one minus this).
      epsilon: added to the variance.
      kernel_init: of the network's kernels: with DCGAN's "normal" scales start at N(1, 0.02^2), otherwise at 1.
      dtype: of the result.
    """
    scale_init = _around_one if kernel_init == "normal" else nn.initializers.ones
    return nn.BatchNorm(not train, momentum=momentum, epsilon=epsilon, dtype=dtype, scale_init=scale_init)


class Head(nn.Module):
    """Logits from D's features: a linear map, and with labels the projection of the class on the features.

    logit = w . h + b (+ v_y . h with classes; Miyato & Koyama 2018, equation 3).

    Attributes:
      num_classes: 0 for a discriminator without labels.
      use_bias: adds b.
      kernel_init: of w and v.
    """

    num_classes: int
    use_bias: bool
    kernel_init: Init

    @nn.compact
    def __call__(self, features: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Features [b, d] and labels int32 [b] -> logits [b] float32."""
        features = features.astype(jnp.float32)  # a logit in bfloat16 would have three digits
        logits = nn.Dense(1, self.use_bias, kernel_init=self.kernel_init)(features)[:, 0]
        if self.num_classes:
            classes = nn.Embed(self.num_classes, features.shape[-1], embedding_init=self.kernel_init)(labels)
            logits += jnp.sum(classes * features, axis=-1)
        return logits


def join_labels(z: jax.Array, labels: jax.Array | None, num_classes: int) -> jax.Array:
    """Latents [b, d] with the label's one-hot code appended: [b, d + num_classes] (Mirza & Osindero 2014)."""
    if not num_classes:
        return z
    return jnp.concatenate([z, jax.nn.one_hot(labels, num_classes, dtype=z.dtype)], axis=-1)
