"""What the players pay besides their objective: D by pure functions of (critic, real, fake, recent, key), one number
an example; G by the lengths of its paths.

The weight of a penalty, a number or a schedule, and its period belong to the recipe: with `every=16` it is computed at
every 16th update of D and counts 16 times there (lazy regularisation, Karras et al. 2020). Only where several seeds are
trained together it is computed every time, though it counts as rarely: a condition under `vmap` becomes a selection.

Most of them differentiate the critic by its images inside a loss that is differentiated by its parameters, so they need
second derivatives, which the convolutions of `ops` have. Others constrain D without a term in its loss: weight clipping
and orthogonal regularisation are options of the optimizers, spectral normalisation is one of the networks.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from jaxgan.augment.blitting import mirror
from jaxgan.augment.diffaugment import translate
from jaxgan.augment.draws import in_turn
from jaxgan.errors import JaxganError, check_range
from jaxgan.schedules import Schedule, check_schedule, value_at

Critic = Callable[[jax.Array], jax.Array]


class Recent(NamedTuple):
    """Running means of D's logits over its last updates: on real and on generated examples, float32 [] each."""

    real: jax.Array
    fake: jax.Array


Term = Callable[[Critic, jax.Array, jax.Array, Recent, jax.Array], jax.Array]
"""`(critic, real [b, ...], fake [b, ...], recent, key) -> [b]` float32; `critic` maps [b, ...] to logits [b]."""


class Penalty(NamedTuple):
    """A term of D's loss, unweighted, with its weight and its period in updates of D.

    `per_example`: it takes the gradient of one logit by one example, which batch normalisation makes meaningless.
    """

    term: Term
    weight: Schedule
    every: int
    per_example: bool


def penalty(term: Term, weight: Schedule, every: int, per_example: bool = True) -> Penalty:
    """A penalty, its weight and period looked at first; arguments as the attributes of `Penalty`."""
    check_schedule("weight", weight, 0, 1e6)
    check_range("every", every, 1, 2**30)
    return Penalty(term, weight, every, per_example)


def charged(
    penalty: Penalty,
    arguments: tuple[Critic, jax.Array, jax.Array, Recent, jax.Array],
    updates: jax.Array,
    images: jax.Array,
) -> jax.Array:
    """A penalty's share of the loss of one update of D, float32 []: weighted, `every`-fold when it is due, else 0.

    Args:
      penalty: term, weight and period.
      arguments: of the term.
      updates: of D before this one, int32 [].
      images: shown before this update, float32 [].
    """

    def due() -> jax.Array:
        return value_at(penalty.weight, images) * penalty.every * jnp.mean(penalty.term(*arguments))

    if penalty.every == 1:
        return due()
    return jax.lax.cond(updates % penalty.every == 0, due, lambda: jnp.zeros(()))


def squared_gradient_norms(critic: Critic, x: jax.Array) -> jax.Array:
    """Squared norm of the gradient of each example's logit by that example, over all its axes: [b, ...] -> [b].

    Gradients are those of the sum of all logits, so the critic must treat examples alone: with batch normalisation
    each would have a share of every other's.
    """
    gradients = jax.grad(lambda images: jnp.sum(critic(images)))(x)
    return jnp.sum(jnp.square(gradients.astype(jnp.float32)), axis=tuple(range(1, x.ndim)))


def gradient_norms(critic: Critic, x: jax.Array) -> jax.Array:
    """Norms of the same gradients."""
    return _roots(squared_gradient_norms(critic, x))


def _roots(squares: jax.Array) -> jax.Array:
    """Square roots with the derivative 0 at 0, where that of `jnp.linalg.norm` is NaN."""
    positive = squares > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squares, 1.0)), 0.0)


def _shares(key: jax.Array, x: jax.Array) -> jax.Array:
    """U(0, 1) for each example, in a shape that multiplies `x`."""
    return jax.random.uniform(key, (len(x),) + (1,) * (x.ndim - 1))


def wgan_gp(weight: Schedule = 10.0, every: int = 1, one_sided: bool = False, target: float = 1.0) -> Penalty:
    """WGAN-GP's: (||grad D(u)|| / target - 1)^2 at points u = e x + (1 - e) G(z), e ~ U(0, 1) for each example.

    Args:
      weight: lambda of the paper.
      every: updates of D.
      one_sided: only norms above the target are penalised: max(||grad D(u)|| / target - 1, 0)^2.
      target: 1 in the paper; Progressive GAN has 750 for CIFAR-10, which lets logits differ that much more.

    Source: Gulrajani et al. 2017, equation 3 and section 4; target: Karras et al. 2018 (arXiv:1710.10196), appendix.
    """
    check_range("target", target, 1e-6, 1e6)

    def term(critic: Critic, real: jax.Array, fake: jax.Array, recent: Recent, key: jax.Array) -> jax.Array:
        if real.shape != fake.shape:  # one of either would broadcast against the other
            raise ValueError(f"real and generated examples are not in pairs: {real.shape} and {fake.shape}")
        share = _shares(key, real)
        excess = gradient_norms(critic, share * real + (1 - share) * fake) / target - 1
        return jnp.square(jnp.maximum(excess, 0.0) if one_sided else excess)

    return penalty(term, weight, every)


def dragan(weight: Schedule = 10.0, every: int = 1, spread: float = 0.5) -> Penalty:
    """DRAGAN's: (||grad D(u)|| - 1)^2 around real examples: u = x + e spread std n, e and every entry of n ~ U(0, 1).

    Args:
      weight: lambda of the paper.
      every: updates of D.
      spread: how far, in standard deviations of the batch.

    Source: Kodali et al. 2017 (arXiv:1705.07215), section 2.3, with the perturbation of the authors' code.
    """
    check_range("spread", spread, 0, 1e6)

    def term(critic: Critic, real: jax.Array, fake: jax.Array, recent: Recent, key: jax.Array) -> jax.Array:
        keys = jax.random.split(key)
        noise = spread * jnp.std(real) * jax.random.uniform(keys[0], real.shape)
        return jnp.square(gradient_norms(critic, real + _shares(keys[1], real) * noise) - 1)

    return penalty(term, weight, every)


def r1(weight: Schedule = 10.0, every: int = 1) -> Penalty:
    """R1: half the squared gradient norm at real examples, ||grad D(x)||^2 / 2.

    Args:
      weight: gamma of the paper.
      every: updates of D; StyleGAN2 has 16.

    Source: Mescheder et al. 2018, equation 9.
    """

    def term(critic: Critic, real: jax.Array, fake: jax.Array, recent: Recent, key: jax.Array) -> jax.Array:
        return squared_gradient_norms(critic, real) / 2

    return penalty(term, weight, every)


def r2(weight: Schedule = 10.0, every: int = 1) -> Penalty:
    """R2: the same at generated examples, ||grad D(G(z))||^2 / 2; R3GAN has both.

    Args:
      weight: gamma of the paper.
      every: updates of D.

    Source: Mescheder et al. 2018, equation 10.
    """

    def term(critic: Critic, real: jax.Array, fake: jax.Array, recent: Recent, key: jax.Array) -> jax.Array:
        return squared_gradient_norms(critic, fake) / 2

    return penalty(term, weight, every)


def consistency(
    shape: tuple[int, ...], weight: Schedule = 10.0, every: int = 1, fake_share: float = 0.0, shift: float = 0.125
) -> Penalty:
    """Consistency: (D(x) - D(T(x)))^2, T a random flip and shift, zeros moving in.

    Args:
      shape: of an example: images only.
      weight: lambda of the paper.
      every: updates of D.
      fake_share: weight of the same term of generated examples, relative to `weight`: 0 in CR-GAN, 1 is
        balanced consistency, bCR.
      shift: the most, as a share of the side: 4 of 32 pixels in the paper.

    Source: Zhang et al. 2020 (arXiv:1910.12027), equation 2; Zhao et al. 2021 (arXiv:2002.04724), algorithm 1.
    """
    check_range("fake_share", fake_share, 0, 1e6)
    check_range("shift", shift, 0, 1)
    if len(shape) != 3:
        raise JaxganError(f"needs images to flip and shift, not examples of shape {shape}.")

    transform = in_turn(mirror, translate(shift))

    def change(critic: Critic, x: jax.Array, key: jax.Array) -> jax.Array:
        return jnp.square(critic(x) - critic(transform(x, jnp.float32(1), key)))

    def term(critic: Critic, real: jax.Array, fake: jax.Array, recent: Recent, key: jax.Array) -> jax.Array:
        keys = jax.random.split(key)
        of_real = change(critic, real, keys[0])
        return of_real + fake_share * change(critic, fake, keys[1]) if fake_share else of_real

    return penalty(term, weight, every, per_example=False)


def lecam(weight: Schedule = 0.3, every: int = 1) -> Penalty:
    """LeCam: (D(x) - recent mean of D(G(z)))^2 + (D(G(z)) - recent mean of D(x))^2, for little data.

    As in the paper; the authors' code counts only what is above the mean in the first, and below it in the second.

    Args:
      weight: lambda of the paper.
      every: updates of D.

    Source: Tseng et al. 2021 (arXiv:2104.03310), equation 4.
    """

    def term(critic: Critic, real: jax.Array, fake: jax.Array, recent: Recent, key: jax.Array) -> jax.Array:
        return jnp.square(critic(real) - recent.fake) + jnp.square(critic(fake) - recent.real)

    return penalty(term, weight, every, per_example=False)


def drift(weight: Schedule = 0.001, every: int = 1) -> Penalty:
    """D(x)^2: keeps the logits of a critic, of which only differences count, from wandering off.

    Args:
      weight: epsilon_drift of the paper.
      every: updates of D.

    Source: Karras et al. 2018 (arXiv:1710.10196), appendix A.1.
    """

    def term(critic: Critic, real: jax.Array, fake: jax.Array, recent: Recent, key: jax.Array) -> jax.Array:
        return jnp.square(critic(real))

    return penalty(term, weight, every, per_example=False)


PENALTIES: dict[str, Callable[..., Penalty]] = {
    "wgan_gp": wgan_gp,
    "dragan": dragan,
    "r1": r1,
    "r2": r2,
    "consistency": consistency,
    "lecam": lecam,
    "drift": drift,
}


def path_lengths(synthesis: Callable[[jax.Array], jax.Array], w: jax.Array, key: jax.Array) -> jax.Array:
    """||J_w^T y||_2 with J_w = dg(w)/dw and y ~ N(0, I) / sqrt(h w), for each example.

    The square is summed over the components of a style and averaged over the layers.

    Args:
      synthesis: g, styles to images [b, h, w, c] float32; each image must depend on its own styles only.
      w: styles [b, layers, w_dim] float32.
      key: of y.

    Returns:
      [b] float32.

    Source: Karras et al. 2020 (arXiv:1912.04958), section 3.2, equation 4; scale of y and mean over the layers as
      officially implemented.
    """
    images, pullback = jax.vjp(synthesis, w)
    y = jax.random.normal(key, images.shape) / math.sqrt(images.shape[1] * images.shape[2])
    return _roots(jnp.mean(jnp.sum(jnp.square(pullback(y)[0]), axis=2), axis=1))


class PathLength(NamedTuple):
    """G's penalty on path lengths that differ from their running mean: weight, period in updates, share of a batch."""

    weight: Schedule
    every: int
    share: float


def path_length(generator: nn.Module, weight: Schedule = 2.0, every: int = 4, share: float = 0.5) -> PathLength:
    """(||J_w^T y|| - a)^2, a the running mean of the lengths: equal steps of style make equal steps of image.

    Args:
      generator: has to make images of styles.
      weight: gamma of the paper's code.
      every: updates of G.
      share: of the batch that it is computed on.

    Raises:
      JaxganError: the generator has no styles.
    """
    check_schedule("config.generator_penalty.weight", weight, 0, 1e6)
    check_range("config.generator_penalty.every", every, 1, 2**30)
    check_range("config.generator_penalty.share", share, 1e-6, 1)
    if not hasattr(generator, "synthesis"):
        raise JaxganError(
            f"the penalty path_length needs a generator with styles, such as stylegan2, not {type(generator).__name__}."
        )
    return PathLength(weight, every, share)


def none() -> None:
    """Nothing besides its objective."""


GENERATOR_PENALTIES: dict[str, Callable[..., PathLength | None]] = {"none": none, "path_length": path_length}
