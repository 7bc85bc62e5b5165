"""The Laplacian pyramid: its two maps by their formulas, and images that come back from it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.levels import to_uint8
from jaxgan.ops.pyramid import doubled, halved, laplacian_pyramid

LEVELS = np.random.default_rng(0).integers(0, 256, (2, 16, 24, 3), dtype=np.uint8)


take_apart = jax.jit(laplacian_pyramid, static_argnums=1)


@jax.jit
def put_together(bands, image):
    for band in reversed(bands):
        image = doubled(image) + band.high
    return image


def test_an_image_is_the_sum_of_its_pyramid_to_the_bit():
    """Whole numbers: with the filter's eighths every sum is exact in float32."""
    images = jnp.asarray(LEVELS, jnp.float32)
    bands, smallest = take_apart(images, 3)
    assert [band.high.shape for band in bands] == [(2, 16, 24, 3), (2, 8, 12, 3)]
    assert smallest.shape == (2, 4, 6, 3)
    assert np.array_equal(put_together(bands, smallest), images)
    assert np.array_equal(bands[0].low + bands[0].high, images)
    assert max(np.abs(band.high).max() for band in bands) > 20  # they hold something


def test_grey_levels_come_back_from_a_pyramid_of_any_height():
    images = jnp.asarray(LEVELS[:, :, :16], jnp.float32) / 127.5 - 1
    bands, smallest = take_apart(images, 5)
    assert smallest.shape == (2, 1, 1, 3)
    assert np.array_equal(to_uint8(put_together(bands, smallest)), LEVELS[:, :, :16])


def test_a_constant_has_nothing_but_its_smallest_image():
    """To the border: no pixel from outside is mixed in."""
    bands, smallest = take_apart(jnp.full((1, 8, 8, 1), -1.0), 3)
    assert np.array_equal(smallest, np.full((1, 2, 2, 1), -1.0))
    assert all(np.array_equal(band.high, np.zeros_like(band.high)) for band in bands)


@pytest.mark.parametrize("axis", [1, 2])
def test_both_maps_are_their_formulas(axis):
    """On an axis: d(x)_i = (x_{2i-1} + 3 x_{2i} + 3 x_{2i+1} + x_{2i+2}) / 8, u(x)_{2i} = (x_{i-1} + 3 x_i) / 4 and
    u(x)_{2i+1} = (3 x_i + x_{i+1}) / 4, the border repeated.
    """
    line = np.asarray([8, 0, 16, 24, 40, 8], np.float32)
    images = np.broadcast_to(line.reshape((1, 6, 1, 1) if axis == 1 else (1, 1, 6, 1)), (1, 6, 6, 1))
    at = (0, slice(None), 3, 0) if axis == 1 else (0, 3, slice(None), 0)
    small = (0, slice(None), 1, 0) if axis == 1 else (0, 1, slice(None), 0)
    assert halved(jnp.asarray(images))[small].tolist() == [(8 + 24 + 0 + 16) / 8, 20, (24 + 120 + 24 + 8) / 8]
    expected = [8, (24 + 0) / 4, 2, 4, 12, 18, 22, 28, 36, 32, 16, 8]
    assert doubled(jnp.asarray(images))[at].tolist() == expected
