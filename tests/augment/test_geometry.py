"""Maps of the plane: parity with PyTorch, closed forms, and what is drawn how often."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from many_draws import CLOSE, KEY, MANY, images

from jaxgan.augment import blitting, geometry, resampling


def test_the_filter_is_orthogonal_and_sees_no_polynomial_of_degree_five_as_detail():
    taps, k = np.asarray(resampling.SYM6), np.arange(12.0)
    assert taps.sum() == pytest.approx(math.sqrt(2), abs=1e-9)
    for shift in range(6):
        assert taps[2 * shift :] @ taps[: 12 - 2 * shift] == pytest.approx(float(shift == 0), abs=1e-9)
    for degree in range(6):
        assert ((-1) ** k * (k - 5.5) ** degree) @ taps == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("side", [1, 2, 5, 8])
def test_the_way_up_and_back_is_the_identity(side):
    period = 2 * resampling.mirror_period(side)
    inner = np.arange(-resampling.REACH, 2 * side + resampling.REACH) % period
    back = resampling.down_matrix(side) @ resampling.up_matrix(side)[inner]
    np.testing.assert_allclose(back, np.eye(side), atol=1e-6)


def warp(x, matrix, offset):
    matrix, offset = (
        jnp.broadcast_to(jnp.asarray(v, jnp.float32)[None], (len(x), *np.shape(v))) for v in (matrix, offset)
    )
    return np.asarray(WARPED(x, matrix, offset))


WARPED = jax.jit(geometry.warped)


def test_parity_with_torch_of_the_whole_resampling():
    """Reflection, transposed convolution, grid_sample, convolution: the definition, written with PyTorch's parts."""
    torch = pytest.importorskip("torch")
    height, width, margin = 6, 9, 24
    x = images(2, height, width, 3)
    matrix, offset = np.asarray([[0.9, -0.6], [0.5, 1.2]]), np.asarray([1.3, -2.45])
    taps = torch.tensor(resampling.SYM6)
    kernel = torch.outer(taps, taps)[None, None]
    padded = np.pad(np.asarray(x), ((0, 0), (margin, margin), (margin, margin), (0, 0)), "reflect")
    planes = torch.from_numpy(padded.transpose(0, 3, 1, 2).reshape(6, 1, *padded.shape[1:3]))
    fine = torch.nn.functional.conv_transpose2d(planes, 2 * kernel, stride=2, padding=5)

    def coordinates(side):  # of what the way back needs, from the centre
        return np.arange(-5, 2 * side + 5) - (side - 1 + resampling.LAG)

    grid = np.stack(np.meshgrid(coordinates(height), coordinates(width), indexing="ij"), -1)
    centre = 2 * margin + np.asarray([height, width]) - 1 + resampling.LAG
    points = (grid - 2 * offset) @ matrix.T + centre
    relative = 2 * points / (np.asarray(fine.shape[2:]) - 1) - 1
    relative = torch.from_numpy(relative[..., ::-1].astype(np.float32).copy()).expand(6, -1, -1, -1)
    moved = torch.nn.functional.grid_sample(fine, relative, align_corners=True)
    expected = torch.nn.functional.conv2d(moved, kernel / 2, stride=2).reshape(2, 3, height, width)
    np.testing.assert_allclose(warp(x, matrix, offset), expected.permute(0, 2, 3, 1), atol=2e-5)


def test_parity_with_torch_of_the_interpolation_anywhere():
    """grid_sample's reflection about the end pixels is the mirrored image without end, here up to four images away."""
    torch = pytest.importorskip("torch")
    x, sides = np.asarray(images(2, 5, 7, 3)), np.asarray([5, 7])
    points = np.asarray(jax.random.uniform(KEY, (2, 40, 2), minval=-20, maxval=25))
    grid = torch.from_numpy((2 * points / (sides - 1) - 1)[:, None, :, ::-1].astype(np.float32).copy())
    planes = torch.from_numpy(x.transpose(0, 3, 1, 2).copy())
    expected = torch.nn.functional.grid_sample(planes, grid, padding_mode="reflection", align_corners=True)
    period = np.pad(x, ((0, 0), (0, 4), (0, 6), (0, 0)), "reflect")  # and the first sample of the next
    corners = np.floor(points)
    found = resampling.interpolated(
        (9, 13), period, jnp.asarray(corners % (2 * sides - 2), jnp.int32), jnp.asarray(points - corners)
    )
    np.testing.assert_allclose(found, expected[:, :, 0].permute(0, 2, 1), atol=2e-5)


def test_shifts_by_whole_pixels_and_by_half_ones():
    """Whole ones are exact; half a pixel leaves a wave of four pixels nearly all, where plain bilinear leaves 0.71."""
    x = images(2, 8, 8, 3)
    expected = blitting.shifted(x, jnp.asarray([[2, -1], [2, -1]]), (2, 2), "reflect")
    np.testing.assert_allclose(warp(x, np.eye(2), [2.0, -1.0]), expected, atol=2e-6)
    wave = np.cos(np.pi / 2 * np.arange(33)).reshape(1, 1, 33, 1).astype(np.float32)
    half = warp(wave, np.eye(2), [0.0, 0.5])[0, 0, 8:24, 0]
    assert math.sqrt(2) * np.std(half) > 0.95


@pytest.mark.parametrize(
    ("matrix", "offset"),
    [
        (np.eye(2) / 1.3, (0, 0)),
        (np.diag([1 / 1.25, 1.25]), (1.5, 0)),
        ([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], (0, 0)),
        ([[math.cos(0.7), -math.sin(0.7)], [math.sin(0.7), math.cos(0.7)]], (-2.3, 1.7)),
    ],
)
def test_a_spot_goes_where_the_map_takes_it(matrix, offset):
    """From r to inv(A) r + t, and its spread S to inv(A) S inv(A)'; the interpolation blurs a little."""
    place = np.stack(np.meshgrid(np.arange(25), np.arange(21), indexing="ij"), -1).reshape(-1, 2) - [12, 10]
    start, inverse = np.asarray([2.0, -3.0]), np.linalg.inv(matrix)
    spot = np.exp(-np.sum((place - start) ** 2, -1) / (2 * 1.5**2)).reshape(1, 25, 21, 1).astype(np.float32)
    near = np.sum((place - inverse @ start - offset) ** 2, -1) < 6**2  # farther off there may be mirror images
    moved = warp(spot, matrix, offset).reshape(-1) * near
    mean = moved @ place / moved.sum()
    np.testing.assert_allclose(mean, inverse @ start + offset, atol=0.02)
    spread = (place - mean).T @ ((place - mean) * moved[:, None]) / moved.sum()
    np.testing.assert_allclose(spread, 1.5**2 * inverse @ inverse.T, atol=0.3)


@pytest.mark.parametrize("p", [0.4, 1.0])
def test_how_often_and_how_far_images_are_mapped(p):
    """In the inverse map A = R diag(1 / r, r) R / s: det A = 1 / s^2, and its singular values have the ratio r^2."""
    matrix, offset = map(np.asarray, jax.jit(geometry.draw_maps, static_argnums=2)(p, KEY, (MANY, 32, 64, 3)))
    scale = -np.log2(np.linalg.det(matrix)) / 2
    singular = np.linalg.svd(matrix, compute_uv=False)
    stretch = np.log2(singular[:, 0] / singular[:, 1]) / 2
    kinds = {
        "scale": (np.abs(scale) > 1e-5, scale, 0.2),
        "stretch": (stretch > 1e-5, stretch, 0.2),
        "down": (offset[:, 0] != 0, offset[:, 0], 4.0),
        "right": (offset[:, 1] != 0, offset[:, 1], 8.0),
    }
    for used, values, deviation in kinds.values():
        assert used.mean() == pytest.approx(p, abs=CLOSE)
        assert np.sqrt(np.mean(values[used] ** 2)) == pytest.approx(deviation, rel=0.1)
    turned = np.abs(matrix[:, 0, 1]) > 1e-5
    assert turned.mean() == pytest.approx(p, abs=CLOSE)
    quadrants = np.histogram(np.arctan2(matrix[turned, 1, 0], matrix[turned, 0, 0]), 4, (-np.pi, np.pi))[0]
    np.testing.assert_allclose(quadrants / turned.sum(), 1 / 4, atol=0.06)
    assert ((offset[:, 0] != 0) == (offset[:, 1] != 0)).all()
