"""TensorFlow 1's bilinear resize, by hand and beside torch-fidelity's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from peers import peer

from jaxgan.evaluation.features.resizing import bilinear_matrix, resized


@pytest.mark.parametrize(
    ("size", "out", "rows"),
    [
        # Pixel i of the result starts at i size / out; behind the last pixel there is the last pixel.
        (2, 4, [[1, 0], [0.5, 0.5], [0, 1], [0, 1]]),
        (4, 2, [[1, 0, 0, 0], [0, 0, 1, 0]]),  # every second pixel; an average of two would be [0.5, 0.5, 0, 0]
        (3, 2, [[1, 0, 0], [0, 0.5, 0.5]]),
        (3, 4, [[1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5], [0, 0, 1]]),
        (1, 3, [[1], [1], [1]]),
        (3, 3, np.eye(3)),
    ],
)
def test_the_matrix_by_hand(size, out, rows):
    np.testing.assert_allclose(bilinear_matrix(size, out), rows, atol=1e-7)


def test_an_image_of_the_right_size_is_left_alone():
    images = np.random.default_rng(0).integers(0, 256, (2, 9, 9, 3), np.uint8)
    np.testing.assert_array_equal(resized(images, 9), images.astype(np.float32))


def test_rows_and_columns_each_have_their_own_size():
    images = np.array([[0, 100], [200, 255]], np.uint8).reshape(1, 2, 2, 1)
    np.testing.assert_allclose(resized(images, 4)[0, :, 1, 0], [50, 138.75, 227.5, 227.5])
    wide = np.array([[0, 40, 80, 120, 160, 200]], np.uint8).reshape(1, 1, 6, 1)
    np.testing.assert_allclose(resized(wide, 4)[0, :, :, 0], np.tile([0, 60, 120, 180], (4, 1)))


@pytest.mark.parametrize("size", [(32, 32), (299, 299), (47, 71), (640, 427)])
def test_it_is_torch_fidelitys(size):
    torch = pytest.importorskip("torch")
    package = peer("torch_fidelity.interpolate_compat_tensorflow")
    images = np.random.default_rng(0).integers(0, 256, (1, *size, 3), np.uint8)
    given = torch.tensor(images.transpose(0, 3, 1, 2)).float()
    theirs = package.interpolate_bilinear_2d_like_tensorflow1x(given, size=(299, 299), align_corners=False)
    np.testing.assert_allclose(resized(images, 299), theirs.permute(0, 2, 3, 1), atol=1e-3)  # of 255


@pytest.mark.parametrize(("side", "antialias"), [(32, False), (32, True), (640, False), (640, True)])
def test_jaxs_own_resize_would_be_another(side, antialias):
    """It aligns the centres of pixels, and averages where it shrinks unless it is told not to."""
    images = np.random.default_rng(0).integers(0, 256, (1, side, side, 1), np.uint8)
    other = jax.image.resize(jnp.asarray(images, jnp.float32), (1, 299, 299, 1), "bilinear", antialias=antialias)
    assert float(jnp.abs(resized(images, 299) - other).mean()) > 5
