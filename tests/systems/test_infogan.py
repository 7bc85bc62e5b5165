"""InfoGAN's step by hand, whose gradients go where, what it shows and what it refuses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.systems import build_system
from jaxgan.systems.players import passes, train_pass

SPEC = DataSpec((3, 2, 1), "uint8", (), 100)
BATCH, RATE, NOISE = 6, 0.1, 2


def make(spec=SPEC, discriminator=None, posterior=None, **system):
    sgd = dict(name="sgd", learning_rate=RATE)
    config = recipe(
        batch_size=BATCH,
        system=dict(name="infogan", latent_size=NOISE, categorical=(3,), continuous=1, average_half_life=0) | system,
        generator=dict(name="mlp", hidden=(5,), activation="tanh"),
        discriminator=discriminator or dict(name="mlp", hidden=(4,), activation="tanh"),
        posterior=posterior or dict(name="mlp", hidden=(3,), activation="tanh"),
        objective=dict(name="non_saturating"),
        generator_optimizer=sgd,
        discriminator_optimizer=sgd,
    )
    return build_system(resolve(config), spec)


IMAGES = np.random.default_rng(0).integers(0, 256, (BATCH, *SPEC.shape), dtype=np.uint8)


def step(system):
    before = system.init(jax.random.key(1), {})
    return before, *jax.jit(system.update)(before, {"image": IMAGES}, jax.random.key(2))


@pytest.fixture(scope="module")
def first():
    system = make(categorical_weight=0.7, continuous_weight=0.3)
    return system, *step(system)


def close(a, b):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5, atol=1e-6), a, b)


def differ(a, b):
    return max(float(np.abs(x - y).max()) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_a_step_by_hand(first):
    """The losses written out for an mlp: h = tanh(x W + b) are D's features, Q is one hidden layer on them."""
    system, before, after, metrics = first
    latent_key = jax.random.split(jax.random.key(2), 4)[0]
    z = system.latents(latent_key, jnp.arange(BATCH))
    real = IMAGES.reshape(BATCH, -1) / np.float32(127.5) - 1

    def dense(layer, x):
        return jnp.dot(x, layer["kernel"]) + layer["bias"][None]

    def made(g):
        return jnp.tanh(dense(g["Dense_0"], jnp.tanh(dense(g["_Trunk_0"]["Dense_0"], z))))

    def judged(d, x):
        h = jnp.tanh(dense(d["_Trunk_0"]["Dense_0"], x))
        return h, dense(d["Head_0"]["Dense_0"], h)[:, 0]

    def lower_bound(q, h):
        told = dense(q["Dense_0"], jnp.tanh(dense(q["_Trunk_0"]["Dense_0"], h)))
        categories = jnp.sum(z[:, NOISE : NOISE + 3] * jax.nn.log_softmax(told[:, :3]), axis=1)
        numbers = -((z[:, -1] - told[:, 3]) ** 2) / 2 - jnp.log(2 * jnp.pi) / 2
        return jnp.log(3) + categories.mean(), jnp.log(2) + numbers.mean()

    def d_loss(d, q, g):
        (_, on_real), (h, on_fake) = judged(d, real), judged(d, made(g))
        adversarial = -jnp.mean(jnp.log(jax.nn.sigmoid(on_real)) + jnp.log(1 - jax.nn.sigmoid(on_fake)))
        discrete, numbers = lower_bound(q, h)
        return adversarial - 0.7 * discrete - 0.3 * numbers, (adversarial, discrete, numbers)

    def g_loss(g, d, q):
        h, on_fake = judged(d, made(g))
        adversarial = -jnp.mean(jnp.log(jax.nn.sigmoid(on_fake)))
        discrete, numbers = lower_bound(q, h)
        return adversarial - 0.7 * discrete - 0.3 * numbers, adversarial

    g, d, q = (player.params for player in (before.generator, before.discriminator, before.posterior))
    grads, (loss, discrete, numbers) = jax.grad(d_loss, (0, 1), has_aux=True)(d, q, g)
    d, q = jax.tree.map(lambda x, slope: x - RATE * slope, (d, q), grads)
    slopes, g_adversarial = jax.grad(g_loss, has_aux=True)(g, d, q)
    close((after.discriminator.params, after.posterior.params), (d, q))
    close(after.generator.params, jax.tree.map(lambda x, slope: x - RATE * slope, g, slopes))
    close(after.average["params"], after.generator.params)
    assert metrics["discriminator_loss"] == pytest.approx(float(loss), rel=1e-5)
    assert metrics["categorical_information"] == pytest.approx(float(discrete), abs=1e-5)
    assert metrics["continuous_information"] == pytest.approx(float(numbers), abs=1e-5)
    assert metrics["generator_loss"] == pytest.approx(float(g_adversarial), rel=1e-5)


def test_statistics_of_d_and_q_are_those_of_their_own_update():
    """Of real and of generated examples in turn; what they make of them for G's sake leaves no trace."""
    normalised = dict(name="mlp", hidden=(4,), normalise=True, spectral=True)
    system = make(discriminator=normalised, posterior=dict(name="mlp", hidden=(3,), normalise=True))
    before, after, _ = step(system)
    z = system.latents(jax.random.split(jax.random.key(2), 4)[0], jnp.arange(BATCH))
    g, d, q = before.generator, before.discriminator, before.posterior
    batches = [(jnp.asarray(IMAGES / np.float32(127.5) - 1),), (system.generator.apply(g.variables, z, train=True),)]
    seen = passes(system.discriminator, d.params, d.statistics, batches, jax.random.key(0), advance=True)
    told = train_pass(system.posterior, q.params, q.statistics, (seen[-1].features,), jax.random.key(0))
    close(after.discriminator.statistics, seen[-1].statistics)
    close(after.posterior.statistics, told.statistics)


def test_information_moves_g_q_and_the_features_of_d_but_not_its_own_head(first):
    _, before, after, _ = first
    _, _, without, metrics = None, *step(make(categorical_weight=0.0, continuous_weight=0.0))
    close(without.posterior.params, before.posterior.params)
    assert differ(after.posterior.params, before.posterior.params) > 1e-3
    assert differ(after.generator.params, without.generator.params) > 1e-4
    trunk, head = ([state.discriminator.params[part] for state in (after, without)] for part in ("_Trunk_0", "Head_0"))
    assert differ(*trunk) > 1e-3
    close(*head)
    assert np.isfinite(metrics["categorical_information"])


def test_latents_are_noise_then_codes_and_only_noise_is_truncated():
    system = make()
    z = np.asarray(system.latents(jax.random.key(0), jnp.arange(400), 0.5))
    assert np.abs(z[:, :NOISE]).max() <= 0.5
    np.testing.assert_array_equal(z[:, NOISE : NOISE + 3].sum(1), 1)
    assert np.abs(z[:, -1]).max() > 0.9
    plain = np.asarray(system.latents(jax.random.key(0), jnp.arange(400)))
    np.testing.assert_array_equal(z[:, NOISE:], plain[:, NOISE:])
    assert abs(plain[:, :NOISE].std() - 1) < 0.15


def test_sheets_show_what_g_makes_of_each_value_of_a_code(first):
    system, _, state, _ = first
    key = jax.random.key(3)
    sheets = system.previews(state, {}, key)
    assert {name: sheet.shape[:2] for name, sheet in sheets.items()} == {
        "categorical_0": (10, 3),
        "continuous_0": (10, 10),
    }
    noise = system.latents(key, jnp.arange(10))[4]
    z = noise.at[NOISE : NOISE + 3].set(jnp.eye(3)[4 % 3]).at[-1].set(2.0)  # row 4, last column
    made = system.generate(state, z[None], jnp.zeros(1, jnp.int32))
    np.testing.assert_allclose(sheets["continuous_0"][4, -1], made[0], atol=1e-6)


def test_q_tells_codes_of_any_examples_each_on_its_own(first):
    system, _, state, _ = first
    images = jnp.asarray(IMAGES / 127.5 - 1, jnp.float32)
    told = system.tell(state, images)
    assert told.shape == (BATCH, 4)
    np.testing.assert_allclose(system.tell(state, images[2:3])[0], told[2], atol=1e-6)


def test_points_have_no_sheets():
    system = make(DataSpec((2,), "float32", (), 10))
    assert system.previews(system.init(jax.random.key(0), {}), {}, jax.random.key(0)) == {}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(categorical=(10, 1)), r"config\.system\.categorical is \(10, 1\), but each must be at least 2"),
        (dict(categorical=(), continuous=0), r"infogan without codes is gan"),
        (dict(continuous=-1), r"config\.system\.continuous is -1, but must be in \[0, "),
        (dict(latent_size=0), r"config\.system\.latent_size is 0, but must be at least 1"),
        (dict(continuous_weight=-0.1), r"config\.system\.continuous_weight is -0\.1, but must be in \[0"),
        (
            dict(posterior=dict(name="dcgan")),
            r"config\.posterior: dcgan .*, not examples of shape \(4,\)",
        ),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(JaxganError, match=message):
        make(**options)
