"""pix2pix: a translator that learns from pairs, under a judge that sees what it was given beside what it made.

    D <- minimise  L_D(D(x, y), D(x, G(x)))
    G <- minimise  L_G(D(x, y), D(x, G(x))) + l1_weight |y - G(x)|

D moves first; G's forward pass, kept as a pullback, serves both. What G's noise is, is dropout (section 3.2). The paper
halves D's objective, so that D learns more slowly than G (section 3.3); ours is whole.

Source: Isola et al. 2017 (arXiv:1611.07004), equations 1 to 4, section 3.3.
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
from jaxgan.errors import JaxganError, check_range
from jaxgan.objectives import Objective
from jaxgan.systems.inputs import SHOWN, Batch, Metrics, comparison, scaled
from jaxgan.systems.players import Player, fakes_of, new_players, stepped
from jaxgan.systems.translating import PARTS, adversarial_loss, built, distance, update_discriminator


@flax.struct.dataclass
class Pix2PixState:
    """Everything that training changes."""

    step: jax.Array  # int32 []
    generator: Player
    discriminator: Player


@dataclasses.dataclass(frozen=True)
class Pix2Pix:
    """The system of one translator: modules and functions, no arrays. Of a pair `image` is x and `other` y.

    Attributes:
      generator: Linen module, images to images.
      discriminator: Linen module, x and y side by side along the channels to logits of patches.
      objective: what each player minimises; the paper's is "non_saturating".
      generator_optimizer: moves G.
      discriminator_optimizer: moves D.
      shape: (height, width, channels) of x and of y.
      l1_weight: of the distance from the true y.
    """

    PARTS: ClassVar[dict[str, Any]] = PARTS
    translations: ClassVar[tuple[str, ...]] = ("AtoB",)
    stages: ClassVar[tuple[int, ...]] = (0,)
    micro_batches: ClassVar[int] = 1
    num_classes: ClassVar[int] = 0

    generator: nn.Module
    discriminator: nn.Module
    objective: Objective
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    l1_weight: float = 100.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Pix2Pix":
        """Builds the system that a recipe describes, for pairs of this kind.

        Raises:
          JaxganError: the data has no pairs, or of two shapes, or by chance, a number is out of range, or a part
            refuses the shape.
        """
        system = cls(**built(cls, config, spec, _side_by_side(spec.shape), "paired, combined or mnist_domains"))
        data = config["data"]
        if data["name"] == "unpaired" or data.get("paired") is False:
            raise JaxganError(
                f"config.system=pix2pix learns what every image becomes, and in config.data={data['name']} chance "
                "pairs them: set --config.data.name to paired or combined, or --config.system.name=cyclegan."
            )
        check_range("config.system.l1_weight", system.l1_weight, 0, 1e6)
        return system

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Both modules with example arguments."""
        return {
            "generator": (self.generator, (np.zeros((1, *self.shape), np.float32),)),
            "discriminator": (self.discriminator, (np.zeros((1, *_side_by_side(self.shape)), np.float32),)),
        }

    def init(self, key: jax.Array, batch: Batch) -> Pix2PixState:
        """A state at step 0; the shapes of the parameters follow from the recipe, the batch is not looked at."""
        optimizers = (self.generator_optimizer, self.discriminator_optimizer)
        players = new_players(self.networks(), optimizers, key)
        return Pix2PixState(jnp.zeros((), jnp.int32), *players)

    def update(self, state: Pix2PixState, batch: Batch, key: jax.Array, *, stage: int = 0) -> tuple[Any, Metrics]:
        """One update of D, then one of G.

        Args:
          state: before the step.
          batch: `image` and `other` [b, *shape], uint8 in 0..255 or float32 in [-1, 1].
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and one float32 number a metric, in the order in which they are computed; losses
          are weighted as they are paid.
        """
        x, y = scaled(batch["image"]), scaled(batch["other"])
        noise_key, d_key, g_key = jax.random.split(key, 3)
        fake, pullback, statistics = fakes_of(self.generator, state.generator, (x,), noise_key)
        real_pair, fake_pair = (jnp.concatenate([x, image], axis=-1) for image in (y, fake))
        arguments = (state.discriminator, self.discriminator_optimizer, real_pair, fake_pair, d_key)
        judge, *numbers = update_discriminator(self.objective, self.discriminator, *arguments)
        metrics = dict(zip(("discriminator_loss", "real_logit", "fake_logit"), numbers, strict=True))

        def loss_of(fake: jax.Array) -> tuple[jax.Array, Metrics]:
            pairs = (real_pair, jnp.concatenate([x, fake], axis=-1))
            terms = {
                "generator_loss": adversarial_loss(self.objective, self.discriminator, judge, *pairs, g_key),
                "l1_loss": self.l1_weight * distance(fake, y),
            }
            return sum(terms.values(), jnp.zeros(())), terms

        cotangent, terms = jax.grad(loss_of, has_aux=True)(fake)
        generator = stepped(state.generator, pullback(cotangent)[0], statistics, self.generator_optimizer)
        return Pix2PixState(state.step + 1, generator, judge), metrics | terms

    def settled(self, state: Pix2PixState) -> Pix2PixState:
        """The state as it is: nothing has to be computed before images are translated."""
        return state

    def translate(self, state: Pix2PixState, images: jax.Array, translation: str) -> jax.Array:
        """Images [n, *shape] float32 in [-1, 1] to what they are to become, without dropout.

        Args:
          state: at any step.
          images: [n, *shape] float32 in [-1, 1].
          translation: "AtoB", the only one.
        """
        return jnp.asarray(self.generator.apply(state.generator.variables, images, train=False))

    def previews(self, state: Pix2PixState, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
        """Three rows, x, G(x) and y: [3, n, *shape], n up to SHOWN."""
        x, y = (scaled(batch[key][:SHOWN]) for key in ("image", "other"))
        return {"AtoB": comparison(x, self.translate(state, x, "AtoB"), y)}


def _side_by_side(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:-1], 2 * shape[-1])
