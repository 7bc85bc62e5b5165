"""What CycleGAN and pix2pix share: what they are made of, and a D that judges patches of images."""

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks import PATCH_DISCRIMINATORS, TRANSLATORS
from jaxgan.objectives import OBJECTIVES, Objective
from jaxgan.optim import OPTIMIZERS
from jaxgan.systems.building import given_of, options_of, parts_of
from jaxgan.systems.players import Player, Variables, passes, stepped

PARTS: dict[str, Any] = {
    "generator": TRANSLATORS,
    "discriminator": PATCH_DISCRIMINATORS,
    "objective": OBJECTIVES,
    "generator_optimizer": OPTIMIZERS,
    "discriminator_optimizer": OPTIMIZERS,
}


def built(
    system: type, config: Mapping[str, Any], spec: DataSpec, judged: tuple[int, ...], sources: str
) -> dict[str, Any]:
    """Parts and options of a system of pairs, as its constructor takes them.

    Args:
      system: its class.
      config: resolved settings.
      spec: of the data.
      judged: shape of what D sees.
      sources: of such pairs as it learns from, for messages.

    Raises:
      JaxganError: the data has no pairs, or pairs of two shapes, or a part refuses the shape.
    """
    name = config["system"]["name"]
    if not spec.other or spec.class_names:  # with classes the second part is a labelled example of its own
        raise JaxganError(
            f"config.system={name} learns from pairs of images, which config.data={config['data']['name']} does not "
            f"give; set --config.data.name to {sources}."
        )
    if spec.other != spec.shape:
        raise JaxganError(
            f"config.system={name} translates between images of one shape, not between {spec.shape} and {spec.other}."
        )
    options = options_of(system, config)
    parts = parts_of(system, config, given_of(config, spec), discriminator=dict(shape=judged))
    return parts | {"shape": spec.shape} | options


def patch_logits(
    discriminator: nn.Module, player: Player, real: jax.Array, fake: jax.Array, key: jax.Array, *, advance: bool
) -> tuple[jax.Array, jax.Array, Variables]:
    """What D says of every patch of real and of generated images [b, *judged], and its statistics afterwards.

    Logits are [b h' w'] float32, so that each patch is an example: an objective's mean over them is the one over images
    and positions, as all have as many patches. `advance` is as of `passes`.
    """
    batches = [(real,), (fake,)]
    first, second = passes(discriminator, player.params, player.statistics, batches, key, advance=advance)
    return first.output.reshape(-1), second.output.reshape(-1), second.statistics


def adversarial_loss(
    objective: Objective, discriminator: nn.Module, player: Player, real: jax.Array, fake: jax.Array, key: jax.Array
) -> jax.Array:
    """What G pays for fakes that D tells from real ones, float32 []; D's statistics move in its own update only."""
    objective_key, d_key = jax.random.split(key)
    on_real, on_fake, _ = patch_logits(discriminator, player, real, fake, d_key, advance=False)
    return jnp.mean(objective.generator(on_real, on_fake, objective_key))


def update_discriminator(
    objective: Objective,
    discriminator: nn.Module,
    player: Player,
    optimizer: optax.GradientTransformation,
    real: jax.Array,
    fake: jax.Array,
    key: jax.Array,
) -> tuple[Player, jax.Array, jax.Array, jax.Array]:
    """One update of D; gives the player, its loss and its mean logits of real and of generated patches, float32 []."""
    objective_key, d_key = jax.random.split(key)

    def loss_of(params: Any) -> tuple[jax.Array, Any]:
        moved = player.replace(params=params)  # type: ignore[attr-defined]
        on_real, on_fake, statistics = patch_logits(discriminator, moved, real, fake, d_key, advance=True)
        loss = jnp.mean(objective.discriminator(on_real, on_fake, objective_key))
        return loss, (statistics, jnp.mean(on_real), jnp.mean(on_fake))

    (loss, (statistics, *logits)), gradients = jax.value_and_grad(loss_of, has_aux=True)(player.params)
    return stepped(player, gradients, statistics, optimizer), loss, *logits


def distance(x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean absolute difference of pixels, the papers' L1 norm, float32 []."""
    return jnp.mean(jnp.abs(x - y))
