"""Path lengths of linear syntheses, whose Jacobian is known."""

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.penalties import path_lengths

KEY = jax.random.key(0)
STYLES = jax.random.normal(jax.random.key(1), (3, 4, 5))  # [b, layers, w_dim]
JACOBIAN = jax.random.normal(jax.random.key(2), (4, 5, 6, 7, 2))  # of an image [6, 7, 2] by its styles


def linear(w):
    return jnp.einsum("bld,ldhwc->bhwc", w, JACOBIAN)


def test_a_linear_synthesis_has_the_length_of_its_transposed_jacobian_on_the_drawn_image():
    y = np.asarray(jax.random.normal(KEY, (3, 6, 7, 2)), np.float64) / np.sqrt(6 * 7)
    pulled = np.einsum("bhwc,ldhwc->bld", y, np.asarray(JACOBIAN, np.float64))
    expected = np.sqrt((pulled**2).sum(axis=2).mean(axis=1))
    np.testing.assert_allclose(path_lengths(linear, STYLES, KEY), expected, rtol=1e-5)
    assert np.ptp(expected) > 0.01  # each example has a drawn image of its own


def test_the_mean_square_length_is_the_jacobians_square_norm_over_pixels_and_layers():
    """E ||J^T y||^2 = ||J||_F^2 / (h w), its mean over the layers that / layers; whatever w is."""
    lengths = path_lengths(linear, jnp.ones((2000, 4, 5)), KEY)
    expected = float(jnp.sum(JACOBIAN**2)) / (6 * 7) / 4
    np.testing.assert_allclose(jnp.mean(lengths**2), expected, rtol=0.05)


def test_lengths_are_proportional_to_the_scale_of_the_jacobian_and_differentiable_where_they_are_zero():
    def total(scale):
        return jnp.sum(path_lengths(lambda w: scale * linear(w), STYLES, KEY))

    np.testing.assert_allclose(total(3.0), 3 * total(1.0), rtol=1e-5)
    np.testing.assert_allclose(jax.jit(jax.grad(total))(2.0), total(1.0), rtol=1e-5)
    assert jax.jit(jax.grad(total))(0.0) == 0
