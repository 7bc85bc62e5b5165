"""What the options of a step change, and what they must not: parts of a batch, joint passes, penalties, shared work."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_gan import BATCH, IMAGES, NORMALISED, PERCEPTRON, batch_of, make

from jaxgan.errors import JaxganError
from jaxgan.penalties import Recent, wgan_gp

NOTHING = Recent(jnp.zeros(()), jnp.zeros(()))
PLAIN = tuple(dict(name="mlp", hidden=(6,), activation="tanh") for player in range(2))


def step(system, seed=0):
    """The state before and after a step, and its metrics."""
    batch = batch_of(IMAGES, system.micro_batches)
    before = jax.jit(system.init)(jax.random.key(1), batch)
    return before, *jax.jit(system.update)(before, batch, jax.random.key(seed))


def close(a, b, tolerance=1e-6):
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=tolerance, atol=tolerance), a, b)


def differ(a, b):
    return max(float(np.abs(x - y).max()) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True))


@pytest.mark.parametrize(
    ("parts", "options"),
    [(2, {}), (2, dict(fresh_latents=True)), (BATCH, dict(critic_steps=3, conditional=True))],
)
def test_a_batch_in_parts_gives_the_step_of_the_whole(parts, options):
    whole, in_parts = (make(IMAGES, PLAIN, accumulate=n, **options) for n in (1, parts))
    (before, after, metrics), (_, again, others) = step(whole), step(in_parts)
    close(again, after)
    close(others, metrics)
    assert differ(after.generator.params, before.generator.params) > 1e-4


def test_in_parts_statistics_move_with_each_part():
    """Momentum 0.9: two parts leave 0.81 of the old running mean, one batch 0.9; the initial mean is 0."""
    means = []
    for parts in (1, 2):
        _, after, _ = step(make(IMAGES, NORMALISED, accumulate=parts))
        stats = jax.tree_util.tree_leaves_with_path(after.generator.statistics)
        means.append(np.asarray(next(leaf for path, leaf in stats if "mean" in jax.tree_util.keystr(path))))
    # Both halves have the same expectation, m: 0.1 m of the whole, (0.09 m1 + 0.1 m2) of two parts.
    ratio = np.sum(means[1] * means[0]) / np.sum(means[0] ** 2)
    assert 1.5 < ratio < 2.3


def test_a_joint_pass_without_normalisation_is_the_same_step():
    (_, apart, metrics), (_, joint, others) = (step(make(IMAGES, PLAIN, joint_pass=flag)) for flag in (False, True))
    close(joint, apart)
    close(others, metrics)


def test_a_joint_pass_normalises_by_the_mixture():
    system = make(IMAGES, NORMALISED, joint_pass=True, conditional=True)
    before, after, _ = step(system)
    batch = batch_of(IMAGES)
    real, labels = batch["image"] / 127.5 - 1, batch["label"]
    z = jax.random.normal(jax.random.fold_in(jax.random.split(jax.random.key(0))[0], 0), (BATCH, system.latent_size))
    variables = before.generator.variables
    fake, _ = system.generator.apply(variables, z, labels, train=True, mutable=["batch_stats"])
    mixture = jnp.concatenate([jnp.asarray(real, jnp.float32), fake])
    _, moved = system.discriminator.apply(
        before.discriminator.variables,
        mixture,
        jnp.concatenate([labels, labels]),
        train=True,
        mutable=["batch_stats"],
    )
    close(after.discriminator.statistics, moved, 1e-5)
    _, apart, _ = step(make(IMAGES, NORMALISED, joint_pass=False, conditional=True))
    assert differ(apart.discriminator.statistics, after.discriminator.statistics) > 1e-3
    assert differ(apart.generator.params, after.generator.params) > 1e-6  # G's update sees the mixture too


def test_the_penalty_is_a_term_of_ds_loss_and_of_nothing_else():
    system = make(IMAGES, PLAIN, objective="wasserstein", penalties=("wgan_gp",))
    before, after, metrics = step(system)
    key = jax.random.split(jax.random.key(0))[0]
    real = jnp.asarray(batch_of(IMAGES)["image"] / 127.5 - 1, jnp.float32)
    z = jax.random.normal(jax.random.fold_in(key, 0), (BATCH, system.latent_size))
    fake = system.generator.apply(before.generator.variables, z, train=True)

    def loss(params):
        def critic(x):
            return system.discriminator.apply({"params": params}, x, train=True)

        penalty = 10 * jnp.mean(
            wgan_gp().term(critic, real, fake, NOTHING, jax.random.fold_in(jax.random.fold_in(key, 1), 2))
        )
        return jnp.mean(critic(fake)) - jnp.mean(critic(real)) + penalty, penalty

    gradients, penalty = jax.grad(loss, has_aux=True)(before.discriminator.params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, before.discriminator.params, gradients)
    close(after.discriminator.params, expected, 1e-5)
    assert metrics["wgan_gp_penalty"] == pytest.approx(float(penalty), rel=1e-5)


def flops(system):
    batch = batch_of(IMAGES, system.micro_batches)
    state = jax.eval_shape(system.init, jax.random.key(0), batch)
    cost = jax.jit(system.update).lower(state, batch, jax.random.key(0)).compile().cost_analysis()
    return cost["flops"]


def test_no_pass_is_made_that_a_step_does_not_need():
    """G's forward pass serves both players; its update judges real examples only where its loss looks at them."""
    system = make(IMAGES, tuple(dict(name="mlp", hidden=(64, 64)) for player in range(2)))
    plain, pixels = flops(system), int(np.prod(IMAGES.shape))
    g_forward = 2 * BATCH * (3 * 64 + 64 * 64 + 64 * pixels)
    d_forward = 2 * BATCH * (pixels * 64 + 64 * 64 + 64)
    assert flops(dataclasses.replace(system, fresh_latents=True)) - plain >= g_forward
    relativistic = system.objective._replace(generator=lambda real, fake, key: jax.nn.softplus(real - fake))
    assert flops(dataclasses.replace(system, objective=relativistic)) - plain >= d_forward


def test_parts_that_do_not_divide_the_batch_are_refused():
    with pytest.raises(
        JaxganError, match=r"config\.batch_size is 4, which config\.system\.accumulate=3 does not divide"
    ):
        make(networks=PERCEPTRON, accumulate=3)
