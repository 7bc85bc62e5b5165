"""StyleGAN2's path length regularisation as a part of G's update."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_gan import BATCH, IMAGES, PERCEPTRON, batch_of, make
from test_gan_options import close, differ

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.penalties import PathLength, path_lengths
from jaxgan.systems import build_system
from jaxgan.systems.path_length import MEAN

SQUARES = DataSpec((4, 4, 1), "uint8", (), 100)


def stylegan(**penalty):
    sgd = dict(name="sgd", learning_rate=0.1)
    config = recipe(
        batch_size=BATCH,
        system=dict(name="gan", latent_size=3, average_half_life=0),
        generator=dict(name="stylegan2", channel_base=64, channel_max=4, w_dim=3, mapping_layers=1, mixing=0.0),
        discriminator=dict(name="mlp", hidden=(2,)),
        objective=dict(name="non_saturating"),
        generator_penalty=dict(name="path_length") | penalty,
        generator_optimizer=sgd,
        discriminator_optimizer=sgd,
    )
    return build_system(resolve(config), SQUARES)


@pytest.fixture(scope="module")
def steps():
    """Two steps with the penalty at every second update, of a system whose discriminator does not move G."""
    system = stylegan(weight=3.0, every=2)
    still = system.objective._replace(generator=lambda real, fake, key: jnp.zeros_like(fake))
    system = dataclasses.replace(system, objective=still)
    states, metrics = [jax.jit(system.init)(jax.random.key(1), {})], []
    update = jax.jit(system.update)
    for n in range(2):
        state, numbers = update(states[-1], batch_of(SQUARES), jax.random.key(n))
        states.append(state)
        metrics.append(numbers)
    return system, states, metrics


def test_it_moves_g_by_its_gradient_when_it_is_due(steps):
    """(lengths - a)^2 with a moved a hundredth towards their mean; weight 3, every second update, so six times."""
    system, (before, after, last), metrics = steps
    keys = jax.random.split(jax.random.key(0))
    z = jax.random.normal(jax.random.fold_in(keys[0], 0), (BATCH, 3))[: BATCH // 2]
    style_key, noise_key, y_key = jax.random.split(jax.random.fold_in(keys[1], 4), 3)

    def penalty(params):
        variables = {"params": params, **before.generator.statistics}
        w = system.generator.apply(variables, z, train=True, method="styles", rngs={"noise": style_key})
        synthesis = lambda w: system.generator.apply(  # noqa: E731
            variables, w, train=True, method="synthesis", rngs={"noise": noise_key}
        )
        lengths = path_lengths(synthesis, w, y_key)
        mean = (1 - MEAN) * jax.lax.stop_gradient(jnp.mean(lengths))
        return 6.0 * jnp.mean((lengths - mean) ** 2), mean

    (value, mean), gradient = jax.jit(jax.value_and_grad(penalty, has_aux=True))(before.generator.params)
    expected = jax.tree.map(lambda p, g: p - 0.1 * g, before.generator.params, gradient)
    assert float(metrics[0]["path_length_penalty"]) == pytest.approx(float(value), rel=1e-4)
    assert float(after.memory.path_length) == pytest.approx(float(mean), rel=1e-4)
    close(after.generator.params, expected, 1e-4)
    assert differ(after.generator.params, before.generator.params) > 1e-4
    # Not due: nothing is paid, the mean stays, and so does G, whose objective is zero here.
    assert metrics[1]["path_length_penalty"] == 0
    assert last.memory.path_length == after.memory.path_length
    jax.tree.map(np.testing.assert_array_equal, last.generator.params, after.generator.params)


def test_a_generator_without_styles_is_refused():
    with pytest.raises(JaxganError, match="path_length needs a generator with styles, such as stylegan2, not MLP"):
        make(IMAGES, PERCEPTRON, generator_penalty="path_length")
    assert isinstance(stylegan().generator_penalty, PathLength)
