"""SSIM and MS-SSIM: by hand for flat images, against scikit-image, at sizes that no power of two divides."""

import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics import structural
from jaxgan.evaluation.statistics.structural import WEIGHTS, diversity, most_scales, ms_ssim, ssim

C1 = 6.5025  # (.01 * 255)^2


def noise(n, *shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, *shape)).astype(np.uint8)


def flat(*values, size=11):
    return np.array(values, np.uint8)[:, None, None, None] * np.ones((size, size, 1), np.uint8)


def test_equal_images():
    images = noise(3, 40, 30, 3)
    np.testing.assert_allclose(ssim(images, images), 1, rtol=1e-12)
    np.testing.assert_allclose(ms_ssim(images, images, 2), 1, rtol=1e-12)
    assert ssim(images, images[[1, 2, 0]]).max() < 0.2


def test_flat_images_differ_by_luminance_alone():
    a, b = flat(100, 0, 7), flat(50, 255, 7)
    expected = [(2 * x * y + C1) / (x * x + y * y + C1) for x, y in ((100, 50), (0, 255), (7, 7))]
    np.testing.assert_allclose(ssim(a, b), expected, rtol=1e-9)
    # Over scales the luminance counts at the coarsest only, with its weight over the sum of the first three.
    a, b = flat(100, 0, size=44), flat(50, 255, size=44)
    exponent = WEIGHTS[2] / sum(WEIGHTS[:3])
    np.testing.assert_allclose(ms_ssim(a, b, 3), np.array(expected[:2]) ** exponent, rtol=1e-9)


def test_one_window_by_its_weights():
    a, b = noise(1, 11, 11, 1) // 3, noise(1, 11, 11, 1) // 4 + noise(1, 11, 11, 1, seed=1) // 5
    y, x = np.mgrid[-5:6, -5:6]
    weights = np.exp(-(x**2 + y**2) / (2 * 1.5**2)).ravel()
    mean_a, mean_b = (np.average(image.ravel(), weights=weights) for image in (a, b))
    (var_a, cov), (_, var_b) = np.cov(a.ravel(), b.ravel(), aweights=weights, ddof=0)
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * cov + 9 * C1) / (var_a + var_b + 9 * C1)  # (.03 * 255)^2
    np.testing.assert_allclose(ssim(a, b), [luminance * structure], rtol=1e-12)


def test_five_scales_have_the_weights_of_the_paper():
    a, b = flat(100, size=176), flat(50, size=176)
    expected = ((2 * 100 * 50 + C1) / (100**2 + 50**2 + C1)) ** 0.1333
    np.testing.assert_allclose(ms_ssim(a, b), [expected], rtol=1e-9)


def test_an_image_and_its_negative_have_no_structure_in_common():
    images = noise(2, 32, 32, 1)
    assert (ssim(images, 255 - images) < -0.8).all()
    np.testing.assert_array_equal(ms_ssim(images, 255 - images, 2), [0, 0])  # and no root of a negative number


def test_one_scale_is_ssim():
    a, b = noise(4, 20, 24, 3), noise(4, 20, 24, 3, seed=1) // 2 + noise(4, 20, 24, 3) // 2
    np.testing.assert_allclose(ms_ssim(a, b, 1), ssim(a, b), rtol=1e-12)


def test_it_is_symmetric_and_the_parts_of_a_set_change_nothing(monkeypatch):
    a, b = noise(7, 24, 24, 1) // 2, noise(7, 24, 24, 1, seed=1)
    whole = ssim(a, b), ms_ssim(a, b, 2)
    np.testing.assert_allclose(ssim(b, a), whole[0], rtol=1e-12)
    monkeypatch.setattr(structural, "PIXELS", 24 * 24 * 3)
    np.testing.assert_allclose(ssim(a, b), whole[0], rtol=1e-12)
    np.testing.assert_allclose(ms_ssim(a, b, 2), whole[1], rtol=1e-12)


def test_the_last_row_of_an_odd_number_counts_twice():
    image = np.arange(9.0).reshape(1, 3, 3, 1)
    expected = [[(0 + 1 + 3 + 4) / 4, (2 + 2 + 5 + 5) / 4], [(6 + 7 + 6 + 7) / 4, 8]]
    np.testing.assert_array_equal(structural._halved(image)[0, :, :, 0], expected)


@pytest.mark.parametrize(
    ("size", "scales"), [((10, 99), 0), ((11, 11), 1), ((20, 20), 1), ((21, 40), 2), ((28, 28), 2), ((32, 32), 2)]
)
def test_scales_of_small_images(size, scales):
    assert most_scales(*size) == scales


@pytest.mark.parametrize(("side", "scales"), [(160, 4), (161, 5), (1024, 5)])
def test_scales_of_large_images(side, scales):
    assert most_scales(side, 2 * side) == scales


@pytest.mark.parametrize("scales", [1, 2, 3])
def test_the_most_scales_can_be_computed(scales):
    side = 10 * 2 ** (scales - 1) + 1  # the least that has so many
    assert most_scales(side, side) == scales
    images = noise(2, side, side, 1)
    np.testing.assert_allclose(ms_ssim(images, images, scales), 1, rtol=1e-12)


def test_diversity_is_that_of_pairs_of_different_images():
    images = flat(0, 255)  # the only pair there is, in either order
    expected = C1 / (255**2 + C1)
    assert diversity(images, np.random.default_rng(0), 20, 1) == pytest.approx((expected, 0), abs=1e-9)
    assert diversity(flat(9, 9, 9), np.random.default_rng(0), 20, 1).mean == pytest.approx(1)


def test_every_pair_is_as_likely():
    values = np.array([0, 40, 90, 200])
    images = flat(*values)
    pairs = [(2 * x * y + C1) / (x * x + y * y + C1) for x in map(int, values) for y in map(int, values) if x != y]
    estimate = diversity(images, np.random.default_rng(0), 4000, 1)
    assert estimate.mean == pytest.approx(np.mean(pairs), abs=5 * np.std(pairs) / np.sqrt(4000))
    assert estimate.std == pytest.approx(np.std(pairs), rel=0.05)


def test_collapse_raises_it():
    images = noise(30, 32, 32, 1)
    collapsed = (images[:1].astype(int) + noise(30, 32, 32, 1, seed=1) % 8).clip(0, 255).astype(np.uint8)
    varied, alike = (diversity(x, np.random.default_rng(0), 50, 2).mean for x in (images, collapsed))
    assert varied < 0.2
    assert alike > 0.9
    assert diversity(images, np.random.default_rng(0), 50, 2).mean == varied


def test_what_is_refused():
    images = noise(3, 28, 28, 1)
    rng = np.random.default_rng(0)
    with pytest.raises(JaxganError, match="images of 28x28 have windows of 11x11 pixels at 2 scales of 5, not at 5"):
        ms_ssim(images, images)
    with pytest.raises(JaxganError, match="at 2 scales of 5, not at 0"):
        ms_ssim(images, images, 0)
    with pytest.raises(JaxganError, match="images of 8x8 have windows of 11x11 pixels at 0 scales"):
        ssim(noise(1, 8, 8, 1), noise(1, 8, 8, 1))
    with pytest.raises(JaxganError, match="28x28x1 and 28x28x3 do not compare"):
        ssim(images, noise(3, 28, 28, 3))
    with pytest.raises(JaxganError, match="3 and 2 images do not make pairs"):
        ssim(images, images[:2])
    with pytest.raises(JaxganError, match=r"uint8 \[n, h, w, 1 or 3\], not float64"):
        ssim(images / 255, images / 255)
    with pytest.raises(JaxganError, match=r"uint8 \[n, h, w, 1 or 3\], not uint8 \[3, 28, 28, 2\]"):
        diversity(noise(3, 28, 28, 2), rng)
    with pytest.raises(JaxganError, match="1 images do not make 100 pairs"):
        diversity(images[:1], rng)
