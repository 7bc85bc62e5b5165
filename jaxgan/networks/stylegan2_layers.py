"""Layers of StyleGAN2: equalised learning rate, modulated convolutions, minibatch standard deviation.

Every kernel starts at N(0, 1) / rate and is multiplied by rate / sqrt(fan_in) whenever it is used, so that an optimizer
that normalises its steps (Adam) moves all layers at the same relative speed, `rate` times the optimizer's.

Source: Karras et al. 2020 (arXiv 1912.04958); equalised learning rate and minibatch deviation: Karras et al. 2018
(arXiv 1710.10196), sections 4.1 and 3.
"""

import math
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.networks.layers import given, leaky_relu
from jaxgan.ops.conv import conv, conv_transpose
from jaxgan.ops.resample import blur, downsample

Size = tuple[int, int]

TAPS = (1, 3, 3, 1)  # the low-pass filter of every change of resolution
EPSILON = 1e-8


def pixel_norm(x: jax.Array) -> jax.Array:
    """Unit mean square over the last axis: x / sqrt(mean_c x_c^2 + 1e-8)."""
    return x * jax.lax.rsqrt(jnp.mean(jnp.square(x), axis=-1, keepdims=True) + EPSILON)


def activate(x: jax.Array) -> jax.Array:
    """Leaky ReLU of slope 0.2 times sqrt(2), which gives back the variance that it takes."""
    return leaky_relu(x, 0.2) * math.sqrt(2)


def equalised_kernel(layer: nn.Module, shape: tuple[int, ...], rate: float = 1.0) -> jax.Array:
    """The layer's parameter `kernel` [..., in, out], N(0, 1) / rate at first, times rate / sqrt(fan_in)."""
    kernel = layer.param("kernel", nn.initializers.normal(1 / rate), shape)
    return kernel * (rate / math.sqrt(math.prod(shape[:-1])))


class EqualisedDense(nn.Module):
    """Dense layer with equalised learning rate: [b, in] -> [b, features], float32.

    Attributes:
      features: of the result.
      rate: the optimizer's learning rate is multiplied by it, for kernel and bias.
      bias: that the layer starts with.
    """

    features: int
    rate: float = 1.0
    bias: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = equalised_kernel(self, (x.shape[-1], self.features), self.rate)
        bias = self.param("bias", nn.initializers.constant(self.bias / self.rate), (self.features,))
        return x @ kernel + (self.rate * bias)[None]


class EqualisedConv(nn.Module):
    """Convolution with equalised learning rate: [b, h, w, in] -> [b, oh, ow, features], same size or half (rounded up).

    Attributes:
      features: output channels.
      kernel: side of the square kernel, 1 or 3.
      dtype: of the arithmetic.
      down: halves the size, behind the low-pass filter.
      active: a bias and the leaky ReLU follow.
    """

    features: int
    kernel: int
    dtype: Any
    down: bool = False
    active: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = equalised_kernel(self, (self.kernel, self.kernel, x.shape[-1], self.features)).astype(self.dtype)
        x = x.astype(self.dtype)
        if not self.down:
            x = conv(x, kernel)
        elif self.kernel == 1:
            x = conv(downsample(x, TAPS), kernel)  # commutes with a kernel of one pixel, at a quarter of the cost
        else:
            x = _reducing_conv(x, kernel)
        return activate(_add_bias(self, x)) if self.active else x


class MappingNetwork(nn.Module):
    """The mapping network f: latents, classes or both -> w [b, features], float32.

    w = f(z / rms(z), e_y / rms(e_y)): both inputs are normalised (pixel norm), then come fully connected layers, at a
    hundredth of the learning rate.

    Attributes:
      features: of w and of the hidden layers.
      layers: their number.
      num_classes: 0 without labels.
    """

    features: int
    layers: int
    num_classes: int

    @nn.compact
    def __call__(self, z: jax.Array | None, labels: jax.Array | None) -> jax.Array:
        """Latents [b, d], or None for a network of the class alone, and labels int32 [b] -> w [b, features]."""
        inputs = [] if z is None else [pixel_norm(z.astype(jnp.float32))]
        if self.num_classes:
            code = jax.nn.one_hot(given(labels, self.num_classes), self.num_classes)
            inputs.append(pixel_norm(EqualisedDense(self.features, name="embed")(code)))
        x = jnp.concatenate(inputs, axis=-1)
        for _ in range(self.layers):
            x = activate(EqualisedDense(self.features, rate=0.01)(x))
        return x


def modulated_conv(
    x: jax.Array, kernel: jax.Array, style: jax.Array, *, demodulate: bool = True, size: Size | None = None
) -> jax.Array:
    """Convolution of each example with a kernel of its own, computed as one convolution with a shared kernel.

    The paper modulates and demodulates the kernel, with i, j, k over inputs, outputs and positions:

        w' = s_i w_ijk (equation 1), w'' = w' / sqrt(sum_ik w'_ijk^2 + 1e-8) (equation 3)

    A convolution is linear in each input and each output channel, so s may scale the input and demodulation the output:

        y_j = d_j sum_i w_ij * (s_i x_i), d_j = 1 / sqrt(sum_i s_i^2 sum_k w_ijk^2 + 1e-8)

    Args:
      x: [b, h, w, in]; its dtype is that of the arithmetic.
      kernel: [k, k, in, out].
      style: s [b, in] float32.
      demodulate: divide by the expected standard deviation of the result (for inputs of variance 1).
      size: of the result, (2 h or 2 h - 1, 2 w or 2 w - 1), if the resolution is doubled; None keeps it.

    Returns:
      [b, *size, out].

    Source: Karras et al. 2020, section 2.2.
    """
    y = x * style[:, None, None, :].astype(x.dtype)
    y = conv(y, kernel.astype(x.dtype)) if size is None else _enlarging_conv(y, kernel.astype(x.dtype), size)
    if demodulate:
        scale = jax.lax.rsqrt(jnp.square(style) @ jnp.sum(jnp.square(kernel), axis=(0, 1)) + EPSILON)
        y *= scale[:, None, None, :].astype(x.dtype)
    return y


class SynthesisLayer(nn.Module):
    """A 3x3 convolution under a style, noise, bias, leaky ReLU: [b, h, w, in] -> [b, *size, features].

    Attributes:
      features: output channels.
      size: of the result, (height, width).
      dtype: of the arithmetic.
      index: of the layer, which tells apart the noise of evaluation.
      up: the result has twice the resolution of the input.
    """

    features: int
    size: Size
    dtype: Any
    index: int
    up: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array, train: bool) -> jax.Array:
        """Features and w [b, w_dim]; noise is drawn from the stream "noise" with `train`, otherwise always the same."""
        style = EqualisedDense(x.shape[-1], bias=1.0, name="style")(w)
        kernel = equalised_kernel(self, (3, 3, x.shape[-1], self.features))
        y = modulated_conv(x.astype(self.dtype), kernel, style, size=self.size if self.up else None)
        strength = self.param("noise_strength", nn.initializers.zeros, ())
        y += (strength * self._noise(len(x), train)).astype(self.dtype)
        return activate(_add_bias(self, y))

    def _noise(self, count: int, train: bool) -> jax.Array:
        """One number a pixel, the same for all channels: [b, h, w, 1], in evaluation [1, h, w, 1]."""
        if train:
            return jax.random.normal(self.make_rng("noise"), (count, *self.size, 1))
        # Not a parameter and not stored: the image of a latent depends on the latent alone, in every process.
        return jax.random.normal(jax.random.fold_in(jax.random.key(0), self.index), (1, *self.size, 1))


class ToRGB(nn.Module):
    """Features to an image: a 1x1 convolution under a style, without demodulation, and a bias; float32.

    Attributes:
      channels: of an image.
      dtype: of the arithmetic.
    """

    channels: int
    dtype: Any

    @nn.compact
    def __call__(self, x: jax.Array, w: jax.Array) -> jax.Array:
        style = EqualisedDense(x.shape[-1], bias=1.0, name="style")(w)
        kernel = equalised_kernel(self, (1, 1, x.shape[-1], self.channels))
        image = modulated_conv(x.astype(self.dtype), kernel, style, demodulate=False)
        return _add_bias(self, image.astype(jnp.float32))


def minibatch_deviation(x: jax.Array, group_size: int) -> jax.Array:
    """Appends how much the examples of a group differ, as one more channel: [b, h, w, c] -> [b, h, w, c + 1].

    The standard deviation over a group, per pixel and channel, and its mean over both: one number a group. The batch is
    cut into n groups of equal size, the greatest divisor of b up to `group_size`; example i is in group i mod n.
    """
    count = len(x)
    size = next(size for size in range(min(group_size, count), 0, -1) if count % size == 0)
    groups = x.reshape(size, count // size, -1)
    variance = jnp.mean(jnp.square(groups - jnp.mean(groups, axis=0, keepdims=True)), axis=0)
    deviation = jnp.tile(jnp.mean(jnp.sqrt(variance + EPSILON), axis=-1), size)
    return jnp.concatenate([x, jnp.broadcast_to(deviation[:, None, None, None], (*x.shape[:3], 1))], axis=-1)


def _enlarging_conv(x: jax.Array, kernel: jax.Array, size: Size) -> jax.Array:
    """A 3x3 convolution at twice the resolution: transposed, then low-pass; [b, h, w, in] -> [b, *size, out].

    It is a quarter of the work of enlarging first. The filter's gain is 4, because three of four pixels are new.
    """
    y = conv_transpose(x, kernel.swapaxes(2, 3), 2, "VALID")  # 2 h + 1 rows: pixel i of x is centred on 2 i + 1
    # The filter moves centres by half a pixel: cut here, to 2 i + 1/2, between the two pixels that pixel i becomes.
    return 4 * blur(y, TAPS)[:, 1 : size[0] + 1, 1 : size[1] + 1]


def _reducing_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """A 3x3 convolution at half the resolution, rounded up: low-pass, then strided.

    The last position looks at filtered pixels beyond the image: zeros give the filter that much to fill.
    """
    rows, columns = ((0, 1 + side % 2) for side in x.shape[1:3])
    return conv(blur(jnp.pad(x, ((0, 0), rows, columns, (0, 0))), TAPS), kernel, 2, "VALID")


def _add_bias(layer: nn.Module, y: jax.Array) -> jax.Array:
    bias = layer.param("bias", nn.initializers.zeros, y.shape[-1:])
    return y + bias.astype(y.dtype).reshape(1, 1, 1, -1)
