"""Adversarial objectives: pairs of pure functions of logits.

A logit is D's output before any sigmoid; D(x) = sigmoid(logit). Losses come back unreduced, one number an example;
the system takes the mean. Both halves receive both logits, so that losses on pairs are ordinary members of the table;
XLA removes what a half does not use.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from jaxgan.errors import JaxganError, check_range

Half = Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
Range = tuple[float, float]


class Objective(NamedTuple):
    """What the players minimise.

    Attributes:
      discriminator: `(real_logits [b], fake_logits [b], key) -> loss [b]`.
      generator: the same for G. The key is for losses that draw something, such as soft labels.
      relative: only differences of logits count, so that none means anything alone, nor does its sign.
      saddle: of a zero-sum game V(D, G), [b] as well, which D maximises and G minimises; None for any other. As G's
        loss it differs from `generator` by what depends on D and real examples only.
    """

    discriminator: Half
    generator: Half
    relative: bool = False
    saddle: Half | None = None


def cross_entropy(logits: jax.Array, labels: Range, key: jax.Array) -> jax.Array:
    """Binary cross-entropy of sigmoid(logits) against labels drawn uniformly from a range.

    Args:
      logits: [b] float32.
      labels: (low, high); equal ends give every example the same label.
      key: draws the labels.

    Returns:
      -y log sigmoid(logits) - (1 - y) log(1 - sigmoid(logits)), [b], in nats.
    """
    low, high = labels
    targets = jax.random.uniform(key, logits.shape, logits.dtype, low, high) if low < high else low
    return optax.sigmoid_binary_cross_entropy(logits, jnp.asarray(targets, logits.dtype))


def objective(discriminator: Half, generator: Half, relative: bool = False, saddle: Half | None = None) -> Objective:
    """The pair, each half of which looks at its logits first."""
    return Objective(_checked(discriminator), _checked(generator), relative, saddle and _checked(saddle))


def _checked(half: Half) -> Half:
    """A [b, 1] logit against a [b] one would broadcast to [b, b] and train on nonsense."""

    def checked(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        for logits in (real_logits, fake_logits):
            if logits.ndim != 1 or logits.dtype not in (jnp.float32, jnp.float64):
                raise ValueError(f"logits must be float32 [b], got {logits.dtype} {logits.shape}")
        if real_logits.shape != fake_logits.shape:
            raise ValueError(f"real and fake logits differ in number: {real_logits.shape} and {fake_logits.shape}")
        return half(real_logits, fake_logits, key)

    return checked


def _check_labels(**ranges: Range) -> None:
    for name, (low, high) in ranges.items():
        if not 0 <= low <= high <= 1:
            raise JaxganError(f"{name} is ({low}, {high}), but must be (low, high) within [0, 1].")


def minimax(real_labels: Range = (1.0, 1.0), fake_labels: Range = (0.0, 0.0)) -> Objective:
    """The game of the original paper: min over G, max over D of E log D(x) + E log(1 - D(G(z))).

    L_D = -log D(x) - log(1 - D(G(z)));  L_G = log(1 - D(G(z))), whose gradient vanishes where D wins.

    Args:
      real_labels: range of the labels D is given for real examples. (0.9, 0.9) is one-sided smoothing
        (Salimans et al. 2016), (0.8, 1.0) random soft labels.
      fake_labels: the same for generated examples.

    Raises:
      JaxganError: a range that is not within [0, 1], or upside down.

    Source: Goodfellow et al. 2014, equation 1.
    """
    _check_labels(real_labels=real_labels, fake_labels=fake_labels)

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        real_key, fake_key = jax.random.split(key)
        return cross_entropy(real_logits, real_labels, real_key) + cross_entropy(fake_logits, fake_labels, fake_key)

    def generator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return -cross_entropy(fake_logits, (0.0, 0.0), key)

    def saddle(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return generator(real_logits, fake_logits, key) - cross_entropy(real_logits, (1.0, 1.0), key)

    return objective(discriminator, generator, saddle=saddle)


def non_saturating(
    real_labels: Range = (1.0, 1.0), fake_labels: Range = (0.0, 0.0), generator_labels: Range = (1.0, 1.0)
) -> Objective:
    """The objective used in practice: D as in `minimax`, G minimises L_G = -log D(G(z)).

    Args:
      real_labels: as in `minimax`.
      fake_labels: as in `minimax`.
      generator_labels: range of the labels that G wants D to give to generated examples.

    Raises:
      JaxganError: as in `minimax`.

    Source: Goodfellow et al. 2014, section 3.
    """
    _check_labels(generator_labels=generator_labels)

    def generator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return cross_entropy(fake_logits, generator_labels, key)

    return Objective(minimax(real_labels, fake_labels).discriminator, _checked(generator))


def wasserstein() -> Objective:
    """The dual of the earth mover's distance: L_D = D(G(z)) - D(x), L_G = -D(G(z)), for logits without a sigmoid.

    It means something only for a critic that is kept smooth, by weight clipping or a gradient penalty.

    Source: Arjovsky et al. 2017, equations 2 and 3.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return fake_logits - real_logits

    def generator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return -fake_logits

    def saddle(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return real_logits - fake_logits

    return objective(discriminator, generator, relative=True, saddle=saddle)


def least_squares(real_target: float = 1.0, fake_target: float = 0.0, generator_target: float = 1.0) -> Objective:
    """L_D = (D(x) - b)^2 / 2 + (D(G(z)) - a)^2 / 2, L_G = (D(G(z)) - c)^2 / 2, for logits without a sigmoid.

    Args:
      real_target: b, what D answers to real examples.
      fake_target: a, what D answers to generated ones.
      generator_target: c, what G wants D to answer. a = -1, b = 1, c = 0 minimises Pearson's chi^2 divergence.

    Source: Mao et al. 2017, equations 2 and 9.
    """
    targets = dict(real_target=real_target, fake_target=fake_target, generator_target=generator_target)
    for name, target in targets.items():
        check_range(name, target, -1e6, 1e6)

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return (jnp.square(real_logits - real_target) + jnp.square(fake_logits - fake_target)) / 2

    def generator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return jnp.square(fake_logits - generator_target) / 2

    return objective(discriminator, generator)


def hinge() -> Objective:
    """L_D = max(0, 1 - D(x)) + max(0, 1 + D(G(z))), L_G = -D(G(z)): D stops learning from what it is sure of.

    Source: Lim & Ye 2017; Miyato et al. 2018, equations 16 and 17.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return jnp.maximum(0.0, 1 - real_logits) + jnp.maximum(0.0, 1 + fake_logits)

    return Objective(_checked(discriminator), wasserstein().generator)


def relativistic() -> Objective:
    """L_D = -log sigmoid(D(x) - D(G(z))), L_G = -log sigmoid(D(G(z)) - D(x)), on pairs: example i against sample i.

    D learns which of the two is the real one, so G learns from real examples too. With penalties on both, the objective
    of R3GAN (Huang et al. 2024).

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return jax.nn.softplus(fake_logits - real_logits)

    def generator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return jax.nn.softplus(real_logits - fake_logits)

    return objective(discriminator, generator, relative=True)


def relativistic_average() -> Objective:
    """Each example against the mean of the others.

    L_D = -log sigmoid(r) - log(1 - sigmoid(f)), L_G = -log sigmoid(f) - log(1 - sigmoid(r))
    with r = D(x) - mean D(G(z)) and f = D(G(z)) - mean D(x).

    The means are those of the batch, or of its parts with `config.system.accumulate`.

    Source: Jolicoeur-Martineau 2018 (arXiv:1807.00734), section 4.
    """

    def discriminator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        softplus = jax.nn.softplus
        return softplus(jnp.mean(fake_logits) - real_logits) + softplus(fake_logits - jnp.mean(real_logits))

    def generator(real_logits: jax.Array, fake_logits: jax.Array, key: jax.Array) -> jax.Array:
        return discriminator(fake_logits, real_logits, key)

    return objective(discriminator, generator, relative=True)


OBJECTIVES: dict[str, Callable[..., Objective]] = {
    "minimax": minimax,
    "non_saturating": non_saturating,
    "wasserstein": wasserstein,
    "least_squares": least_squares,
    "hinge": hinge,
    "relativistic": relativistic,
    "relativistic_average": relativistic_average,
}
