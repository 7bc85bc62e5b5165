"""The two updates of a step of the two-player system, `Gan`, whose settings they read."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.penalties import charged
from jaxgan.systems.accumulation import accumulated, part_keys, split
from jaxgan.systems.averages import STATISTICS
from jaxgan.systems.inputs import Metrics
from jaxgan.systems.judging import Memory, View, class_loss, judgement, remembered, strength
from jaxgan.systems.packing import pack
from jaxgan.systems.path_length import path_length_gradient
from jaxgan.systems.players import SPECTRAL, Fakes, Player, Variables, fakes_of, stepped

if TYPE_CHECKING:
    from jaxgan.systems.gan import Gan


LATENTS, D, G, NOISE, PATHS = range(5)
"""What is drawn from a batch's key. A key is folded or split, never both: `split(key)[i]` is `fold_in(key, i)`."""


class Critic(NamedTuple):
    """What D's updates change: D, and what is remembered of them."""

    player: Player
    memory: Memory


class Inputs(NamedTuple):
    """What G makes a batch of: latents [b, latent_size], labels [b] if it takes any, and a key a part for its noise."""

    z: jax.Array
    labels: jax.Array | None
    keys: jax.Array


def inputs_of(gan: "Gan", key: jax.Array, labels: jax.Array | None, count: int) -> Inputs:
    """Latents and noise of a batch, drawn from its key."""
    z = jax.random.normal(jax.random.fold_in(key, LATENTS), (count, gan.latent_size))
    return Inputs(z, labels, part_keys(jax.random.fold_in(key, NOISE), gan.accumulate))


def _parts(gan: "Gan", inputs: Inputs) -> Inputs:
    """The inputs with a leading axis of parts."""
    z, labels = split((inputs.z, inputs.labels), gan.accumulate)
    return Inputs(z, labels, inputs.keys[:, None])


def pullback_of(generator: nn.Module, player: Player, inputs: Inputs) -> Fakes:
    """G's pass over one part, with its way back."""
    return fakes_of(generator, player, (inputs.z, inputs.labels), inputs.keys[0])


def generated(gan: "Gan", player: Player, inputs: Inputs) -> jax.Array:
    """Generated examples [b, *shape] that no gradient flows through."""
    if gan.accumulate == 1:
        return pullback_of(gan.generator, player, inputs).images
    parts = jax.lax.map(lambda part: pullback_of(gan.generator, player, part).images, _parts(gan, inputs))
    return parts.reshape(-1, *gan.shape)


def update_discriminator(
    gan: "Gan",
    critic: Critic,
    updates: jax.Array,
    real: jax.Array,
    fake: jax.Array,
    labels: jax.Array | None,
    key: jax.Array,
) -> tuple[Critic, Metrics]:
    """One update of D.

    Args:
      gan: the system.
      critic: before the update.
      updates: of D so far, int32 [].
      real: [b, *shape].
      fake: the same.
      labels: of both, int32 [b] or None.
      key: of what is drawn.
    """
    (player, memory), judge = critic, gan.judge
    images = jnp.float32(updates) * len(real)  # shown so far
    power = strength(gan.augmentation, memory, images)

    def part(statistics: Variables, item: Any) -> tuple[Any, Any, Any]:
        real, fake, labels, key = item
        statistics, view = _advancing_once(statistics, player), View(power, jax.random.fold_in(key, 1))

        def loss_of(params: Any) -> tuple[jax.Array, Any]:
            says = judge.verdict(params, statistics, real, fake, labels, view, joint=gan.joint_pass, advance=True)
            losses = gan.objective.discriminator(says.on_real, says.on_fake, jax.random.fold_in(key, 0))
            terms = {"discriminator_loss": jnp.mean(losses)}
            if says.real_classes is not None and says.fake_classes is not None:
                both = class_loss(says.real_classes, labels) + class_loss(says.fake_classes, labels)
                terms["discriminator_class_loss"] = gan.class_weight * both

            def logits(packs: jax.Array) -> jax.Array:
                return judge.look(params, says.statistics, packs, labels, view, advance=False).output

            for index, (name, penalty) in enumerate(gan.penalties):
                arguments = (logits, real, fake, memory.recent(updates), jax.random.fold_in(key, 2 + index))
                terms[f"{name}_penalty"] = charged(penalty, arguments, updates, images)
            return sum(terms.values(), jnp.zeros(())), (says, terms)

        grads, (says, terms) = jax.grad(loss_of, has_aux=True)(player.params)
        return says.statistics, grads, (says.on_real, says.on_fake, terms)

    packs = (pack(real, gan.packing), pack(fake, gan.packing), labels)
    items = (*split(packs, gan.accumulate), part_keys(jax.random.fold_in(key, D), gan.accumulate))
    statistics, grads, (on_real, on_fake, terms) = accumulated(part, player.statistics, items)
    on_real, on_fake = on_real.reshape(-1), on_fake.reshape(-1)
    metrics = judgement(on_real, on_fake)
    metrics |= {name: jnp.mean(values) for name, values in terms.items()}  # by name, as a dict leaves a trace
    player = stepped(player, grads, statistics, gan.discriminator_optimizer)
    return Critic(player, remembered(memory, on_real, on_fake, gan.augmentation, len(real))), metrics


def generator_terms(
    gan: "Gan",
    discriminator: Player,
    real: jax.Array,
    images: jax.Array,
    labels: jax.Array | None,
    power: jax.Array,
    key: jax.Array,
) -> tuple[jax.Array, Metrics]:
    """What G pays for its images as this D judges them: the sum, and its terms.

    Args:
      gan: the system.
      discriminator: it is looked at, not moved.
      real: packs.
      images: generated, not yet packed.
      labels: of both, int32 [b] or None.
      power: strength of augmentation, float32 [].
      key: of what is drawn.
    """
    view, packs = View(power, jax.random.fold_in(key, 1)), pack(images, gan.packing)
    # Without statistics to mix, real examples would only be so many more to compute.
    joint = gan.joint_pass and STATISTICS in discriminator.statistics
    # D's statistics move in D's updates only: here they are computed and dropped.
    arguments = (discriminator.params, discriminator.statistics, real, packs, labels, view)
    says = gan.judge.verdict(*arguments, joint=joint, advance=False)
    losses = gan.objective.generator(says.on_real, says.on_fake, jax.random.fold_in(key, 0))
    terms = {"generator_loss": jnp.mean(losses)}
    if says.fake_classes is not None and labels is not None:
        terms["generator_class_loss"] = gan.class_weight * class_loss(says.fake_classes, labels)
    return sum(terms.values(), jnp.zeros(())), terms


def update_generator(
    gan: "Gan",
    player: Player,
    opponent: Callable[[jax.Array], Player],
    memory: Memory,
    updates: jax.Array,
    shared: Fakes | None,
    real: jax.Array,
    inputs: Inputs,
    key: jax.Array,
) -> tuple[Player, Memory, Metrics]:
    """One update of G, from the pass that it shares with D's update if there is one.

    `opponent` is the D that judges, which may depend on the images that it judges. Other arguments are as of D's.
    """
    images_shown = jnp.float32(updates) * len(real)  # before the last update of D
    power = strength(gan.augmentation, memory, images_shown)

    def part(statistics: Variables, item: Any) -> tuple[Any, Any, Any]:
        real, inputs, key = item
        before = player.replace(statistics=_advancing_once(statistics, player))  # type: ignore[attr-defined]
        fakes = shared or pullback_of(gan.generator, before, inputs)

        def loss_of(images: jax.Array) -> tuple[jax.Array, Metrics]:
            return generator_terms(gan, opponent(images), real, images, inputs.labels, power, key)

        cotangent, terms = jax.grad(loss_of, has_aux=True)(fakes.images)
        return fakes.statistics, fakes.pullback(cotangent)[0], terms

    packs = split(pack(real, gan.packing), gan.accumulate)
    items = (packs, _parts(gan, inputs), part_keys(jax.random.fold_in(key, G), gan.accumulate))
    statistics, grads, terms = accumulated(part, player.statistics, items)
    metrics = {name: jnp.mean(values) for name, values in terms.items()}
    if gan.generator_penalty:
        arguments = (memory.path_length, updates // gan.critic_steps, images_shown, jax.random.fold_in(key, PATHS))
        more, metrics["path_length_penalty"], mean = path_length_gradient(
            gan.generator_penalty, gan.generator, player, (inputs.z, inputs.labels), *arguments
        )
        grads, memory = jax.tree.map(jnp.add, grads, more), memory.replace(path_length=mean)  # type: ignore[attr-defined]
    return stepped(player, grads, statistics, gan.generator_optimizer), memory, metrics


def _advancing_once(statistics: Variables, player: Player) -> Variables:
    """Statistics with the vectors of spectral normalisation as they were before the update: whatever the number of its
    parts, they advance once.
    """
    return {**statistics, **{name: player.statistics[name] for name in (SPECTRAL,) if name in player.statistics}}
