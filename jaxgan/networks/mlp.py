"""Fully connected generator and discriminator, for images and for points."""

import math
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError, check_range
from jaxgan.networks.layers import (
    ACTIVATIONS,
    INITIALISERS,
    Conditioning,
    Dense,
    Head,
    InitName,
    batch_norm,
    join_labels,
    leaky_relu,
)

Activation = Literal["leaky_relu", "tanh", "sigmoid", "gelu", "silu", "elu", "maxout"]


def _check(net: "MLPGenerator | MLPDiscriminator | MLPEncoder") -> None:
    if min(net.hidden, default=1) < 1:
        raise JaxganError(f"mlp: hidden is {tuple(net.hidden)}, but every width must be at least 1.")
    check_range("mlp: slope", net.slope, 0, 1)
    check_range("mlp: pieces", net.pieces, 1, 1000)


def maxout(x: jax.Array, pieces: int) -> jax.Array:
    """h_i = max_j x_{j, i} over a unit's pieces: [b, pieces * width] -> [b, width] (Goodfellow et al. 2013, eq. 1).

    The units of a piece lie side by side, so that the maximum is one of vectors; with a unit's pieces side by side
    a whole step of `ring_gan` took half as long again on a CPU.
    """
    return jnp.max(x.reshape(len(x), pieces, -1), axis=1)


class _Trunk(nn.Module):
    """Dense layers, each followed by its activation: [b, d] -> [b, hidden[-1]]."""

    hidden: tuple[int, ...]
    activation: Activation
    slope: float
    pieces: int
    normalise: bool
    kernel_init: InitName
    dtype: Any
    spectral: bool = False
    weight_norm: bool = False
    noise: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        init, pieces = INITIALISERS[self.kernel_init], self.pieces if self.activation == "maxout" else 1
        for width in self.hidden:
            dense = Dense(pieces * width, True, init, self.dtype, self.spectral)
            x = (nn.WeightNorm(dense, use_scale=False) if self.weight_norm else dense)(x)
            if self.normalise:
                x = batch_norm(train, 0.9, 1e-5, self.kernel_init, self.dtype)(x)
            x = _noisy(self, self._activate(x), self.noise, train)
        return x

    def _activate(self, x: jax.Array) -> jax.Array:
        if self.activation == "maxout":
            return maxout(x, self.pieces)
        return leaky_relu(x, self.slope) if self.activation == "leaky_relu" else ACTIVATIONS[self.activation](x)


def _noisy(module: nn.Module, x: jax.Array, std: float, train: bool) -> jax.Array:
    """The same under Gaussian noise of this standard deviation, in training."""
    if not (train and std):
        return x
    return x + (std * jax.random.normal(module.make_rng("noise"), x.shape)).astype(x.dtype)


def _trunk(net: "MLPGenerator | MLPDiscriminator | MLPEncoder", **options: Any) -> _Trunk:
    settings = (net.hidden, net.activation, net.slope, net.pieces, net.normalise, net.kernel_init, net.dtype)
    return _Trunk(*settings, **options)


class MLPGenerator(nn.Module):
    """Dense layers from latents to an example of any shape.

    Attributes:
      shape: of one example, `(h, w, c)` or `(d,)`.
      num_classes: 0 without labels; otherwise the label's one-hot code is appended to the latents.
      dtype: of the arithmetic.
      hidden: widths of the hidden layers; () makes G linear.
      activation: of the hidden layers.
      slope: of leaky_relu, in [0, 1]; 0 is ReLU.
      pieces: of maxout: linear maps a hidden unit is the largest of.
      output: "tanh" for images, "none" for points.
      normalise: batch normalisation before each hidden activation.
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    hidden: tuple[int, ...] = (128,)
    activation: Activation = "leaky_relu"
    slope: float = 0.01
    pieces: int = 5
    output: Literal["tanh", "none"] = "tanh"
    normalise: bool = False
    kernel_init: InitName = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self)

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Latents [b, d] (and labels int32 [b]) -> examples [b, *shape] float32, in [-1, 1] under tanh."""
        x = join_labels(z, labels, self.num_classes)
        x = _trunk(self)(x, train)
        x = Dense(math.prod(self.shape), True, INITIALISERS[self.kernel_init], self.dtype)(x)
        return ACTIVATIONS[self.output](x.astype(jnp.float32)).reshape(-1, *self.shape)


class MLPDiscriminator(nn.Module):
    """Dense layers from an example of any shape to a logit.

    With noise, training draws from the stream "noise": `apply(..., train=True, rngs={"noise": key})`.

    Attributes:
      shape: of one example.
      num_classes: 0 without labels.
      dtype: of the arithmetic; the head and its logits are float32.
      hidden: widths of the hidden layers.
      activation: of the hidden layers.
      slope: of leaky_relu, in [0, 1]; 0 is ReLU.
      pieces: of maxout: linear maps a hidden unit is the largest of.
      normalise: batch normalisation before each hidden activation.
      spectral: spectral normalisation of every kernel.
      weight_norm: the weights into each hidden unit have length 1, so that D cannot outgrow the noise (Salimans &
        Kingma 2016, without a scale to learn).
      input_noise: standard deviation of the Gaussian noise on the example, in training.
      noise: of that on the hidden activations.
      conditioning: what D does with labels: "projection" of the class on the features in the head, "concatenation" of
        their one-hot code with the example, or "classifier", a second head that tells the class.
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    num_classes: int
    dtype: Any
    hidden: tuple[int, ...] = (128,)
    activation: Activation = "leaky_relu"
    slope: float = 0.01
    pieces: int = 5
    normalise: bool = False
    spectral: bool = False
    weight_norm: bool = False
    input_noise: float = 0.0
    noise: float = 0.0
    conditioning: Conditioning = "projection"
    kernel_init: InitName = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self)
        check_range("mlp: input_noise", self.input_noise, 0, 1000)
        check_range("mlp: noise", self.noise, 0, 1000)

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Examples [b, *shape] (and labels int32 [b]) -> logits [b] float32."""
        x = _noisy(self, x.reshape(x.shape[0], -1), self.input_noise, train)
        if self.conditioning == "concatenation":
            x = join_labels(x, labels, self.num_classes)
        x = _trunk(self, spectral=self.spectral, weight_norm=self.weight_norm, noise=self.noise)(x, train)
        init = INITIALISERS[self.kernel_init]
        return Head(self.num_classes, True, init, self.spectral, self.conditioning)(x, labels)


class MLPEncoder(nn.Module):
    """Dense layers from an example of any shape to as many numbers as are asked for.

    Attributes:
      shape: of one example.
      num_classes: 0 without labels; otherwise the label's one-hot code joins the example.
      outputs: numbers an example becomes.
      dtype: of the arithmetic; the last map is float32.
      hidden: widths of the hidden layers; () makes it linear.
      activation: of the hidden layers.
      slope: of leaky_relu, in [0, 1]; 0 is ReLU.
      pieces: of maxout: linear maps a hidden unit is the largest of.
      normalise: batch normalisation before each hidden activation.
      kernel_init: of the kernels.
    """

    shape: tuple[int, ...]
    num_classes: int
    outputs: int
    dtype: Any
    hidden: tuple[int, ...] = (128,)
    activation: Activation = "leaky_relu"
    slope: float = 0.01
    pieces: int = 5
    normalise: bool = False
    kernel_init: InitName = "glorot_uniform"

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self)

    @nn.compact
    def __call__(self, x: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Examples [b, *shape] (and labels int32 [b]) -> [b, outputs] float32."""
        x = join_labels(x.reshape(x.shape[0], -1), labels, self.num_classes)
        x = _trunk(self)(x, train).astype(jnp.float32)
        return Dense(self.outputs, True, INITIALISERS[self.kernel_init], jnp.float32)(x)
