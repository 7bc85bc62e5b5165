"""How probable a variational autoencoder finds images it has not seen, in nats an image."""

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.drawing import in_chunks
from jaxgan.evaluation.held_out import held_out_images
from jaxgan.evaluation.metric import Aim, Metric, of_state, wrong_system
from jaxgan.systems import System, Vae
from jaxgan.systems.inputs import gaussian_latents, scaled

Score = Callable[[Any, np.ndarray], dict[str, float]]
"""`(state, images uint8 [n, h, w, c]) -> figures`."""

BOUND_SEED, WEIGHTS_SEED = 0, 1  # of the draws from the posteriors


def elbo10k_test(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """The evidence lower bound of 10,000 test images, by one draw from the posterior of each.

    Figures, in nats an image, of the likelihood that the protocol names; those of two likelihoods do not compare:
      elbo: log p(x | z) - KL(q(z | x) || p(z)) <= log p(x), whatever the beta of training; what is called the test loss
        of a variational autoencoder is its negative.
      reconstruction_loss: -log p(x | z).
      kl_divergence: KL(q(z | x) || p(z)).

    Args:
      spec: not used; the system says what it is trained on.
      system: that is trained, a variational autoencoder.
      data: settings of the run's, of which 10,000 images of the test split are scored.

    Raises:
      JaxganError: another system, or no such images.
    """
    made = {"draws": 1, "draws_seed": BOUND_SEED}
    return _metric("elbo10k_test", 10_000, lower_bound, system, data, made, Aim("elbo"))


def likelihood1k_test_iw1000(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """The log-likelihood of 1,000 test images, estimated by 1,000 importance-weighted draws for each.

    Figures, in nats an image, of the likelihood that the protocol names; those of two likelihoods do not compare:
      log_likelihood: log 1/K sum_k p(x, z_k) / q(z_k | x), z_k ~ q(z | x), K = 1,000; below log p(x) on average, and
        the nearer the larger K.
      elbo: the mean of the logarithms instead, over the same draws.

    Arguments and errors as of `elbo10k_test`.

    Source: Burda, Grosse & Salakhutdinov 2016 (arXiv:1509.00519), equation 8, who have K = 5,000 and all test images.
    """
    draws = 1000
    made = {"draws": draws, "draws_seed": WEIGHTS_SEED}
    name, scoring = "likelihood1k_test_iw1000", functools.partial(importance_weighted, draws=draws)
    return _metric(name, 1000, scoring, system, data, made, Aim("log_likelihood"))


def lower_bound(system: Vae) -> Score:
    """What gives the figures of `elbo10k_test` of images; compiled once."""

    @jax.jit
    def terms(state: Any, images: jax.Array, indices: jax.Array) -> jax.Array:
        noise = gaussian_latents(jax.random.key(BOUND_SEED), indices, system.latent_size)
        return jnp.stack(system.bound(state, scaled(images), noise), axis=1)

    def score(state: Any, images: np.ndarray) -> dict[str, float]:
        reconstruction, kl = _mean_of_images(terms, state, images)
        return {"elbo": -(reconstruction + kl), "reconstruction_loss": reconstruction, "kl_divergence": kl}

    return score


def importance_weighted(system: Vae, draws: int) -> Score:
    """What gives the figures of `likelihood1k_test_iw1000` by so many draws for each image; compiled once."""

    @jax.jit
    def estimates(state: Any, images: jax.Array, indices: jax.Array) -> jax.Array:
        inputs = scaled(images)

        def draw(sums: tuple[jax.Array, jax.Array], k: jax.Array) -> tuple[tuple[jax.Array, jax.Array], None]:
            noise = gaussian_latents(jax.random.fold_in(jax.random.key(WEIGHTS_SEED), k), indices, system.latent_size)
            log_weights = system.log_weights(state, inputs, noise)
            return (jnp.logaddexp(sums[0], log_weights), sums[1] + log_weights), None

        none = jnp.full(len(indices), -jnp.inf), jnp.zeros(len(indices))
        (log_sum, total), _ = jax.lax.scan(draw, none, jnp.arange(draws))
        return jnp.stack([log_sum - math.log(draws), total / draws], axis=1)

    def score(state: Any, images: np.ndarray) -> dict[str, float]:
        log_likelihood, elbo = _mean_of_images(estimates, state, images)
        return {"log_likelihood": log_likelihood, "elbo": elbo}

    return score


def _mean_of_images(compiled: Callable[..., jax.Array], state: Any, images: np.ndarray) -> list[float]:
    """Means of what a function says of each image, [n, figures]; what is drawn for image i depends on i only."""
    indices = np.arange(len(images), dtype=np.int32)
    return in_chunks(compiled, state, images, indices).mean(axis=0, dtype=np.float64).tolist()


def _metric(
    name: str,
    num: int,
    scoring: Callable[[Vae], Score],
    system: System,
    data: Mapping[str, Any],
    protocol: Mapping[str, Any],
    aim: Aim,
) -> Metric:
    if not isinstance(system, Vae):
        raise wrong_system(name, "variational autoencoders")
    images, held_out = held_out_images(name, data, num)
    score = scoring(system)

    def score_subject(state: Any) -> dict[str, float]:
        return score(system.settled(state), images)

    return of_state(num, score_subject, {"held_out": held_out, "likelihood": system.likelihood.name, **protocol}, aim)
