"""InfoGAN's codes: how they are drawn, and how much information on them a posterior finds."""

from math import log, pi

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.systems.codes import SHOWN, Codes

CODES = Codes((3, 2), 2)
SURE = 40.0  # a logit beside which another of 0 has probability exp(-40)


def test_codes_have_their_distributions():
    n = 6000
    drawn = np.asarray(CODES.draw(jax.random.key(0), jnp.arange(n)))
    assert drawn.shape == (n, CODES.size) == (n, 7)
    (first, second), numbers = CODES.split(jnp.asarray(drawn))
    for codes, count in ((first, 3), (second, 2)):
        assert set(np.unique(codes)) == {0, 1}
        np.testing.assert_array_equal(codes.sum(1), 1)
        np.testing.assert_allclose(codes.mean(0), 1 / count, atol=0.03)  # 5 standard deviations
    assert -1 <= float(numbers.min()) < -0.99
    assert 0.99 < float(numbers.max()) < 1
    np.testing.assert_allclose(numbers.mean(0), 0, atol=0.04)
    np.testing.assert_allclose(numbers.var(0), 1 / 3, atol=0.02)
    # Independent of each other: the shares of pairs are products, and numbers do not follow one another.
    np.testing.assert_allclose(first.T @ second / n, np.full((3, 2), 1 / 6), atol=0.03)
    assert abs(np.corrcoef(numbers.T)[0, 1]) < 0.06


def test_a_code_depends_on_its_key_and_its_index():
    key = jax.random.key(1)
    many, some = CODES.draw(key, jnp.arange(8)), CODES.draw(key, jnp.array([5, 2]))
    np.testing.assert_array_equal(some, many[jnp.array([5, 2])])
    assert not np.array_equal(many, CODES.draw(jax.random.key(2), jnp.arange(8)))


def test_log_posterior_by_hand():
    codes = jnp.array([[0, 1, 0, 1, 0, 0.5, -1.0]])
    told = jnp.array([[0, 1, 2, 3, 3, 0.0, 1.0]])
    discrete, numbers = CODES.log_posterior(codes, told)
    np.testing.assert_allclose(discrete, [1 - log(1 + np.e + np.e**2) - log(2)], rtol=1e-6)
    np.testing.assert_allclose(numbers, [-0.125 - 2.0 - log(2 * pi)], rtol=1e-6)


def test_the_bound_is_the_entropy_where_q_is_sure_and_right():
    assert CODES.entropy() == (pytest.approx(log(6)), pytest.approx(2 * log(2)))
    codes = CODES.draw(jax.random.key(0), jnp.arange(50))
    exact = codes * jnp.array([[SURE] * 5 + [1.0] * 2])
    discrete, numbers = CODES.information(codes, exact)
    assert float(discrete) == pytest.approx(log(6), abs=1e-6)
    # Of a number, with its deviation fixed at 1, the most that can be found is log 2 - log(2 pi) / 2.
    assert float(numbers) == pytest.approx(2 * (log(2) - log(2 * pi) / 2), abs=1e-6)


def test_what_q_does_not_know_is_no_information():
    codes = jnp.concatenate([jnp.eye(3), jnp.eye(3)[:, :2], jnp.zeros((3, 2))], axis=1)[:2]
    assert float(CODES.information(codes, jnp.zeros((2, 7)))[0]) == pytest.approx(0, abs=1e-6)


def test_the_bound_is_the_information_of_a_noisy_channel_under_its_posterior_and_below_it_under_others():
    """X is c, one of two, turned over with probability 1/4: I(c; x) = log 2 - H(1/4)."""
    codes = Codes((2,), 0)
    c = jnp.eye(2)[jnp.array([0, 0, 0, 0, 1, 1, 1, 1])]
    x = np.array([0, 0, 0, 1, 1, 1, 1, 0])
    information = log(2) - (log(4) / 4 + 0.75 * log(4 / 3))

    def bound(logit):
        return float(codes.information(c, jnp.asarray(np.eye(2)[x] * logit, jnp.float32))[0])

    assert bound(log(3)) == pytest.approx(information, abs=1e-6)
    assert max(bound(logit) for logit in (0, 0.9, 1.3, 5)) < information - 1e-3


@pytest.mark.parametrize(("codes", "size"), [(Codes((), 2), 2), (Codes((4,), 0), 4)])
def test_codes_of_one_kind_only(codes, size):
    drawn = codes.draw(jax.random.key(0), jnp.arange(5))
    assert drawn.shape == (5, size)
    discrete, numbers = codes.information(drawn, drawn * SURE)
    assert (float(discrete) == 0) == (not codes.categorical)
    assert (float(numbers) == 0) == (not codes.continuous)


def test_on_a_sheet_one_code_varies():
    rows = CODES.draw(jax.random.key(0), jnp.arange(4))
    sheets = dict(CODES.sweeps(rows))
    assert list(sheets) == ["categorical_0", "categorical_1", "continuous_0", "continuous_1"]
    for name, where, columns in [
        ("categorical_0", slice(0, 3), np.eye(3)),
        ("categorical_1", slice(3, 5), np.eye(2)),
        ("continuous_0", slice(5, 6), np.linspace(-2, 2, SHOWN)[:, None]),
        ("continuous_1", slice(6, 7), np.linspace(-2, 2, SHOWN)[:, None]),
    ]:
        sheet = np.asarray(sheets[name])
        assert sheet.shape == (4, len(columns), 7)
        for row in sheet:
            np.testing.assert_allclose(row[:, where], columns, rtol=1e-6)
            others = np.delete(row, where, axis=1)
            np.testing.assert_array_equal(others, np.broadcast_to(others[0], others.shape))
    # In the rows of a number's sheet the categories take turns, and the other number is that of the row.
    np.testing.assert_array_equal(sheets["continuous_0"][:, 0, :3], np.eye(3)[[0, 1, 2, 0]])
    np.testing.assert_array_equal(sheets["continuous_0"][:, 0, 6], rows[:, 6])
