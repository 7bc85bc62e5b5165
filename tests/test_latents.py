"""Interpolation by its closed forms, where an arc is and where there is none; paths and sums by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.latents import NEARLY, arithmetic, lerp, path, slerp

A, B = (jax.random.normal(jax.random.key(i), (7,)) * (i + 1) for i in range(2))
TIMES = [0.0, 0.2, 0.5, 0.9, 1.0]


def length(x):
    return np.linalg.norm(np.asarray(x, np.float64))


def angle(a, b):
    """W. Kahan's: 2 atan(|u - v| / |u + v|)."""
    u, v = (np.asarray(x, np.float64) / length(x) for x in (a, b))
    return 2 * np.arctan2(length(u - v), length(u + v))


@pytest.mark.parametrize("t", TIMES)
def test_the_angle_and_the_length_go_evenly(t):
    between = slerp(A, B, t)
    assert angle(A, between) == pytest.approx(t * angle(A, B), abs=1e-6)
    assert length(between) == pytest.approx((1 - t) * length(A) + t * length(B), rel=1e-6)


@pytest.mark.parametrize("t", TIMES)
def test_of_equal_lengths_it_is_shoemakes_formula(t):
    b = B * (length(A) / length(B))
    w = angle(A, b)
    expected = (np.sin((1 - t) * w) * np.asarray(A) + np.sin(t * w) * np.asarray(b)) / np.sin(w)
    np.testing.assert_allclose(slerp(A, b, t), expected, atol=1e-6)


def test_by_hand():
    """A quarter circle: half-way stands at 45 degrees, and a straight line at 0.71 of the radius."""
    a, b = jnp.asarray([2.0, 0.0]), jnp.asarray([0.0, 2.0])
    np.testing.assert_allclose(slerp(a, b, 0.5), [2**0.5, 2**0.5], rtol=1e-6)
    np.testing.assert_allclose(slerp(a, b, 1 / 3), [3**0.5, 1.0], rtol=1e-6)
    np.testing.assert_array_equal(lerp(a, b, 0.5), [1.0, 1.0])
    np.testing.assert_array_equal(lerp(a, b, 0.25), [1.5, 0.5])


@pytest.mark.parametrize("way", [slerp, lerp, jax.jit(lerp)], ids=["slerp", "lerp", "compiled"])
def test_the_ends_are_exact_in_every_bit(way):
    for b in (B, -A, 2 * A, jnp.zeros(7)):
        np.testing.assert_array_equal(way(A, b, 0.0), A)
        np.testing.assert_array_equal(way(A, b, 1.0), b)


@pytest.mark.parametrize("t", TIMES)
def test_the_way_back_is_the_way_out(t):
    for b in (B, -A, -3 * A, 2 * A):
        np.testing.assert_allclose(slerp(A, b, t), slerp(b, A, 1 - t), atol=1e-5)


@pytest.mark.parametrize("t", TIMES)
def test_parallel_latents_and_nought_go_straight(t):
    np.testing.assert_allclose(slerp(A, 3 * A, t), (1 + 2 * t) * A, rtol=1e-6)
    np.testing.assert_allclose(slerp(A, A, t), A, rtol=1e-6)
    np.testing.assert_allclose(slerp(jnp.zeros(7), B, t), t * B, rtol=1e-6)
    np.testing.assert_allclose(slerp(A, jnp.zeros(7), t), (1 - t) * A, rtol=1e-6)
    np.testing.assert_array_equal(slerp(jnp.zeros(7), jnp.zeros(7), t), np.zeros(7))


@pytest.mark.parametrize("t", TIMES)
@pytest.mark.parametrize("scale", [1.0, 2.5])
def test_opposite_latents_take_half_a_circle(t, scale):
    between = slerp(A, -scale * A, t)
    assert angle(A, between) == pytest.approx(t * np.pi, abs=1e-6)
    assert length(between) == pytest.approx((1 + t * (scale - 1)) * length(A), rel=1e-6)


def test_opposite_latents_go_by_way_of_the_axis_that_they_have_least_of():
    a = jnp.asarray([3.0, 0.0, -4.0])
    np.testing.assert_allclose(slerp(a, -a, 0.5), [0, 5, 0], atol=1e-6)
    np.testing.assert_allclose(slerp(jnp.asarray([2.0]), jnp.asarray([-2.0]), 0.5), [0], atol=1e-6)


@pytest.mark.parametrize("bend", [0.5 * NEARLY, 2 * NEARLY, np.pi - 2 * NEARLY])
def test_nearly_straight_and_nearly_opposite_are_still_even(bend):
    a, b = jnp.asarray([1.0, 0.0, 0.0]), jnp.asarray([np.cos(bend), np.sin(bend), 0.0], jnp.float32)
    between = slerp(a, b, 0.25)
    assert length(between) == pytest.approx(1, rel=1e-6)
    assert angle(a, between) == pytest.approx(0.25 * bend, abs=2e-7)


def test_a_latent_of_any_shape_is_one_point():
    a, b = A[:6].reshape(2, 3), B[:6].reshape(2, 3)
    np.testing.assert_array_equal(slerp(a, b, 0.3), slerp(A[:6], B[:6], 0.3).reshape(2, 3))


def test_a_path_by_hand():
    stops = jnp.asarray([[0.0, 0.0], [4.0, 8.0], [0.0, 16.0]])
    rows = [[0, 0], [1, 2], [2, 4], [3, 6], [4, 8], [3, 10], [2, 12], [1, 14], [0, 16]]
    np.testing.assert_array_equal(path(stops, 4, "linear"), rows)
    np.testing.assert_array_equal(path(stops, 4, "linear", closed=True), [*rows, [0, 12], [0, 8], [0, 4]])
    np.testing.assert_array_equal(path(stops, 1, "linear"), stops)
    np.testing.assert_array_equal(path(stops[:1], 3), stops[:1])


@pytest.mark.parametrize("closed", [False, True])
def test_a_path_by_arcs_holds_its_stops_in_every_bit(closed):
    stops = jnp.stack([A, B, -A, -A])
    points = path(stops, 5, closed=closed)
    assert len(points) == (20 if closed else 16)
    np.testing.assert_array_equal(points[::5], stops)
    np.testing.assert_allclose(points[3], slerp(A, B, 0.6), rtol=1e-6)


def test_arithmetic_by_hand():
    with_, without = jnp.asarray([[1.0, 2.0], [3.0, 6.0]]), jnp.asarray([[1.0, 1.0]])
    other = jnp.asarray([[0.0, 0.0], [10.0, 10.0], [20.0, 50.0], [30.0, 60.0]])
    np.testing.assert_array_equal(arithmetic(with_, without, other), [2 - 1 + 15, 4 - 1 + 30])


def test_averages_of_three_keep_the_length_of_latents_at_right_angles():
    latents = 8 * jnp.eye(9)
    assert length(arithmetic(latents[:3], latents[3:6], latents[6:])) == pytest.approx(8)
    assert length(arithmetic(latents[:1], latents[3:4], latents[6:7])) == pytest.approx(8 * 3**0.5)


def test_arcs_are_of_full_precision_whatever_the_device():
    """No product of matrices, whose inputs a GPU may round."""
    assert "dot_general" not in str(jax.make_jaxpr(slerp)(A, B, 0.3))
