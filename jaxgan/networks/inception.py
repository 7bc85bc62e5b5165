"""The Inception network of FID and the Inception score: TensorFlow's Inception-v3 of 2015-12-05, for inference.

It is not the Inception-v3 of today's libraries: it has 1008 outputs, its average poolings do not count the padding, and
the last block pools by maximum. Scores of another network are other scores. Modules and parameters have the names of
the PyTorch port that everyone's weights come from; batch normalisation is folded into kernels and biases.
Source: Szegedy et al. 2016 (arXiv:1512.00567), and the graph that Heusel et al. 2017 (arXiv:1706.08500) score with.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.errors import JaxganError
from jaxgan.networks.layers import INITIALISERS
from jaxgan.ops.conv import conv

SIDE = 299
"""Pixels of the images that it was trained on."""

LEAST_SIDE = 75
"""Of smaller images the last maps would be empty."""

CLASSES = 1008
"""Outputs: ImageNet's thousand classes, and eight more that its trainers had and nobody uses."""


class ConvUnit(nn.Module):
    """Convolution, bias and ReLU: [b, h, w, in] -> [b, oh, ow, features].

    Attributes:
      features: output channels.
      kernel: (height, width); parameters `kernel` [height, width, in, features] and `bias` [features].
      stride: of both axes.
      padding: "SAME" or "VALID".
    """

    features: int
    kernel: tuple[int, int]
    stride: int = 1
    padding: str = "SAME"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", INITIALISERS["he_normal"], (*self.kernel, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        return nn.relu(conv(x, kernel, self.stride, self.padding) + bias.reshape(1, 1, 1, -1))


def chain(x: jax.Array, name: str, *units: tuple[int, int, int]) -> jax.Array:
    """Convolutions one after another, `NAME_1`, `NAME_2`, ...; inside a compact method.

    Args:
      x: [b, h, w, c].
      name: of the branch.
      units: features, height and width of each kernel.
    """
    for i, (features, height, width) in enumerate(units, 1):
        x = ConvUnit(features, (height, width), name=f"{name}_{i}")(x)
    return x


def mean_pool(x: jax.Array) -> jax.Array:
    """Mean over 3x3 around every position, at the edges over what there is: [b, h, w, c] -> [b, h, w, c]."""
    return nn.avg_pool(x, (3, 3), (1, 1), "SAME", count_include_pad=False)


def max_pool(x: jax.Array, stride: int) -> jax.Array:
    """Maximum over 3x3: around every position at stride 1, else of whole windows only."""
    return nn.max_pool(x, (3, 3), (stride, stride), "SAME" if stride == 1 else "VALID")


class BlockA(nn.Module):
    """Branches with kernels of up to 5x5: [b, h, w, c] -> [b, h, w, 224 + pool_features]."""

    pool_features: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        one = ConvUnit(64, (1, 1), name="branch1x1")(x)
        five = chain(x, "branch5x5", (48, 1, 1), (64, 5, 5))
        double = chain(x, "branch3x3dbl", (64, 1, 1), (96, 3, 3), (96, 3, 3))
        pooled = ConvUnit(self.pool_features, (1, 1), name="branch_pool")(mean_pool(x))
        return jnp.concatenate([one, five, double, pooled], -1)


class BlockB(nn.Module):
    """The first halving: [b, h, w, c] -> [b, (h - 1) / 2, (w - 1) / 2, 480 + c]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        three = ConvUnit(384, (3, 3), 2, "VALID", name="branch3x3")(x)
        double = chain(x, "branch3x3dbl", (64, 1, 1), (96, 3, 3))
        double = ConvUnit(96, (3, 3), 2, "VALID", name="branch3x3dbl_3")(double)
        return jnp.concatenate([three, double, max_pool(x, 2)], -1)


class BlockC(nn.Module):
    """Branches with kernels of 7x7 in two factors, `inner` channels between them: [b, h, w, c] -> [b, h, w, 768]."""

    inner: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        n = self.inner
        one = ConvUnit(192, (1, 1), name="branch1x1")(x)
        seven = chain(x, "branch7x7", (n, 1, 1), (n, 1, 7), (192, 7, 1))
        double = chain(x, "branch7x7dbl", (n, 1, 1), (n, 7, 1), (n, 1, 7), (n, 7, 1), (192, 1, 7))
        pooled = ConvUnit(192, (1, 1), name="branch_pool")(mean_pool(x))
        return jnp.concatenate([one, seven, double, pooled], -1)


class BlockD(nn.Module):
    """The second halving: [b, h, w, c] -> [b, (h - 1) / 2, (w - 1) / 2, 512 + c]."""

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        three = chain(x, "branch3x3", (192, 1, 1))
        three = ConvUnit(320, (3, 3), 2, "VALID", name="branch3x3_2")(three)
        seven = chain(x, "branch7x7x3", (192, 1, 1), (192, 1, 7), (192, 7, 1))
        seven = ConvUnit(192, (3, 3), 2, "VALID", name="branch7x7x3_4")(seven)
        return jnp.concatenate([three, seven, max_pool(x, 2)], -1)


class BlockE(nn.Module):
    """Branches that end in 1x3 beside 3x1: [b, h, w, c] -> [b, h, w, 2048].

    Attributes:
      pooling: "mean"; "max" of the last block, which nobody meant but everybody's scores are of.
    """

    pooling: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        one = ConvUnit(320, (1, 1), name="branch1x1")(x)
        three = self._forked(chain(x, "branch3x3", (384, 1, 1)), "branch3x3_2")
        double = self._forked(chain(x, "branch3x3dbl", (448, 1, 1), (384, 3, 3)), "branch3x3dbl_3")
        pooled = mean_pool(x) if self.pooling == "mean" else max_pool(x, 1)
        return jnp.concatenate([one, *three, *double, ConvUnit(192, (1, 1), name="branch_pool")(pooled)], -1)

    def _forked(self, x: jax.Array, name: str) -> tuple[jax.Array, jax.Array]:
        return ConvUnit(384, (1, 3), name=f"{name}a")(x), ConvUnit(384, (3, 1), name=f"{name}b")(x)


class Classifier(nn.Module):
    """Features [b, d] -> logits without their bias and with it, [b, 1008] each."""

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        unbiased = x @ self.param("kernel", INITIALISERS["lecun_normal"], (x.shape[-1], CLASSES))
        return unbiased, unbiased + self.param("bias", nn.initializers.zeros, (CLASSES,)).reshape(1, -1)


class Inception(nn.Module):
    """Images to features and logits. Every block is a submodule, whose result `capture_intermediates` gives."""

    @nn.compact
    def __call__(self, images: jax.Array) -> dict[str, jax.Array]:
        """RGB images as the network was given them to features and logits.

        Args:
          images: [b, h, w, 3] float32, at least 75x75 and made for 299x299; (x - 128) / 128 of x in 0..255.

        Returns:
          "pool3" [b, 2048], which distances are measured in; "logits" [b, 1008]; and "logits_unbiased" [b, 1008], the
          same without the last bias, of whose softmax the Inception score is made (Salimans et al. 2016 left it out).

        Raises:
          JaxganError: the images are too small.
        """
        if min(images.shape[1:3]) < LEAST_SIDE:
            height, width = images.shape[1:3]
            raise JaxganError(f"inception: images must be {LEAST_SIDE}x{LEAST_SIDE} or more, and are {height}x{width}.")
        blocks = functools.reduce(lambda x, block: block(x), self._blocks(), self._stem(images))
        pool3 = jnp.mean(blocks, axis=(1, 2))
        unbiased, logits = Classifier(name="fc")(pool3)
        return {"pool3": pool3, "logits": logits, "logits_unbiased": unbiased}

    def _stem(self, x: jax.Array) -> jax.Array:
        """[b, 299, 299, 3] -> [b, 35, 35, 192]."""
        x = ConvUnit(32, (3, 3), 2, "VALID", name="Conv2d_1a_3x3")(x)
        x = ConvUnit(32, (3, 3), 1, "VALID", name="Conv2d_2a_3x3")(x)
        x = max_pool(ConvUnit(64, (3, 3), name="Conv2d_2b_3x3")(x), 2)
        x = ConvUnit(80, (1, 1), name="Conv2d_3b_1x1")(x)
        return max_pool(ConvUnit(192, (3, 3), 1, "VALID", name="Conv2d_4a_3x3")(x), 2)

    def _blocks(self) -> list[nn.Module]:
        """[b, 35, 35, 192] -> [b, 8, 8, 2048]."""
        return [
            *(BlockA(n, name=f"Mixed_5{letter}") for letter, n in zip("bcd", (32, 64, 64), strict=True)),
            BlockB(name="Mixed_6a"),
            *(BlockC(n, name=f"Mixed_6{letter}") for letter, n in zip("bcde", (128, 160, 160, 192), strict=True)),
            BlockD(name="Mixed_7a"),
            BlockE("mean", name="Mixed_7b"),
            BlockE("max", name="Mixed_7c"),
        ]
