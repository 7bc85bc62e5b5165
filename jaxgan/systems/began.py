"""Boundary equilibrium GAN: D is an autoencoder, which is to reconstruct real images well and generated ones badly.

With the reconstruction loss L(v) = mean |v - D(v)|, over pixels,

    L_D = L(x) - k_t L(G(z))
    L_G = L(G(z))
    k_{t+1} = clip(k_t + lambda_k (gamma L(x) - L(G(z))), 0, 1)

Where k rests, L(G(z)) = gamma L(x): gamma is how much of D's effort is left for telling apart, and so how varied the
images are. M = L(x) + |gamma L(x) - L(G(z))| measures convergence: it falls as images get better and balance is kept.

Both players step from the same losses, so that one pass over G's images serves all three lines.

Source: Berthelot et al. 2017 (arXiv:1703.10717), section 3.
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
from jaxgan.errors import JaxganError
from jaxgan.networks import ENCODERS, GENERATORS
from jaxgan.optim import OPTIMIZERS
from jaxgan.systems.averages import averaged, with_singular_vectors
from jaxgan.systems.building import check_numbers, given_of, options_of, parts_of
from jaxgan.systems.inputs import SHOWN, Batch, Metrics, Sampling, comparison, examples_of, has_styles, scaled
from jaxgan.systems.players import Player, Variables, fakes_of, new_players, stepped, train_pass


class Autoencoder(nn.Module):
    """The encoder, then the decoder: images [b, h, w, c] -> images, through codes.

    Attributes:
      encoder: images to codes [b, d].
      decoder: codes to images.
    """

    encoder: nn.Module
    decoder: nn.Module

    def __call__(self, x: jax.Array, *, train: bool) -> jax.Array:
        """Images -> their reconstructions."""
        return jnp.asarray(self.decoder(self.encoder(x, train=train), train=train))


def reconstruction_loss(images: jax.Array, reconstructions: jax.Array) -> jax.Array:
    """L(v) = |v - D(v)|, the mean over pixels (the paper's eta = 1), float32 []."""
    return jnp.mean(jnp.abs(images - reconstructions))


def balanced(k: jax.Array, on_real: jax.Array, on_fake: jax.Array, gamma: float, lambda_k: float) -> jax.Array:
    """k_{t+1} = k_t + lambda_k (gamma L(x) - L(G(z))), kept in [0, 1], of k_t and of both losses, float32 []."""
    return jnp.clip(k + lambda_k * (gamma * on_real - on_fake), 0, 1)


def convergence(on_real: jax.Array, on_fake: jax.Array, gamma: float) -> jax.Array:
    """M = L(x) + |gamma L(x) - L(G(z))|, float32 []."""
    return on_real + jnp.abs(gamma * on_real - on_fake)


@flax.struct.dataclass
class BeganState:
    """Everything that training changes.

    `average` is the exponential average of G's params, with running statistics: the generator that is sampled from.
    `k` is the weight of generated images in D's loss.
    """

    step: jax.Array  # int32 []
    generator: Player
    discriminator: Player
    average: Variables
    k: jax.Array  # float32 []


@dataclasses.dataclass(frozen=True)
class Began(Sampling):
    """G against an autoencoder, for images, without labels: modules and functions, no arrays.

    Attributes:
      generator: Linen module, latents to images.
      encoder: Linen module, D's first half: images to codes.
      decoder: Linen module, D's second half: codes to images; in the paper it is built as the generator is.
      generator_optimizer: moves G, and nothing else.
      discriminator_optimizer: moves encoder and decoder, and nothing else.
      shape: of one image.
      gamma: L(G(z)) / L(x) in balance, in (0, 1]: less is cleaner images and less variety.
      lambda_k: gain of k, in [0, 1].
      latent_size: number of latents, uniform in [-1, 1].
      code_size: numbers that an image is reconstructed from.
      average_half_life: of the parameter average, in images shown; 0 samples from the last parameters.
      average_rampup: the half-life is at most this share of the images shown so far; 0 is no warm-up.
    """

    stages: ClassVar[tuple[int, ...]] = (0,)
    micro_batches: ClassVar[int] = 1
    num_classes: ClassVar[int] = 0
    translations: ClassVar[tuple[str, ...]] = ("reconstruction",)
    PARTS: ClassVar[dict[str, Any]] = {
        "generator": GENERATORS,
        "encoder": ENCODERS,
        "decoder": GENERATORS,
        "generator_optimizer": OPTIMIZERS,
        "discriminator_optimizer": OPTIMIZERS,
    }

    generator: nn.Module
    encoder: nn.Module
    decoder: nn.Module
    generator_optimizer: optax.GradientTransformation
    discriminator_optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    gamma: float = 0.5
    lambda_k: float = 0.001
    latent_size: int = 64
    code_size: int = 64
    average_half_life: float = 50_000.0
    average_rampup: float = 0.05

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Began":
        """Builds the system that a recipe describes, for images of this kind.

        Raises:
          JaxganError: the examples are no images, a number is out of range, or a part refuses the shape of the data.
        """
        options = options_of(cls, config)
        _check(options, spec)
        parts = parts_of(cls, config, given_of(config, spec, outputs=options["code_size"]))
        return cls(**parts, shape=spec.shape, **options)

    @property
    def discriminator(self) -> Autoencoder:
        """D, which is to be fooled into reconstructing what is generated."""
        return Autoencoder(self.encoder, self.decoder)

    def networks(self) -> dict[str, tuple[nn.Module, tuple[Any, ...]]]:
        """Each player's module with example arguments."""
        return {
            "generator": (self.generator, (np.zeros((1, self.latent_size), np.float32),)),
            "discriminator": (self.discriminator, (np.zeros((1, *self.shape), np.float32),)),
        }

    def init(self, key: jax.Array, batch: Batch) -> BeganState:
        """A state at step 0, with k = 0; the batch is not looked at."""
        optimizers = (self.generator_optimizer, self.discriminator_optimizer)
        generator, discriminator = new_players(self.networks(), optimizers, key)
        return BeganState(
            step=jnp.zeros((), jnp.int32),
            generator=generator,
            discriminator=discriminator,
            average=jax.tree.map(jnp.copy, generator.variables),  # or it could not be donated
            k=jnp.zeros(()),
        )

    def update(self, state: BeganState, batch: Batch, key: jax.Array, *, stage: int = 0) -> tuple[BeganState, Metrics]:
        """One step of G and of D, both from where they stand, and of k.

        Args:
          state: before the step.
          batch: `image` [b, *shape], uint8 in 0..255 or float32 in [-1, 1].
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step; L(x), L(G(z)), L_D and M, and the k that they were computed with.
        """
        (z_key, g_key, real_key, fake_key), player = jax.random.split(key, 4), state.discriminator
        real = scaled(batch["image"])
        fakes = fakes_of(self.generator, state.generator, (self._draw(z_key, len(real)),), g_key)

        def loss_of(params: Any, images: jax.Array, key: jax.Array) -> tuple[jax.Array, Variables]:
            seen = train_pass(self.discriminator, params, player.statistics, (images,), key)
            return reconstruction_loss(images, seen.output), seen.statistics

        of_real = jax.value_and_grad(loss_of, has_aux=True)
        of_fake = jax.value_and_grad(loss_of, argnums=(0, 1), has_aux=True)
        # Running statistics are those of real images: they are what is reconstructed outside of training.
        (on_real, statistics), real_gradient = of_real(player.params, real, real_key)
        (on_fake, _), (fake_gradient, cotangent) = of_fake(player.params, fakes.images, fake_key)

        gradient = jax.tree.map(lambda r, f: r - state.k * f, real_gradient, fake_gradient)
        discriminator = stepped(player, gradient, statistics, self.discriminator_optimizer)
        pulled = fakes.pullback(cotangent)[0]
        generator = stepped(state.generator, pulled, fakes.statistics, self.generator_optimizer)

        settings = (self.average_half_life, self.average_rampup)
        average = averaged(state.average, generator, state.step, len(real), *settings)
        k = balanced(state.k, on_real, on_fake, self.gamma, self.lambda_k)
        metrics = {
            "reconstruction_loss": on_real,
            "generator_loss": on_fake,
            "discriminator_loss": on_real - state.k * on_fake,
            "convergence": convergence(on_real, on_fake, self.gamma),
            "k": state.k,
        }
        return BeganState(state.step + 1, generator, discriminator, average, k), metrics

    def _draw(self, key: jax.Array, count: int, bound: float = 1.0) -> jax.Array:
        return jax.random.uniform(key, (count, self.latent_size), minval=-bound, maxval=bound)

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, latent_size] of the samples with these indices, int32 [n]; each depends on (key, index) only.

        They are uniform in [-1, 1], or with `truncation` between -truncation and truncation, unless G truncates its
        styles instead.

        Raises:
          JaxganError: a truncation that would leave them as they are.
        """
        bound = 1.0
        if truncation is not None and not has_styles(self.generator):
            if truncation >= bound:
                raise JaxganError(
                    f"truncation is {truncation}, but of began's latents, within [-1, 1], must be under 1."
                )
            bound = truncation
        return jax.vmap(lambda i: self._draw(jax.random.fold_in(key, i), 1, bound)[0])(indices)

    def settled(self, state: BeganState) -> BeganState:
        """The state with the vectors of spectral normalisation, if there are any, of the averaged generator."""
        return state.replace(average=with_singular_vectors(state.average, *self.networks()["generator"]))  # type: ignore[attr-defined]

    def generate(
        self, state: BeganState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Images [n, *shape] float32 of latents [n, latent_size], by the averaged generator."""
        return examples_of(self.generator, state.average, (latents,), truncation)

    def translate(self, state: BeganState, images: jax.Array, translation: str) -> jax.Array:
        """D's reconstructions of images [n, *shape] float32 in [-1, 1]."""
        made = self.discriminator.apply(state.discriminator.variables, images, train=False)
        return jnp.clip(jnp.asarray(made), -1, 1)

    def previews(self, state: BeganState, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
        """`reconstruction`: real images above their reconstructions by D, [2, columns, *shape]."""
        real = scaled(batch["image"][:SHOWN])
        return {"reconstruction": comparison(real, self.translate(state, real, "reconstruction"))}


def _check(options: Mapping[str, Any], spec: DataSpec) -> None:
    if len(spec.shape) != 3:
        raise JaxganError(
            f"config.system=began reconstructs images, and this data has examples of shape {spec.shape}. "
            "Set --config.data.name to one with images, such as digits."
        )
    check_numbers(options, "latent_size", "code_size", lambda_k=1)
    if not 0 < options["gamma"] <= 1:
        raise JaxganError(f"config.system.gamma is {options['gamma']}, but must be above 0 and at most 1.")
