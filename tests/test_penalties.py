"""Gradient penalties: closed forms on linear and quadratic critics, derivatives, and the points they look at."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.penalties import PENALTIES, gradient_norms, wgan_gp

KEY = jax.random.key(0)
REAL, FAKE = (jax.random.normal(jax.random.key(seed), (5, 4, 3, 2)) for seed in (1, 2))


def linear(direction):
    return lambda x: jnp.sum(x * direction[None], axis=(1, 2, 3))


def half_square(x):
    """|x|^2 / 2, whose gradient is x."""
    return jnp.sum(x * x, axis=(1, 2, 3)) / 2


def norms(x):
    return np.linalg.norm(np.asarray(x, np.float64).reshape(len(x), -1), axis=1)


def test_norms_are_each_examples_own():
    np.testing.assert_allclose(gradient_norms(half_square, REAL), norms(REAL), rtol=1e-6)


def test_the_norm_at_zero_has_a_finite_gradient():
    slope = jax.grad(lambda scale: jnp.sum(gradient_norms(lambda x: scale * half_square(x), jnp.zeros((2, 3, 3, 1)))))
    assert slope(1.0) == 0


@pytest.mark.parametrize("one_sided", [False, True])
@pytest.mark.parametrize("length", [0.25, 1.0, 3.0])
def test_a_linear_critic_pays_for_the_length_of_its_gradient(length, one_sided):
    direction = jnp.ones((4, 3, 2)) * length / np.sqrt(24)
    expected = 0.0 if one_sided and length < 1 else 7 * (length - 1) ** 2
    penalty = wgan_gp(7.0, one_sided)(linear(direction), REAL, FAKE, KEY)
    np.testing.assert_allclose(penalty, np.full(5, expected), rtol=1e-5, atol=1e-5)


def test_the_penalty_is_taken_between_real_and_fake():
    """The gradient of |x|^2 / 2 is the point itself: sqrt(penalty) + 1 is the norm of a point on each segment."""
    penalty = np.asarray(wgan_gp(1.0)(half_square, REAL, FAKE, KEY))
    share = np.asarray(jax.random.uniform(KEY, (5, 1, 1, 1)))
    np.testing.assert_allclose(penalty, (norms(share * REAL + (1 - share) * FAKE) - 1) ** 2, rtol=1e-5)
    assert len(set(share.flat)) == 5  # a point of its own for each example
    at_real = wgan_gp(1.0)(half_square, REAL, REAL, KEY)  # both ends equal: no matter which share
    np.testing.assert_allclose(at_real, (norms(REAL) - 1) ** 2, rtol=1e-5)


def test_its_derivative_by_the_parameters_has_its_closed_form():
    """D(x) = s <x, v>, |v| = 2: penalty (2 s - 1)^2, derivative 4 (2 s - 1) by s; the second one is 8."""
    direction = jnp.ones((4, 3, 2)) * 2 / np.sqrt(24)

    def mean_penalty(scale):
        return jnp.mean(wgan_gp(1.0)(lambda x: scale * linear(direction)(x), REAL, FAKE, KEY))

    np.testing.assert_allclose(jax.jit(jax.grad(mean_penalty))(0.8), 4 * 0.6, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.grad(jax.grad(mean_penalty)))(0.8), 8, rtol=1e-5)


def test_none_is_nothing_and_a_negative_weight_is_refused():
    assert PENALTIES["none"]() is None
    with pytest.raises(JaxganError, match=r"config\.penalty\.weight is -1"):
        wgan_gp(-1.0)
