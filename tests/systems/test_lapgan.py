"""LAPGAN: a level's step by hand, levels that learn apart, samples from the smallest image up."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.ops.pyramid import doubled, laplacian_pyramid
from jaxgan.systems import build_system, lapgan
from jaxgan.systems.players import passes

IMAGES = DataSpec((8, 12, 1), "uint8", ("a", "b", "c"), 100)
RNG = np.random.default_rng(0)
BATCH = {
    "image": RNG.integers(0, 256, (4, 8, 12, 1), dtype=np.uint8),
    "label": RNG.integers(0, 3, 4, dtype=np.int32),
}
RATE = 0.1


def make(spec=IMAGES, generator=None, discriminator=None, dropout=0.0, **system):
    sgd, dense = dict(name="sgd", learning_rate=RATE), dict(name="mlp", hidden=(5,), activation="tanh")
    settings = dict(
        batch_size=4,
        system=dict(name="lapgan", levels=3, latent_size=3, conditional=True, average_half_life=0.0) | system,
        generator=generator or dense,
        discriminator=discriminator or dense,
        band_generator=dict(name="lapgan", width=2),
        band_discriminator=dict(name="lapgan", width=2, dropout=dropout),
        objective=dict(name="non_saturating"),
        generator_optimizer=sgd,
        discriminator_optimizer=sgd,
    )
    return build_system(resolve(recipe(**settings)), spec)


@pytest.fixture(scope="module")
def run():
    system = make()
    return system, jax.jit(system.init)(jax.random.key(0), BATCH), jax.jit(system.update)


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_a_level_learns_as_if_it_were_alone(run):
    """With other players in the middle, the first and the last come to the same bits."""
    system, state, update = run
    other = jax.jit(system.init)(jax.random.key(9), BATCH).levels[1]
    after, metrics = update(state, BATCH, jax.random.key(1))
    swapped, others = update(state.replace(levels=(state.levels[0], other, state.levels[2])), BATCH, jax.random.key(1))
    for k in range(3):
        assert same(after.levels[k], swapped.levels[k]) == (k != 1)
        assert (metrics[f"level_{k}_generator_loss"] == others[f"level_{k}_generator_loss"]) == (k != 1)
        assert not same(after.levels[k].generator.params, state.levels[k].generator.params)
    assert same([level.average for level in after.levels], [level.generator.variables for level in after.levels])


def step_by_hand(system, state, k, key):
    """Both updates of a level as the paper has them: every gradient is that of the whole composition."""
    images, labels = jnp.asarray(BATCH["image"], jnp.float32) / 127.5 - 1, jnp.asarray(BATCH["label"])
    bands, smallest = laplacian_pyramid(images, 3)
    real, condition = (smallest, (labels,)) if k == 2 else (bands[k].high, (bands[k].low, labels))
    z = jax.random.normal(jax.random.split(jax.random.fold_in(key, k), 4)[0], (4, (96, 24, 3)[k]))
    g, d = state.levels[k].generator.params, state.levels[k].discriminator.params

    def made(g):
        return system.generators[k].apply({"params": g}, z, *condition, train=False)

    def logits(d, x):
        return system.discriminators[k].apply({"params": d}, x, *condition, train=False)

    def d_loss(d):
        return jnp.mean(jax.nn.softplus(-logits(d, real)) + jax.nn.softplus(logits(d, made(g))))

    def descend(loss, params):
        value, gradients = jax.value_and_grad(loss)(params)
        return value, jax.tree.map(lambda p, slope: p - RATE * slope, params, gradients)

    d_value, d = descend(d_loss, d)
    g_value, g = descend(lambda g: jnp.mean(jax.nn.softplus(-logits(d, made(g)))), g)
    return (d_value, g_value), d, g


@pytest.mark.parametrize("k", [0, 2])
def test_a_step_is_the_sequence_by_hand(run, k):
    system, state, update = run
    after, metrics = update(state, BATCH, jax.random.key(1))
    losses, d, g = jax.jit(step_by_hand, static_argnums=(0, 2))(system, state, k, jax.random.key(1))
    for player, value, params in zip(("discriminator", "generator"), losses, (d, g), strict=True):
        assert metrics[f"level_{k}_{player}_loss"] == pytest.approx(float(value), rel=1e-5)
        mine = getattr(after.levels[k], player).params
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6), mine, params)


@pytest.fixture(scope="module")
def samples(run):
    """Latents and labels of 5 samples, and the compiled function from the state and them to images of every size."""
    system = run[0]
    z = system.latents(jax.random.key(3), jnp.arange(5))
    return z, jnp.asarray([0, 1, 2, 0, 1]), jax.jit(system.growing)


def test_a_level_adds_what_its_generator_makes_of_the_doubled_image(run, samples):
    """Without it, nothing is added; and the smallest image is that of a GAN on its own."""
    system, state, _ = run
    z, labels, growing = samples
    silent = [
        level.replace(average=jax.tree.map(jnp.zeros_like, level.average)) if k < 2 else level
        for k, level in enumerate(state.levels)
    ]

    def made(k, *inputs):
        return jax.jit(lambda *x: system.generators[k].apply(state.levels[k].average, *x, train=False))(*inputs)

    images = growing(state.replace(levels=tuple(silent)), z, labels)
    assert [image.shape for image in images] == [(5, 2, 3, 1), (5, 4, 6, 1), (5, 8, 12, 1)]
    np.testing.assert_allclose(images[1], doubled(images[0]), atol=1e-6)
    np.testing.assert_allclose(images[2], doubled(doubled(images[0])), atol=1e-6)
    alone = made(2, z[:, :3], labels)
    np.testing.assert_allclose(images[0], alone, atol=1e-6)

    loud = growing(state, z, labels)
    low = doubled(loud[1])
    band = made(0, z[:, 27:], low, labels)
    np.testing.assert_allclose(loud[2], low + band, atol=1e-5)
    assert np.abs(band).max() > 1e-2


def test_latents_are_those_of_the_smallest_level_first(run, samples):
    _, state, _ = run
    z, labels, growing = samples
    assert z.shape == (5, 3 + 24 + 96)
    before = growing(state, z, labels)
    for place, first_to_change in ((0, 0), (3, 1), (26, 1), (27, 2)):
        after = growing(state, z.at[:, place].add(2.0), labels)
        changed = [bool(np.abs(a - b).max() > 1e-4) for a, b in zip(before, after, strict=True)]
        assert changed == [k >= first_to_change for k in range(3)]


def test_the_preview_shows_every_size_in_full(run, samples):
    system, state, _ = run
    sheet = jax.jit(system.previews)(state, BATCH, jax.random.key(3))["pyramid"]
    _, labels, growing = samples
    assert sheet.shape == (10, 3, 8, 12, 1)
    small, middle, full = growing(state, system.latents(jax.random.key(3), jnp.arange(5)), labels)
    enlarged = (small.repeat(4, 1).repeat(4, 2), middle.repeat(2, 1).repeat(2, 2), full)
    np.testing.assert_allclose(sheet[:5], np.clip(np.stack(enlarged, axis=1), -1, 1), atol=1e-5)


def test_a_critic_of_a_level_judges_the_sum_given_its_label(run):
    system, state, _ = run
    high, low = jax.random.normal(jax.random.key(4), (2, 4, 4, 6, 1))
    variables = state.levels[1].discriminator.variables
    judge = jax.jit(lambda *inputs: system.discriminators[1].apply(variables, *inputs, train=False))
    labels = jnp.asarray([0, 1, 2, 0])
    np.testing.assert_allclose(judge(high, low, labels), judge(high + low, jnp.zeros_like(low), labels), rtol=1e-5)
    assert np.abs(judge(high, low, labels) - judge(high, low, (labels + 1) % 3)).min() > 1e-5


@pytest.mark.parametrize(
    ("shape", "options", "message"),
    [
        ((28, 28, 1), dict(levels=4), r"levels=4 halves images 3 times, .*28x28.*set config.system.levels=3, .*32x32"),
        ((27, 30, 1), dict(), r"levels=3 halves images 2 times, which 27x30 pixels do not allow: give .* 28x32"),
        ((28, 28, 1), dict(levels=1), "levels is 1, but must be at least 2"),
        ((2,), dict(), r"is for images \(height, width, channels\), not \(2,\)"),
        ((8, 8, 1), dict(latent_size=0), "latent_size is 0, but must be at least 1"),
        ((8, 8, 1), dict(average_half_life=-1.0), r"average_half_life is -1.0, but must be in \[0"),
    ],
)
def test_a_pyramid_that_cannot_be_is_refused(shape, options, message):
    with pytest.raises(JaxganError, match=message):
        make(IMAGES._replace(shape=shape), **options)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (IMAGES._replace(class_names=()), "conditional needs labels"),
        (IMAGES._replace(other=IMAGES.shape), "conditional needs examples with labels of their own; these are pairs"),
    ],
)
def test_labels_are_refused_where_examples_have_none(spec, message):
    with pytest.raises(JaxganError, match=message):
        make(spec)


def test_a_classifier_in_d_is_refused_as_nothing_would_teach_it():
    discriminator = dict(name="mlp", hidden=(4,), conditioning="classifier")
    with pytest.raises(JaxganError, match=r"lapgan has no loss for a classifier in D.*conditioning=projection"):
        make(discriminator=discriminator)


def test_a_generator_that_is_spectrally_normalised_settles_to_singular_vectors_of_its_own():
    """Of the average, after which another 20 iterations change nothing; the other levels stay as they are."""
    system = make(generator=dict(name="resnet", width=2, multipliers=(2, 1), spectral=True), levels=2)
    state = jax.jit(system.init)(jax.random.key(0), BATCH)
    average = jax.tree.map(lambda x: x**3, state.levels[1].average)
    state = state.replace(levels=(state.levels[0], state.levels[1].replace(average=average)))
    settled = system.settled(state)
    again = system.settled(settled).levels[1].average
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-3), settled.levels[1].average, again)
    assert not same(average["spectral"], again["spectral"])
    assert same(average["params"], again["params"])
    assert same(settled.levels[0], state.levels[0])


def test_the_smallest_generator_truncates_its_styles_if_it_has_any():
    system = make(generator=dict(name="stylegan2", channel_max=2, w_dim=4), spec=IMAGES._replace(shape=(16, 16, 1)))
    assert system.latent_size == 3
    plain, truncated = (np.asarray(system.latents(jax.random.key(0), jnp.arange(50), t)) for t in (None, 0.5))
    np.testing.assert_array_equal(plain[:, :3], truncated[:, :3])
    assert np.abs(truncated[:, 3:]).max() <= 0.5 < np.abs(plain[:, 3:]).max()


def test_dropout_leaves_out_other_features_in_ds_update_than_in_gs(monkeypatch):
    used = []

    def noted(*arguments, **options):
        used.append(arguments[-1])
        return passes(*arguments, **options)

    monkeypatch.setattr(lapgan, "passes", noted)
    system = make(dropout=0.5, levels=2)
    state = jax.eval_shape(system.init, jax.random.key(0), BATCH)
    jax.eval_shape(system.update, state, BATCH, jax.random.key(1))
    assert len({id(key) for key in used}) == len(used) == 4
