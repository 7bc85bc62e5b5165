"""CycleGAN and pix2pix by hand: translators that multiply, judges that weigh pixels, steps of gradient descent."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from PIL import Image
from small_runs import left_behind

from jaxgan.config import load, override, recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks import PATCH_DISCRIMINATORS, TRANSLATORS
from jaxgan.objectives import least_squares, non_saturating
from jaxgan.sampling import load as load_run
from jaxgan.systems import CycleGan, Pix2Pix, build_system
from jaxgan.systems.pools import Pool
from jaxgan.training.start import run

RATE = 0.1
SHAPE = (1, 2, 1)
A = np.array([[0.5, -0.25], [0.75, 1.0]], np.float32)  # two images of two pixels
B = np.array([[-0.5, 0.125], [0.25, -1.0]], np.float32)


class Times(nn.Module):
    """G(x) = s x."""

    @nn.compact
    def __call__(self, x, *, train):
        return self.param("s", nn.initializers.ones, ()) * x


class Weighs(nn.Module):
    """A logit a pixel: the sum over its channels, each times its weight."""

    shape: tuple[int, ...]

    @nn.compact
    def __call__(self, x, *, train):
        weights = self.param("w", nn.initializers.ones, self.shape[-1:])
        return jnp.sum(x * weights[None, None, None, :], axis=-1)


def batch():
    return {"image": jnp.asarray(A.reshape(2, *SHAPE)), "other": jnp.asarray(B.reshape(2, *SHAPE))}


def cyclegan(**options):
    sgd = optax.sgd(RATE)
    return CycleGan(Times(), Weighs(SHAPE), least_squares(), sgd, sgd, SHAPE, **options)


def with_params(state, **values):
    """A state with these players' one parameter."""
    players = {name: getattr(state, name) for name in values}
    set_to = {
        name: jax.tree.map(lambda x, v=v: jnp.full_like(x, v), players[name].params) for name, v in values.items()
    }
    return state.replace(**{name: player.replace(params=set_to[name]) for name, player in players.items()})


def cycle_state(system, s, t, u=1.0, v=1.0):
    """G = s, F = t, D_A = u, D_B = v."""
    state = system.init(jax.random.key(0), batch())
    return with_params(state, generator_ab=s, generator_ba=t, discriminator_a=u, discriminator_b=v)


def numbers(state):
    return {
        name: float(jax.tree.leaves(getattr(state, name).params)[0].ravel()[0])
        for name in ("generator_ab", "generator_ba", "discriminator_a", "discriminator_b")
    }


def test_a_step_of_cyclegan_by_hand():
    """What s and t pay: to fool the judges, to come back, to keep what is there already."""
    system = cyclegan(cycle_weight=3.0, identity_weight=0.5)
    s, t, u, v = 1.5, 0.8, 0.7, -0.4
    state, metrics = jax.jit(system.update)(cycle_state(system, s, t, u, v), batch(), jax.random.key(1))
    a, b = A.ravel(), B.ravel()
    expected = {
        "generator_AtoB_loss": np.mean((v * s * a - 1) ** 2) / 2,
        "generator_BtoA_loss": np.mean((u * t * b - 1) ** 2) / 2,
        "cycle_A_loss": 3 * np.mean(np.abs(t * s * a - a)),
        "cycle_B_loss": 3 * np.mean(np.abs(s * t * b - b)),
        "identity_A_loss": 0.5 * np.mean(np.abs(t * a - a)),
        "identity_B_loss": 0.5 * np.mean(np.abs(s * b - b)),
        "discriminator_A_loss": np.mean((u * a - 1) ** 2 + (u * t * b) ** 2) / 2,
        "real_A_logit": np.mean(u * a),
        "fake_A_logit": np.mean(u * t * b),
        "discriminator_B_loss": np.mean((v * b - 1) ** 2 + (v * s * a) ** 2) / 2,
        "real_B_logit": np.mean(v * b),
        "fake_B_logit": np.mean(v * s * a),
    }
    assert metrics.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)

    beyond = s * t - 1  # by which there and back again is too long: here 0.2
    cycles = 3 * np.sign(beyond) * (np.mean(np.abs(a)) + np.mean(np.abs(b)))
    ds = np.mean((v * s * a - 1) * v * a) + t * cycles + 0.5 * np.sign(s - 1) * np.mean(np.abs(b))
    dt = np.mean((u * t * b - 1) * u * b) + s * cycles + 0.5 * np.sign(t - 1) * np.mean(np.abs(a))
    du = np.mean((u * a - 1) * a) + u * np.mean((t * b) ** 2)
    dv = np.mean((v * b - 1) * b) + v * np.mean((s * a) ** 2)
    moved = dict(generator_ab=s - RATE * ds, generator_ba=t - RATE * dt)
    moved |= dict(discriminator_a=u - RATE * du, discriminator_b=v - RATE * dv)
    for name, value in numbers(state).items():
        np.testing.assert_allclose(value, moved[name], rtol=1e-5, err_msg=name)
    np.testing.assert_allclose(state.pool_a.images[:2, 0, :, 0], t * B, rtol=1e-6)
    np.testing.assert_allclose(state.pool_b.images[:2, 0, :, 0], s * A, rtol=1e-6)
    assert (int(state.step), int(state.pool_a.count), int(state.pool_b.count)) == (1, 2, 2)


def test_inverse_translators_have_cycles_of_0_and_the_identity_pays_nothing():
    system = cyclegan(cycle_weight=3.0, identity_weight=2.0)
    update = jax.jit(system.update)
    inverse = update(cycle_state(system, 4.0, 0.25), batch(), jax.random.key(0))[1]
    assert float(inverse["cycle_A_loss"]) == float(inverse["cycle_B_loss"]) == 0
    np.testing.assert_allclose(inverse["identity_A_loss"], 2 * 0.75 * np.mean(np.abs(A)), rtol=1e-6)
    np.testing.assert_allclose(inverse["identity_B_loss"], 2 * 3 * np.mean(np.abs(B)), rtol=1e-6)
    identity = update(cycle_state(system, 1.0, 1.0), batch(), jax.random.key(0))[1]
    assert {float(value) for name, value in identity.items() if name.startswith(("cycle", "identity"))} == {0}
    nothing = update(cycle_state(system, 0.0, 5.0), batch(), jax.random.key(0))[1]
    np.testing.assert_allclose(nothing["cycle_A_loss"], 3 * np.mean(np.abs(A)), rtol=1e-6)


def test_without_its_weight_the_identity_is_left_out():
    system = cyclegan(identity_weight=0.0)
    metrics = jax.eval_shape(system.update, cycle_state(system, 2.0, 3.0), batch(), jax.random.key(0))[1]
    assert "cycle_A_loss" in metrics
    assert not [name for name in metrics if name.startswith("identity")]


def test_a_judge_learns_from_old_images_half_of_the_time():
    """Of one image against a full history of one, an old image of 5s: two outcomes, as the key has it."""
    system = cyclegan(pool_size=1)
    one = jax.tree.map(lambda x: x[:1], batch())
    full = Pool(jnp.full((1, *SHAPE), 5.0), jnp.int32(1))
    state = cycle_state(system, 1.5, 0.8, u=0.7).replace(pool_a=full)
    keys = jax.random.split(jax.random.key(0), 40)
    after, metrics = jax.jit(jax.vmap(lambda key: system.update(state, one, key)))(keys)
    outcomes = []
    for fake in (0.8 * B[0], np.full(2, 5.0)):
        gradient = np.mean((0.7 * A[0] - 1) * A[0]) + 0.7 * np.mean(fake**2)
        outcomes.append(0.7 - RATE * gradient)
    got = np.asarray(after.discriminator_a.params["w"])[:, 0]
    old = np.isclose(got, outcomes[1], rtol=1e-5)
    assert np.all(old | np.isclose(got, outcomes[0], rtol=1e-5))
    assert 8 <= old.sum() <= 32  # of 40: four standard deviations
    # The generators learn from what they have just made, whatever the judges were shown.
    assert len(set(np.asarray(metrics["generator_BtoA_loss"]).tolist())) == 1
    stored = np.asarray(after.pool_a.images)[:, 0, 0, :, 0]
    np.testing.assert_allclose(stored[old], np.tile(0.8 * B[0], (old.sum(), 1)), rtol=1e-6)
    np.testing.assert_array_equal(stored[~old], 5)


def test_translations_and_previews_of_cyclegan():
    system = cyclegan()
    state = cycle_state(system, 2.0, 3.0)
    x = batch()["image"]
    np.testing.assert_array_equal(system.translate(state, x, "AtoB"), 2 * x)
    np.testing.assert_array_equal(system.translate(state, x, "BtoA"), 3 * x)
    shown = system.previews(state, batch(), jax.random.key(0))
    for name, values, first in (("AtoB", A, 2), ("BtoA", B, 3)):
        np.testing.assert_allclose(
            shown[name][:, :, 0, :, 0], np.stack([values, first * values, 6 * values]), rtol=1e-6
        )


def test_levels_are_scaled_and_seeds_train_side_by_side():
    system = cyclegan(pool_size=2)
    levels = {key: np.random.default_rng(0).integers(0, 256, (2, 2, *SHAPE), np.uint8) for key in ("image", "other")}
    keys = jax.random.split(jax.random.key(3))
    states = jax.vmap(lambda key: system.init(key, None))(keys)
    together = jax.jit(jax.vmap(system.update))(states, levels, keys)
    alone = jax.jit(system.update)
    for i in range(2):
        scaled = {key: values[i].astype(np.float32) / 127.5 - 1 for key, values in levels.items()}
        one = alone(jax.tree.map(lambda x, i=i: x[i], states), scaled, keys[i])
        jax.tree.map(lambda x, many, i=i: np.testing.assert_allclose(many[i], x, rtol=1e-5, atol=1e-6), one, together)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_a_step_of_pix2pix_by_hand():
    """D moves first, on x and y side by side; G then faces the new D, and pays for its distance from y."""
    system = Pix2Pix(
        Times(), Weighs((1, 2, 2)), non_saturating(), optax.sgd(RATE), optax.sgd(RATE), SHAPE, l1_weight=2.0
    )
    s, p, q = 1.5, 0.3, -0.6
    state = with_params(system.init(jax.random.key(0), batch()), generator=s)
    judge = state.discriminator.replace(params={"w": jnp.array([p, q])})
    state, metrics = jax.jit(system.update)(state.replace(discriminator=judge), batch(), jax.random.key(0))

    x, y, fake = A.ravel(), B.ravel(), s * A.ravel()
    real_logit, fake_logit = p * x + q * y, p * x + q * fake
    errors = sigmoid(real_logit) - 1, sigmoid(fake_logit)  # dL_D / dlogit
    dp = np.mean(errors[0] * x + errors[1] * x)
    dq = np.mean(errors[0] * y + errors[1] * fake)
    after_p, after_q = p - RATE * dp, q - RATE * dq
    np.testing.assert_allclose(state.discriminator.params["w"], [after_p, after_q], rtol=1e-5)

    after = after_p * x + after_q * fake
    ds = np.mean((sigmoid(after) - 1) * after_q * x) + 2 * np.mean(np.sign(fake - y) * x)
    np.testing.assert_allclose(state.generator.params["s"], s - RATE * ds, rtol=1e-5)
    expected = {
        "discriminator_loss": -np.mean(np.log(sigmoid(real_logit)) + np.log(1 - sigmoid(fake_logit))),
        "real_logit": np.mean(real_logit),
        "fake_logit": np.mean(fake_logit),
        "generator_loss": -np.mean(np.log(sigmoid(after))),
        "l1_loss": 2 * np.mean(np.abs(fake - y)),
    }
    assert metrics.keys() == expected.keys()
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)
    shown = system.previews(state, batch(), jax.random.key(0))["AtoB"]
    factor = float(state.generator.params["s"])
    np.testing.assert_allclose(shown[:, :, 0, :, 0], np.stack([A, factor * A, B]), rtol=1e-6)


# built from recipes

PAIRS = DataSpec((8, 8, 3), "uint8", (), 10, (8, 8, 3))


def from_recipe(name, spec, *assignments):
    return build_system(resolve(override(load(name), assignments)), spec)


def test_pix2pix_is_not_sent_to_data_that_it_refuses():
    with pytest.raises(
        JaxganError, match=r"does not give; set --config\.data\.name to paired, combined or mnist_domains"
    ):
        from_recipe("mnist_pix2pix", PAIRS._replace(other=()))


@pytest.mark.parametrize("name", ["mnist_cyclegan", "mnist_pix2pix"])
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (PAIRS._replace(other=()), r"learns from pairs of images, which config\.data=mnist_domains does not give; set"),
        (PAIRS._replace(class_names=("a", "b")), r"learns from pairs of images, which config\.data=\w+ does not give"),
        (PAIRS._replace(other=(8, 8, 1)), r"of one shape, not between \(8, 8, 3\) and \(8, 8, 1\)\.$"),
    ],
)
def test_other_data_is_refused(name, spec, message):
    with pytest.raises(JaxganError, match=message):
        from_recipe(name, spec)


@pytest.mark.parametrize(
    ("name", "assignment", "message"),
    [
        ("mnist_cyclegan", "system.cycle_weight=-1.0", r"config\.system\.cycle_weight is -1\.0"),
        ("mnist_cyclegan", "system.identity_weight=-1.0", r"config\.system\.identity_weight is -1\.0"),
        ("mnist_cyclegan", "system.pool_size=-1", r"config\.system\.pool_size is -1, but must be in \[0, 10000\]"),
        (
            "mnist_cyclegan",
            "discriminator.layers=3",
            r"config\.discriminator: patchgan: layers is 3.* for images of 8x8",
        ),
        ("mnist_pix2pix", "system.l1_weight=-1.0", r"config\.system\.l1_weight is -1\.0"),
        ("mnist_pix2pix", "data.paired=False", r"in config\.data=mnist_domains chance pairs them: set"),
        ("mnist_pix2pix", "data=unpaired", r"in config\.data=unpaired chance pairs them: set"),
        ("mnist_pix2pix", "generator.name=dcgan", r"unknown config\.generator 'dcgan'.* Known: resnet, unet"),
    ],
)
def test_impossible_numbers_and_parts_are_refused(name, assignment, message):
    with pytest.raises(JaxganError, match=message):
        from_recipe(name, PAIRS, assignment)


def test_pix2pix_judges_two_images_side_by_side():
    system = from_recipe("mnist_pix2pix", PAIRS)
    (judged,) = system.networks()["discriminator"][1]
    assert (judged.shape, system.discriminator.shape) == ((1, 8, 8, 6), (8, 8, 6))


def test_a_history_goes_on_where_it_was(tmp_path, monkeypatch):
    """Two steps, a stop and two more end in the bits of four: the pools are part of the state."""
    monkeypatch.setitem(TRANSLATORS, "times", Times)
    monkeypatch.setitem(PATCH_DISCRIMINATORS, "weighs", Weighs)
    for folder, level in (("trainA", 40), ("trainB", 200)):
        (tmp_path / "images" / folder).mkdir(parents=True)
        for i in range(5):
            pixels = np.random.default_rng(i).integers(0, level, (5, 5), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "images" / folder / f"{i}.png")

    def train(workdir, steps):
        settings = recipe(
            **dict(steps=steps, batch_size=2, steps_per_call=2, log_every=2, sample_every=2, save_every=2, samples=2),
            data=dict(name="unpaired", data_dir=str(tmp_path / "images")),
            system=dict(name="cyclegan", pool_size=3),
            generator=dict(name="times"),
            discriminator=dict(name="weighs"),
            objective=dict(name="least_squares"),
            generator_optimizer=dict(name="adam"),
            discriminator_optimizer=dict(name="adam"),
        )
        run(resolve(settings), tmp_path / workdir, "a test", allow_changes=True)
        return load_run(tmp_path / workdir).state

    train("whole", 4)
    assert int(train("parts", 2).pool_a.count) == 3  # full
    train("parts", 4)
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")
