"""LAPGAN: a pyramid of conditional GANs, each of which adds what one doubling of the resolution lacks.

With d and u, I_k, l_k and h_k of `ops/pyramid.py`, level k < K is the game

    D_k: real h_k against G_k(z_k, l_k), given l_k;    G_k: as its objective says

and level K, the smallest, is a GAN without a condition, of the images I_K. All levels learn in the same step, from real
images only, and none depends on another. Samples are made from the smallest up:

    I~_K = G_K(z_K),    I~_k = u(I~_{k+1}) + G_k(z_k, u(I~_{k+1}))

Source: Denton et al. 2015 (arXiv:1506.05751), section 2 and algorithm 1. Latents there are uniform, here N(0, I).
"""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import flax
import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks import BAND_DISCRIMINATORS, BAND_GENERATORS, DISCRIMINATORS, GENERATORS
from jaxgan.networks.layers import upsample_nearest
from jaxgan.objectives import OBJECTIVES, Objective
from jaxgan.ops.pyramid import doubled, laplacian_pyramid
from jaxgan.optim import OPTIMIZERS
from jaxgan.registry import build
from jaxgan.systems.averages import averaged, with_singular_vectors
from jaxgan.systems.building import check_conditional, check_numbers, given_of, options_of
from jaxgan.systems.features import sizes
from jaxgan.systems.inputs import SHOWN, Batch, Metrics, Sampling, examples_of, gaussian_latents, normal_latents, scaled
from jaxgan.systems.judging import judgement
from jaxgan.systems.players import CLASSES, Pass, Player, Variables, fakes_of, new_players, passes, stepped


@flax.struct.dataclass
class Level:
    """The players of one level, and the average of G's variables, which samples are made by."""

    generator: Player
    discriminator: Player
    average: Variables


@flax.struct.dataclass
class LapganState:
    """Everything that training changes; levels from the full size down."""

    step: jax.Array  # int32 []
    levels: tuple[Level, ...]


@dataclasses.dataclass(frozen=True)
class Lapgan(Sampling):
    """A GAN a level of a Laplacian pyramid.

    Attributes:
      generators: one a level, from the full size down: `(z, low, labels) -> band-pass images`, the last one
        `(z, labels) -> images`.
      discriminators: the same: `(high, low, labels) -> logits`, the last one `(images, labels) -> logits`.
      objective: what each player minimises.
      generator_optimizer: moves a G, and nothing else.
      discriminator_optimizer: moves a D, and nothing else.
      shape: of a full-sized image.
      num_classes: 0 when training without labels.
      levels: images that one is taken apart into, at least 2.
      latent_size: latents of the smallest level; the others have one a pixel.
      conditional: give all players the labels.
      average_half_life: of the parameter averages, in images shown; 0 samples from the last parameters.
      average_rampup: the half-life is at most this share of the images shown so far; 0 is no warm-up.
    """

    stages: ClassVar[tuple[int, ...]] = (0,)
    micro_batches: ClassVar[int] = 1
    PARTS: ClassVar[dict[str, Any]] = {
        "generator": GENERATORS,
        "discriminator": DISCRIMINATORS,
        "band_generator": BAND_GENERATORS,
        "band_discriminator": BAND_DISCRIMINATORS,
        "objective": OBJECTIVES,
        "generator_optimizer": OPTIMIZERS,
        "discriminator_optimizer": OPTIMIZERS,
    }

    generators: tuple[nn.Module, ...]
    discriminators: tuple[nn.Module, ...]
    objective: Objective
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    num_classes: int
    levels: int = 3
    latent_size: int = 100
    conditional: bool = False
    average_half_life: float = 50_000.0
    average_rampup: float = 0.05

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Lapgan":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: labels are asked for and the data has none, the levels do not divide the images, a number is out
            of range, a part refuses the shape of its level, or D has a classifier.
        """
        options = options_of(cls, config)
        _check(options, spec)
        num_classes = spec.num_classes if options["conditional"] else 0

        given = given_of(config, spec, num_classes=num_classes)

        def part(key: str, **own: Any) -> Any:
            return build(config[key], cls.PARTS[key], f"config.{key}", **given | own)

        def networks(player: str) -> tuple[nn.Module, ...]:
            names = [f"band_{player}"] * (options["levels"] - 1) + [player]
            return tuple(part(name, shape=_shape(spec.shape, k)) for k, name in enumerate(names))

        keys = ("objective", "generator_optimizer", "discriminator_optimizer")
        parts: dict[str, Any] = {key: part(key) for key in keys}
        parts |= {"generators": networks("generator"), "discriminators": networks("discriminator")}
        lapgan = cls(**parts, shape=spec.shape, num_classes=num_classes, **options)
        smallest, arguments = lapgan.networks()[f"discriminator_{options['levels'] - 1}"]
        if CLASSES in sizes(smallest, *arguments):
            raise JaxganError(
                "config.system=lapgan has no loss for a classifier in D, which looks at labels in no other way: set "
                "--config.discriminator.conditioning=projection."
            )
        return lapgan

    @property
    def _latent_sizes(self) -> list[int]:
        """Of each level, from the full size down."""
        return [math.prod(_shape(self.shape, k)[:2]) for k in range(self.levels - 1)] + [self.latent_size]

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each level's modules with example arguments, for initialisation and for tables of layers."""
        labels = np.zeros(1, np.int32) if self.num_classes else None
        table: dict[str, tuple[nn.Module, tuple[Any, ...]]] = {}
        for k, size in enumerate(self._latent_sizes):
            image = np.zeros((1, *_shape(self.shape, k)), np.float32)
            condition = (image, labels) if k < self.levels - 1 else (labels,)
            table[f"generator_{k}"] = self.generators[k], (np.zeros((1, size), np.float32), *condition)
            table[f"discriminator_{k}"] = self.discriminators[k], (image, *condition)
        return table

    def init(self, key: jax.Array, batch: Batch) -> LapganState:
        """A state at step 0; the batch is not looked at."""
        optimizers = (self.generator_optimizer, self.discriminator_optimizer) * self.levels
        players = new_players(self.networks(), optimizers, key)
        levels = [
            Level(generator, discriminator, jax.tree.map(jnp.copy, generator.variables))  # no buffer stands there twice
            for generator, discriminator in zip(players[::2], players[1::2], strict=True)
        ]
        return LapganState(jnp.zeros((), jnp.int32), tuple(levels))

    def update(
        self, state: LapganState, batch: Batch, key: jax.Array, *, stage: int = 0
    ) -> tuple[LapganState, Metrics]:
        """One step: an update of every D and of every G.

        Args:
          state: before the step.
          batch: `image` [b, *shape], uint8 in 0..255 or float32 in [-1, 1], and `label` int32 [b].
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and of each level k, the full size being 0, metrics `level_k_...`.
        """
        images, labels = scaled(batch["image"]), self._labels(batch.get("label"))
        bands, smallest = laplacian_pyramid(images, self.levels)
        real = [*(band.high for band in bands), smallest]
        conditions = [*((band.low, labels) for band in bands), (labels,)]
        levels, metrics = [], Metrics()
        for k, level in enumerate(state.levels):
            arguments = (real[k], conditions[k], state.step, jax.random.fold_in(key, k))
            level, numbers = self._update_level(k, level, *arguments)
            levels.append(level)
            metrics |= {f"level_{k}_{name}": value for name, value in numbers.items()}
        return LapganState(state.step + 1, tuple(levels)), metrics

    def _update_level(
        self, k: int, level: Level, real: jax.Array, condition: Sequence[Any], step: jax.Array, key: jax.Array
    ) -> tuple[Level, Metrics]:
        """One update of D_k, then one of G_k, on the same generated examples.

        Args:
          k: of the level.
          level: its players before.
          real: h_k, or I_K.
          condition: what both players are given: l_k, if it is no smallest level, and labels.
          step: before this one, int32 [].
          key: of what is drawn.
        """
        g, d = level.generator, level.discriminator
        z_key, noise_key, d_key, d_noise_key, g_key, g_noise_key = jax.random.split(key, 6)
        inputs = (jax.random.normal(z_key, (len(real), self._latent_sizes[k])), *condition)
        fake, pullback, statistics = fakes_of(self.generators[k], g, inputs, noise_key)

        def judged(player: Player, params: Any, fake: jax.Array, key: jax.Array, advance: bool) -> list[Pass]:
            batches = [(examples, *condition) for examples in (real, fake)]
            return passes(self.discriminators[k], params, player.statistics, batches, key, advance=advance)

        def d_loss(params: Any) -> tuple[jax.Array, tuple[Pass, Pass]]:
            on_real, on_fake = judged(d, params, fake, d_noise_key, advance=True)
            losses = self.objective.discriminator(on_real.output, on_fake.output, d_key)
            return jnp.mean(losses), (on_real, on_fake)

        (d_mean, (on_real, on_fake)), gradients = jax.value_and_grad(d_loss, has_aux=True)(d.params)
        d = stepped(d, gradients, on_fake.statistics, self.discriminator_optimizer)

        def g_loss(fake: jax.Array) -> jax.Array:
            on_real, on_fake = judged(d, d.params, fake, g_noise_key, advance=False)
            return jnp.mean(self.objective.generator(on_real.output, on_fake.output, g_key))

        g_mean, cotangent = jax.value_and_grad(g_loss)(fake)
        g = stepped(g, pullback(cotangent)[0], statistics, self.generator_optimizer)
        settings = (self.average_half_life, self.average_rampup)
        average = averaged(level.average, g, step, len(real), *settings)
        says = {name: v for name, v in judgement(on_real.output, on_fake.output).items() if "called" not in name}
        return Level(g, d, average), says | {"discriminator_loss": d_mean, "generator_loss": g_mean}

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, d] of samples with these indices, int32 [n]: the smallest level's, then those of larger ones.

        Each depends on (key, index) only; with `truncation` they are truncated, as of `normal_latents`.
        """
        (*bands, size), keys = self._latent_sizes, jax.random.split(key)
        smallest = normal_latents(self.generators[-1], keys[0], indices, size, truncation)
        return jnp.concatenate([smallest, gaussian_latents(keys[1], indices, sum(bands), truncation)], axis=1)

    def settled(self, state: LapganState) -> LapganState:
        """The state with the vectors of spectral normalisation, if there are any, of the averaged generators."""
        networks = self.networks()
        levels = [
            level.replace(average=with_singular_vectors(level.average, *networks[f"generator_{k}"]))  # type: ignore[attr-defined]
            for k, level in enumerate(state.levels)
        ]
        return state.replace(levels=tuple(levels))  # type: ignore[attr-defined]

    def generate(
        self, state: LapganState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Images [n, *shape] float32 of latents [n, d] and labels int32 [n], by the averaged generators."""
        return self.growing(state, latents, labels, truncation)[-1]

    def growing(
        self, state: LapganState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> list[jax.Array]:
        """The images I~_K, ..., I~_0 of these latents, each of its own size."""
        sizes = self._latent_sizes[::-1]
        parts = jnp.split(latents, list(itertools.accumulate(sizes[:-1])), axis=1)
        images: list[jax.Array] = []
        for k, z in zip(reversed(range(self.levels)), parts, strict=True):
            low = (doubled(images[-1]),) if images else ()
            inputs = (z, *low, self._labels(labels))
            images.append(sum(low, examples_of(self.generators[k], state.levels[k].average, inputs, truncation)))
        return images

    def previews(self, state: LapganState, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
        """`pyramid`: a row a sample, from the smallest image to the full size, all drawn in that."""
        indices = jnp.arange(SHOWN, dtype=jnp.int32)
        images = self.growing(state, self.latents(key, indices), indices % max(self.num_classes, 1))
        for k in reversed(range(1, self.levels)):
            height, width, _ = _shape(self.shape, k - 1)
            images = [upsample_nearest(x, (height, width)) if x.shape[1] < height else x for x in images]
        return {"pyramid": jnp.clip(jnp.stack(images, axis=1), -1, 1)}

    def _labels(self, labels: jax.Array | None) -> jax.Array | None:
        return labels if self.num_classes else None


def _shape(shape: Sequence[int], k: int) -> tuple[int, ...]:
    """Of the images of level k."""
    height, width, channels = shape
    return height // 2**k, width // 2**k, channels


def _check(options: Mapping[str, Any], spec: DataSpec) -> None:
    if len(spec.shape) != 3:
        raise JaxganError(f"config.system=lapgan is for images (height, width, channels), not {tuple(spec.shape)}.")
    check_conditional(options, spec)
    check_numbers(options, "latent_size")
    _check_levels(options["levels"], *spec.shape[:2])


def _check_levels(levels: int, height: int, width: int) -> None:
    if levels < 2:
        raise JaxganError(f"config.system.levels is {levels}, but must be at least 2.")
    factor = 2 ** (levels - 1)
    if height % factor or width % factor:
        common = math.gcd(height, width)
        most = (common & -common).bit_length()  # of its greatest factor 2^i, i + 1
        fewer = f"set config.system.levels={most}, or " if most >= 2 else ""
        near = [max(round(side / factor), 1) * factor for side in (height, width)]
        raise JaxganError(
            f"config.system.levels={levels} halves images {levels - 1} times, which {height}x{width} pixels do not "
            f"allow: {fewer}give it images of {near[0]}x{near[1]}."
        )
