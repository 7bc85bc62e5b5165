"""Progressive growing: the two players begin with small images, and again and again their size is doubled.

A stage is a game of two players, `Gan`'s, with images of its size. Stage 0 lasts `stable_steps`; each later one fades
its new layers in for `fade_steps`, with alpha = (step - first step of the stage) / fade_steps, and then goes on with
alpha = 1 for `stable_steps`, the last one to the end of the run. Real images x are brought to the stage's size by means
of 2x2 pixels, and faded in as generated ones are:

    (1 - alpha) up(pool(x)) + alpha x

All layers are in the state from the start, and those of later stages stay as they are: no gradient reaches them. The
optimizers' moments begin anew where a fade begins and where it ends, as in the authors' code (`reset_opt_for_new_lod`).

Source: Karras et al. 2018 (arXiv:1710.10196), section 2 and appendix A.
"""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.augment import Augmentation
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError, check_range
from jaxgan.networks.layers import mean_pool, upsample_nearest
from jaxgan.networks.progressive import FADE, faded, sizes_of
from jaxgan.objectives import Objective
from jaxgan.optim import forgotten
from jaxgan.penalties import Penalty
from jaxgan.systems.building import options_of
from jaxgan.systems.gan import Gan, GanState
from jaxgan.systems.inputs import Batch, Metrics, Sampling, scaled
from jaxgan.systems.players import Player, Variables


@dataclasses.dataclass(frozen=True)
class Progressive(Sampling):
    """Two players whose images grow.

    Attributes:
      generator: of full-sized images; of smaller shapes it is the network of an earlier stage.
      discriminator: the same.
      objective: what each player minimises.
      penalties: what D pays besides, by name.
      augmentation: of the images that D sees, real and generated alike, if any.
      generator_optimizer: moves G, and nothing else.
      discriminator_optimizer: moves D, and nothing else.
      shape: of a full-sized image.
      num_classes: 0 when training without labels.
      fade_steps: of a stage, in which its new layers fade in.
      stable_steps: of a stage, in which it goes on with all of them.
      latent_size: as of `Gan`, as are all that follow.
      conditional: give both players the labels.
      critic_steps: updates of D a step.
      fresh_latents: new latents for G's update.
      average_half_life: of the parameter average, in images shown.
      average_rampup: the half-life is at most this share of the images shown so far.
      accumulate: parts that a batch is computed in.
    """

    PARTS: ClassVar[dict[str, Any]] = {key: table for key, table in Gan.PARTS.items() if key != "generator_penalty"}

    generator: nn.Module
    discriminator: nn.Module
    objective: Objective
    penalties: tuple[tuple[str, Penalty], ...]
    augmentation: Augmentation | None
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    num_classes: int
    fade_steps: int = 10_000
    stable_steps: int = 10_000
    latent_size: int = 512
    conditional: bool = False
    critic_steps: int = 1
    fresh_latents: bool = False
    average_half_life: float = 10_000.0
    average_rampup: float = 0.05
    accumulate: int = 1

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Progressive":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: as `Gan.from_config`; or a network does not grow, an optimizer moves what has no gradient, or a
            stage begins within a compiled call or not before the end.
        """
        for player in ("generator", "discriminator"):
            if config[player]["name"] != "progressive":
                raise JaxganError(
                    f"config.system=progressive needs networks that grow: set --config.{player}.name=progressive, "
                    f"not {config[player]['name']}."
                )
            for option in ("clip", "orthogonal"):
                if config[f"{player}_optimizer"].get(option):
                    raise JaxganError(
                        f"config.{player}_optimizer.{option} moves all layers, and those of later stages are to stay: "
                        "set it to 0."
                    )
        options = options_of(cls, config)
        for key in ("fade_steps", "stable_steps"):
            check_range(f"config.system.{key}", options[key], 1, 2**30)
        common = {field.name: options[field.name] for field in dataclasses.fields(Gan) if field.name in options}
        game = {"system": {"name": "gan", **common}, "generator_penalty": {"name": "none"}}
        gan = Gan.from_config({**config, **game}, spec)
        parts = {key: getattr(gan, key) for key in cls.PARTS}
        system = cls(**parts, shape=gan.shape, num_classes=gan.num_classes, **options)
        _check_calls(system, config["steps_per_call"])
        if config["steps"] <= system.stages[-1]:
            raise JaxganError(
                f"config.steps is {config['steps']}, but images of {gan.shape[0]}x{gan.shape[1]} begin after step "
                f"{system.stages[-1]}: set it to more, or config.system.fade_steps and stable_steps to fewer."
            )
        return system

    @property
    def sizes(self) -> tuple[tuple[int, int], ...]:
        """(height, width) of each stage's images, the last of which are full-sized."""
        return sizes_of(*self.shape[:2])

    @property
    def stages(self) -> tuple[int, ...]:
        """First step of every stage."""
        later, length = range(len(self.sizes) - 1), self.fade_steps + self.stable_steps
        return (0, *(self.stable_steps + i * length for i in later))

    @property
    def micro_batches(self) -> int:
        """Batches that one step consumes."""
        return self.critic_steps

    def game(self, stage: int) -> Gan:
        """The game of two players that a stage is."""
        shape = (*self.sizes[stage], self.shape[-1])
        players = {key: getattr(self, key).clone(shape=shape) for key in ("generator", "discriminator")}
        common = {
            field.name: getattr(self, field.name) for field in dataclasses.fields(Gan) if hasattr(self, field.name)
        }
        return Gan(**common | players | dict(generator_penalty=None, shape=shape))

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each player's module of the last stage, with example arguments."""
        return self.game(len(self.sizes) - 1).networks()

    def init(self, key: jax.Array, batch: Batch) -> GanState:
        """A state at step 0, with the layers of all stages."""
        return self.game(len(self.sizes) - 1).init(key, batch)

    def alpha(self, step: jax.Array, stage: int) -> jax.Array:
        """How far a stage's new layers have faded in before this step, int32 []: float32 [] in [0, 1]."""
        if stage == 0:
            return jnp.ones(())
        return jnp.clip(jnp.float32(step - self.stages[stage]) / self.fade_steps, 0.0, 1.0)

    def update(self, state: GanState, batch: Batch, key: jax.Array, *, stage: int = 0) -> tuple[GanState, Metrics]:
        """One step of a stage; batch and metrics as of `Gan.update`, with `alpha` before them."""
        alpha = self.alpha(state.step, stage)
        anew = jnp.any(state.step == jnp.asarray(self._borders(stage), jnp.int32))

        def entering(player: Player) -> Player:
            opt_state = jax.lax.cond(anew, forgotten, lambda same: same, player.opt_state)
            return Player(player.params, _with_alpha(player.statistics, alpha), opt_state)

        state = state.replace(generator=entering(state.generator), discriminator=entering(state.discriminator))  # type: ignore[attr-defined]
        batch = {**batch, "image": self.shrunk(scaled(batch["image"]), alpha, stage)}
        state, metrics = self.game(stage).update(state, batch, key)
        return state, {"alpha": alpha} | metrics

    def _borders(self, stage: int) -> tuple[int, ...]:
        """Steps before which the optimizers begin anew: where new layers appear, and where they have faded in."""
        return (self.stages[stage], self.stages[stage] + self.fade_steps) if stage else ()

    def shrunk(self, images: jax.Array, alpha: jax.Array, stage: int) -> jax.Array:
        """Full-sized images [..., h, w, c] as a stage's players know them, faded in."""
        lead, images = images.shape[:-3], images.reshape(-1, *self.shape)
        for _ in self.sizes[stage + 1 :]:
            images = mean_pool(images)
        if stage:
            images = faded(upsample_nearest(mean_pool(images), self.sizes[stage]), images, alpha)
        return images.reshape(*lead, *images.shape[1:])

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, latent_size] of samples, as `Gan.latents`.

        Raises:
          JaxganError: truncation without labels, beside which alone the length of latents counts.
        """
        if truncation is not None and not self.num_classes:
            raise JaxganError("this G looks at the direction of its latents only, which truncation leaves as it is.")
        return self.game(0).latents(key, indices, truncation)

    def settled(self, state: GanState) -> GanState:
        """The state: nothing has to be computed before samples are drawn."""
        return state

    def generate(
        self, state: GanState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Images [n, *shape] float32 of latents [n, latent_size] and labels int32 [n], by the averaged generator.

        They are those of the stage that the state is in, every pixel enlarged to a square where it is not the last.
        """

        def of_stage(stage: int) -> Callable[[], jax.Array]:
            def images_of_stage() -> jax.Array:
                average = _with_alpha(state.average, self.alpha(state.step, stage))
                images = self.game(stage).generate(state.replace(average=average), latents, labels, truncation)  # type: ignore[attr-defined]
                for size in self.sizes[stage + 1 :]:
                    images = upsample_nearest(images, size)
                return images

            return images_of_stage

        stage = jnp.searchsorted(jnp.asarray(self.stages), state.step, side="right") - 1
        return jax.lax.switch(stage, [of_stage(index) for index in range(len(self.sizes))])


def _check_calls(system: Progressive, steps_per_call: int) -> None:
    """A stage that began within a compiled call would make all calls of the run shorter."""
    if any(first % steps_per_call for first in system.stages):
        fade, stable = (
            max(round(steps / steps_per_call), 1) * steps_per_call for steps in (system.fade_steps, system.stable_steps)
        )
        raise JaxganError(
            f"images grow after steps {', '.join(map(str, system.stages[1:]))}, which config.steps_per_call="
            f"{steps_per_call} must divide: set config.system.fade_steps={fade} and stable_steps={stable}."
        )


def _with_alpha(variables: Variables, alpha: jax.Array) -> Variables:
    return {**variables, FADE: {"alpha": alpha}}
