"""The sliced Wasserstein distance: translations, the pyramid against SciPy's filters, patches, what scaling hides."""

import numpy as np
import pytest
import scipy.ndimage
import scipy.stats

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics import sliced
from jaxgan.evaluation.statistics.sliced import (
    laplacian_pyramid,
    level_sizes,
    normalised,
    patch_distances,
    patches,
    sliced_wasserstein,
)

TAPS = np.outer([1, 4, 6, 4, 1], [1, 4, 6, 4, 1]) / 256


def noise(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def smooth(n, size, seed=0):
    blurred = scipy.ndimage.gaussian_filter(noise(n, size, size, 1, seed=seed).astype(float), (0, 3, 3, 0))
    return ((blurred - 127) * 6 + 127).clip(0, 255).astype(np.uint8)


def test_a_translation_in_the_plane():
    # W1 along u is |t . u|, of mean (2 / pi) |t| over the circle.
    a = np.random.default_rng(0).standard_normal((50, 2))
    distance = sliced_wasserstein(a, a + np.array([3, 4]), 10_000, np.random.default_rng(1))
    assert distance == pytest.approx(2 / np.pi * 5, rel=0.02)


def test_one_dimension_has_one_direction():
    a, b = np.random.default_rng(0).standard_normal((2, 60, 1))
    expected = scipy.stats.wasserstein_distance(a[:, 0], b[:40, 0])
    assert sliced_wasserstein(a, b[:40], 3, np.random.default_rng(0)) == pytest.approx(expected, rel=1e-12)


def test_unequal_sizes_and_blocks(monkeypatch):
    a, b = np.random.default_rng(0).standard_normal((2, 90, 5))
    b = b + 1
    whole = sliced_wasserstein(a, b, 30, np.random.default_rng(2))
    assert sliced_wasserstein(a, np.repeat(b, 3, axis=0), 30, np.random.default_rng(2)) == pytest.approx(whole)
    monkeypatch.setattr(sliced, "VALUES", 400)
    monkeypatch.setattr(sliced, "FEWEST", 1)
    monkeypatch.setattr(sliced, "ROWS", 7)
    assert sliced_wasserstein(a, b, 30, np.random.default_rng(2)) == pytest.approx(whole, rel=1e-12)
    assert sliced_wasserstein(a, a[::-1], 30, np.random.default_rng(2)) == pytest.approx(0, abs=1e-14)


def test_float32_vectors_are_projected_in_float64():
    a = np.random.default_rng(0).standard_normal((300, 40)).astype(np.float32) + np.float32(1e4)
    b = a[::-1] + np.float32(0.25)
    exact = sliced_wasserstein(a.astype(float), b.astype(float), 20, np.random.default_rng(0))
    assert sliced_wasserstein(a, b, 20, np.random.default_rng(0)) == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    ("size", "sizes"),
    [
        ((128, 128), [(128, 128), (64, 64), (32, 32), (16, 16)]),
        ((31, 31), [(31, 31), (16, 16)]),
        ((28, 28), [(28, 28)]),
        ((8, 8), [(8, 8)]),
        ((100, 33), [(100, 33), (50, 17)]),
    ],
)
def test_levels(size, sizes):
    assert level_sizes(*size) == sizes
    levels = list(laplacian_pyramid(noise(2, *size, 1)))
    assert [level.shape[1:3] for level in levels] == sizes


@pytest.mark.parametrize("size", [(64, 32), (50, 37)])
def test_the_pyramid_is_that_of_scipys_filters(size):
    images = noise(2, *size, 3)
    fine = images.astype(float)
    for level in list(laplacian_pyramid(images))[:-1]:
        blurred = scipy.ndimage.convolve(fine, TAPS[None, :, :, None], mode="mirror")
        coarse = blurred[:, ::2, ::2]
        spread = np.zeros_like(fine)
        spread[:, ::2, ::2] = 4 * coarse
        expected = fine - scipy.ndimage.convolve(spread, TAPS[None, :, :, None], mode="mirror")
        np.testing.assert_allclose(level, expected, atol=1e-4)
        fine = coarse
    np.testing.assert_allclose(list(laplacian_pyramid(images))[-1], fine, atol=1e-4)


def test_a_flat_image_is_in_the_coarsest_level_alone():
    *fine, coarsest = laplacian_pyramid(np.full((1, 64, 64, 1), 200, np.uint8))
    assert all((level == 0).all() for level in fine)
    assert len(fine) == 2
    assert (coarsest == 200).all()


def test_patches_are_pieces_of_their_images_from_everywhere():
    places = np.arange(256, dtype=np.uint8).reshape(1, 16, 16, 1)
    images = np.concatenate([places, 255 - places])
    level = patches(images, 0, np.random.default_rng(0), 2000)
    assert level.shape == (4000, 7, 7, 1)
    tops, lefts = np.divmod(level[:2000, 0, 0, 0].astype(int), 16)
    assert set(tops) == set(lefts) == set(range(10))  # 0..16 - 7, the borders included
    assert len(set(zip(tops, lefts, strict=True))) == 100
    for patch, top, left in zip(level[:50, :, :, 0], tops, lefts, strict=False):
        np.testing.assert_array_equal(patch, places[0, top : top + 7, left : left + 7, 0])
    np.testing.assert_array_equal(level[2000:, 0, 0, 0] - level[2000:, 1, 0, 0], 16)  # of the second image


def test_channels_of_patches_stay_in_place():
    images = np.zeros((1, 16, 16, 3), np.uint8) + np.array([10, 20, 30], np.uint8)
    level = patches(images, 0, np.random.default_rng(0), 4)
    assert (level == [10, 20, 30]).all()


def test_patches_are_of_the_level_that_is_asked_for():
    """Of flat images only the coarsest is not 0."""
    flat = np.full((2, 64, 64, 1), 200, np.uint8)
    assert [patches(flat, level, np.random.default_rng(0), 3).max() for level in range(3)] == [0, 0, 200]


def test_each_channel_is_brought_to_mean_0_and_deviation_1():
    rng = np.random.default_rng(0)
    level = (rng.standard_normal((50, 7, 7, 3)) * [1, 5, 20] + [100, -3, 0]).astype(np.float32)
    scaled = normalised(level).reshape(50, 7, 7, 3)
    np.testing.assert_allclose(scaled.mean(axis=(0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=(0, 1, 2)), 1, rtol=1e-5)
    np.testing.assert_array_equal(normalised(np.full((5, 7, 7, 1), 3, np.float32)), np.zeros((5, 49)))


def test_the_mean_of_many_patches_is_not_taken_in_float32():
    level = np.full((20_000, 7, 7, 3), 2**10, np.float32)
    level[::2] += 1
    assert set(np.unique(normalised(level))) == {-1, 1}
    assert np.abs(level.mean(axis=(0, 1, 2)) - (2**10 + 0.5)).max() > 0.1  # the trap


def test_patches_of_one_distribution_are_near_and_of_another_far():
    real, fresh = smooth(60, 32), smooth(60, 32, seed=1)
    near = patch_distances(real, fresh, np.random.default_rng(0), directions=64)
    far = patch_distances(real, noise(60, 32, 32, 1), np.random.default_rng(0), directions=64)
    assert list(near) == ["32x32", "16x16", "mean"]
    assert near["mean"] == (near["32x32"] + near["16x16"]) / 2
    assert far["mean"] > 3 * near["mean"]
    assert near == patch_distances(real, fresh, np.random.default_rng(0), directions=64)


def test_the_distance_of_a_level_is_that_of_its_patches():
    real, generated = noise(5, 20, 20, 3), noise(4, 20, 20, 3, seed=1) // 2
    figures = patch_distances(real, generated, np.random.default_rng(0), per_image=10, directions=8)
    rng = np.random.default_rng(0)
    a, b = patches(real, 0, rng, 10), patches(generated, 0, rng, 10)
    expected = 1000 * sliced_wasserstein(normalised(a), normalised(b), 8, rng)
    assert figures == {"20x20": expected, "mean": expected}


def test_contrast_of_the_whole_set_does_not_show():
    """Documented: each set is scaled by its own deviation."""
    real = smooth(40, 16)
    faint = real // 4 + 90
    same = patch_distances(real, real, np.random.default_rng(0), directions=32)["mean"]
    assert patch_distances(real, faint, np.random.default_rng(0), directions=32)["mean"] < 1.2 * same


def test_images_are_taken_apart_a_few_and_a_level_at_a_time(monkeypatch):
    monkeypatch.setattr(sliced, "IMAGES", 3)
    seen = []

    def watched(images, level, rng, per_image, whole=patches):
        seen.append((level, len(images)))
        return whole(images, level, rng, per_image)

    monkeypatch.setattr(sliced, "patches", watched)
    patch_distances(noise(7, 32, 32, 1), noise(4, 32, 32, 1), np.random.default_rng(0), 5, 4)
    assert seen == [(level, count) for level in (0, 1) for count in (3, 3, 1, 3, 1)]


def test_what_is_refused():
    rng = np.random.default_rng(0)
    grey = noise(2, 16, 16, 1)
    with pytest.raises(JaxganError, match="16x16x1 and 16x16x3 do not compare"):
        patch_distances(grey, noise(2, 16, 16, 3), rng)
    with pytest.raises(JaxganError, match=r"must be uint8 \[n, h, w, 1 or 3\], not float32"):
        patch_distances(grey.astype(np.float32), grey, rng)
    with pytest.raises(JaxganError, match="images of 6x16 do not have 128 patches of 7x7 pixels"):
        patch_distances(noise(2, 6, 16, 1), noise(2, 6, 16, 1), rng)
    with pytest.raises(JaxganError, match="needs directions, not 0"):
        sliced_wasserstein(np.ones((3, 2)), np.ones((3, 2)), 0, rng)
    with pytest.raises(JaxganError, match="vectors of 2 and 3 values do not compare"):
        sliced_wasserstein(np.ones((3, 2)), np.ones((3, 3)), 4, rng)
