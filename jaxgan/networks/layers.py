"""Layers shared by the networks. Parameters are float32; arithmetic runs in the dtype a layer is given."""

from collections.abc import Callable
from typing import Any, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError
from jaxgan.ops.conv import Padding, conv, conv_transpose

Init = jax.nn.initializers.Initializer
INITIALISERS: dict[str, Init] = {
    "glorot_uniform": nn.initializers.glorot_uniform(),
    "he_normal": nn.initializers.he_normal(),
    "lecun_normal": nn.initializers.lecun_normal(),
    "normal": nn.initializers.normal(0.02),  # N(0, 0.02^2), as in DCGAN
    "orthogonal": nn.initializers.orthogonal(),
}
InitName = Literal["glorot_uniform", "he_normal", "lecun_normal", "normal", "orthogonal"]

# Of a running mean's momentum: at 1 it would never move, and in float32 1 - 1e-8 is 1.
LARGEST_MOMENTUM = 0.999999

# How D learns of the label: the head projects the class on the features, the label's code joins the image, or an
# auxiliary head tells the class.
Conditioning = Literal["projection", "concatenation", "classifier"]

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


def spectrally_normalised(layer: nn.Module, kernel: jax.Array) -> jax.Array:
    """A layer's kernel divided by its largest singular value (Miyato et al. 2018, equation 8 and algorithm 1).

    W / sigma(W) with sigma(W) = u^T W v, where v <- W^T u / |W^T u| and u <- W v / |W v|

    W [m, n] is the kernel with all axes but the last made one. The vectors u [m] and v [n] are the layer's variables in
    the collection "spectral": they make one iteration in a pass that may change that collection, and are used as they
    are in every other. No gradient flows through them, so d sigma / dW = u v^T.

    Args:
      layer: the module that holds the variables, inside its compact method.
      kernel: [..., n] float32.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1])
    fixed = jax.lax.stop_gradient(matrix)

    def start() -> jax.Array:
        u = jax.random.normal(layer.make_rng("params"), matrix.shape[:1])
        return jax.lax.fori_loop(0, 14, lambda _, u: _power_iteration(fixed, u)[0], u)

    u, v = layer.variable("spectral", "u", start), layer.variable("spectral", "v", jnp.zeros, matrix.shape[1:])
    if layer.is_mutable_collection("spectral"):
        u.value, v.value = _power_iteration(fixed, u.value)
    return kernel / jnp.dot(u.value, jnp.dot(matrix, v.value, precision="highest"), precision="highest")


def _power_iteration(matrix: jax.Array, u: jax.Array) -> tuple[jax.Array, jax.Array]:
    v = _unit(jnp.dot(u, matrix, precision="highest"))  # three digits of TF32 would show in the result's norm
    return _unit(jnp.dot(matrix, v, precision="highest")), v


def _unit(x: jax.Array) -> jax.Array:
    return x / jnp.maximum(jnp.linalg.norm(x), 1e-12)


class Dense(nn.Module):
    """Linear map of the last axis: [..., in] -> [..., features].

    Attributes:
      features: outputs; parameters [in, features].
      use_bias: adds a bias [features].
      kernel_init: of the kernel.
      dtype: of the arithmetic.
      spectral: divide the kernel by its largest singular value.
    """

    features: int
    use_bias: bool
    kernel_init: Init
    dtype: Any
    spectral: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        if self.spectral:
            kernel = spectrally_normalised(self, kernel)
        return _add_bias(self, x.astype(self.dtype) @ kernel.astype(self.dtype))


def given(labels: jax.Array | None, num_classes: int) -> jax.Array:
    """The labels, int32 [b], that a network with classes cannot do without.

    Raises:
      JaxganError: there are none.
    """
    if labels is None:
        raise JaxganError(f"this network was made for {num_classes} classes: it takes labels, and was given none.")
    return labels


class Embed(nn.Module):
    """A vector a class: labels int32 [b] -> [b, features] float32.

    Attributes:
      num_classes: rows of the table.
      features: length of the vectors; parameters [num_classes, features].
      embedding_init: of the table.
      spectral: divide the table by its largest singular value.
    """

    num_classes: int
    features: int
    embedding_init: Init
    spectral: bool = False

    @nn.compact
    def __call__(self, labels: jax.Array | None) -> jax.Array:
        labels = given(labels, self.num_classes)
        table = self.param("embedding", self.embedding_init, (self.num_classes, self.features))
        if self.spectral:
            table = spectrally_normalised(self, table)
        return table[labels]


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
      spectral: divide the kernel by its largest singular value.
    """

    features: int
    kernel: int
    stride: int
    padding: Padding
    use_bias: bool
    kernel_init: Init
    dtype: Any
    spectral: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        shape = (self.kernel, self.kernel, x.shape[-1], self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        if self.spectral:
            kernel = spectrally_normalised(self, kernel)
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


def _add_bias(layer: Dense | Conv | ConvTranspose, y: jax.Array) -> jax.Array:
    if not layer.use_bias:
        return y
    bias = layer.param("bias", nn.initializers.zeros, (layer.features,))
    return y + bias.astype(layer.dtype).reshape((1,) * (y.ndim - 1) + (-1,))


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


def instance_norm(x: jax.Array, epsilon: float = 1e-5) -> jax.Array:
    """Normalises every channel of every example over its own positions; without parameters.

    y = (x - mean x) / sqrt(var x + epsilon), the variance biased

    Args:
      x: [b, h, w, c]; of one position only the result would be 0, which `check_halvings` refuses.
      epsilon: above 0.

    Returns:
      [b, h, w, c] in the dtype of x; the arithmetic is in float32.

    Source: Ulyanov et al. 2016 (arXiv:1607.08022), equation 5.
    """
    centred = x.astype(jnp.float32)
    centred -= jnp.mean(centred, axis=(1, 2), keepdims=True)
    variance = jnp.mean(jnp.square(centred), axis=(1, 2), keepdims=True)
    return (centred * jax.lax.rsqrt(variance + epsilon)).astype(x.dtype)


def check_halvings(setting: str, halvings: int, least: int, shape: tuple[int, ...], spared: int = 0) -> None:
    """Refuses halvings that bring instance normalisation to a map of one pixel, of which it would make 0.

    Args:
      setting: as the user knows it, e.g. `"patchgan: layers"`.
      halvings: its value: how often a side n becomes ceil(n / 2).
      least: legal value.
      shape: (height, width, channels) of the image.
      spared: of the halvings, the last ones, whose maps are not normalised.

    Raises:
      JaxganError: it names the setting, its legal values, and the images for which this one would be legal.
    """
    height, width, _ = shape
    most = (max(height, width) - 1).bit_length() - 1 + spared  # as many leave two pixels where it matters
    if not least <= halvings <= most:
        wanted = max(halvings, least)
        legal = f"must be in [{least}, {most}]" if most >= least else "no number is legal"
        raise JaxganError(
            f"{setting} is {halvings}, but {legal} for images of {height}x{width}; {wanted} can be had from a side of "
            f"{2 ** (wanted - spared) + 1} pixels on."
        )


def reflect_pad(x: jax.Array, size: int) -> jax.Array:
    """Images continued by their mirror images, the edge itself not repeated: [b, h, w, c] -> [b, h + 2 n, w + 2 n, c].

    Args:
      x: images; where a side is too short it is reflected again and again.
      size: n, pixels on every side.
    """
    return jnp.pad(x, ((0, 0), (size, size), (size, size), (0, 0)), mode="reflect")


class Head(nn.Module):
    """Logits from D's features: a linear map, and with labels the projection of the class on the features.

    logit = w . h + b (+ v_y . h under projection; Miyato & Koyama 2018, equation 3)

    Under "classifier" a second linear map tells the class (Odena et al. 2017): its logits [b, num_classes] float32 are
    revealed as "classes".

    Attributes:
      num_classes: 0 for a discriminator without labels.
      use_bias: adds b.
      kernel_init: of w and v.
      spectral: divide each map by its largest singular value.
      conditioning: what the labels do here; under "concatenation" nothing, as they have joined the examples.
    """

    num_classes: int
    use_bias: bool
    kernel_init: Init
    spectral: bool = False
    conditioning: Conditioning = "projection"

    @nn.compact
    def __call__(self, features: jax.Array, labels: jax.Array | None) -> jax.Array:
        """Features [b, d] and labels int32 [b] -> logits [b] float32."""
        features = features.astype(jnp.float32)  # a logit in bfloat16 would have three digits
        reveal(self, "features", features)
        logits = Dense(1, self.use_bias, self.kernel_init, jnp.float32, self.spectral)(features)[:, 0]
        if self.num_classes and self.conditioning == "projection":
            embed = Embed(self.num_classes, features.shape[-1], self.kernel_init, self.spectral)
            logits += jnp.sum(embed(labels) * features, axis=-1)
        if self.num_classes and self.conditioning == "classifier":
            classes = Dense(self.num_classes, True, self.kernel_init, jnp.float32, self.spectral)(features)
            reveal(self, "classes", classes)
        return logits


def reveal(module: nn.Module, collection: str, value: jax.Array) -> None:
    """Sows what a pass comes to besides its result, for `apply(..., mutable=[collection])` to return.

    Every discriminator reveals "features", float32 [b, d], which its logits are a function of.
    """
    if not module.is_initializing():  # the variables of a network hold no results
        module.sow(collection, "value", value)


def join_labels(x: jax.Array, labels: jax.Array | None, num_classes: int) -> jax.Array:
    """Latents or examples with the label's one-hot code appended (Mirza & Osindero 2014).

    Args:
      x: [b, ..., c]; of an image every pixel gets the code, as maps that are constant.
      labels: int32 [b].
      num_classes: 0 leaves x as it is.

    Returns:
      [b, ..., c + num_classes].
    """
    if not num_classes:
        return x
    codes = jax.nn.one_hot(given(labels, num_classes), num_classes, dtype=x.dtype).reshape(
        -1, *(1,) * (x.ndim - 2), num_classes
    )
    return jnp.concatenate([x, jnp.broadcast_to(codes, (*x.shape[:-1], num_classes))], axis=-1)


def upsample_nearest(x: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Every pixel twice along both axes, then cropped: [b, h, w, c] -> [b, *size, c].

    Args:
      x: images.
      size: (height, width), each 2 n or 2 n - 1 of the side n that it comes from.
    """
    b, h, w, c = x.shape
    doubled = jnp.broadcast_to(x.reshape(b, h, 1, w, 1, c), (b, h, 2, w, 2, c)).reshape(b, 2 * h, 2 * w, c)
    return doubled[:, : size[0], : size[1]]


def mean_pool(x: jax.Array) -> jax.Array:
    """Mean over windows of 2x2: [b, h, w, c] -> [b, ceil(h / 2), ceil(w / 2), c]; at an odd edge over what there is."""
    return _windows(x).mean(axis=(2, 4))


def max_pool(x: jax.Array) -> jax.Array:
    """Maximum over windows of 2x2: [b, h, w, c] -> [b, ceil(h / 2), ceil(w / 2), c]."""
    return _windows(x).max(axis=(2, 4))


def _windows(x: jax.Array) -> jax.Array:
    """[b, ceil(h / 2), 2, ceil(w / 2), 2, c]; an odd edge is repeated, which leaves its mean and its maximum alone."""
    b, h, w, c = x.shape
    x = jnp.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)), mode="edge")
    # By reshaping, as `reduce_window` has no second derivative.
    return x.reshape(b, -(-h // 2), 2, -(-w // 2), 2, c)
