"""Gradient penalties: closed forms on linear and quadratic critics, derivatives, and the points they look at."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.penalties import (
    PENALTIES,
    Recent,
    charged,
    consistency,
    dragan,
    drift,
    gradient_norms,
    lecam,
    r1,
    r2,
    wgan_gp,
)

KEY = jax.random.key(0)
NOTHING = Recent(jnp.zeros(()), jnp.zeros(()))
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
    expected = 0.0 if one_sided and length < 1 else (length - 1) ** 2
    penalty = wgan_gp(one_sided=one_sided).term(linear(direction), REAL, FAKE, NOTHING, KEY)
    np.testing.assert_allclose(penalty, np.full(5, expected), rtol=1e-5, atol=1e-5)


def test_a_target_scales_the_length_that_costs_nothing():
    """Lengths 250 and 1000 for 500: (1/2 - 1)^2 and (2 - 1)^2; one-sided, the shorter is free."""
    unit = jnp.ones((4, 3, 2)) / np.sqrt(24)
    for length, both_sides, one_side in ((250, 0.25, 0.0), (1000, 1.0, 1.0)):
        for one_sided, expected in ((False, both_sides), (True, one_side)):
            penalty = wgan_gp(target=500.0, one_sided=one_sided).term(linear(length * unit), REAL, FAKE, NOTHING, KEY)
            np.testing.assert_allclose(penalty, np.full(5, expected), rtol=1e-5, atol=1e-6)
    with pytest.raises(JaxganError, match=r"^target is 0"):
        wgan_gp(target=0.0)


def test_drift_is_the_square_of_the_logits_of_real_examples():
    critic = lambda x: x[:, 0, 0, 0]  # noqa: E731
    real = jnp.asarray([1.0, -3.0]).reshape(2, 1, 1, 1)
    np.testing.assert_allclose(drift().term(critic, real, 10 * real, NOTHING, KEY), [1, 9])


def test_the_penalty_is_taken_between_real_and_fake():
    """The gradient of |x|^2 / 2 is the point itself: sqrt(penalty) + 1 is the norm of a point on each segment."""
    penalty = np.asarray(wgan_gp().term(half_square, REAL, FAKE, NOTHING, KEY))
    share = np.asarray(jax.random.uniform(KEY, (5, 1, 1, 1)))
    np.testing.assert_allclose(penalty, (norms(share * REAL + (1 - share) * FAKE) - 1) ** 2, rtol=1e-5)
    assert len(set(share.flat)) == 5  # a point of its own for each example
    at_real = wgan_gp().term(half_square, REAL, REAL, NOTHING, KEY)  # both ends equal: no matter which share
    np.testing.assert_allclose(at_real, (norms(REAL) - 1) ** 2, rtol=1e-5)


def test_its_derivative_by_the_parameters_has_its_closed_form():
    """D(x) = s <x, v>, |v| = 2: penalty (2 s - 1)^2, derivative 4 (2 s - 1) by s; the second one is 8."""
    direction = jnp.ones((4, 3, 2)) * 2 / np.sqrt(24)

    def mean_penalty(scale):
        return jnp.mean(wgan_gp().term(lambda x: scale * linear(direction)(x), REAL, FAKE, NOTHING, KEY))

    np.testing.assert_allclose(jax.jit(jax.grad(mean_penalty))(0.8), 4 * 0.6, rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.grad(jax.grad(mean_penalty)))(0.8), 8, rtol=1e-5)


def test_r1_and_r2_are_half_the_squared_gradient_at_real_and_at_generated_examples():
    """The gradient of s |x|^2 / 2 is s x: penalty s^2 |x|^2 / 2, derivative s |x|^2 by s."""
    for penalty, points in ((r1(), REAL), (r2(), FAKE)):

        def mean_penalty(scale, penalty=penalty):
            return jnp.mean(penalty.term(lambda x: scale * half_square(x), REAL, FAKE, NOTHING, KEY))

        value, slope = jax.jit(jax.value_and_grad(mean_penalty))(3.0)
        np.testing.assert_allclose(value, 9 * np.mean(norms(points) ** 2) / 2, rtol=1e-5)
        np.testing.assert_allclose(slope, 3 * np.mean(norms(points) ** 2), rtol=1e-5)


def test_dragan_looks_around_real_examples():
    """sqrt(penalty) + 1 of |x|^2 / 2 is |u| for |u| > 1, so the shift of a one-pixel example of 4 or -4 can be read."""
    real = jnp.tile(jnp.asarray([-4.0, 4.0]), 200).reshape(400, 1, 1, 1)
    spread = 0.5 * 4  # of its standard deviation
    length = np.sqrt(dragan().term(half_square, real, FAKE, NOTHING, KEY)) + 1
    shift = np.sign(real.reshape(-1)) * (length - 4)
    assert shift.min() >= 0
    assert 0.7 * spread < shift.max() < spread  # e n, both in (0, 1)
    assert shift.mean() == pytest.approx(spread / 4, rel=0.1)  # E[e] E[n]
    penalty = dragan(spread=0.0).term(half_square, REAL, FAKE, NOTHING, KEY)
    np.testing.assert_allclose(penalty, (norms(REAL) - 1) ** 2, rtol=1e-5)


def test_lecam_pulls_each_logit_to_the_recent_mean_of_the_others():
    recent = Recent(real=jnp.float32(2.0), fake=jnp.float32(-1.0))
    critic = lambda x: x[:, 0, 0, 0]  # noqa: E731
    real, fake = (jnp.asarray(values).reshape(2, 1, 1, 1) for values in ([1.0, 3.0], [0.5, -2.0]))
    term = lecam().term(critic, real, fake, recent, KEY)
    np.testing.assert_allclose(term, [(1 + 1) ** 2 + (0.5 - 2) ** 2, (3 + 1) ** 2 + (-2 - 2) ** 2])


def test_interpolates_need_pairs():
    with pytest.raises(ValueError, match="not in pairs"):
        wgan_gp().term(half_square, REAL, FAKE[:1], NOTHING, KEY)


def test_consistency_is_zero_for_a_critic_that_does_not_see_the_change_only():
    """A sum over all pixels does not see a flip, and shift 0 is none; a single pixel sees it half the time."""
    whole, corner = (lambda x: jnp.sum(x, axis=(1, 2, 3))), (lambda x: x[:, 0, 0, 0])
    real, fake = (jax.random.normal(jax.random.key(seed), (200, 4, 4, 1)) for seed in (1, 2))
    still = consistency((4, 4, 1), shift=0.0)
    np.testing.assert_allclose(still.term(whole, real, fake, NOTHING, KEY), 0, atol=1e-9)
    seen = np.asarray(still.term(corner, real, fake, NOTHING, KEY))
    flipped = np.square(real[:, 0, 0, 0] - real[:, 0, -1, 0])
    assert np.all(np.isclose(seen, flipped, rtol=1e-5) | (seen == 0))
    assert 70 < np.sum(seen > 0) < 130
    assert np.mean(consistency((4, 4, 1), shift=0.5).term(whole, real, fake, NOTHING, KEY)) > 0.1  # what left the frame
    both = consistency((4, 4, 1), fake_share=3.0).term(corner, real, 0 * fake, NOTHING, KEY)
    np.testing.assert_allclose(both, consistency((4, 4, 1)).term(corner, real, fake, NOTHING, KEY), rtol=1e-5)
    with pytest.raises(JaxganError, match=r"needs images to flip and shift, not examples of shape \(2,\)"):
        consistency((2,))


@pytest.mark.parametrize(
    ("every", "charges"), [(1, [2.0, 2.0, 2.0, 2.0]), (2, [4.0, 0, 4.0, 0]), (3, [6.0, 0, 0, 6.0])]
)
def test_a_lazy_penalty_counts_as_often_as_it_is_left_out(every, charges):
    """R1 of s |x|^2 / 2 at a unit vector, s = 2: 2, times the weight, here 1."""
    unit = jnp.zeros((1, 2, 2, 1)).at[0, 0, 0, 0].set(1)

    def charge(updates):
        arguments = (lambda x: 2 * half_square(x), unit, unit, NOTHING, KEY)
        return charged(r1(1.0, every), arguments, updates, jnp.zeros(()))

    assert [float(jax.jit(charge)(jnp.int32(n))) for n in range(4)] == charges


def test_a_weight_may_follow_a_schedule():
    arguments = (lambda x: 2 * half_square(x), REAL, REAL, NOTHING, KEY)
    of = lambda weight, images: charged(r1(weight), arguments, jnp.int32(0), jnp.float32(images))  # noqa: E731
    np.testing.assert_allclose(of(("linear", 8.0, 0.0, 100.0), 25), of(6.0, 0), rtol=1e-6)


def test_impossible_weights_and_periods_are_refused():
    for make in (wgan_gp, r1, r2, dragan, lecam, drift):
        with pytest.raises(JaxganError, match=r"^weight is -1"):
            make(-1.0)
        with pytest.raises(JaxganError, match=r"^every is 0"):
            make(every=0)
    assert PENALTIES.keys() == {"wgan_gp", "dragan", "r1", "r2", "consistency", "lecam", "drift"}
