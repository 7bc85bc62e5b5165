"""Unrolled GAN: its gradient in closed form and by finite differences, and where D's answer gains nothing."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks.mlp import MLPDiscriminator, MLPGenerator
from jaxgan.objectives import minimax, non_saturating, wasserstein
from jaxgan.optim import adam
from jaxgan.systems import Unrolled, build_system

BATCH = 4
POINTS = DataSpec((2,), "float32", (), 100)
IMAGES = DataSpec((4, 4, 1), "uint8", ("a", "b", "c"), 100)
ADAM = dict(name="adam", learning_rate=0.01)


def make(spec=POINTS, name="unrolled", discriminator=(), optimizer=ADAM, **system):
    config = recipe(
        batch_size=BATCH,
        system=dict(name=name, latent_size=3) | system,
        generator=dict(name="mlp", hidden=(6,), output="none", normalise=True),
        discriminator=dict(name="mlp", hidden=(5,)) | dict(discriminator),
        objective=dict(name="non_saturating"),
        generator_optimizer=ADAM,
        discriminator_optimizer=optimizer,
    )
    return build_system(resolve(config), spec)


def linear_game(shape, objective, optimizer, unroll, latent_size=1):
    """G and D without hidden layers; G's optimizer subtracts its gradient."""
    given = dict(shape=shape, num_classes=0, dtype=jnp.float32, hidden=())
    return Unrolled(
        generator=MLPGenerator(**given, output="none"),
        discriminator=MLPDiscriminator(**given),
        objective=objective,
        generator_optimizer=optax.sgd(1.0),
        discriminator_optimizer=optimizer,
        shape=shape,
        num_classes=0,
        unroll=unroll,
        latent_size=latent_size,
    )


def with_params(state, generator, discriminator):
    """The state with these parameters, given as (kernel, bias) of each player."""
    (a, c), (w, b) = ([jnp.asarray(value, jnp.float32) for value in pair] for pair in (generator, discriminator))
    g_params = {"Dense_0": {"kernel": a, "bias": c}}
    d_params = {"Head_0": {"Dense_0": {"kernel": w, "bias": b}}}
    return state.replace(
        generator=state.generator.replace(params=g_params), discriminator=state.discriminator.replace(params=d_params)
    )


@pytest.mark.parametrize("k", [0, 1, 3])
def test_the_bilinear_game_has_the_step_of_its_closed_form(k):
    """D(x) = w x, G always makes g, L_D = w (g - x) = -V.

    D's step by gradient descent is w - r (g - x), so k steps ahead it is w_k = w - k r (g - x), and
    d(w_k (x - g)) / dg = -w_k + k r (g - x): the second term is D's answer. With k = 0 both step from where they stand.
    """
    w, g, rate = 0.7, -0.4, 0.1
    x = np.asarray([2.0, 0.5, 0.0, -1.0])
    system = linear_game((1,), wasserstein(), optax.sgd(rate), k)
    state = with_params(system.init(jax.random.key(0), {}), (np.zeros((1, 1)), [g]), ([[w]], [0.0]))
    batch = {"image": jnp.asarray(x, jnp.float32)[:, None]}
    after, metrics = jax.jit(system.update)(state, batch, jax.random.key(0))
    first, ahead = w - rate * (g - x.mean()), w - k * rate * (g - x.mean())
    moved = after.discriminator.params["Head_0"]["Dense_0"]
    assert float(moved["kernel"][0, 0]) == pytest.approx(first, rel=1e-6)  # one step, whatever k
    assert float(after.generator.params["Dense_0"]["bias"][0]) == pytest.approx(
        g - (-ahead + k * rate * (g - x.mean())), rel=1e-5
    )
    assert float(metrics["generator_loss"]) == pytest.approx(ahead * (x.mean() - g), rel=1e-5)


def best_judge(x, y):
    """(w, b) of the linear D that Newton's method finds for these points, which no threshold parts."""
    points, labels = np.concatenate([x, y]), np.repeat([1, 0], [len(x), len(y)])
    inputs, d = np.stack([points, np.ones_like(points)], axis=1), np.zeros(2)
    for _ in range(30):
        p = sigmoid(inputs @ d)
        d -= np.linalg.solve((inputs * (p * (1 - p))[:, None]).T @ inputs, inputs.T @ (p - labels))
    return d


def test_where_d_is_at_its_best_its_answer_changes_nothing():
    """The envelope theorem: dV / dD = 0 there. Without V's first half the answer would be worth something to G."""
    x, a, c = np.asarray([2.0, 0.5, 0.0, -1.0]), 0.3, 0.2
    key = jax.random.key(0)
    z = np.asarray(jax.random.normal(jax.random.fold_in(jax.random.split(key)[0], 0), (4, 1)), np.float64)
    w, b = best_judge(x, a * z[:, 0] + c)

    def step(objective, k):
        system = linear_game((1,), objective, optax.sgd(0.5), k)
        state = with_params(system.init(jax.random.key(0), {}), ([[a]], [c]), ([[w]], [b]))
        after, _ = jax.jit(system.update)(state, {"image": jnp.asarray(x, jnp.float32)[:, None]}, key)
        return np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(after.generator.params)])

    plain, unrolled, half = step(minimax(), 0), step(minimax(), 3), step(minimax()._replace(saddle=None), 3)
    np.testing.assert_allclose(unrolled, plain, atol=1e-6)
    assert np.abs(half - plain).max() > 1e-2


class PlainAdam:
    """Kingma & Ba 2015, algorithm 1, in float64."""

    rate, b1, b2, epsilon = 0.05, 0.5, 0.999, 1e-8

    def __init__(self, size):
        self.t, self.m, self.v = 0, np.zeros(size), np.zeros(size)

    def step(self, params, gradient):
        self.t += 1
        self.m = self.b1 * self.m + (1 - self.b1) * gradient
        self.v = self.b2 * self.v + (1 - self.b2) * gradient**2
        m, v = self.m / (1 - self.b1**self.t), self.v / (1 - self.b2**self.t)
        return params - self.rate * m / (np.sqrt(v) + self.epsilon)


def sigmoid(logits):
    return 1 / (1 + np.exp(-logits))


def d_gradient(d, x, y):
    """Of mean softplus(-D(x)) + mean softplus(D(y)), D(x) = x w + b, d = (w, b)."""
    on_real, on_fake = -sigmoid(-(x @ d[:2] + d[2])), sigmoid(y @ d[:2] + d[2])
    return np.append(on_real @ x + on_fake @ y, on_real.sum() + on_fake.sum()) / len(x)


def g_loss(g, saddle, start, moments, z, x, k, frozen=None):
    """The mean of softplus(-D_k(G(z))), or of log D_k(x) + log(1 - D_k(G(z))) if it is the `saddle` value.

    G(z) = z a + c, g = (a, c), D_k by a loop that sees `frozen` if given.
    """
    y = z @ g[:6].reshape(3, 2) + g[6:]
    d, optimizer = start, PlainAdam(3)
    optimizer.t, optimizer.m, optimizer.v = moments
    for _ in range(k):
        d = optimizer.step(d, d_gradient(d, x, y if frozen is None else frozen))
    on_real, on_fake = sigmoid(x @ d[:2] + d[2]), sigmoid(y @ d[:2] + d[2])
    return (np.log(on_real) + np.log(1 - on_fake) if saddle else -np.log(on_fake)).mean()


def slopes(loss, g):
    """Central differences."""
    steps = 1e-5 * np.eye(len(g))
    return np.asarray([(loss(g + step) - loss(g - step)) / 2e-5 for step in steps])


@pytest.mark.parametrize("objective", [minimax(), non_saturating()], ids=["minimax", "non_saturating"])
def test_gs_gradient_through_six_steps_of_adam_is_that_of_finite_differences(objective):
    """Float64 without any differentiation, D's steps in a loop, against a step of the system; twice, as Adam's moments
    of the first step are at work in the second.
    """
    k, rng = 6, np.random.default_rng(0)
    x, g, d = rng.normal(size=(BATCH, 2)), rng.normal(size=8), rng.normal(size=3)
    system = linear_game((2,), objective, adam(1, learning_rate=0.05), k, latent_size=3)
    state = with_params(system.init(jax.random.key(0), {}), (g[:6].reshape(3, 2), g[6:]), (d[:2, None], d[2:]))
    update, optimizer = jax.jit(system.update), PlainAdam(3)
    for step in range(2):
        key = jax.random.key(step)
        z = jax.random.normal(jax.random.fold_in(jax.random.split(key)[0], 0), (BATCH, 3))
        z, y = np.asarray(z, np.float64), np.asarray(z, np.float64) @ g[:6].reshape(3, 2) + g[6:]
        state, metrics = update(state, {"image": jnp.asarray(x, jnp.float32)}, key)

        known = (objective.saddle is not None, d, (optimizer.t, optimizer.m, optimizer.v), z, x, k)
        gradient = slopes(lambda g, a=known: g_loss(g, *a), g)
        of_plain = slopes(lambda g, a=known, y=y: g_loss(g, *a, frozen=y), g)
        assert float(metrics["generator_loss"]) == pytest.approx(g_loss(g, *known), rel=1e-4)
        moved = state.generator.params["Dense_0"]
        mine = g - np.append(np.asarray(moved["kernel"]).ravel(), moved["bias"])
        np.testing.assert_allclose(mine, gradient, rtol=2e-3, atol=2e-5)
        assert np.abs(gradient - of_plain).max() > 1e-3  # D's answer, which a plain GAN leaves out
        d = optimizer.step(d, d_gradient(d, x, y))
        head = state.discriminator.params["Head_0"]["Dense_0"]
        np.testing.assert_allclose(np.append(head["kernel"], head["bias"]), d, rtol=1e-5, atol=1e-6)
        g = np.append(np.asarray(moved["kernel"], np.float64).ravel(), moved["bias"])


@pytest.fixture(scope="module")
def games():
    """A step of a plain GAN and of unrolled ones, whose D has running statistics, spectral normalisation and labels."""
    options = dict(spec=IMAGES, discriminator=dict(normalise=True, spectral=True), conditional=True)
    systems = {"gan": make(name="gan", **options)} | {k: make(unroll=k, **options) for k in (0, 2)}
    rng = np.random.default_rng(0)
    batch = {
        "image": rng.integers(0, 256, (BATCH, *IMAGES.shape), dtype=np.uint8),
        "label": rng.integers(0, 3, BATCH, dtype=np.int32),
    }
    state = jax.jit(systems["gan"].init)(jax.random.key(0), batch)
    return {name: jax.jit(system.update)(state, batch, jax.random.key(1)) for name, system in systems.items()}


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.parametrize("k", [0, 2])
def test_d_steps_as_in_the_plain_game_and_the_steps_ahead_leave_no_trace_in_it(games, k):
    (state, metrics), (plain, others) = games[k], games["gan"]
    assert list(metrics) == list(others)
    assert_same(state.discriminator, plain.discriminator)
    assert_same(state.generator.statistics, plain.generator.statistics)
    assert metrics["discriminator_loss"] == others["discriminator_loss"]


def test_what_d_would_answer_moves_g(games):
    (state, metrics), (plain, others) = games[2], games[0]
    changed = jax.tree.map(lambda a, b: np.abs(a - b).max(), state.generator.params, plain.generator.params)
    assert max(jax.tree.leaves(changed)) > 1e-4
    assert abs(metrics["generator_loss"] - others["generator_loss"]) > 1e-3


def test_units_that_are_never_active_leave_the_gradient_finite():
    """Their gradients are 0, and so are Adam's moments: the slope of the root is what counts."""
    system = make(discriminator=dict(slope=0.0), unroll=1)
    state = system.init(jax.random.key(0), {})
    params = jax.tree_util.tree_map_with_path(
        lambda path, x: jnp.full_like(x, -100) if "_Trunk_0" in str(path) and x.ndim == 1 else x,
        state.discriminator.params,
    )
    dead = state.replace(discriminator=state.discriminator.replace(params=params))
    batch = {"image": np.zeros((BATCH, 2), np.float32)}
    for optimizer, finite in ((system.discriminator_optimizer, True), (optax.adam(0.01), False)):
        tried = dataclasses.replace(system, discriminator_optimizer=optimizer)
        after, _ = jax.jit(tried.update)(dead, batch, jax.random.key(0))
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.generator.params)) == finite


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(unroll=-1), r"config\.system\.unroll is -1, but must be in \[0, 1000\]"),
        (
            dict(optimizer=dict(name="rmsprop")),
            r"config\.discriminator_optimizer=rmsprop cannot be unrolled.*name=adam",
        ),
        (dict(latent_size=0), "latent_size is 0, but must be at least 1"),
        (dict(conditional=True), "conditional needs labels, and this data has none"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(options, message):
    with pytest.raises(JaxganError, match=message):
        make(**options)


def test_an_optimizer_that_is_not_unrolled_may_be_any():
    assert make(optimizer=dict(name="rmsprop"), unroll=0).unroll == 0
