"""Variational autoencoders: an encoder that tells a distribution of codes, kept near N(0, I) (Kingma & Welling 2014).

    minimise mean -log p(x | z) + beta KL(q(z | x) || p(z)),   z = mu(x) + sigma(x) e,   e ~ N(0, I)

q(z | x) = N(mu(x), diag sigma(x)^2), p(z) = N(0, I). With beta = 1 it is the negative evidence lower bound; more asks
for latents that mean one thing each (Higgins et al. 2017), and a rise from 0 keeps them in use early on (Sønderby et
al. 2016).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from jaxgan.data.spec import DataSpec
from jaxgan.networks import ENCODERS, GENERATORS
from jaxgan.optim import OPTIMIZERS
from jaxgan.schedules import Schedule, check_schedule, value_at
from jaxgan.systems.coder import Coder, CoderState, Networks, built_parts
from jaxgan.systems.inputs import SHOWN, Batch, Metrics, Sampling, comparison, gaussian_latents, scaled
from jaxgan.systems.likelihoods import LIKELIHOODS, Likelihood, check_output

SIDE = 15
"""Of the grid of latents that is decoded; quantiles 0.05 to 0.95, as in Keras' example."""


def kl_to_prior(mean: jax.Array, log_variance: jax.Array) -> jax.Array:
    """KL(N(mu, diag sigma^2) || N(0, I)) = 1/2 sum_i mu_i^2 + sigma_i^2 - log sigma_i^2 - 1, [b] nats.

    Args:
      mean: mu [b, d].
      log_variance: log sigma^2 [b, d].

    Source: Kingma & Welling 2014, appendix B.
    """
    return jnp.sum(mean**2 + jnp.exp(log_variance) - log_variance - 1, axis=-1) / 2


def drawn(mean: jax.Array, log_variance: jax.Array, noise: jax.Array) -> jax.Array:
    """Draws z = mu + sigma e, [b, d], differentiable by mu and sigma (Kingma & Welling 2014, section 2.4)."""
    return mean + jnp.exp(log_variance / 2) * noise


@dataclasses.dataclass(frozen=True)
class Vae(Sampling):
    """An encoder and a decoder that learn to give images back from a distribution of codes.

    Attributes:
      encoder: Linen module, images to mean and log variance of their code, [b, 2 * latent_size].
      decoder: Linen module, latents to what the likelihood makes images of.
      likelihood: of an image, given the decoder's output.
      optimizer: moves both networks.
      shape: of one image.
      latent_size: numbers in a code.
      beta: weight of the KL divergence.
    """

    PARTS: ClassVar[dict[str, Any]] = {
        "encoder": ENCODERS,
        "decoder": GENERATORS,
        "likelihood": LIKELIHOODS,
        "optimizer": OPTIMIZERS,
    }
    stages: ClassVar[tuple[int, ...]] = (0,)
    micro_batches: ClassVar[int] = 1
    num_classes: ClassVar[int] = 0
    translations: ClassVar[tuple[str, ...]] = ("reconstruction",)

    encoder: nn.Module
    decoder: nn.Module
    likelihood: Likelihood
    optimizer: optax.GradientTransformation
    shape: tuple[int, ...]
    latent_size: int = 2
    beta: Schedule = 1.0

    @classmethod
    def from_config(cls, config: Mapping[str, Any], spec: DataSpec) -> "Vae":
        """Builds the system that a recipe describes, for data of this kind.

        Raises:
          JaxganError: the data has no images, a number is out of range, or a part does not fit.
        """
        system = cls(**built_parts(cls, config, spec, per_latent=2))
        check_schedule("config.system.beta", system.beta, 0, 1e6)
        check_output(system.decoder, system.likelihood, f"config.likelihood={config['likelihood']['name']}")
        return system

    @property
    def coder(self) -> Coder:
        """Both networks with their optimizer."""
        return Coder(self.encoder, self.decoder, self.optimizer)

    def networks(self) -> Networks:
        """Each network with example arguments."""
        return self.coder.networks(self.shape, self.latent_size)

    def init(self, key: jax.Array, batch: Batch) -> CoderState:
        """A state at step 0; the batch is not looked at."""
        return self.coder.init(key, self.networks())

    def update(self, state: CoderState, batch: Batch, key: jax.Array, *, stage: int = 0) -> tuple[CoderState, Metrics]:
        """One step.

        Args:
          state: before the step.
          batch: `image` [b, *shape], uint8 in 0..255 or float32 in [-1, 1].
          key: of this step.
          stage: not used; this system has one.

        Returns:
          the state after the step, and the two terms, means over the batch in nats: `reconstruction_loss` and
          `kl_divergence`, without its weight.
        """
        images = scaled(batch["image"])
        noise = jax.random.normal(jax.random.fold_in(key, 0), (len(images), self.latent_size))
        beta = value_at(self.beta, jnp.float32(state.step) * len(images))

        def loss_of(codes: jax.Array, output: jax.Array) -> tuple[jax.Array, Metrics]:
            reconstruction = jnp.mean(self.likelihood.loss(output, images))
            kl = jnp.mean(kl_to_prior(*_halves(codes)))
            return reconstruction + beta * kl, {"reconstruction_loss": reconstruction, "kl_divergence": kl}

        def latents_of(codes: jax.Array) -> jax.Array:
            return drawn(*_halves(codes), noise)

        return self.coder.descend(state, self._shown(images), jax.random.fold_in(key, 1), latents_of, loss_of)

    def settled(self, state: CoderState) -> CoderState:
        """The state itself."""
        return state

    def encode(self, state: CoderState, images: jax.Array) -> jax.Array:
        """Means [n, latent_size] of the codes of images [n, *shape] float32 in [-1, 1]."""
        return self._moments(state, images)[0]

    def bound(self, state: CoderState, images: jax.Array, noise: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The two terms of the negative evidence lower bound, [n] nats each: -log p(x | z), KL(q(z | x) || p(z)).

        Args:
          state: at any step.
          images: x [n, *shape] float32 in [-1, 1].
          noise: e [n, latent_size], from N(0, I), that z is drawn by.
        """
        moments = self._moments(state, images)
        return self._reconstruction(state, images, drawn(*moments, noise)), kl_to_prior(*moments)

    def log_weights(self, state: CoderState, images: jax.Array, noise: jax.Array) -> jax.Array:
        """Logarithms, [n], of weights p(x, z) / q(z | x), whose mean over z is p(x); arguments as of `bound`."""
        mean, log_variance = self._moments(state, images)
        z = drawn(mean, log_variance, noise)
        # log p(z) = -|z|^2 / 2 + c and log q(z | x) = -|e|^2 / 2 - sum(log sigma) + c, with the same c
        log_ratio = jnp.sum(noise**2 + log_variance - z**2, axis=-1) / 2
        return log_ratio - self._reconstruction(state, images, z)

    def _shown(self, images: jax.Array) -> jax.Array:
        """Images as the encoder is shown them: in [0, 1] where the decoder makes logits of just that."""
        return (images + 1) / 2 if self.likelihood.of_logits else images

    def _moments(self, state: CoderState, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Mean and log variance of q(z | x), [n, latent_size] each."""
        return _halves(self.coder.encode(state, self._shown(images)))

    def _reconstruction(self, state: CoderState, images: jax.Array, latents: jax.Array) -> jax.Array:
        return self.likelihood.loss(self.coder.decode(state, latents), images)

    def latents(self, key: jax.Array, indices: jax.Array, truncation: float | None = None) -> jax.Array:
        """Latents [n, latent_size], N(0, I), of the samples with these indices, int32 [n]; see `gaussian_latents`."""
        return gaussian_latents(key, indices, self.latent_size, truncation)

    def generate(
        self, state: CoderState, latents: jax.Array, labels: jax.Array, truncation: float | None = None
    ) -> jax.Array:
        """Images [n, *shape] float32 in [-1, 1] of latents [n, latent_size]; labels are not looked at.

        They are what the likelihood expects, without its noise.
        """
        return self._decoded(state, latents)

    def _decoded(self, state: CoderState, latents: jax.Array) -> jax.Array:
        return self.likelihood.images(self.coder.decode(state, latents))

    def translate(self, state: CoderState, images: jax.Array, translation: str) -> jax.Array:
        """Images [n, *shape] in [-1, 1] -> what the means of their codes are decoded to."""
        return self._decoded(state, self.encode(state, images))

    def manifold(self, state: CoderState) -> jax.Array:
        """Decoded latents of a plane, [15, 15, h, w, c]: a grid of equally probable steps, x to the right, y upwards.

        Raises:
          ValueError: the latents do not lie in a plane.
        """
        if self.latent_size != 2:
            raise ValueError(f"a manifold is that of 2 latents, not of {self.latent_size}")
        steps = jax.scipy.stats.norm.ppf(jnp.linspace(0.05, 0.95, SIDE))
        x, y = jnp.meshgrid(steps, steps[::-1])
        made = self._decoded(state, jnp.stack([x.ravel(), y.ravel()], axis=1))
        return made.reshape(SIDE, SIDE, *self.shape)

    def previews(self, state: CoderState, batch: Batch, key: jax.Array) -> dict[str, jax.Array]:
        """A row of images and what is made of them; of two latents the manifold, and the codes as points."""
        images = scaled(batch["image"])
        made = self.translate(state, images[:SHOWN], "reconstruction")
        sheets = {"reconstruction": comparison(images, made)}
        if self.latent_size != 2:
            return sheets
        return sheets | {"manifold": self.manifold(state), "codes": self.encode(state, images)}


def _halves(codes: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What the encoder makes, [b, 2 d]: mean and log variance, [b, d] each."""
    mean, log_variance = jnp.split(codes, 2, axis=-1)
    return mean, log_variance
