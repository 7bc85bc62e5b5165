"""BEGAN: its balance and its convergence measure by hand, its step as gradients of the whole, its autoencoder."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.systems import build_system
from jaxgan.systems.began import balanced, convergence

BATCH = 4
IMAGES = DataSpec((2, 2, 1), "uint8", ("a", "b", "c"), 100)
LINEAR = dict(name="mlp", hidden=())


def make(spec=IMAGES, generator=LINEAR, half=LINEAR, rate=0.1, **system):
    sgd = dict(name="sgd", learning_rate=rate)
    config = recipe(
        batch_size=BATCH,
        system=dict(name="began", latent_size=3, code_size=2) | system,
        generator=generator,
        encoder=half,
        decoder=half,
        generator_optimizer=sgd,
        discriminator_optimizer=sgd,
    )
    return build_system(resolve(config), spec)


@pytest.mark.parametrize(
    ("k", "on_real", "on_fake", "expected"),
    [
        (0.3, 0.4, 0.1, 0.31),  # gamma L(x) = 0.2: generated images are reconstructed too well, D turns on them
        (0.3, 0.4, 0.6, 0.26),
        (0.3, 0.4, 0.2, 0.3),  # balance
        (0.99, 0.8, 0.1, 1.0),  # 1.02
        (0.01, 0.4, 0.5, 0.0),  # -0.02
    ],
)
def test_k_moves_by_its_formula_and_rests_in_balance(k, on_real, on_fake, expected):
    moved = balanced(jnp.float32(k), jnp.float32(on_real), jnp.float32(on_fake), gamma=0.5, lambda_k=0.1)
    assert float(moved) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(("on_real", "on_fake", "expected"), [(0.4, 0.2, 0.4), (0.4, 0.5, 0.7), (0.4, 0.1, 0.5)])
def test_the_convergence_measure_is_the_loss_in_balance_and_more_out_of_it(on_real, on_fake, expected):
    assert float(convergence(jnp.float32(on_real), jnp.float32(on_fake), gamma=0.5)) == pytest.approx(expected)


def halving(state, fakes):
    """D(v) = v / 2 through codes of as many numbers as there are pixels; G always makes this value."""
    eye = jnp.eye(4)
    dense = lambda kernel, bias: {"Dense_0": {"kernel": kernel, "bias": bias}}  # noqa: E731
    d_params = {"encoder": dense(eye, jnp.zeros(4)), "decoder": dense(eye / 2, jnp.zeros(4))}
    g_params = dense(jnp.zeros((3, 4)), jnp.full(4, fakes))
    return state.replace(
        generator=state.generator.replace(params=g_params), discriminator=state.discriminator.replace(params=d_params)
    )


@pytest.fixture(scope="module")
def still():
    """A system whose players do not move, and a state whose losses are known."""
    system = make(rate=0.0, code_size=4, gamma=0.5, lambda_k=0.1)
    identity = dict(shape=IMAGES.shape, num_classes=0, dtype=jnp.float32, hidden=(), output="none")
    system = dataclasses.replace(
        system, generator=type(system.generator)(**identity), decoder=type(system.decoder)(**identity)
    )
    return system, halving(system.init(jax.random.key(0), {}), fakes=0.2)


def test_losses_k_and_convergence_by_hand_over_three_steps(still):
    """|x| is 0.8 and |G(z)| 0.2 everywhere, so L(x) = 0.4, L(G(z)) = 0.1, and k grows by 0.1 (0.5 * 0.4 - 0.1)."""
    system, state = still
    update = jax.jit(system.update)
    batch = {"image": jnp.asarray([0.8, -0.8, 0.8, -0.8]).reshape(4, 1, 1, 1) * jnp.ones((4, 2, 2, 1))}
    for step in range(3):
        state, metrics = update(state, batch, jax.random.key(step))
        expected = {
            "reconstruction_loss": 0.4,
            "generator_loss": 0.1,
            "discriminator_loss": 0.4 - 0.01 * step * 0.1,
            "convergence": 0.5,
            "k": 0.01 * step,
        }
        assert {name: float(value) for name, value in metrics.items()} == pytest.approx(expected, abs=1e-6)
        assert float(state.k) == pytest.approx(0.01 * (step + 1), abs=1e-7)


def test_images_are_translated_into_their_reconstructions_and_shown_above_them(still):
    system, state = still
    levels = np.arange(0, 240, 3, dtype=np.uint8).reshape(20, 2, 2, 1)
    images = levels.astype(np.float32) / 127.5 - 1
    made = system.translate(state, jnp.asarray(images), "reconstruction")
    np.testing.assert_allclose(made, images / 2, atol=1e-6)
    sheet = system.previews(state, {"image": levels}, jax.random.key(0))["reconstruction"]
    assert sheet.shape == (2, 10, 2, 2, 1)
    np.testing.assert_allclose(sheet, np.stack([images, images / 2])[:, :10], atol=1e-6)


def test_a_step_is_the_gradient_of_each_players_own_loss():
    """Each taken of the whole composition, at the parameters before the step; statistics of D are those of real images,
    and those of G move once.
    """
    normalised = dict(name="mlp", hidden=(5,), normalise=True)
    system = make(generator=normalised, half=normalised)
    state = jax.jit(system.init)(jax.random.key(1), {}).replace(k=jnp.float32(0.7))
    images, key = np.random.default_rng(0).integers(0, 256, (BATCH, 2, 2, 1), dtype=np.uint8), jax.random.key(2)
    after, metrics = jax.jit(system.update)(state, {"image": images}, key)
    z = jax.random.uniform(jax.random.split(key, 4)[0], (BATCH, 3), minval=-1, maxval=1)
    real = jnp.asarray(images / 127.5 - 1, jnp.float32)

    def passed(module, player, params, inputs):
        variables = {"params": params, **player.statistics}
        return module.apply(variables, inputs, train=True, mutable=["batch_stats"])

    def losses(g_params, d_params):
        fake, g_moved = passed(system.generator, state.generator, g_params, z)
        made, d_moved = passed(system.discriminator, state.discriminator, d_params, real)
        faked, _ = passed(system.discriminator, state.discriminator, d_params, fake)
        on_real, on_fake = jnp.mean(jnp.abs(real - made)), jnp.mean(jnp.abs(fake - faked))
        return on_real - 0.7 * on_fake, on_fake, g_moved, d_moved

    @jax.jit
    def by_hand(g, d):
        d_gradient = jax.grad(lambda p: losses(g, p)[0])(d)
        g_gradient = jax.grad(lambda p: losses(p, d)[1])(g)
        descended = [jax.tree.map(lambda p, g: p - 0.1 * g, *pair) for pair in ((g, g_gradient), (d, d_gradient))]
        return descended, losses(g, d)

    (g, d), (d_loss, g_loss, g_moved, d_moved) = by_hand(state.generator.params, state.discriminator.params)
    expected = ((g, after.generator.params), (d, after.discriminator.params))
    for hand, mine in (*expected, (g_moved, after.generator.statistics), (d_moved, after.discriminator.statistics)):
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), hand, mine)
    assert float(metrics["discriminator_loss"]) == pytest.approx(float(d_loss), rel=1e-5)
    assert float(metrics["generator_loss"]) == pytest.approx(float(g_loss), rel=1e-5)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), after.generator.params, state.generator.params)
    assert max(jax.tree.leaves(moved)) > 1e-4  # much more than the tolerance


def test_latents_are_uniform_and_truncation_narrows_them(still):
    system = still[0]
    for truncation, bound in ((None, 1), (0.5, 0.5)):
        z = np.asarray(system.latents(jax.random.key(0), jnp.arange(2000), truncation)) / bound
        assert np.abs(z).max() <= 1
        assert np.abs(z).max() > 0.99
        assert z.mean() == pytest.approx(0, abs=0.03)
        assert z.var() == pytest.approx(1 / 3, abs=0.015)


@pytest.mark.parametrize("truncation", [1.0, 3.0])
def test_a_truncation_that_leaves_latents_as_they_are_is_refused(still, truncation):
    with pytest.raises(JaxganError, match=rf"truncation is {truncation}, .* must be under 1"):
        jax.jit(lambda key: still[0].latents(key, jnp.arange(2), truncation))(jax.random.key(0))


def test_g_truncates_its_styles_instead_if_it_has_any():
    system = make(spec=DataSpec((4, 4, 1), "uint8", (), 100), generator=dict(name="stylegan2", channel_max=2, w_dim=4))
    key = jax.random.key(0)
    np.testing.assert_array_equal(system.latents(key, jnp.arange(2), 0.5), system.latents(key, jnp.arange(2)))
    state, z = jax.jit(system.init)(key, {}), system.latents(key, jnp.arange(2))
    generate = jax.jit(system.generate, static_argnums=3)
    none, half = (generate(state, z, jnp.zeros(2, jnp.int32), truncation) for truncation in (None, 0.5))
    assert np.abs(none - half).max() > 1e-6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(spec=DataSpec((2,), "float32", (), 100)), r"began reconstructs images.*examples of shape \(2,\).*digits"),
        (dict(gamma=0.0), r"config\.system\.gamma is 0\.0, but must be above 0 and at most 1"),
        (dict(gamma=1.5), r"config\.system\.gamma is 1\.5, but must be above 0 and at most 1"),
        (dict(lambda_k=-0.1), r"config\.system\.lambda_k is -0\.1, but must be in \[0, 1\]"),
        (dict(code_size=0), r"config\.system\.code_size is 0, but must be at least 1"),
        (dict(average_half_life=-1.0), r"average_half_life is -1\.0, but must be in \[0, "),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(options, message):
    with pytest.raises(JaxganError, match=message):
        make(**options)
