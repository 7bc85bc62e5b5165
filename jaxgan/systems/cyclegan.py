"""CycleGAN: two translators between two domains of images, learnt without a single pair that belongs together.

G: A -> B and F: B -> A, a judge each, and the wish that there and back again is where it began:

    G, F <- minimise  L_G(D_B(b), D_B(G(a))) + L_G(D_A(a), D_A(F(b)))
                      + cycle_weight (|F(G(a)) - a| + |G(F(b)) - b|) + identity_weight (|F(a) - a| + |G(b) - b|)
    D_B      <- minimise  L_D(D_B(b), D_B(some G(a), old or new)), and D_A likewise

All gradients of a step are taken where it began, so that the order of the players does not matter.

Source: Zhu et al. 2017 (arXiv:1703.10593), equations 1 to 3, sections 4 and 5.2, and its authors' code.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.errors import check_range
from jaxgan.objectives import Objective
from jaxgan.systems.inputs import SHOWN, Batch, Metrics, comparison, scaled
from jaxgan.systems.players import Pass, Player, new_players, stepped, train_pass
from jaxgan.systems.pools import Pool, empty_pool, exchanged
from jaxgan.systems.translating import PARTS, adversarial_loss, built, distance, update_discriminator


@flax.struct.dataclass
class CycleGanState:
    """Everything that training changes: G, F and their judges, and the history of what each judge was shown."""

    step: jax.Array  # int32 []
    generator_ab: Player
    generator_ba: Player
    discriminator_a: Player
    discriminator_b: Player
    pool_a: Pool
    pool_b: Pool


@dataclasses.dataclass(frozen=True)
class CycleGan:
    """The system of two translators: modules and functions, no arrays. Of a pair `image` is of A and `other` of B.

    Attributes:
      generator: Linen module, images to images; two of it, G and F.
      discriminator: Linen module, images to logits of patches; two of it, D_A and D_B.
      objective: what each player minimises; the paper's is "least_squares".
      generator_optimizer: moves G and F, each on its own.
      discriminator_optimizer: moves D_A and D_B, each on its own.
      shape: (height, width, channels) of the images of both domains.
      cycle_weight: of the cycles' L1. "least_squares" is halved, so that 5 beside it is the paper's 10 beside a square
        that is not.
      identity_weight: of the L1 that a translator pays for changing what is in its target domain already; half of
        `cycle_weight`, as in the authors' code; 0 leaves it out.
      pool_size: images in the history of each domain; 0 is none, D sees the newest only.
    """

    PARTS: ClassVar[dict[str, Any]] = PARTS
    translations: ClassVar[tuple[str, ...]] = ("AtoB", "BtoA")
    stages: ClassVar[tuple[int, ...]] = (0,)
    micro_batches: ClassVar[int] = 1
    num_classes: ClassVar[int] = 0

    generator: nn.Module
    discriminator: nn.Module
    objective: Objective
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    cycle_weight: float = 5.0
    identity_weight: float = 2.5
    pool_size: int = 50

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "CycleGan":
        """Builds the system that a recipe describes, for pairs of this kind.

        Raises:
          JaxganError: the data has no pairs, or of two shapes, a number is out of range, or a part refuses the shape.
        """
        system = cls(**built(cls, config, spec, spec.shape, "unpaired, paired, combined or mnist_domains"))
        for name, high in (("cycle_weight", 1e6), ("identity_weight", 1e6), ("pool_size", 10_000)):
            check_range(f"config.system.{name}", getattr(system, name), 0, high)
        return system

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """The four modules with example arguments."""
        image = (np.zeros((1, *self.shape), np.float32),)
        return {
            "generator_AtoB": (self.generator, image),
            "generator_BtoA": (self.generator, image),
            "discriminator_A": (self.discriminator, image),
            "discriminator_B": (self.discriminator, image),
        }

    def init(self, key: jax.Array, batch: Batch) -> CycleGanState:
        """A state at step 0; the shapes of the parameters follow from the recipe, the batch is not looked at."""
        optimizers = [self.generator_optimizer] * 2 + [self.discriminator_optimizer] * 2
        generator_ab, generator_ba, judge_a, judge_b = new_players(self.networks(), optimizers, key)
        pool_a, pool_b = (empty_pool(self.pool_size, self.shape) for _ in range(2))
        return CycleGanState(jnp.zeros((), jnp.int32), generator_ab, generator_ba, judge_a, judge_b, pool_a, pool_b)

    def update(self, state: CycleGanState, batch: Batch, key: jax.Array, *, stage: int = 0) -> tuple[Any, Metrics]:
        """One step of all four players.

        Args:
          state: before the step.
          batch: `image` and `other` [b, *shape], uint8 in 0..255 or float32 in [-1, 1].
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and one float32 number a metric, in the order in which they are computed; losses
          are weighted as they are paid.
        """
        a, b = scaled(batch["image"]), scaled(batch["other"])
        g_key, a_key, b_key = jax.random.split(key, 3)
        params = state.generator_ab.params, state.generator_ba.params

        def loss_of(params: Any) -> tuple[jax.Array, Any]:
            terms, passes = self._generator_terms(params, state, a, b, g_key)
            return sum(terms.values(), jnp.zeros(())), (terms, passes)

        gradients, (metrics, (to_b, to_a)) = jax.grad(loss_of, has_aux=True)(params)
        generator_ab = stepped(state.generator_ab, gradients[0], to_b.statistics, self.generator_optimizer)
        generator_ba = stepped(state.generator_ba, gradients[1], to_a.statistics, self.generator_optimizer)
        judge_a, pool_a, numbers_a = self._judged(state.discriminator_a, state.pool_a, a, to_a.output, a_key)
        judge_b, pool_b, numbers_b = self._judged(state.discriminator_b, state.pool_b, b, to_b.output, b_key)
        for domain, numbers in (("A", numbers_a), ("B", numbers_b)):
            names = f"discriminator_{domain}_loss", f"real_{domain}_logit", f"fake_{domain}_logit"
            metrics |= dict(zip(names, numbers, strict=True))
        step = state.step + 1
        return CycleGanState(step, generator_ab, generator_ba, judge_a, judge_b, pool_a, pool_b), metrics

    def _judged(
        self, player: Player, pool: Pool, real: jax.Array, fake: jax.Array, key: jax.Array
    ) -> tuple[Player, Pool, list[jax.Array]]:
        """A judge and the history of its domain after the step, with what `update_discriminator` tells."""
        pool_key, objective_key = jax.random.split(key)
        pool, shown = exchanged(pool, fake, pool_key)
        arguments = (player, self.discriminator_optimizer, real, shown, objective_key)
        player, *numbers = update_discriminator(self.objective, self.discriminator, *arguments)
        return player, pool, numbers

    def _generator_terms(
        self, params: tuple[Any, Any], state: CycleGanState, a: jax.Array, b: jax.Array, key: jax.Array
    ) -> tuple[Metrics, tuple[Pass, Pass]]:
        """What G and F pay, and their passes over real images, G(a) and F(b), which are those that move statistics."""
        keys = iter(jax.random.split(key, 8))
        to_b = train_pass(self.generator, params[0], state.generator_ab.statistics, (a,), next(keys))
        to_a = train_pass(self.generator, params[1], state.generator_ba.statistics, (b,), next(keys))

        def g(images: jax.Array) -> jax.Array:
            return train_pass(self.generator, params[0], to_b.statistics, (images,), next(keys), advance=False).output

        def f(images: jax.Array) -> jax.Array:
            return train_pass(self.generator, params[1], to_a.statistics, (images,), next(keys), advance=False).output

        def fooling(judge: Player, real: jax.Array, fake: jax.Array) -> jax.Array:
            return adversarial_loss(self.objective, self.discriminator, judge, real, fake, next(keys))

        terms = {
            "generator_AtoB_loss": fooling(state.discriminator_b, b, to_b.output),
            "generator_BtoA_loss": fooling(state.discriminator_a, a, to_a.output),
            "cycle_A_loss": self.cycle_weight * distance(f(to_b.output), a),
            "cycle_B_loss": self.cycle_weight * distance(g(to_a.output), b),
        }
        if self.identity_weight:
            terms["identity_A_loss"] = self.identity_weight * distance(f(a), a)
            terms["identity_B_loss"] = self.identity_weight * distance(g(b), b)
        return terms, (to_b, to_a)

    def settled(self, state: CycleGanState) -> CycleGanState:
        """The state as it is: nothing has to be computed before images are translated."""
        return state

    def translate(self, state: CycleGanState, images: jax.Array, translation: str) -> jax.Array:
        """Images [n, *shape] float32 in [-1, 1], of A for "AtoB", of B for "BtoA", to the other domain.

        Args:
          state: at any step.
          images: [n, *shape] float32 in [-1, 1].
          translation: one of `translations`.
        """
        player = state.generator_ab if translation == "AtoB" else state.generator_ba
        return jnp.asarray(self.generator.apply(player.variables, images, train=False))

    def previews(self, state: CycleGanState, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
        """Of each domain three rows, x, its translation and the way back: [3, n, *shape], n up to SHOWN."""
        shown = {}
        for domain, there, back in (("image", "AtoB", "BtoA"), ("other", "BtoA", "AtoB")):
            x = scaled(batch[domain][:SHOWN])
            y = self.translate(state, x, there)
            shown[there] = comparison(x, y, self.translate(state, y, back))
        return shown
