"""An encoder and a decoder that learn together by one loss: what autoencoders of every kind are made of."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.systems.building import check_numbers, given_of, options_of, parts_of
from jaxgan.systems.inputs import Metrics
from jaxgan.systems.players import Player, new_players, stepped, train_pass

Networks = dict[str, tuple[nn.Module, tuple[Any, ...]]]


@flax.struct.dataclass
class CoderState:
    """Everything that training changes."""

    step: jax.Array  # int32 []
    encoder: Player
    decoder: Player


@dataclasses.dataclass(frozen=True)
class Coder:
    """Both networks, and what moves them; an optimizer moves each number by itself, so each network may have its own.

    Attributes:
      encoder: Linen module, images to numbers.
      decoder: Linen module, latents to what a likelihood makes images of.
      optimizer: of both.
    """

    encoder: nn.Module
    decoder: nn.Module
    optimizer: optax.GradientTransformation

    def networks(self, shape: tuple[int, ...], latent_size: int) -> Networks:
        """Each module with example arguments."""
        return {
            "encoder": (self.encoder, (np.zeros((1, *shape), np.float32), None)),
            "decoder": (self.decoder, (np.zeros((1, latent_size), np.float32), None)),
        }

    def init(self, key: jax.Array, networks: Networks) -> CoderState:
        """A state at step 0."""
        return CoderState(jnp.zeros((), jnp.int32), *new_players(networks, [self.optimizer] * 2, key))

    def encode(self, state: CoderState, images: jax.Array) -> jax.Array:
        """Images [b, *shape] in [-1, 1] -> [b, outputs], as trained networks are used."""
        return jnp.asarray(self.encoder.apply(state.encoder.variables, images, None, train=False))

    def decode(self, state: CoderState, latents: jax.Array) -> jax.Array:
        """Latents [b, latent_size] -> output [b, *shape]."""
        return jnp.asarray(self.decoder.apply(state.decoder.variables, latents, None, train=False))

    def descend(
        self,
        state: CoderState,
        inputs: jax.Array,
        key: jax.Array,
        latents_of: Callable[[jax.Array], jax.Array],
        loss_of: Callable[[jax.Array, jax.Array], tuple[jax.Array, Metrics]],
    ) -> tuple[CoderState, Metrics]:
        """One step of both networks down the gradient of their loss.

        Args:
          state: before the step.
          inputs: that are encoded, [b, *shape] in [-1, 1].
          key: of what the networks draw.
          latents_of: what the encoder made -> latents [b, latent_size].
          loss_of: `(what the encoder made, what the decoder made) -> (loss [], metrics)`.
        """

        def loss(params: tuple[Any, Any]) -> tuple[jax.Array, Any]:
            of_encoder, of_decoder = params
            keys = jax.random.split(key)
            codes = train_pass(self.encoder, of_encoder, state.encoder.statistics, (inputs, None), keys[0])
            latents = latents_of(codes.output)
            made = train_pass(self.decoder, of_decoder, state.decoder.statistics, (latents, None), keys[1])
            total, metrics = loss_of(codes.output, made.output)
            return total, (metrics, codes.statistics, made.statistics)

        params = state.encoder.params, state.decoder.params
        gradients, (metrics, of_encoder, of_decoder) = jax.grad(loss, has_aux=True)(params)
        encoder = stepped(state.encoder, gradients[0], of_encoder, self.optimizer)
        decoder = stepped(state.decoder, gradients[1], of_decoder, self.optimizer)
        return CoderState(state.step + 1, encoder, decoder), metrics


def built_parts(system: Any, config: Mapping[str, Any], spec: DataSpec, per_latent: int) -> dict[str, Any]:
    """The fields of a system with an encoder and a decoder, from a recipe.

    Args:
      system: its class.
      config: the recipe.
      spec: of the data.
      per_latent: numbers that the encoder makes for each latent.

    Raises:
      JaxganError: the data has no images, a number is out of range, or a part refuses the shape of the data.
    """
    name, options = config["system"]["name"], options_of(system, config)
    if len(spec.shape) != 3:
        raise JaxganError(f"config.system={name} learns images, not examples of shape {spec.shape}.")
    check_numbers(options, "latent_size")
    parts = parts_of(system, config, given_of(config, spec, outputs=per_latent * options["latent_size"]))
    return parts | {"shape": spec.shape} | options
