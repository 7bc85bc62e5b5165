"""How far an image is from what a decoder made of its code: losses, and likelihoods in nats, summed over an image."""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgan.errors import JaxganError, check_range


class Likelihood(NamedTuple):
    """What the output of a decoder says.

    Attributes:
      name: by which protocols tell it from others, with what it is set to.
      loss: `(output [b, *shape], images [b, *shape] in [-1, 1]) -> [b]`; of a likelihood it is -log p(image | output).
      images: `output -> images` in [-1, 1], the most probable ones, or their mean.
      of_logits: the output is a logit of every number, else it is the image.
    """

    name: str
    loss: Callable[[jax.Array, jax.Array], jax.Array]
    images: Callable[[jax.Array], jax.Array]
    of_logits: bool = False


def squared_error(output: jax.Array, images: jax.Array) -> jax.Array:
    """sum_i (y_i - x_i)^2, [b]."""
    return _summed((output - _like(output, images)) ** 2)


def absolute_error(output: jax.Array, images: jax.Array) -> jax.Array:
    """sum_i |y_i - x_i|, [b]."""
    return _summed(jnp.abs(output - _like(output, images)))


def cross_entropy(logits: jax.Array, images: jax.Array) -> jax.Array:
    """-sum_i t_i log s(l_i) + (1 - t_i) log(1 - s(l_i)), [b] nats, with targets t = (x + 1) / 2 and s the sigmoid.

    Of MNIST's digits that is 784 times Keras' mean over the pixels.
    """
    return _summed(optax.sigmoid_binary_cross_entropy(logits, (_like(logits, images) + 1) / 2))


def _like(output: jax.Array, images: jax.Array) -> jax.Array:
    """The images; of another shape than the output they might broadcast, and be learnt wrongly."""
    if output.shape != images.shape:
        raise ValueError(f"a decoder's output is compared with images of its shape {output.shape}, not {images.shape}")
    return images


def _summed(terms: jax.Array) -> jax.Array:
    return jnp.sum(terms, axis=tuple(range(1, terms.ndim)))


def _clipped(output: jax.Array) -> jax.Array:
    return jnp.clip(output, -1, 1)


LOSSES: dict[str, Likelihood] = {
    loss.name: loss
    for loss in (
        Likelihood("squared", squared_error, _clipped),
        Likelihood("absolute", absolute_error, _clipped),
        Likelihood("cross_entropy", cross_entropy, lambda logits: jnp.tanh(logits / 2), of_logits=True),
    )
}
"""By name. 2 s(l) - 1 = tanh(l / 2)."""


def bernoulli() -> Likelihood:
    """Each number, brought to [0, 1], is a coin's: p = sigmoid(logit).

    Of pixels that are neither black nor white the cross-entropy is no log-likelihood, and never 0: then figures can be
    compared on the same images only (Loaiza-Ganem & Cunningham 2019).
    """
    return LOSSES["cross_entropy"]._replace(name="bernoulli")


def gaussian(sigma: float = 0.1) -> Likelihood:
    """N(output, sigma^2 I), a density of images in [-1, 1]: ||y - x||^2 / (2 sigma^2) + d / 2 log(2 pi sigma^2).

    Images have 256 levels, so its figures are densities at points of a grid: they rise with every sigma that fits
    better, past any bound, and compare with those of the same sigma only. To be compared with other models they would
    need images dequantised by uniform noise (Theis et al. 2016, arXiv:1511.01844, section 3.1), which these are not.

    Args:
      sigma: standard deviation of every number, the smaller the sharper; a level of 8 bits is 0.0078.
    """
    check_range("sigma", sigma, 1e-4, 1e4)

    def loss(output: jax.Array, images: jax.Array) -> jax.Array:
        constant = math.prod(images.shape[1:]) / 2 * math.log(2 * math.pi * sigma**2)
        return squared_error(output, images) / (2 * sigma**2) + constant

    return Likelihood(f"gaussian density, sigma {sigma}", loss, _clipped)


LIKELIHOODS: dict[str, Callable[..., Likelihood]] = {"bernoulli": bernoulli, "gaussian": gaussian}


def check_output(decoder: object, likelihood: Likelihood, setting: str) -> None:
    """Refuses a decoder that squashes what is to be a logit.

    Args:
      decoder: a generator.
      likelihood: of its output.
      setting: that asks for it, e.g. `"config.likelihood=bernoulli"`.

    Raises:
      JaxganError: its output is none.
    """
    if likelihood.of_logits and getattr(decoder, "output", "tanh") != "none":
        raise JaxganError(
            f"{setting} takes logits from the decoder; set --config.decoder.output=none, of the decoders mlp and dcgan."
        )
