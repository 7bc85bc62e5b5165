"""Systems with an encoder and a decoder, small enough to compute by hand."""

import jax.numpy as jnp
import numpy as np

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.data.memory import ArraySource
from jaxgan.systems import build_system

LINEAR = dict(name="mlp", hidden=())
EYE, ZERO = (np.eye(64), np.zeros(64)), (np.zeros((64, 64)), np.zeros(64))
"""Weights of linear networks of 8x8 pixels and 64 numbers: everything as it is, and nothing of it."""

NUM = 10_000


def little(seed: int, *, split: str = "train"):
    """A source of 10,000 images of 2x2 pixels, other ones in every split."""
    images = np.random.default_rng(len(split)).integers(0, 256, (NUM, 2, 2, 1), dtype=np.uint8)
    return ArraySource(images)


SGD = dict(name="sgd", learning_rate=0.1)


def make(name, shape, batch_size=4, classes=(), **settings):
    """A linear system of this name, for images of this shape; `settings` go over its own."""
    plain = dict(
        system=dict(name=name) | settings.pop("system", {}),
        encoder=LINEAR,
        decoder=LINEAR | dict(output="none"),
        optimizer=SGD,
        batch_size=batch_size,
    )
    plain |= dict(likelihood=dict(name="gaussian", sigma=1.0)) if name == "vae" else {}
    return build_system(resolve(recipe(**plain | settings)), DataSpec(shape, "uint8", classes, 100))


def with_weights(state, encoder, decoder):
    """The state with these weights, `(kernel, bias)` each, of two linear networks."""

    def of(player, weights):
        new = dict(zip(("kernel", "bias"), map(jnp.float32, weights), strict=True))
        old = player.params["Dense_0"]
        assert {key: value.shape for key, value in old.items()} == {key: value.shape for key, value in new.items()}
        return player.replace(params={"Dense_0": new})

    return state.replace(encoder=of(state.encoder, encoder), decoder=of(state.decoder, decoder))


def weights(player):
    """Kernel and bias of a linear network."""
    dense = player.params["Dense_0"]
    return np.asarray(dense["kernel"]), np.asarray(dense["bias"])
