"""The games of `docs/theory.md`.

First D alone against a generator that stands still, where the theory says what comes of it; then whole games, as
recipes. `theory.py` draws what is computed here, and `tests/test_theory.py` holds it against the theory.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.config import Settings, recipe, resolve
from jaxgan.data.spec import DataSpec
from jaxgan.evaluation.divergences import kl_divergence
from jaxgan.penalties import gradient_norms
from jaxgan.systems import Gan
from jaxgan.training.run_directory import RunDirectory, read_lines
from jaxgan.training.seeds import keys
from jaxgan.training.start import run

LOG2 = float(np.log(2))
BATCH = 512


def standing_game(shape: tuple[int, ...], updates: int, **parts: Any) -> Gan:
    """A system whose G does not move: its rate is 0. D is a smooth perceptron whose rate falls to 0."""
    fading = ("cosine", 0.01, 0.0, float(updates * BATCH))
    settings = recipe(
        batch_size=BATCH,
        system=dict(name="gan", latent_size=1, average_half_life=0),
        discriminator=dict(name="mlp", hidden=(32, 32), activation="silu"),
        generator_optimizer=dict(name="sgd", learning_rate=0.0),
        discriminator_optimizer=dict(name="adam", learning_rate=fading, b1=0.9),
        **parts,
    )
    return Gan.from_config(resolve(settings), DataSpec(shape, "float32", (), 0))


def says(player: nn.Module, variables: Any, inputs: jax.Array) -> jax.Array:
    """What a network answers outside of training."""
    return jnp.asarray(player.apply(variables, inputs, train=False))


def trained_alone(
    gan: Gan, params: Any, real: Callable[[Any, jax.Array], jax.Array], facts: Any, seeds: int, updates: int, looks: int
) -> tuple[Any, jax.Array]:
    """Plays many games for several seeds, all at once.

    Args:
      gan: a standing game.
      params: of G, with a leading axis of games.
      real: `(facts of a game, key) -> examples [b, d]`, new ones for every update.
      facts: with a leading axis of games.
      seeds: of D's first parameters and of all that is drawn: 0, 1, ...
      updates: of D.
      looks: at equal intervals, the last one at the end.

    Returns:
      The states and -L_D, its mean since the look before: leading axes [seeds, games, looks].
    """

    def play(seed: jax.Array, params: Any, facts: Any) -> tuple[Any, jax.Array]:
        init_key, step_key = keys(seed)
        state: Any = gan.init(init_key, {})
        state = state.replace(generator=state.generator.replace(params=params))

        def update(state: Any, _: None) -> tuple[Any, jax.Array]:
            own, drawn = jax.random.split(jax.random.fold_in(step_key, state.step))
            state, metrics = gan.update(state, {"image": real(facts, drawn)}, own)
            return state, -metrics["discriminator_loss"]

        def until_a_look(state: Any, _: None) -> tuple[Any, tuple[Any, jax.Array]]:
            state, values = jax.lax.scan(update, state, length=updates // looks)
            return state, (state, jnp.mean(values))

        return jax.lax.scan(until_a_look, state, length=looks)[1]

    all_games = jax.vmap(jax.vmap(play, (None, 0, 0)), (0, None, None))
    return jax.jit(all_games)(jnp.arange(seeds), params, facts)


# two densities of one variable

GRID = np.linspace(-14, 14, 5601)

DISTANCES = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0)
# (m1, s1), (m2, s2), (m, s): p_r is half N(m1, s1^2) and half N(m2, s2^2), p_g is N(m, s^2).
DENSITIES = np.asarray(
    [((-2, 0.5), (2, 0.5), (0, 2)), ((-2, 0.5), (1, 1), (0, 1))] + [((0, 1), (0, 1), (d, 1)) for d in DISTANCES],
    np.float32,
)


def normal(mean: float, deviation: float) -> np.ndarray:
    """The density of N(mean, deviation^2) on `GRID`."""
    return np.exp(-(((GRID - mean) / deviation) ** 2) / 2) / (deviation * np.sqrt(2 * np.pi))


def integral(values: np.ndarray) -> np.ndarray:
    """Of values [..., points] on `GRID`; whatever is integrated here vanishes at its ends."""
    return values.sum(axis=-1) * (GRID[1] - GRID[0])


def divergence(real: np.ndarray, fake: np.ndarray) -> float:
    """JS(p_r || p_g) in nats, of densities on `GRID`: half the sum of their KL divergences to (p_r + p_g) / 2."""
    middle = (real + fake) / 2 * (GRID[1] - GRID[0])  # shares of the points
    return (kl_divergence(real, middle) + kl_divergence(fake, middle)) / 2


def optimal_value(real: np.ndarray, fake: np.ndarray) -> float:
    """V(D*) = 2 JS(p_r || p_g) - 2 log 2, of densities on `GRID`."""
    return 2 * divergence(real, fake) - 2 * LOG2


class Played(NamedTuple):
    """What came of a game of two densities.

    Attributes:
      real: p_r on `GRID`, float64 [points].
      fake: p_g.
      logits: of the trained D, float64 [seeds, points].
      measured: -L_D as training logs it, mean over the last tenth of the updates, [seeds].
    """

    real: np.ndarray
    fake: np.ndarray
    logits: np.ndarray
    measured: np.ndarray

    @property
    def optimal(self) -> np.ndarray:
        """D* = p_r / (p_r + p_g), [points]."""
        return self.real / (self.real + self.fake)

    @property
    def judged(self) -> np.ndarray:
        """D = sigmoid(logit), [seeds, points]."""
        return 1 / (1 + np.exp(-self.logits))

    @property
    def best(self) -> float:
        """V(D*)."""
        return optimal_value(self.real, self.fake)

    @property
    def reached(self) -> np.ndarray:
        """V(D) = E_r log D + E_g log(1 - D) of the trained D, [seeds]."""
        return -integral(self.real * np.logaddexp(0, -self.logits) + self.fake * np.logaddexp(0, self.logits))

    @property
    def errors(self) -> tuple[np.ndarray, np.ndarray]:
        """|D - D*|: its mean under (p_r + p_g) / 2, its maximum where that is over 1 % of its peak; [seeds] each."""
        error, middle = np.abs(self.judged - self.optimal), (self.real + self.fake) / 2
        return integral(error * middle), error[:, middle > 0.01 * middle.max()].max(axis=1)


def play_densities(seeds: int, updates: int, games: np.ndarray = DENSITIES) -> list[Played]:
    """D trained with the minimax objective against G(z) = m + s z, for several pairs of densities."""
    linear = dict(name="mlp", hidden=(), output="none")
    gan = standing_game((1,), updates, objective=dict(name="minimax"), generator=linear)
    params = {"Dense_0": {"kernel": games[:, 2, 1:, None], "bias": games[:, 2, :1]}}

    def real(game: jax.Array, key: jax.Array) -> jax.Array:
        which, noise = jax.random.split(key)
        mean, deviation = game[jax.random.randint(which, (BATCH,), 0, 2)].T
        return (mean + deviation * jax.random.normal(noise, (BATCH,)))[:, None]

    states, measured = trained_alone(gan, params, real, games, seeds, updates, looks=10)

    def on_the_grid(variables: Any) -> jax.Array:
        return says(gan.discriminator, variables, jnp.asarray(GRID[:, None], jnp.float32))

    last = jax.tree.map(lambda x: x[:, :, -1], states.discriminator.variables)
    logits = np.asarray(jax.jit(jax.vmap(jax.vmap(on_the_grid)))(last), np.float64)
    densities = [[normal(*part) for part in game] for game in games.astype(np.float64)]
    return [
        Played((one + two) / 2, fake, logits[:, i], np.asarray(measured[:, i, -1]))
        for i, (one, two, fake) in enumerate(densities)
    ]


# two parallel lines

THETAS = np.asarray((-1.0, -0.75, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 0.75, 1.0), np.float32)
WEIGHT = 10.0
"""Of the gradient penalty, lambda."""


def line(theta: jax.Array, y: jax.Array) -> jax.Array:
    """Points (theta, y): theta [], y [b] -> [b, 2]."""
    return jnp.stack([jnp.broadcast_to(theta, y.shape), y], axis=1)


class Line(nn.Module):
    """G(z) = (theta, Phi(z)): uniform on the segment x = theta, 0 < y < 1. Its one parameter is theta, 1 at first."""

    @nn.compact
    def __call__(self, z: jax.Array, labels: jax.Array | None = None, *, train: bool) -> jax.Array:
        """Latents [b, 1] -> points [b, 2]."""
        theta = self.param("theta", nn.initializers.ones, ())
        return line(theta, jax.scipy.stats.norm.cdf(z[:, 0]))


class Reading(NamedTuple):
    """What a D says between two lines; arrays [seeds, thetas, looks].

    Attributes:
      value: -L_D, on examples it was not trained on.
      slope: d L_G / d theta, the gradient that G gets.
      norm: mean of ||grad D|| at points between the lines.
    """

    value: jax.Array
    slope: jax.Array
    norm: jax.Array


def play_lines(objective: str, seeds: int, updates: int, looks: int = 20, thetas: np.ndarray = THETAS) -> Reading:
    """D trained to tell (0, y) from (theta, y), y ~ U(0, 1), with an objective; "wasserstein" has WGAN-GP's penalty."""
    penalties = dict(wgan_gp=dict(weight=WEIGHT)) if objective == "wasserstein" else {}
    parts = dict(objective=dict(name=objective), generator=dict(name="mlp"), penalties=penalties)
    gan = dataclasses.replace(standing_game((2,), updates, **parts), generator=Line())

    def real(_: jax.Array, key: jax.Array) -> jax.Array:
        return line(jnp.zeros(()), jax.random.uniform(key, (BATCH,)))

    states, _ = trained_alone(gan, {"theta": thetas}, real, thetas, seeds, updates, looks)
    draws = jax.random.split(jax.random.key(seeds), 4)
    z, y, e = jax.random.normal(draws[0], (4096, 1)), *(jax.random.uniform(key, (4096,)) for key in draws[1:3])

    def read(state: Any) -> Reading:
        def critic(x: jax.Array) -> jax.Array:
            return says(gan.discriminator, state.discriminator.variables, x)

        def generator_loss(params: Any) -> jax.Array:
            logits = critic(says(gan.generator, {"params": params}, z))
            return jnp.mean(gan.objective.generator(logits, logits, draws[3]))

        x, fake = line(jnp.zeros(()), y), says(gan.generator, state.generator.variables, z)
        value = -jnp.mean(gan.objective.discriminator(critic(x), critic(fake), draws[3]))
        between = e[:, None] * x + (1 - e[:, None]) * fake
        slope = jax.grad(generator_loss)(state.generator.params)["theta"]
        return Reading(value, slope, jnp.mean(gradient_norms(critic, between)))

    return jax.jit(jax.vmap(jax.vmap(jax.vmap(read))))(states)


# whole games

PLAIN: Settings = dict(objective=dict(name="non_saturating"))
PAIRS: Settings = dict(objective=dict(name="relativistic"), penalties=dict(r1=dict(weight=0.1), r2=dict(weight=0.1)))


def critic(weight: float) -> Settings:
    """WGAN-GP with this lambda, and five updates of the critic a step."""
    return dict(objective=dict(name="wasserstein"), penalties=dict(wgan_gp=dict(weight=weight)), critic_steps=5)


def ring(steps: int, seeds: int, critic_steps: int = 1, b1: float = 0.9, **method: Any) -> Settings:
    """Perceptrons on eight Gaussians; every method has the same networks, batches and Adam, whose rate ends at 0.

    Args:
      steps: updates of G.
      seeds: 0, 1, ..., trained together.
      critic_steps: updates of D a step.
      b1: Adam's.
      method: objective and penalties.
    """
    network = dict(name="mlp", hidden=(128, 128), slope=0.0)
    adam = dict(name="adam", learning_rate=("cosine", 1e-3, 0.0, float(128 * steps * critic_steps)), b1=b1)
    return _game(
        steps,
        seeds,
        looks=12,
        batch_size=128,
        metrics=("modes2500_ring",),
        data=dict(name="ring", radius=2.0, sigma=0.02),
        system=dict(name="gan", latent_size=2, average_half_life=0, critic_steps=critic_steps),
        generator=network | dict(output="none"),
        discriminator=network,
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **method,
    )


def digits(
    steps: int, seeds: int, normalise: tuple[bool, bool] = (False, False), critic_steps: int = 1, **method: Any
) -> Settings:
    """Convolutional networks on handwritten digits, 16x16 by class; every method has the same but for `normalise`.

    All layers have biases, so that without normalisation nothing is missing but normalisation.

    Args:
      steps: updates of G.
      seeds: 0, 1, ..., trained together.
      normalise: batch normalisation in G and in D.
      critic_steps: updates of D a step.
      method: objective and penalties.
    """
    network, adam = dict(name="dcgan", width=16, use_bias=True), dict(name="adam", learning_rate=2e-4, b1=0.5)
    return _game(
        steps,
        seeds,
        looks=6,
        batch_size=64,
        metrics=("svm1k_digits",),
        data=dict(name="digits", image_size=16),
        system=dict(name="gan", latent_size=64, conditional=True, average_half_life=0, critic_steps=critic_steps),
        generator=network | dict(normalise=normalise[0], multipliers=(4, 2, 1)),
        discriminator=network | dict(normalise=normalise[1], multipliers=(1, 2, 4), head_bias=True),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        **method,
    )


def _game(steps: int, seeds: int, looks: int, **parts: Any) -> Settings:
    """A recipe that is scored and kept `looks` times, at equal intervals."""
    every = max(steps // looks, 1)
    intervals = dict(steps_per_call=every, log_every=every, save_every=every, evaluate_every=every)
    return resolve(recipe(steps=steps, seeds=seeds, sample_every=0, keep_checkpoints=looks, **intervals, **parts))


def trained(settings: Settings, folder: Path) -> Path:
    """Trains a recipe; returns its run directory."""
    run(settings, folder, "python docs/theory.py")
    return folder


def scores(folder: Path, figure: str) -> tuple[list[int], np.ndarray]:
    """A figure of a run's metric: the steps it was computed at, and its values [seeds, steps]."""
    lines = [line for line in read_lines(RunDirectory(folder).evaluations) if isinstance(line["protocol"]["seed"], int)]
    steps = sorted({line["step"] for line in lines})
    return steps, np.asarray([line[figure] for line in lines]).reshape(len(steps), -1).T
