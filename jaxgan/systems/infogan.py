"""InfoGAN: a game in which G's codes can be told from what it makes of them, without any labels.

    min over G and Q, max over D of V(D, G) - lambda L_I(G, Q),   L_I = H(c) + E log Q(c | G(z, c)) <= I(c; G(z, c))

Q is a small network on D's features. As in the authors' code, D's update also maximises L_I, through the features that
D and Q share, and Q moves with D, by steps of the same optimizer; G's update maximises it with Q as it is.

Source: Chen et al. 2016 (arXiv:1606.03657), equation 6, and the authors' code (openai/InfoGAN).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks import DISCRIMINATORS, ENCODERS, GENERATORS
from jaxgan.objectives import OBJECTIVES, Objective
from jaxgan.optim import OPTIMIZERS
from jaxgan.registry import build
from jaxgan.systems.averages import averaged, with_singular_vectors
from jaxgan.systems.building import check_numbers, given_of, options_of, parts_of
from jaxgan.systems.codes import Codes
from jaxgan.systems.features import features_of, sizes
from jaxgan.systems.inputs import SHOWN, Batch, Metrics, Sampling, examples_of, in_range, normal_latents, scaled
from jaxgan.systems.judging import judgement
from jaxgan.systems.players import FEATURES, Player, Variables, fakes_of, new_players, passes, stepped, train_pass


@flax.struct.dataclass
class InfoGanState:
    """Everything that training changes; `average` is the exponential average of G's params, with running statistics."""

    step: jax.Array  # int32 []
    generator: Player
    discriminator: Player
    posterior: Player
    average: Variables


class Verdict(NamedTuple):
    """What D says of real and of generated examples, logits [b] each, how much information on the codes Q finds in the
    generated ones, [] of categories and [] of numbers, and the statistics of D and Q afterwards.
    """

    on_real: jax.Array
    on_fake: jax.Array
    information: tuple[jax.Array, jax.Array]
    statistics: tuple[Variables, Variables]


@dataclasses.dataclass(frozen=True)
class InfoGan(Sampling):
    """The game of G, D and Q: modules and functions, no arrays.

    Attributes:
      generator: Linen module, latents to examples.
      discriminator: Linen module, examples to logits; reveals its features.
      posterior: Linen module, features to Q(c | x), as `Codes` has it.
      objective: what G and D minimise besides.
      generator_optimizer: moves G, and nothing else.
      discriminator_optimizer: moves D and Q.
      shape: of one example.
      latent_size: number of noise latents, z ~ N(0, I); the codes come on top.
      categorical: number of categories of each categorical code.
      continuous: number of codes that are uniform on [-1, 1].
      categorical_weight: lambda of the categories.
      continuous_weight: lambda of the numbers.
      average_half_life: of the average of G's parameters, in images shown; 0 samples from the last ones.
      average_rampup: the half-life is at most this share of the images shown so far; 0 is no warm-up.
    """

    micro_batches: ClassVar[int] = 1
    stages: ClassVar[tuple[int, ...]] = (0,)
    num_classes: ClassVar[int] = 0
    PARTS: ClassVar[dict[str, Any]] = {
        "generator": GENERATORS,
        "discriminator": DISCRIMINATORS,
        "posterior": ENCODERS,
        "objective": OBJECTIVES,
        "generator_optimizer": OPTIMIZERS,
        "discriminator_optimizer": OPTIMIZERS,
    }

    generator: nn.Module
    discriminator: nn.Module
    posterior: nn.Module
    objective: Objective
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    latent_size: int = 62
    categorical: tuple[int, ...] = (10,)
    continuous: int = 2
    categorical_weight: float = 1.0
    continuous_weight: float = 1.0
    average_half_life: float = 50_000.0
    average_rampup: float = 0.05

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "InfoGan":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: no codes, a number out of range, or a part refuses the shape of what it is given.
        """
        options = options_of(cls, config)
        _check(options)
        codes = Codes(options["categorical"], options["continuous"])
        given = given_of(config, spec, outputs=codes.size)
        discriminator = build(config["discriminator"], DISCRIMINATORS, "config.discriminator", **given)
        features = sizes(discriminator, np.zeros((1, *spec.shape), np.float32))[FEATURES]
        parts = parts_of(cls, config, given, posterior=dict(shape=(features,)))
        return cls(**parts, shape=spec.shape, **options)

    @property
    def codes(self) -> Codes:
        """What G's last latents are."""
        return Codes(tuple(self.categorical), self.continuous)

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each player's module with example arguments, for initialisation and for tables of layers."""
        example = np.zeros((1, *self.shape), np.float32)
        features = np.zeros((1, *self.posterior.shape), np.float32)
        return {
            "generator": (self.generator, (np.zeros((1, self.latent_size + self.codes.size), np.float32),)),
            "discriminator": (self.discriminator, (example,)),
            "posterior": (self.posterior, (features,)),
        }

    def init(self, key: jax.Array, batch: Batch) -> InfoGanState:
        """A state at step 0; the shapes of the parameters follow from the recipe, the batch is not looked at."""
        optimizers = (self.generator_optimizer, self.discriminator_optimizer, self.discriminator_optimizer)
        generator, discriminator, posterior = new_players(self.networks(), optimizers, key)
        return InfoGanState(
            step=jnp.zeros((), jnp.int32),
            generator=generator,
            discriminator=discriminator,
            posterior=posterior,
            average=jax.tree.map(jnp.copy, generator.variables),  # or it could not be donated
        )

    def update(
        self, state: InfoGanState, batch: Batch, key: jax.Array, *, stage: int = 0
    ) -> tuple[InfoGanState, Metrics]:
        """One step: D and Q learn from a batch, then G from the same one.

        Args:
          state: before the step.
          batch: `image` [b, *shape], uint8 in 0..255 or float32 as the networks take it.
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and one float32 number a metric, in the order in which they are computed.
        """
        latent_key, fake_key, d_key, g_key = jax.random.split(key, 4)
        real = scaled(batch["image"])
        latents = self.latents(latent_key, jnp.arange(len(real), dtype=jnp.int32))
        codes = latents[:, self.latent_size :]
        fakes = fakes_of(self.generator, state.generator, (latents,), fake_key)
        discriminator, posterior, metrics = self._update_discriminator(state, real, fakes.images, codes, d_key)

        def loss_of(images: jax.Array) -> tuple[jax.Array, Metrics]:
            # The statistics of D and Q move in their own update only: here they are computed and dropped.
            params, before = (discriminator.params, posterior.params), (discriminator.statistics, posterior.statistics)
            says = self._verdict(params, before, real, images, codes, jax.random.fold_in(g_key, 1), advance=False)
            losses = self.objective.generator(says.on_real, says.on_fake, jax.random.fold_in(g_key, 0))
            terms = {"generator_loss": jnp.mean(losses)}
            return terms["generator_loss"] - self._weighted(says.information), terms

        cotangent, g_metrics = jax.grad(loss_of, has_aux=True)(fakes.images)
        grads = fakes.pullback(cotangent)[0]
        generator = stepped(state.generator, grads, fakes.statistics, self.generator_optimizer)
        settings = (self.average_half_life, self.average_rampup)
        average = averaged(state.average, generator, state.step, len(real), *settings)
        return InfoGanState(state.step + 1, generator, discriminator, posterior, average), metrics | g_metrics

    def _update_discriminator(
        self, state: InfoGanState, real: jax.Array, fake: jax.Array, codes: jax.Array, key: jax.Array
    ) -> tuple[Player, Player, Metrics]:
        """D and Q after their update."""
        players = (state.discriminator, state.posterior)
        before = (state.discriminator.statistics, state.posterior.statistics)

        def loss_of(params: tuple[Any, Any]) -> tuple[jax.Array, tuple[Verdict, jax.Array]]:
            says = self._verdict(params, before, real, fake, codes, jax.random.fold_in(key, 1), advance=True)
            losses = self.objective.discriminator(says.on_real, says.on_fake, jax.random.fold_in(key, 0))
            return jnp.mean(losses) - self._weighted(says.information), (says, jnp.mean(losses))

        params = (state.discriminator.params, state.posterior.params)
        grads, (says, loss) = jax.grad(loss_of, has_aux=True)(params)
        discriminator, posterior = (
            stepped(*moved, self.discriminator_optimizer) for moved in zip(players, grads, says.statistics, strict=True)
        )
        metrics = judgement(says.on_real, says.on_fake) | {"discriminator_loss": loss}
        names, counts = ("categorical_information", "continuous_information"), (len(self.categorical), self.continuous)
        found = zip(names, counts, says.information, strict=True)
        return discriminator, posterior, metrics | {name: value for name, count, value in found if count}

    def _verdict(
        self,
        params: tuple[Any, Any],
        statistics: tuple[Variables, Variables],
        real: jax.Array,
        fake: jax.Array,
        codes: jax.Array,
        key: jax.Array,
        *,
        advance: bool,
    ) -> Verdict:
        """D and Q, by params and statistics, on real examples and on those generated from codes [b, size]."""
        d_key, q_key = jax.random.split(key)
        batches = [(real,), (fake,)]
        first, second = passes(self.discriminator, params[0], statistics[0], batches, d_key, advance=advance)
        told = train_pass(self.posterior, params[1], statistics[1], (second.features,), q_key, advance)
        information = self.codes.information(codes, told.output)
        return Verdict(first.output, second.output, information, (second.statistics, told.statistics))

    def _weighted(self, information: tuple[jax.Array, jax.Array]) -> jax.Array:
        """The term lambda L_I."""
        return self.categorical_weight * information[0] + self.continuous_weight * information[1]

    def settled(self, state: InfoGanState) -> InfoGanState:
        """The state with the vectors of spectral normalisation, if there are any, of the averaged generator."""
        return state.replace(average=with_singular_vectors(state.average, *self.networks()["generator"]))  # type: ignore[attr-defined]

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Noise, then codes, [n, latent_size + codes.size], of the samples with these indices, int32 [n].

        Truncation is of the noise; see `normal_latents`.
        """
        noise_key, code_key = jax.random.split(key)
        noise = normal_latents(self.generator, noise_key, indices, self.latent_size, truncation)
        return jnp.concatenate([noise, self.codes.draw(code_key, indices)], axis=1)

    def generate(
        self, state: InfoGanState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Examples [n, *shape] float32 of latents [n, latent_size + codes.size]; there are no labels."""
        return examples_of(self.generator, state.average, (latents,), truncation)

    def tell(self, state: InfoGanState, examples: jax.Array) -> jax.Array:
        """Q(c | x) of examples [n, *shape] float32, as `Codes` has it: [n, codes.size] float32."""
        features = features_of(self.discriminator, state.discriminator.variables, examples)
        return jnp.asarray(self.posterior.apply(state.posterior.variables, features, train=False))

    def previews(self, state: InfoGanState, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
        """A sheet a code: along a row it varies and the other latents do not. Of points there are none."""
        if len(self.shape) != 3:
            return {}
        rows = self.latents(key, jnp.arange(SHOWN, dtype=jnp.int32))
        noise, codes = rows[:, : self.latent_size], rows[:, self.latent_size :]
        sheets = {}
        for name, varied in self.codes.sweeps(codes):
            columns = varied.shape[1]
            kept = jnp.broadcast_to(noise[:, None], (SHOWN, columns, self.latent_size))
            latents = jnp.concatenate([kept, varied], axis=-1).reshape(SHOWN * columns, -1)
            images = in_range(examples_of(self.generator, state.average, (latents,), None))
            sheets[name] = images.reshape(SHOWN, columns, *self.shape)
        return sheets


def _check(options: Mapping[str, Any]) -> None:
    if min(options["categorical"], default=2) < 2:
        raise JaxganError(f"config.system.categorical is {options['categorical']}, but each must be at least 2.")
    if not options["categorical"] and not options["continuous"]:
        raise JaxganError("infogan without codes is gan: set --config.system.categorical='(10,)' or name=gan.")
    check_numbers(options, "latent_size", continuous=2**20, categorical_weight=1e6, continuous_weight=1e6)
