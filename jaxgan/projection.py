"""Finding the latents of given images by optimisation: what a generator without an encoder can make of them.

For an image x, from several starts z, with Adam:

    minimise mean (G(z) - x)^2 + pull ((|z|^2 - m) / s)^2

The mean is over the numbers of an image; m and s are the mean and the standard deviation of |z|^2 over latents that G
was trained on, so that the pull is in squared standard deviations whatever the number of latents. It is towards their
length and not towards 0, around which a Gaussian in many dimensions has next to none of its mass, and which a generator
that scales its latents would follow without end. What it costs and what it keeps was measured in docs/latent.md.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from tqdm import tqdm

from jaxgan.drawing import Samples, generative
from jaxgan.errors import JaxganError, check_range
from jaxgan.sampling import Trained
from jaxgan.systems import Generative
from jaxgan.systems.inputs import in_range

POOL = 1024
"""Samples that the starts are chosen from."""

LEAST_SPREAD = 0.01
"""Of |z|^2, as a share of its mean: latents all of one length would leave nothing but the pull."""


class Projection(NamedTuple):
    """What was found for each image.

    Attributes:
      samples: the latents found, their labels, and what the generator makes of them.
      errors: float32 [n], mean squared differences of the images from those given.
    """

    samples: Samples
    errors: np.ndarray


def project(
    trained: Trained,
    images: np.ndarray,
    seed: int = 0,
    labels: Sequence[int] | None = None,
    *,
    starts: int = 8,
    steps: int = 500,
    learning_rate: float = 0.2,
    pull: float = 3e-4,
) -> Projection:
    """Finds latents whose images are like the given ones.

    Each image starts from those of `POOL` samples that are nearest to it and keeps the result with the least loss. As
    one image after another is computed, its result does not depend on the others, in no bit.

    Args:
      trained: a run of images.
      images: float32 [n, *shape] in [-1, 1], n >= 1.
      seed: of the samples to start from.
      labels: class numbers, used in turn over the images; by default the class is found too: all classes are among the
        samples, and the starts nearest to the image keep theirs.
      starts: number of them, in 1..POOL.
      steps: of Adam; the learning rate falls to 0 along half a cosine.
      learning_rate: at the first step.
      pull: towards the length of the prior's latents, in squared pixels a squared standard deviation; 0 is none.

    Raises:
      JaxganError: images of another shape, a number out of range, labels and seeds that `trained.sample` refuses, or
        no finite result from any start.
    """
    check_range("starts", starts, 1, POOL)
    check_range("steps", steps, 1, 1_000_000)
    check_range("learning_rate", learning_rate, 0, 1e6)
    check_range("pull", pull, 0, 1e6)
    images = np.asarray(images, np.float32)
    trained.check_images(images)
    wanted = [None] * len(images) if labels is None else np.resize(labels, len(images)).tolist()
    system, found = generative(trained.system), {}
    state = system.settled(trained.state)
    with tqdm(total=len(images), desc="projecting", disable=None) as progress:
        for label in dict.fromkeys(wanted):  # one pool at a time, for it takes more memory than all else
            pool = trained.sample(POOL, seed, None if label is None else [label])
            lengths, sizes = _squares(pool.latents), _squares(pool.images)
            for place in (place for place, own in enumerate(wanted) if own == label):
                start = _nearest(pool, sizes, images[place], starts)
                with jax.default_matmul_precision(trained.config["matmul_precision"]):
                    arguments = (state, images[place], start, lengths)
                    found[place] = jax.device_get(_descend(system, steps, learning_rate, pull, *arguments))
                if not np.isfinite(found[place][-1]):
                    raise JaxganError(f"no start led to a finite image {place}; lower the learning rate.")
                progress.update()
    latents, made, classes, errors = map(np.stack, zip(*(found[i] for i in range(len(images))), strict=True))
    return Projection(Samples(made, latents, classes), errors)


def _squares(x: np.ndarray) -> np.ndarray:
    """Squared lengths, [n], of [n, ...]."""
    flat = x.reshape(len(x), -1)
    return np.einsum("ij,ij->i", flat, flat)


def _nearest(samples: Samples, sizes: np.ndarray, image: np.ndarray, count: int) -> Samples:
    """The samples a with the least |a - x|^2 = |a|^2 - 2 a x + |x|^2; `sizes` are their |a|^2."""
    distances = sizes - 2 * (samples.images.reshape(len(sizes), -1) @ image.ravel())
    nearest = np.argsort(distances, kind="stable")[:count]
    return Samples(*(part[nearest] for part in samples))


def _numbers(x: Any) -> tuple[int, ...]:
    """The axes of the numbers of each example of [b, ...]."""
    return tuple(range(1, x.ndim))


class Best(NamedTuple):
    """The latents [starts, ...] with which each descent has come lowest, and the loss there, [starts]."""

    latents: jax.Array
    loss: jax.Array


@functools.partial(jax.jit, static_argnums=range(4))
def _descend(
    system: Generative,
    steps: int,
    learning_rate: float,
    pull: float,
    state: Any,
    image: jax.Array,
    start: Samples,
    squares: jax.Array,
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """The best of several descents, each at the best of its steps.

    Args:
      system: what was trained.
      steps: as of `project`.
      learning_rate: likewise.
      pull: likewise.
      state: of the system, settled.
      image: [*shape].
      start: of the descents.
      squares: [n], |z|^2 of latents that the generator was trained on.

    Returns:
      its latents, image, label and error, which is not finite if no descent came to a finite image.
    """
    labels, mean = jnp.asarray(start.labels), jnp.mean(squares)
    spread = jnp.maximum(jnp.std(squares), LEAST_SPREAD * mean)
    optimizer = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

    def losses(z: jax.Array) -> jax.Array:
        """What is minimised of each start, [starts]; not clipped, so that what is out of range has a gradient."""
        made = system.generate(state, z, labels)
        errors = jnp.mean((made - image[None]) ** 2, axis=_numbers(made))
        return errors + pull * ((jnp.sum(z**2, axis=_numbers(z)) - mean) / spread) ** 2

    def total(z: jax.Array) -> tuple[jax.Array, jax.Array]:
        each = losses(z)
        return jnp.sum(each), each

    def better(z: jax.Array, each: jax.Array, least: Best) -> Best:
        won = each < least.loss  # what is not a number never wins
        return Best(jnp.where(jnp.expand_dims(won, _numbers(z)), z, least.latents), jnp.where(won, each, least.loss))

    def step(carry: tuple[jax.Array, Any, Best], _: None) -> tuple[tuple[jax.Array, Any, Best], None]:
        z, memory, least = carry
        # The gradient of the sum holds that of every start, and Adam treats each number alone: no start sees another.
        (_, each), gradient = jax.value_and_grad(total, has_aux=True)(z)
        updates, memory = optimizer.update(gradient, memory)
        return (optax.apply_updates(z, updates), memory, better(z, each, least)), None

    first = jnp.asarray(start.latents)
    none = Best(first, jnp.full(len(first), jnp.inf))
    (last, _, least), _ = jax.lax.scan(step, (first, optimizer.init(first), none), length=steps)
    found = better(last, losses(last), least)
    best = jnp.argmin(found.loss)
    made = in_range(system.generate(state, found.latents, labels))[best]
    # Clipped, an infinite image has a finite error.
    error = jnp.where(jnp.isfinite(found.loss[best]), jnp.mean((made - image) ** 2), jnp.nan)
    return found.latents[best], made, labels[best], error
