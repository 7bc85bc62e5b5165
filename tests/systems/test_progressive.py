"""Progressive growing: when what fades in, what learns and what does not, and what is sampled in between."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks.layers import mean_pool, upsample_nearest
from jaxgan.systems import build_system
from jaxgan.systems.gan import Gan

IMAGES = DataSpec((16, 16, 1), "uint8", (), 100)
BATCH = {"image": np.random.default_rng(0).integers(0, 256, (4, 16, 16, 1), dtype=np.uint8)}
STAGES = (0, 2, 8)  # 4x4 for 2 steps; 8x8 fades in for 4 and goes on for 2; 16x16 fades in for 4


def make(spec=IMAGES, optimizer="adam", **changes):
    network, adam = dict(name="progressive", channel_max=2), dict(name=optimizer)
    system = dict(name="progressive", fade_steps=4, stable_steps=2, latent_size=3)
    settings = dict(
        steps=14,
        steps_per_call=2,
        batch_size=4,
        system=system | changes.pop("system", {}),
        generator=network,
        discriminator=network,
        objective=dict(name="hinge"),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
    )
    return build_system(resolve(recipe(**settings | changes)), spec)


@pytest.fixture(scope="module")
def run():
    """A system and its state before and after each of 13 steps."""
    system, states = make(), []
    update = jax.jit(system.update, static_argnames="stage")
    states.append(jax.jit(system.init)(jax.random.key(0), BATCH))
    for step in range(13):
        stage = sum(step >= first for first in system.stages) - 1
        states.append(update(states[-1], BATCH, jax.random.key(step), stage=stage)[0])
    return system, states


@pytest.mark.parametrize(
    ("step", "stage", "expected"),
    [
        (0, 0, 1),  # nothing to fade in
        (1, 0, 1),
        (2, 1, 0),
        (3, 1, 0.25),
        (5, 1, 0.75),
        (6, 1, 1),
        (7, 1, 1),
        (8, 2, 0),
        (11, 2, 0.75),
        (12, 2, 1),
        (1000, 2, 1),
    ],
)
def test_alpha_at_the_borders_of_phases(run, step, stage, expected):
    system, states = run
    assert system.stages == STAGES
    assert float(system.alpha(jnp.int32(step), stage)) == expected
    if step < len(states) - 1:  # as both players had it in that step
        for player in (states[step + 1].generator, states[step + 1].discriminator):
            assert float(player.statistics["fade"]["alpha"]) == expected


def means(x, side):
    """Over squares of pixels, so that images [4, 16, 16, 1] become [4, side, side, 1]."""
    return x.reshape(4, side, 16 // side, side, 16 // side, 1).mean(axis=(2, 4))


def enlarged(images):
    """Every pixel a square of 2x2."""
    return images.repeat(2, axis=1).repeat(2, axis=2)


def test_real_images_are_of_the_stages_size_and_fade_in():
    """Means over squares of pixels, by hand."""
    system, x = make(), np.asarray(BATCH["image"], np.float32)
    alpha = jnp.float32(0.25)
    for stage, expected in enumerate(
        (means(x, 4), 0.75 * enlarged(means(x, 4)) + 0.25 * means(x, 8), 0.75 * enlarged(means(x, 8)) + 0.25 * x)
    ):
        np.testing.assert_allclose(system.shrunk(jnp.asarray(x), alpha, stage), expected, rtol=1e-5)
    np.testing.assert_array_equal(system.shrunk(jnp.asarray(x), jnp.float32(1), 2), x)
    micro = system.shrunk(jnp.asarray(x).reshape(2, 2, 16, 16, 1), alpha, 1)
    np.testing.assert_array_equal(micro.reshape(4, 8, 8, 1), system.shrunk(jnp.asarray(x), alpha, 1))


@pytest.mark.parametrize(("step", "stage", "alpha"), [(3, 1, 0.25), (11, 2, 0.75)])
def test_the_stages_game_has_real_and_generated_images_faded_alike(run, monkeypatch, step, stage, alpha):
    """What the game is given in a fade, the real images by hand; what it makes of that is the matter of `Gan`."""
    monkeypatch.setattr(Gan, "update", lambda self, state, batch, key: (state, dict(shape=self.shape, batch=batch)))
    system, states = run
    state, metrics = system.update(states[step], BATCH, jax.random.key(0), stage=stage)
    x, side = np.asarray(BATCH["image"], np.float32) / 127.5 - 1, (4, 8, 16)[stage]
    assert metrics["shape"] == (side, side, 1)
    faded = (1 - alpha) * enlarged(means(x, side // 2)) + alpha * means(x, side)
    np.testing.assert_allclose(metrics["batch"]["image"], faded, atol=1e-6)
    for player in (state.generator, state.discriminator):
        assert float(player.statistics["fade"]["alpha"]) == alpha == float(metrics["alpha"])


def test_truncation_is_refused_where_only_the_direction_of_latents_counts(run):
    """G divides them by their length: drawn from a smaller cube they would give as much variety."""
    system, states = run
    z = system.latents(jax.random.key(0), jnp.arange(3))
    labels = jnp.zeros(3, jnp.int32)
    made = [system.generate(states[13], scale * z, labels) for scale in (1, 0.01)]
    np.testing.assert_allclose(*made, atol=1e-3)
    with pytest.raises(JaxganError, match="looks at the direction of its latents only"):
        system.latents(jax.random.key(0), jnp.arange(3), 0.5)


def layers_of(player):
    """Layers by stage, with the moments that Adam has of them."""
    (adam, *_), stages = player.opt_state, ([], [], [])
    for name in player.params:
        level = name.rpartition("_")[2]
        stages[int(level) if level.isdigit() else 0].append([tree[name] for tree in (player.params, adam.mu, adam.nu)])
    return stages


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_layers_of_later_stages_stay_to_the_bit_until_their_stage(run):
    _, states = run
    for player in ("generator", "discriminator"):
        start, *later = (layers_of(getattr(state, player)) for state in states)
        for stage, first in enumerate(STAGES[1:], start=1):
            assert same(start[stage], later[first - 1][stage])  # after the last step before it
            assert not any(map(same, start[stage], later[first + 2][stage]))  # alpha is 0 in its first step
        assert not any(map(same, start[0], later[0][0]))


def test_what_has_faded_out_stays_to_the_bit(run):
    """From where the fade ends, when its gradients are 0 and the moments begin anew."""
    _, states = run
    for player, layer in (("generator", "to_image"), ("discriminator", "from_image")):
        before, faded_out, *after = (getattr(states[step], player).params[f"{layer}_0"] for step in (5, 6, 7, 9, 13))
        assert not same(before, faded_out)
        assert all(same(faded_out, layers) for layers in after)


def test_the_moments_begin_anew_where_a_fade_begins_and_where_it_ends(run):
    _, states = run
    expected = [
        0,
        1,
        2,
        1,
        2,
        3,
        4,
        1,
        2,
        1,
        2,
        3,
        4,
        1,
    ]  # updates since: steps 2, 6, 8 and 12 are the first of a phase
    for player in ("generator", "discriminator"):
        assert [int(getattr(state, player).opt_state[0].count) for state in states] == expected
    critic = states[3].discriminator.opt_state[0]  # one update later: nu = (1 - b2) g^2, mu = (1 - b1) g
    jax.tree.map(lambda mu, nu: np.testing.assert_allclose(nu, 1e-3 * (2 * mu) ** 2, rtol=1e-4, atol=1e-12),
                 critic.mu, critic.nu)  # fmt: skip


def test_samples_of_an_early_stage_are_its_small_images_enlarged(run):
    system, states = run
    z, none = system.latents(jax.random.key(1), jnp.arange(5)), jnp.zeros(5, jnp.int32)
    generate = jax.jit(system.generate)
    at_4x4 = jax.jit(system.game(0).generate)(states[2], z, none)
    np.testing.assert_allclose(
        generate(states[2], z, none), upsample_nearest(upsample_nearest(at_4x4, (8, 8)), (16, 16)), atol=1e-6
    )
    at_8x8 = np.asarray(generate(states[8], z, none))  # 16x16 pixels are to come: alpha is 0
    np.testing.assert_array_equal(at_8x8, upsample_nearest(mean_pool(jnp.asarray(at_8x8)), (16, 16)))
    for step, squares in ((8, 4), (13, 2)):  # and not smaller ones
        images = np.asarray(generate(states[step], z, none)).reshape(5, 16 // squares, squares, 16 // squares, squares)
        assert np.ptp(images, axis=(2, 4)).max() > 1e-4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(spec=IMAGES._replace(shape=(18, 18, 1))), "config.generator: .*18x18 cannot be halved.*nearest.* 16x16"),
        (
            dict(steps_per_call=4, system=dict(fade_steps=7)),
            r"after steps 2, 11, which config.steps_per_call=4 must divide: .*fade_steps=8 and stable_steps=4",
        ),
        (dict(generator_optimizer=dict(name="adam", clip=0.1)), r"generator_optimizer.clip moves all layers"),
        (dict(discriminator_optimizer=dict(name="adam", orthogonal=1.0)), r"discriminator_optimizer.orthogonal moves"),
        (dict(steps=8), "steps is 8, but images of 16x16 begin after step 8"),
        (dict(system=dict(fade_steps=0)), r"config.system.fade_steps is 0, but must be in \[1, "),
        (dict(system=dict(stable_steps=0)), r"config.system.stable_steps is 0, but must be in \[1, "),
        (dict(system=dict(conditional=True)), "conditional needs labels"),
        (dict(generator=dict(name="dcgan")), r"networks that grow: set --config.generator.name=progressive, not dcgan"),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(changes, message):
    with pytest.raises(JaxganError, match=message):
        make(**changes)
