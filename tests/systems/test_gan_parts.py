"""What a step composes: spectral vectors, class losses, augmentation and its memory, statistics of the average."""

import dataclasses

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from test_gan import BATCH, CONVOLUTIONAL, IMAGES, NORMALISED, PERCEPTRON, POINTS, batch_of, make
from test_gan_options import close, differ, step

from jaxgan.augment import Augmentation
from jaxgan.errors import JaxganError
from jaxgan.penalties import Penalty
from jaxgan.systems.averages import reestimated
from jaxgan.systems.judging import MEMORY

SPECTRAL = (PERCEPTRON[0], dict(name="mlp", hidden=(5, 4), spectral=True))


def spectral(player):
    return jax.tree.leaves(player.statistics["spectral"])


@pytest.mark.parametrize("options", [{}, dict(joint_pass=True), dict(accumulate=2), dict(penalties=("r1", "wgan_gp"))])
def test_spectral_vectors_advance_once_an_update_of_d(options):
    """By one power iteration on the parameters before it, whatever the number of passes and parts."""
    system = make(networks=SPECTRAL, **options)
    batch = batch_of(POINTS)
    before = jax.jit(system.init)(jax.random.key(1), batch)
    moved_params = jax.tree.map(
        lambda p: p + 0.3 * jnp.sin(jnp.arange(p.size)).reshape(p.shape), before.discriminator.params
    )
    before = before.replace(discriminator=before.discriminator.replace(params=moved_params))
    after, _ = jax.jit(system.update)(before, batch, jax.random.key(0))
    variables = before.discriminator.variables
    _, once = system.discriminator.apply(variables, batch["image"], train=True, mutable=["spectral"])
    close(after.discriminator.statistics["spectral"], once["spectral"], 1e-5)
    assert differ(spectral(before.discriminator), spectral(after.discriminator)) > 1e-3


def test_with_three_critic_steps_they_advance_three_times_and_not_for_g():
    """Stopped by a learning rate of 0, D's spectral vectors make three power iterations on the same kernel."""
    system = make(networks=SPECTRAL, critic_steps=3, optimizer=dict(name="sgd", learning_rate=0.0))
    batch = batch_of(POINTS, 3)
    before = jax.jit(system.init)(jax.random.key(1), batch)
    kernels = jax.tree.map(lambda p: p + jnp.cos(jnp.arange(p.size)).reshape(p.shape), before.discriminator.params)
    before = before.replace(discriminator=before.discriminator.replace(params=kernels))
    after, _ = jax.jit(system.update)(before, batch, jax.random.key(0))
    variables = before.discriminator.variables
    for _ in range(3):
        _, moved = system.discriminator.apply(variables, batch["image"][0], train=True, mutable=["spectral"])
        variables = variables | moved
    close(after.discriminator.statistics["spectral"], variables["spectral"], 1e-5)


def test_class_losses_are_cross_entropies_of_both_players():
    """Odena et al. 2017: D learns to tell the classes of real and of generated examples, G to make its own seen."""
    networks = (PERCEPTRON[0], dict(name="mlp", hidden=(5,), activation="tanh", conditioning="classifier"))
    system = make(IMAGES, networks, conditional=True, class_weight=0.5)
    before, after, metrics = step(system)
    batch = batch_of(IMAGES)
    real, labels = jnp.asarray(batch["image"], jnp.float32) / 127.5 - 1, batch["label"]
    z = jax.random.normal(jax.random.fold_in(jax.random.split(jax.random.key(0))[0], 0), (BATCH, 3))
    fake, _ = system.generator.apply(before.generator.variables, z, labels, train=True, mutable=["batch_stats"])

    def entropy(params, x):
        _, out = system.discriminator.apply({"params": params}, x, labels, train=True, mutable=["classes"])
        (logits,) = jax.tree.leaves(out)
        return jnp.mean(optax.softmax_cross_entropy_with_integer_labels(logits, labels))

    d = before.discriminator.params
    assert float(metrics["discriminator_class_loss"]) == pytest.approx(
        0.5 * float(entropy(d, real) + entropy(d, fake)), rel=1e-5
    )
    moved = after.discriminator.params
    assert float(metrics["generator_class_loss"]) == pytest.approx(0.5 * float(entropy(moved, fake)), rel=1e-5)
    _, without, nothing = step(dataclasses.replace(system, class_weight=0.0))
    assert nothing["discriminator_class_loss"] == nothing["generator_class_loss"] == 0
    assert differ(without.generator.params, after.generator.params) > 1e-6


def shifting(p):
    """An augmentation that adds p to every pixel, and a sign of its key's own."""
    return Augmentation(lambda x, p, key: x + p + 0.01 * jax.random.normal(key, x.shape), p)


def test_d_sees_real_and_generated_images_through_one_augmentation():
    """A linear D: what the shift adds to its logits is the shift times the sum of its weights; G's turn sees it too."""
    linear = tuple(dict(name="mlp", hidden=()) for player in range(2))
    system = make(IMAGES, linear, optimizer=dict(name="sgd", learning_rate=0.0))
    before, _, plain = step(system)
    shifted = dataclasses.replace(system, augmentation=shifting(0.5))
    _, _, metrics = step(shifted)
    total = float(jnp.sum(before.discriminator.params["Head_0"]["Dense_0"]["kernel"]))
    for name in ("real_logit", "fake_logit"):
        assert float(metrics[name] - plain[name]) == pytest.approx(0.5 * total, abs=0.1 * abs(total) + 0.05)
    assert abs(float(metrics["generator_loss"] - plain["generator_loss"])) > 1e-3


def test_a_penalty_looks_at_images_as_d_has_seen_them():
    """With the same transform, number by number: its critic's logits are those of the loss."""

    def note(critic, real, fake, recent, key):
        return critic(real) + 10 * critic(fake)

    linear = tuple(dict(name="mlp", hidden=()) for player in range(2))
    system = dataclasses.replace(
        make(IMAGES, linear), augmentation=shifting(0.5), penalties=(("note", Penalty(note, 1.0, 1, False)),)
    )
    for joint in (False, True):
        metrics = step(dataclasses.replace(system, joint_pass=joint))[2]
        expected = float(metrics["real_logit"]) + 10 * float(metrics["fake_logit"])
        assert float(metrics["note_penalty"]) == pytest.approx(expected, rel=1e-5)


def test_adaptive_augmentation_remembers_and_moves():
    """D says yes to all real images: the running sign is 1 - 0.99^n, and once over the target the strength rises."""
    adaptive = Augmentation(lambda x, p, key: x + p, None, target=0.015, speed_images=BATCH * 10)
    linear = tuple(dict(name="mlp", hidden=()) for player in range(2))
    system = make(IMAGES, linear, optimizer=dict(name="sgd", learning_rate=0.0))
    system = dataclasses.replace(system, augmentation=adaptive)
    state = jax.jit(system.init)(jax.random.key(1), batch_of(IMAGES))
    yes = jax.tree.map(jnp.zeros_like, state.discriminator.params)
    yes["Head_0"]["Dense_0"]["bias"] = jnp.full(1, 2.0)
    state = state.replace(discriminator=state.discriminator.replace(params=yes))
    update, strengths = jax.jit(system.update), []
    for n in range(1, 4):
        state, _ = update(state, batch_of(IMAGES), jax.random.key(n))
        memory = state.memory
        assert float(memory.real_sign) == pytest.approx(1 - MEMORY**n, rel=1e-4)
        assert float(memory.recent(jnp.int32(n)).real) == pytest.approx(2, rel=1e-4)
        strengths.append(float(memory.strength))
    np.testing.assert_allclose(strengths, [0.0, 0.1, 0.2], atol=1e-6)  # signs .01, .0199, .0297 beside .015


def test_statistics_are_seen_from_where_they_move_to():
    """A pass with momentum 0.9 over batches of mean i: the mean over three is 1, whatever was there before."""
    moved = reestimated(lambda s, i: {"mean": 0.9 * s["mean"] + 0.1 * i}, {"mean": jnp.full(2, 77.0)}, 3)
    np.testing.assert_allclose(moved["mean"], [1.0, 1.0], rtol=1e-5)


@pytest.mark.parametrize("policy", ["average", "copy", "reestimate"])
def test_where_the_statistics_of_the_average_come_from(policy):
    system = make(IMAGES, NORMALISED, average_statistics=policy, average_half_life=100, average_rampup=0.0)
    before, after, _ = step(system)
    current, kept = after.generator.statistics["batch_stats"], after.average["batch_stats"]
    settled = system.settled(after)
    close(settled.average["params"], after.average["params"])
    if policy == "average":
        share = 1 - 2 ** (-BATCH / 100)
        expected = jax.tree.map(lambda a, x: (1 - share) * a + share * x, before.average["batch_stats"], current)
        close(kept, expected, 1e-5)
    else:
        close(kept, current)
    if policy == "reestimate":  # those of the first layer's outputs, a linear map of z ~ N(0, I)
        layer = after.average["params"]["_Trunk_0"]["Dense_0"]
        stats = settled.average["batch_stats"]["_Trunk_0"]["BatchNorm_0"]
        np.testing.assert_allclose(stats["mean"], layer["bias"], atol=0.1)
        np.testing.assert_allclose(stats["var"], jnp.sum(layer["kernel"] ** 2, axis=0), rtol=0.15)
    else:
        assert settled.average is after.average


def test_the_average_is_divided_by_singular_values_of_its_own():
    """Of its kernels, against an SVD: vectors copied from the generator that is trained are of other kernels."""
    net = dict(name="resnet", width=4, multipliers=(2, 1), spectral=True)
    system = make(IMAGES, (net, PERCEPTRON[1]), average_statistics="reestimate")
    state = jax.jit(system.init)(jax.random.key(1), batch_of(IMAGES))
    keys = iter(jax.random.split(jax.random.key(2), 99))
    params = jax.tree.map(lambda p: p + 0.3 * jax.random.normal(next(keys), p.shape), state.average["params"])
    state = state.replace(average={**state.average, "params": params})

    def errors(average):
        layers, vectors = (flax.traverse_util.flatten_dict(average[name]) for name in ("params", "spectral"))
        found = []
        for *layer, name in vectors:
            if name == "u":
                u, v = (vectors[*layer, name] for name in ("u", "v"))
                matrix = np.asarray(layers[*layer, "kernel"]).reshape(-1, len(v))
                found.append(abs(float(u @ matrix @ v) / np.linalg.svd(matrix)[1][0] - 1))
        return found

    before, after = errors(state.average), errors(system.settled(state).average)
    assert len(after) == 5
    assert max(before) > 0.1
    assert max(after) < 1e-3


def test_a_penalty_on_single_gradients_beside_batch_normalisation_is_warned_of():
    with pytest.warns(UserWarning, match="the penalty r1 is of each example's own gradient, but batch normalisation"):
        make(IMAGES, NORMALISED, penalties=("r1",))
    make(IMAGES, NORMALISED, penalties=("lecam",))  # strict settings: a warning would raise
    make(IMAGES, PERCEPTRON, penalties=("r1", "r2"))


def test_a_penalty_of_weight_zero_is_left_out():
    """It would cost as much as any other, and 0 times what overflows is NaN."""
    system = make(IMAGES, NORMALISED, penalties=dict(r1=dict(weight=0.0), lecam=dict(weight=("linear", 0.0, 1.0, 9.0))))
    assert [name for name, _ in system.penalties] == ["lecam"]


@pytest.mark.parametrize("objective", ["wasserstein", "relativistic", "relativistic_average"])
def test_augmentation_by_the_sign_of_logits_needs_logits_with_a_sign(objective):
    with pytest.raises(
        JaxganError, match=f"ada goes by the sign of D's logits, which has no meaning under .*{objective}"
    ):
        make(IMAGES, CONVOLUTIONAL, objective=objective, augmentation="ada")
    make(IMAGES, CONVOLUTIONAL, objective="hinge", augmentation="ada")
