"""Colours: the matrices of the paper, closed forms, and what is drawn how often."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from many_draws import CLOSE, drawn

from jaxgan.augment import colour

AXIS = np.asarray([1, 1, 1, 0]) / math.sqrt(3)


def by_the_paper(brightness, contrast, flip, hue, saturation):
    """The five 4x4 matrices in the order of the released code, the last one leftmost."""
    along = np.outer(AXIS, AXIS)
    x, y, z = AXIS[:3]
    cross = np.asarray([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    shift, scale, turn, saturate = np.eye(4), np.diag([contrast] * 3 + [1]), np.eye(4), np.eye(4)
    shift[:3, 3] = brightness
    turn[:3, :3] += math.sin(hue) * cross + (1 - math.cos(hue)) * cross @ cross  # Rodrigues
    saturate[:3, :3] = along[:3, :3] + saturation * (np.eye(4) - along)[:3, :3]
    return saturate @ turn @ (np.eye(4) - (1 - flip) * along) @ scale @ shift


def matrix_of(*parameters):
    return np.asarray(colour.colour_matrix(*(jnp.asarray([v], jnp.float32) for v in parameters)))[0]


def test_one_matrix_is_the_product_of_the_papers():
    for flip, brightness in ((1.0, 0.3), (-1.0, -0.2)):
        whole = by_the_paper(brightness, 1.4, flip, 0.9, 0.6)
        np.testing.assert_allclose(matrix_of(1.4, flip, 0.9, 0.6), whole[:3, :3], atol=1e-6)
        np.testing.assert_allclose(matrix_of(1.4, flip, 0.9, 0.6) @ ([brightness] * 3), whole[:3, 3], atol=1e-6)


def test_closed_forms_of_hue_luma_and_saturation():
    hue = matrix_of(1, 1, 2 * math.pi / 3, 1)
    np.testing.assert_allclose(hue, [[0, 0, 1], [1, 0, 0], [0, 1, 0]], atol=1e-6)  # red to green to blue to red
    rotation = matrix_of(1, 1, 1.1, 1)
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(3), atol=1e-6)
    np.testing.assert_allclose(rotation @ [0.4, 0.4, 0.4], [0.4, 0.4, 0.4], atol=1e-6)
    assert np.linalg.det(rotation) == pytest.approx(1, abs=1e-6)
    # White becomes black, and the mean of (0.9, 0, 0), which is 0.3, becomes -0.3.
    np.testing.assert_allclose(matrix_of(1, -1, 0, 1) @ [1, 1, 1], [-1, -1, -1], atol=1e-6)
    np.testing.assert_allclose(matrix_of(1, -1, 0, 1) @ [0.9, 0, 0], [0.3, -0.6, -0.6], atol=1e-6)
    np.testing.assert_allclose(matrix_of(1, 1, 0, 0.5) @ [0.9, 0, 0], [0.6, 0.15, 0.15], atol=1e-6)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_how_often_and_how_far_colours_change(p):
    """Pixels 0, red, green and blue give away M and M b; c f is M along the grey axis, c s R(t) across it."""
    pixels = drawn(colour.recolour, np.eye(4, 3, -1).reshape(2, 2, 3), p).reshape(-1, 4, 3).astype(np.float64)
    matrix = (pixels[:, 1:] - pixels[:, :1]).swapaxes(1, 2)
    brightness = np.linalg.solve(matrix, pixels[:, 0, :, None])[:, :, 0]
    assert np.ptp(brightness, axis=1).max() < 1e-3
    grey = np.ones(3) / math.sqrt(3)
    plane = np.asarray([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    along = np.einsum("i,bij,j->b", grey, matrix, grey)
    across = np.einsum("mi,bij,nj->bmn", plane, matrix, plane)
    contrast = np.log2(np.abs(along))
    saturation = np.log2(np.linalg.det(across)) / 2 - contrast
    hue = np.arctan2(across[:, 1, 0] - across[:, 0, 1], across[:, 0, 0] + across[:, 1, 1])
    kinds = [(brightness[:, 0], 0.2), (contrast, 0.5), (saturation, 1.0), (hue, math.pi / math.sqrt(3))]
    for values, deviation in kinds:
        used = np.abs(values) > 2e-4
        assert used.mean() == pytest.approx(p, abs=CLOSE)
        assert np.std(values[used]) == pytest.approx(deviation, rel=0.1)
    assert np.mean(along < 0) == pytest.approx(p / 2, abs=CLOSE)


def test_an_even_image_stays_even():
    even = drawn(colour.recolour, np.full((2, 2, 3), [0.5, 0.1, -0.2]), 1.0)
    assert np.ptp(even, axis=(1, 2)).max() == 0


def test_grey_images_get_contrast_brightness_and_negatives_and_others_no_negative():
    for channels, negatives in ((1, 0.5), (2, 0.0)):
        steps = np.asarray([0.0, 1.0, 0.5]).reshape(1, 3, 1) * np.ones((1, 1, channels))
        black, white, mid = drawn(colour.recolour, steps, 1.0)[:, 0].swapaxes(0, 1).astype(np.float64)
        np.testing.assert_allclose(mid, (black + white) / 2, atol=1e-5)  # c f (x + b)
        factor = (white - black)[:, 0]
        assert np.mean(factor < 0) == pytest.approx(negatives, abs=CLOSE)
        assert np.std(np.log2(np.abs(factor))) == pytest.approx(0.5, rel=0.1)
        assert np.std(black[:, 0] / factor) == pytest.approx(0.2, rel=0.1)
        assert np.ptp(black, axis=1).max() == 0
