"""Two players: a generator and a discriminator (or critic), each moved by its own optimizer.

One step is `critic_steps` updates of D and one of G:

    D <- D - grad_D (mean L_D(D(x), D(G(z))) + penalties)
    G <- G - grad_G mean L_G(D(x), D(G(z)))

D sees real and generated examples in two passes, so that batch normalisation never mixes their statistics, unless
`joint_pass` asks for it. The last batch that D learnt from is also the one G learns from, and G's forward pass, kept as
a pullback, serves both players; `fresh_latents` draws new latents for G instead, as Goodfellow's algorithm 1 does, at
the cost of a second forward pass.
"""

import dataclasses
import functools
import warnings
from collections.abc import Mapping
from typing import Any, ClassVar

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan import augment
from jaxgan.augment import AUGMENTATIONS, Augmentation
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks import DISCRIMINATORS, GENERATORS
from jaxgan.objectives import OBJECTIVES, Objective
from jaxgan.optim import OPTIMIZERS
from jaxgan.penalties import GENERATOR_PENALTIES, PENALTIES, PathLength, Penalty
from jaxgan.registry import Several
from jaxgan.systems.averages import STATISTICS, Policy, averaged, reestimated, with_singular_vectors
from jaxgan.systems.building import check_conditional, check_numbers, given_of, options_of, parts_of
from jaxgan.systems.gan_updates import (
    Critic,
    generated,
    inputs_of,
    pullback_of,
    update_discriminator,
    update_generator,
)
from jaxgan.systems.inputs import Batch, Metrics, Sampling, examples_of, normal_latents, scaled
from jaxgan.systems.judging import Judge, Memory, blank_memory
from jaxgan.systems.packing import packed_shape
from jaxgan.systems.players import Player, Variables, new_players, train_pass

REESTIMATION = (32, 64)
"""Batches, and latents in each, that running statistics are estimated from anew."""


@flax.struct.dataclass
class GanState:
    """Everything that training changes.

    `average` is the exponential average of G's params, with running statistics: the generator that is sampled from.
    """

    step: jax.Array  # int32 []
    generator: Player
    discriminator: Player
    average: Variables
    memory: Memory


@dataclasses.dataclass(frozen=True)
class Gan(Sampling):
    """The two-player system: modules and functions, no arrays.

    Attributes:
      generator: Linen module, latents (and labels) to examples.
      discriminator: Linen module, examples (and labels) to logits.
      objective: what each player minimises.
      penalties: what D pays besides, by name; those of weight 0 are left out.
      generator_penalty: what G pays besides, if anything.
      augmentation: of the images that D sees, real and generated alike, if any.
      generator_optimizer: moves G, and nothing else.
      discriminator_optimizer: moves D, and nothing else.
      shape: of one example.
      num_classes: 0 when training without labels.
      latent_size: number of latents, z ~ N(0, I).
      conditional: give both players the labels.
      critic_steps: updates of D a step; a batch then carries a leading axis of that many micro-batches.
      fresh_latents: new latents for G's update instead of those D has just learnt from.
      average_half_life: of the parameter average, in images shown; 0 samples from the last parameters.
      average_rampup: the half-life is at most this share of the images shown so far; 0 is no warm-up.
      average_statistics: whence the running statistics of the averaged generator come: "average", "copy" (of the
        generator that is trained) or "reestimate" (from 32 batches of 64 before samples are drawn).
      joint_pass: D's updates see real and generated examples as one batch. Where D treats examples alone that is the
        same mathematics; batch normalisation takes its statistics from the mixture, in G's update too, and StyleGAN2's
        minibatch deviation compares real examples with generated ones, which hides what it is there to show.
      accumulate: parts that a batch is computed in, one after another, for less memory; gradients are their mean. The
        result is the same where examples are treated alone; batch normalisation uses the statistics of each part, and
        what an objective or a penalty draws is drawn anew for each part. A path length is taken of its whole share.
      packing: examples, all real or all generated, that D judges together with one logit (PacGAN); without labels only.
      class_weight: of the class losses of both players, where D has an auxiliary classifier.
    """

    stages: ClassVar[tuple[int, ...]] = (0,)
    PARTS: ClassVar[dict[str, Any]] = {
        "generator": GENERATORS,
        "discriminator": DISCRIMINATORS,
        "objective": OBJECTIVES,
        "penalties": Several(PENALTIES),
        "generator_penalty": GENERATOR_PENALTIES,
        "augmentation": AUGMENTATIONS,
        "generator_optimizer": OPTIMIZERS,
        "discriminator_optimizer": OPTIMIZERS,
    }

    generator: nn.Module
    discriminator: nn.Module
    objective: Objective
    penalties: tuple[tuple[str, Penalty], ...]
    generator_penalty: PathLength | None
    augmentation: Augmentation | None
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    num_classes: int
    latent_size: int = 100
    conditional: bool = False
    critic_steps: int = 1
    fresh_latents: bool = False
    average_half_life: float = 50_000.0
    average_rampup: float = 0.05
    average_statistics: Policy = "average"
    joint_pass: bool = False
    accumulate: int = 1
    packing: int = 1
    class_weight: float = 1.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Gan":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: labels are asked for and the data has none, a number is out of range, or a part refuses the
            shape of the data.
        """
        options = options_of(cls, config)
        _check(options, config["batch_size"], spec)
        augment.check(config["augmentation"]["name"], spec.shape)
        num_classes = spec.num_classes if options["conditional"] else 0
        images = config["batch_size"] * options["critic_steps"]
        built = parts_of(
            cls,
            config,
            given_of(config, spec, num_classes=num_classes),
            discriminator=dict(shape=packed_shape(spec.shape, options["packing"])),
            generator_optimizer=dict(images_per_update=images),
        )
        if built["augmentation"] and built["augmentation"].p is None and built["objective"].relative:
            augmentation, objective = config["augmentation"]["name"], config["objective"]["name"]
            raise JaxganError(
                f"config.augmentation={augmentation} goes by the sign of D's logits, which has no meaning under "
                f"config.objective={objective}; set --config.augmentation.name=diffaugment."
            )
        built["penalties"] = tuple(item for item in built["penalties"] if item[1].weight != 0)
        gan = cls(**built, shape=spec.shape, num_classes=num_classes, **options)
        gan._warn()
        return gan

    def _warn(self) -> None:
        """Of a combination that trains, but not what its names promise."""
        named = [name for name, penalty in self.penalties if penalty.per_example]
        if named:
            module, arguments = self.networks()["discriminator"]
            variables = jax.eval_shape(lambda: module.init(jax.random.key(0), *arguments, train=False))
            if STATISTICS in variables:
                warnings.warn(
                    f"the penalty {named[0]} is of each example's own gradient, but batch normalisation in D gives "
                    "every example a share in every other's; set --config.discriminator.normalise=False.",
                    stacklevel=3,
                )

    @property
    def micro_batches(self) -> int:
        """Batches that one step consumes."""
        return self.critic_steps

    @property
    def judge(self) -> Judge:
        """D and what stands before it."""
        return Judge(self.discriminator, self.augmentation, self.packing)

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each player's module with example arguments, for initialisation and for tables of layers."""
        labels = np.zeros(1, np.int32) if self.num_classes else None
        judged = packed_shape(self.shape, self.packing)
        return {
            "generator": (self.generator, (np.zeros((1, self.latent_size), np.float32), labels)),
            "discriminator": (self.discriminator, (np.zeros((1, *judged), np.float32), labels)),
        }

    def init(self, key: jax.Array, batch: Batch) -> GanState:
        """A state at step 0; the shapes of the parameters follow from the recipe, the batch is not looked at."""
        optimizers = (self.generator_optimizer, self.discriminator_optimizer)
        generator, discriminator = new_players(self.networks(), optimizers, key)
        return GanState(
            step=jnp.zeros((), jnp.int32),
            generator=generator,
            discriminator=discriminator,
            # a copy: a buffer that stands in the state twice cannot be donated
            average=jax.tree.map(jnp.copy, generator.variables),
            memory=blank_memory(),
        )

    def update(self, state: GanState, batch: Batch, key: jax.Array, *, stage: Any = 0) -> tuple[GanState, Metrics]:
        """One step: `critic_steps` updates of D, then one of G.

        Args:
          state: before the step.
          batch: `image` [b, *shape], uint8 in 0..255 or float32 as the networks take it, and `label` int32 [b]; with
            more than one critic step both with a leading axis of that size.
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and one float32 number a metric, in the order in which they are computed.
        """
        keys = jax.random.split(key, self.critic_steps + 1)
        critic, updates = Critic(state.discriminator, state.memory), state.step * self.critic_steps
        if self.critic_steps > 1:
            earlier = jax.tree.map(lambda x: x[:-1], (dict(batch), keys[:-1]))
            batch = jax.tree.map(lambda x: x[-1], dict(batch))

            def critic_step(carry: Any, item: tuple[Batch, jax.Array]) -> tuple[Any, None]:
                critic, updates = carry
                real, labels = self.prepare(item[0])
                fake = generated(self, state.generator, inputs_of(self, item[1], labels, len(real)))
                critic, _ = update_discriminator(self, critic, updates, real, fake, labels, item[1])
                return (critic, updates + 1), None

            (critic, updates), _ = jax.lax.scan(critic_step, (critic, updates), earlier)

        real, labels = self.prepare(batch)
        inputs = inputs_of(self, keys[-2], labels, len(real))
        # One forward pass for both players, where both see the same examples and memory holds what the way back needs.
        apart = self.fresh_latents or self.accumulate > 1
        shared = None if apart else pullback_of(self.generator, state.generator, inputs)
        fake = shared.images if shared else generated(self, state.generator, inputs)
        critic, metrics = update_discriminator(self, critic, updates, real, fake, labels, keys[-2])
        if self.fresh_latents:
            inputs = inputs_of(self, keys[-1], labels, len(real))
        arguments = (critic.memory, updates, shared, real, inputs, keys[-1])
        generator, memory, g_metrics = update_generator(self, state.generator, lambda _: critic.player, *arguments)

        shown = len(real) * self.critic_steps
        settings = (self.average_half_life, self.average_rampup, self.average_statistics)
        average = averaged(state.average, generator, state.step, shown, *settings)
        return GanState(state.step + 1, generator, critic.player, average, memory), metrics | g_metrics

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, latent_size] of the samples with these indices, int32 [n]; see `normal_latents`."""
        return normal_latents(self.generator, key, indices, self.latent_size, truncation)

    def settled(self, state: GanState) -> GanState:
        """The state with what is computed once before samples are drawn: the vectors of spectral normalisation, if
        there are any, and running statistics, where they are estimated anew; the latents are the same at every call.
        """
        state = state.replace(average=with_singular_vectors(state.average, *self.networks()["generator"]))  # type: ignore[attr-defined]
        if self.average_statistics != "reestimate" or STATISTICS not in state.average:
            return state
        return state.replace(average={**state.average, STATISTICS: self._estimated_statistics(state)})  # type: ignore[attr-defined]

    @functools.partial(jax.jit, static_argnums=0)
    def _estimated_statistics(self, state: GanState) -> Any:
        params, others = state.average["params"], {k: v for k, v in state.average.items() if k != "params"}
        batches, count = REESTIMATION

        def training_pass(statistics: Any, i: jax.Array) -> Any:
            key = jax.random.fold_in(jax.random.key(0), i)
            labels = self._labels(jnp.arange(count, dtype=jnp.int32) % max(self.num_classes, 1))
            inputs, collections = (inputs_of(self, key, labels, count).z, labels), others | {STATISTICS: statistics}
            return train_pass(self.generator, params, collections, inputs, key, advance=False).statistics[STATISTICS]

        return reestimated(training_pass, others[STATISTICS], batches)

    def generate(
        self, state: GanState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Examples [n, *shape] float32 of latents [n, latent_size] and labels int32 [n]; see `examples_of`."""
        return examples_of(self.generator, state.average, (latents, self._labels(labels)), truncation)

    def _labels(self, labels: jax.Array | None) -> jax.Array | None:
        return labels if self.num_classes else None

    def prepare(self, batch: Batch) -> tuple[jax.Array, jax.Array | None]:
        """Images as the networks take them, and labels if they are used."""
        return scaled(batch["image"]), self._labels(batch.get("label"))


def _check(options: Mapping[str, Any], batch_size: int, spec: DataSpec) -> None:
    check_conditional(options, spec)
    check_numbers(options, "latent_size", "critic_steps", "accumulate", "packing", class_weight=1e6)
    divisors = [key for key in ("accumulate", "packing") if options[key] > 1]
    parts = " times ".join(f"config.system.{key}={options[key]}" for key in divisors)
    if batch_size % (options["accumulate"] * options["packing"]):
        least = options["accumulate"] * options["packing"]
        near = sorted({max(1, batch_size // least) * least, -(-batch_size // least) * least})
        legal = " or ".join(map(str, near))
        raise JaxganError(f"config.batch_size is {batch_size}, which {parts} does not divide; {legal} would do.")
    if options["conditional"] and options["packing"] > 1:
        raise JaxganError("config.system.packing needs examples without labels; set config.system.conditional=False.")
