"""Unrolled GAN: G plays against the D that would answer it, D after k steps of its own optimizer.

One step is, with U one step of D's optimizer on its loss, both players from where they stand,

    D_0 = D,  D_i = U(D_{i-1}) for i = 1..k
    G <- G - grad_G mean V(D_k(x), D_k(G(z))),  D <- U(D)

where D_k depends on G, as every U looks at G's images: the gradient flows through all of its steps, moments of Adam
included. How D would answer is the term of G's gradient that a plain GAN leaves out. D itself moves one step, which for
k > 0 is the first of those ahead; the others are forgotten. With k = 0 this is the game of `Gan`, of whose parts it is
made, with simultaneous steps.

V is what the objective is a saddle of, E log D(x) + E log(1 - D(G(z))) under "minimax". Its first half, which a plain G
has no part in, counts here: where D is at its optimum nothing is gained by an answer, and without that half the answer
would be rewarded for what it costs D on real examples. Of an objective that is no zero-sum game, "non_saturating" say,
V is L_G.

The steps ahead see the batch, the latents and the draws of D's own step, as in the authors' code. What D has besides
parameters (running statistics, vectors of spectral normalisation, moments) moves in them as in any step of D, and is
forgotten with them.

Source: Metz et al. 2017 (arXiv:1611.02163), section 2.2, and the authors' code (github.com/poolio/unrolled_gan).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError, check_range
from jaxgan.networks import DISCRIMINATORS, GENERATORS
from jaxgan.objectives import OBJECTIVES, Objective
from jaxgan.optim import OPTIMIZERS, has_slope
from jaxgan.systems.averages import Policy, averaged
from jaxgan.systems.building import options_of
from jaxgan.systems.gan import Gan, GanState
from jaxgan.systems.gan_updates import Critic, inputs_of, pullback_of, update_discriminator, update_generator
from jaxgan.systems.inputs import Batch, Metrics, Sampling
from jaxgan.systems.players import Player

NOTHING: dict[str, Any] = {"penalties": {}, "generator_penalty": {"name": "none"}, "augmentation": {"name": "none"}}
"""The parts of a `Gan` that an unrolled one does without."""


@dataclasses.dataclass(frozen=True)
class Unrolled(Sampling):
    """The two-player system whose G looks ahead: modules and functions, no arrays.

    Attributes:
      generator: Linen module, latents (and labels) to examples.
      discriminator: Linen module, examples (and labels) to logits.
      objective: what each player minimises; G its saddle value, if there is one.
      generator_optimizer: moves G, and nothing else.
      discriminator_optimizer: moves D, and is differentiated.
      shape: of one example.
      num_classes: 0 when training without labels.
      unroll: k, the steps that G looks ahead; time and memory of a step grow with it.
      latent_size: as of `Gan`, like all that follow.
      conditional: give both players the labels.
      average_half_life: of the parameter average, in images shown; 0 samples from the last parameters.
      average_rampup: the half-life is at most this share of the images shown so far; 0 is no warm-up.
      average_statistics: whence the running statistics of the averaged generator come.
    """

    stages: ClassVar[tuple[int, ...]] = (0,)
    micro_batches: ClassVar[int] = 1
    PARTS: ClassVar[dict[str, Any]] = {
        "generator": GENERATORS,
        "discriminator": DISCRIMINATORS,
        "objective": OBJECTIVES,
        "generator_optimizer": OPTIMIZERS,
        "discriminator_optimizer": OPTIMIZERS,
    }

    generator: nn.Module
    discriminator: nn.Module
    objective: Objective
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    num_classes: int
    unroll: int = 5
    latent_size: int = 100
    conditional: bool = False
    average_half_life: float = 50_000.0
    average_rampup: float = 0.05
    average_statistics: Policy = "average"

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Unrolled":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: as `Gan.from_config`; or a number of steps, or an optimizer, that cannot be unrolled.
        """
        options = options_of(cls, config)
        unroll = options.pop("unroll")
        check_range("config.system.unroll", unroll, 0, 1000)
        gan = Gan.from_config({**config, **NOTHING, "system": {**options, "name": "gan"}}, spec)
        if unroll and not has_slope(gan.discriminator_optimizer):
            raise JaxganError(
                f"config.discriminator_optimizer={config['discriminator_optimizer']['name']} cannot be unrolled: its "
                "step has no derivative where a gradient is 0. Set --config.discriminator_optimizer.name=adam."
            )
        return cls(**{name: getattr(gan, name) for name in _shared()}, unroll=unroll)

    @property
    def gan(self) -> Gan:
        """The same players in the plain game, in which G pays V."""
        shared = {name: getattr(self, name) for name in _shared()}
        paid = self.objective._replace(generator=self.objective.saddle or self.objective.generator)
        return Gan(**shared | dict(objective=paid), penalties=(), generator_penalty=None, augmentation=None)

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """As of `Gan`, like all methods but `update`."""
        return self.gan.networks()

    def init(self, key: jax.Array, batch: Batch) -> GanState:
        """A state at step 0."""
        return self.gan.init(key, batch)

    def update(self, state: GanState, batch: Batch, key: jax.Array, *, stage: int = 0) -> tuple[GanState, Metrics]:
        """One step: one update of D, and one of G against D `unroll` steps ahead; arguments as of `Gan.update`."""
        gan, keys = self.gan, jax.random.split(key)
        real, labels = gan.prepare(batch)
        inputs = inputs_of(gan, keys[0], labels, len(real))
        fakes = pullback_of(gan.generator, state.generator, inputs)
        before = Critic(state.discriminator, state.memory)
        critic, metrics = update_discriminator(gan, before, state.step, real, fakes.images, labels, keys[0])

        def ahead(images: jax.Array) -> Player:
            def step(critic: Critic, i: jax.Array) -> tuple[Critic, None]:
                return update_discriminator(gan, critic, state.step + i, real, images, labels, keys[0])[0], None

            return jax.lax.scan(step, before, jnp.arange(self.unroll))[0].player

        arguments = (critic.memory, state.step, fakes, real, inputs, keys[1])
        generator, memory, g_metrics = update_generator(gan, state.generator, ahead, *arguments)

        settings = (self.average_half_life, self.average_rampup, self.average_statistics)
        average = averaged(state.average, generator, state.step, len(real), *settings)
        return GanState(state.step + 1, generator, critic.player, average, memory), metrics | g_metrics

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, latent_size] of the samples with these indices."""
        return self.gan.latents(key, indices, truncation)

    def settled(self, state: GanState) -> GanState:
        """The state with what is computed once before samples are drawn."""
        return self.gan.settled(state)

    def generate(
        self, state: GanState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Examples [n, *shape] float32 by the averaged generator."""
        return self.gan.generate(state, latents, labels, truncation)


def _shared() -> tuple[str, ...]:
    """The fields that `Gan` has as well."""
    return tuple(field.name for field in dataclasses.fields(Unrolled) if field.name != "unroll")
