"""The two-player system: one table of systems through one list of properties, then its formulas by hand."""

import dataclasses
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.networks.mlp import MLPDiscriminator, MLPGenerator
from jaxgan.objectives import non_saturating
from jaxgan.systems import Gan, build_system

POINTS = DataSpec((2,), "float32", (), 100)
IMAGES = DataSpec((9, 8, 1), "uint8", ("a", "b", "c"), 100)
BATCH = 4
SGD = dict(name="sgd", learning_rate=0.1)
PERCEPTRON = (
    dict(name="mlp", hidden=(6,), output="none", normalise=True),
    dict(name="mlp", hidden=(5,), activation="tanh"),
)
NORMALISED = tuple(dict(name="mlp", hidden=(6,), normalise=True) for player in range(2))
CONVOLUTIONAL = tuple(dict(name="dcgan", width=2, multipliers=m) for m in ((2,), (1, 2)))


def make(
    spec=POINTS,
    networks=PERCEPTRON,
    objective="non_saturating",
    penalties=(),
    generator_penalty="none",
    augmentation="none",
    optimizer=SGD,
    precision="float32",
    **system,
):
    generator, discriminator = networks
    config = recipe(
        batch_size=BATCH,
        penalties=penalties if isinstance(penalties, dict) else {name: {} for name in penalties},
        generator_penalty=dict(name=generator_penalty),
        augmentation=dict(name=augmentation),
        system=dict(name="gan", latent_size=3, average_half_life=6, average_rampup=2.0) | system,
        generator=generator,
        discriminator=discriminator,
        objective=dict(name=objective) if isinstance(objective, str) else objective,
        generator_optimizer=optimizer,
        discriminator_optimizer=optimizer,
        precision=precision,
    )
    return build_system(resolve(config), spec)


SOFT = dict(name="non_saturating", real_labels=(0.8, 1.0), fake_labels=(0.0, 0.2))
SYSTEMS = {
    "points": dict(),
    "soft labels, rmsprop, no average": dict(objective=SOFT, optimizer=dict(name="rmsprop"), average_half_life=0),
    "conditional, three critic steps": dict(spec=IMAGES, networks=CONVOLUTIONAL, conditional=True, critic_steps=3),
    "minimax, fresh latents, bfloat16, adam": dict(
        spec=IMAGES,
        networks=CONVOLUTIONAL,
        objective="minimax",
        fresh_latents=True,
        precision="bfloat16",
        optimizer=dict(name="adam"),
    ),
    "penalty, joint pass, three critic steps, two parts": dict(
        objective="wasserstein",
        penalties=("wgan_gp",),
        joint_pass=True,
        critic_steps=3,
        accumulate=2,
        networks=(NORMALISED[0], PERCEPTRON[1]),
    ),
    "packs of two, relativistic, two parts": dict(packing=2, accumulate=2, objective="relativistic"),
    "augmented, spectral, class losses, LeCam, lazy consistency": dict(
        spec=IMAGES,
        networks=(NORMALISED[0], dict(name="mlp", hidden=(5,), spectral=True, conditioning="classifier")),
        objective="hinge",
        penalties=("lecam", "consistency"),
        augmentation="ada",
        conditional=True,
    ),
    "packs of two images": dict(spec=IMAGES, networks=CONVOLUTIONAL, packing=2),
}


def brake():
    """A last link of an optimizer's chain: its state, a number, multiplies the step. 0 stops a player to the bit."""
    return optax.GradientTransformation(
        lambda params: jnp.ones(()),
        lambda step, factor, params=None: (jax.tree.map(lambda x: factor * x, step), factor),
    )


class Run(NamedTuple):
    """Two compiled steps of a system, both of whose players have a brake."""

    system: Gan
    update: Callable
    batch: dict
    states: list
    metrics: list
    compilations: int


def batch_of(spec, micro_batches=1, seed=0):
    rng = np.random.default_rng(seed)
    lead = (BATCH,) if micro_batches == 1 else (micro_batches, BATCH)
    if spec.dtype == "uint8":
        images = rng.integers(0, 256, (*lead, *spec.shape), dtype=np.uint8)
        return {"image": images, "label": rng.integers(0, 3, lead, dtype=np.int32)}
    return {"image": rng.normal(size=(*lead, *spec.shape)).astype(np.float32)}


@pytest.fixture(scope="module", params=SYSTEMS.values(), ids=SYSTEMS)
def run(request):
    system, spec = make(**request.param), request.param.get("spec", POINTS)
    players = ("generator_optimizer", "discriminator_optimizer")
    system = dataclasses.replace(system, **{key: optax.chain(getattr(system, key), brake()) for key in players})
    batch, update = batch_of(spec, system.micro_batches), jax.jit(system.update)
    states, metrics = [jax.jit(system.init)(jax.random.key(0), batch)], []
    for step in (0, 1):
        state, numbers = update(states[-1], batch, jax.random.key(step))
        states.append(state)
        metrics.append(numbers)
    return Run(system, update, batch, states, metrics, update._cache_size())


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


def test_the_second_step_runs_the_program_of_the_first(run):
    assert run.compilations == 1
    kinds = [jax.tree.map(lambda x: (x.shape, x.dtype, x.weak_type), state) for state in run.states]
    assert kinds[0] == kinds[1] == kinds[2]
    assert [int(state.step) for state in run.states] == [0, 1, 2]


def test_parameters_and_statistics_are_float32_and_everything_stays_finite(run):
    leaves = jax.tree.leaves((run.states[2].generator, run.states[2].discriminator, run.states[2].average))
    assert {leaf.dtype.name for leaf in leaves} <= {"float32", "int32"}  # int32 is Adam's count
    assert all(np.isfinite(leaf).all() for leaf in leaves)
    assert all(np.isfinite(value) for metrics in run.metrics for value in metrics.values())


def test_no_buffer_stands_twice_in_a_new_state():
    """Or it could not be donated: the average starts as a copy of the parameters."""
    state = make().init(jax.random.key(0), {})
    pointers = [leaf.unsafe_buffer_pointer() for leaf in jax.tree.leaves(state) if leaf.size]
    assert len(set(pointers)) == len(pointers)
    assert same(state.average, state.generator.variables)


def test_metrics_count_every_logit_once(run):
    count = BATCH // run.system.packing
    for m in run.metrics:
        assert m["real_called_real"] + m["real_called_fake"] == m["fake_called_real"] + m["fake_called_fake"] == count
        assert m["real_accuracy"] == m["real_called_real"] / count
        assert m["fake_accuracy"] == m["fake_called_fake"] / count
        assert all(value.shape == () and value.dtype == jnp.float32 for value in m.values())


def test_each_players_update_leaves_the_other_to_the_bit(run):
    before, after = run.states[:2]
    for player, other in (("generator", "discriminator"), ("discriminator", "generator")):
        idle = getattr(before, player)
        idle = idle.replace(opt_state=(*idle.opt_state[:-1], jnp.zeros(())))
        moved, _ = run.update(before.replace(**{player: idle}), run.batch, jax.random.key(0))
        assert same(getattr(moved, player).params, getattr(before, player).params)
        assert not same(getattr(moved, other).params, getattr(before, other).params)
        if player == "generator":  # D learns first: all of it, statistics too, is as if G had never learnt
            assert same(moved.discriminator, after.discriminator)


def test_the_average_follows_its_formula_statistics_included(run):
    for step, (old, new) in enumerate(zip(run.states, run.states[1:], strict=False)):
        shown = BATCH * run.system.critic_steps  # half-life 6, or twice the images shown so far
        life = min(run.system.average_half_life, 2 * step * shown)
        d = 2 ** (-shown / life) if life else 0
        expected = jax.tree.map(lambda a, x, d=d: d * np.asarray(a) + (1 - d) * np.asarray(x), old.average,
                                new.generator.variables)  # fmt: skip
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), new.average, expected)


def test_running_statistics_of_g_move_once_a_step(run):
    """By one share 1 - momentum = 0.1 of the last batch's, whatever the number of critic steps."""
    system, state = run.system, run.states[0]
    if system.accumulate > 1:
        pytest.skip("they move with each part")
    key = jax.random.split(jax.random.key(0), system.critic_steps + 1)[-1 if system.fresh_latents else -2]
    z = jax.random.normal(jax.random.fold_in(key, 0), (BATCH, system.latent_size))
    labels = run.batch["label"].reshape(-1, BATCH)[-1] if system.num_classes else None

    @jax.jit
    def pass_through(state):
        return system.generator.apply(state.generator.variables, z, labels, train=True, mutable=["batch_stats"])[1]

    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
        run.states[1].generator.statistics,
        pass_through(state),
    )


def test_a_sample_depends_on_its_key_its_index_and_its_label_only(run):
    system, state, key = run.system, run.states[2], jax.random.key(5)
    sample = jax.jit(system.sample, static_argnums=2)
    seven = np.asarray(sample(state, key, 7, first=0))
    tolerance = dict(atol=1e-5 if system.generator.dtype == jnp.float32 else 1e-2)
    np.testing.assert_allclose(sample(state, key, 3, first=0), seven[:3], **tolerance)
    np.testing.assert_allclose(sample(state, key, 3, first=4), seven[4:], **tolerance)
    assert np.abs(seven[0] - seven[3]).max() > 1e-6  # the same label, another index
    assert np.abs(seven - np.asarray(sample(state, jax.random.key(6), 7, first=0))).max() > 1e-6
    labels = jnp.arange(7) % 3 if system.num_classes else None  # the classes in turn
    latents = system.latents(key, jnp.arange(7))
    by_hand = jax.jit(lambda state, z: system.generator.apply(state.average, z, labels, train=False))(state, latents)
    np.testing.assert_allclose(by_hand, seven, **tolerance)


def test_samples_have_the_labels_asked_for(critics):
    system, state, _ = critics
    key = jax.random.key(3)
    in_turn, asked = system.sample(state, key, 6), system.sample(state, key, jnp.asarray([2, 1, 0, 0, 1, 2]))
    agrees = np.abs(np.asarray(in_turn - asked)).reshape(6, -1).max(axis=1) < 1e-6
    assert agrees.tolist() == [False, True, False, True, True, True]


# formulas


def step_by_hand(system, state, batch, key):
    """The step as the module's docstring states it: every gradient is taken of the whole composition, with SGD 0.1."""
    m, g, d = system.critic_steps, state.generator, state.discriminator
    keys = jax.random.split(key, m + 1)
    micro = jax.tree.map(lambda x: x.reshape(m, BATCH, *x.shape[1 if m == 1 else 2 :]), dict(batch))

    def fake(params, key, labels):
        z = jax.random.normal(jax.random.fold_in(key, 0), (BATCH, system.latent_size))
        variables = {"params": params, **g.statistics}
        return system.generator.apply(variables, z, labels, train=True, mutable=["batch_stats"])

    def judge(params, stats, x, labels):
        variables = {"params": params, "batch_stats": stats}
        logits, moved = system.discriminator.apply(variables, x, labels, train=True, mutable=["batch_stats"])
        return logits, moved.get("batch_stats", {})

    def descend(params, gradients):
        return jax.tree.map(lambda p, g: p - 0.1 * g, params, gradients)

    d_params, d_stats = d.params, d.statistics.get("batch_stats", {})
    for i in range(m):
        real = micro["image"][i].astype(jnp.float32) / 127.5 - 1
        labels = micro["label"][i] if system.num_classes else None

        def d_loss(params, i=i, real=real, labels=labels, d_stats=d_stats):
            on_real, stats = judge(params, d_stats, real, labels)
            on_fake, stats = judge(params, stats, fake(g.params, keys[i], labels)[0], labels)
            return jnp.mean(jax.nn.softplus(-on_real)) + jnp.mean(jax.nn.softplus(on_fake)), stats

        gradients, d_stats = jax.grad(d_loss, has_aux=True)(d_params)
        d_params = descend(d_params, gradients)

    def g_loss(params):
        images, moved = fake(params, keys[m if system.fresh_latents else m - 1], labels)
        _, stats = judge(d_params, d_stats, real, labels)
        return jnp.mean(jax.nn.softplus(-judge(d_params, stats, images, labels)[0])), moved["batch_stats"]

    gradients, g_stats = jax.grad(g_loss, has_aux=True)(g.params)
    return (descend(g.params, gradients), g_stats), (d_params, d_stats)


@pytest.fixture(scope="module")
def critics():
    """A conditional system with three critic steps, its state and a batch."""
    system = make(IMAGES, NORMALISED, conditional=True, critic_steps=3)
    return system, jax.jit(system.init)(jax.random.key(1), {}), batch_of(IMAGES, 3)


@pytest.fixture(scope="module")
def steps(critics):
    """Its step with the latents that D has just learnt from, and with fresh ones for G."""
    system, state, batch = critics
    systems = {fresh: dataclasses.replace(system, fresh_latents=fresh) for fresh in (False, True)}
    return {fresh: jax.jit(system.update)(state, batch, jax.random.key(2)) for fresh, system in systems.items()}


@pytest.mark.parametrize("fresh_latents", [False, True])
def test_three_critic_steps_and_one_of_g_are_the_sequence_by_hand(critics, steps, fresh_latents):
    """So G's gradient through the kept pullback is that of the composition, and its forward pass is the right one."""
    system, state, batch = critics
    system, after = dataclasses.replace(system, fresh_latents=fresh_latents), steps[fresh_latents][0]
    by_hand = jax.jit(lambda state, batch: step_by_hand(system, state, batch, jax.random.key(2)))(state, batch)
    for player, (params, stats) in zip((after.generator, after.discriminator), by_hand, strict=True):
        for mine, hand in ((player.params, params), (player.statistics["batch_stats"], stats)):
            jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=2e-6), mine, hand)
    changed = jax.tree.map(lambda a, b: np.abs(a - b).max(), after.generator.params, state.generator.params)
    assert max(jax.tree.leaves(changed)) > 1e-4  # much more than the tolerance


def test_fresh_latents_change_gs_part_only(steps):
    (shared, shared_metrics), (fresh, fresh_metrics) = steps[False], steps[True]
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=3e-8), shared.discriminator, fresh.discriminator
    )
    assert shared_metrics["discriminator_loss"] == pytest.approx(float(fresh_metrics["discriminator_loss"]), rel=1e-6)
    assert abs(shared_metrics["generator_loss"] - fresh_metrics["generator_loss"]) > 1e-6


def scalar_game(weight, bias, fakes):
    """One-pixel examples; D(x) = weight x + bias; G always makes `fakes`."""
    given = dict(shape=(1, 1, 1), num_classes=0, dtype=jnp.float32, hidden=())
    system = Gan(
        generator=MLPGenerator(**given, output="none"),
        discriminator=MLPDiscriminator(**given),
        objective=non_saturating(),
        penalties=(),
        generator_penalty=None,
        augmentation=None,
        generator_optimizer=optax.sgd(0.0),
        discriminator_optimizer=optax.sgd(0.0),
        shape=(1, 1, 1),
        num_classes=0,
        latent_size=1,
    )
    state = system.init(jax.random.key(0), {})
    d_params = {"Head_0": {"Dense_0": {"kernel": jnp.full((1, 1), weight), "bias": jnp.full(1, bias)}}}
    g_params = {"Dense_0": {"kernel": jnp.zeros((1, 1)), "bias": jnp.full(1, fakes)}}
    return system, state.replace(
        generator=state.generator.replace(params=g_params), discriminator=state.discriminator.replace(params=d_params)
    )


def test_metrics_by_hand():
    """Logits 2, 0.5, 0, -1 on real (0 is no yes, so a mistake), -0.5 on generated."""
    system, state = scalar_game(weight=1.0, bias=0.0, fakes=-0.5)
    real = jnp.asarray([2.0, 0.5, 0.0, -1.0]).reshape(4, 1, 1, 1)
    _, metrics = system.update(state, {"image": real}, jax.random.key(0))
    softplus = [0.1269280, 0.4740770, 0.6931472, 1.3132617]  # of -2, -0.5, 0, 1
    expected = {
        "real_logit": 0.375,
        "fake_logit": -0.5,
        "real_accuracy": 0.5,
        "fake_accuracy": 1.0,
        "real_called_real": 2,
        "real_called_fake": 2,
        "fake_called_real": 0,
        "fake_called_fake": 4,
        "discriminator_loss": np.mean(softplus) + 0.4740770,
        "generator_loss": 0.9740770,
    }
    assert list(metrics) == list(expected)  # the order in which they are computed
    assert {name: float(value) for name, value in metrics.items()} == pytest.approx(expected, abs=1e-6)


def test_a_discriminator_that_does_not_decide_is_right_about_nothing():
    system, state = scalar_game(weight=0.0, bias=0.0, fakes=1.0)
    _, metrics = system.update(state, {"image": jnp.ones((4, 1, 1, 1))}, jax.random.key(0))
    assert metrics["real_accuracy"] == metrics["fake_accuracy"] == 0
    assert metrics["real_called_fake"] == metrics["fake_called_real"] == 4


@pytest.mark.parametrize(("level", "seen"), [(0, -1), (255, 1), (127, -1 / 255), (128, 1 / 255)])
def test_levels_of_grey_are_scaled_to_minus_one_to_one(level, seen):
    system, state = scalar_game(weight=1.0, bias=0.0, fakes=0.0)
    _, metrics = system.update(state, {"image": np.full((4, 1, 1, 1), level, np.uint8)}, jax.random.key(0))
    assert float(metrics["real_logit"]) == pytest.approx(seen, abs=1e-6)


# refusals


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (dict(conditional=True), "conditional needs labels, and this data has none"),
        (dict(spec=IMAGES._replace(other=(9, 8, 1)), conditional=True), "needs examples with labels of their own"),
        (dict(latent_size=0), "latent_size is 0, but must be at least 1"),
        (dict(critic_steps=0), "critic_steps is 0, but must be at least 1"),
        (dict(average_half_life=-1.0), r"average_half_life is -1.0, but must be in \[0, "),
    ],
)
def test_a_recipe_that_cannot_be_is_refused(options, message):
    with pytest.raises(JaxganError, match=message):
        make(**options)


def test_labels_of_the_data_are_not_used_unless_asked_for():
    assert make(IMAGES, CONVOLUTIONAL).num_classes == 0
    assert make(IMAGES, CONVOLUTIONAL, conditional=True).num_classes == 3
