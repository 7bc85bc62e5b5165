"""PacGAN's packs: which examples stand together, and what D makes of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.systems import build_system
from jaxgan.systems.packing import pack

POINTS = DataSpec((2,), "float32", (), 100)
SGD = dict(name="sgd", learning_rate=0.1)


def make(batch_size=6, spec=POINTS, **system):
    network = dict(name="mlp", hidden=(4,))
    config = recipe(
        batch_size=batch_size,
        system=dict(name="gan", latent_size=3) | system,
        generator=network,
        discriminator=network,
        objective=dict(name="non_saturating"),
        generator_optimizer=SGD,
        discriminator_optimizer=SGD,
    )
    return build_system(resolve(config), spec)


def test_neighbours_stand_side_by_side_along_the_last_axis():
    np.testing.assert_array_equal(pack(jnp.arange(8).reshape(4, 2), 2), [[0, 1, 2, 3], [4, 5, 6, 7]])
    images = jnp.arange(6 * 5 * 4 * 3).reshape(6, 5, 4, 3)
    packs = pack(images, 3)
    assert packs.shape == (2, 5, 4, 9)
    for i in range(6):
        np.testing.assert_array_equal(packs[i // 3, :, :, 3 * (i % 3) : 3 * (i % 3) + 3], images[i])
    np.testing.assert_array_equal(pack(images, 1), images)


def test_d_gives_one_logit_a_pack_and_g_learns_from_it():
    """The loss of a step is that of D on the packs, worked out apart from the system; every sample gets a gradient."""
    gan = make(packing=3)
    real = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
    state = gan.init(jax.random.key(0), {})
    after, metrics = jax.jit(gan.update)(state, {"image": real}, jax.random.key(1))
    z = jax.random.normal(jax.random.fold_in(jax.random.split(jax.random.key(1), 2)[0], 0), (6, 3))
    fake = gan.generator.apply(state.generator.variables, z, train=True)
    judge = lambda x: gan.discriminator.apply(state.discriminator.variables, x.reshape(2, 6), train=True)  # noqa: E731
    loss = jnp.mean(jax.nn.softplus(-judge(real)) + jax.nn.softplus(judge(fake)))
    np.testing.assert_allclose(metrics["discriminator_loss"], loss, rtol=1e-5)
    assert metrics["real_called_real"] + metrics["real_called_fake"] == 2
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), state.generator.params, after.generator.params)
    assert all(jax.tree.leaves(moved))


def test_packs_that_do_not_come_out_even_or_mix_classes_are_refused():
    with pytest.raises(JaxganError, match=r"batch_size is 6, which config.system.packing=4 does not"):
        make(packing=4)
    with pytest.raises(JaxganError, match=r"accumulate=3 times config\.system\.packing=3"):
        make(accumulate=3, packing=3)
    with pytest.raises(JaxganError, match="packing is 0"):
        make(packing=0)
    with pytest.raises(JaxganError, match="packing needs examples without labels"):
        make(packing=2, conditional=True, spec=DataSpec((2,), "float32", ("a", "b"), 100))
