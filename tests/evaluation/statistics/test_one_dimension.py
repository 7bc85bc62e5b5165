"""Wasserstein distance and divergences of numbers: by hand, against SciPy, and as properties."""

from math import inf, log

import numpy as np
import pytest
import scipy.spatial.distance
import scipy.stats

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics.one_dimension import (
    histogram,
    histogram_js,
    histogram_kl,
    js_divergence,
    quantile_edges,
    wasserstein,
)


def numbers(*values):
    return np.array(values, float)


@pytest.mark.parametrize(
    ("a", "b", "distance"),
    [
        (numbers(1, 2, 3), numbers(3, 1, 2), 0),
        (numbers(0, 1), numbers(5, 6), 5),
        (numbers(0, 4), numbers(1, 2), 1.5),
        (numbers(0), numbers(0, 3), 1.5),  # half of the mass moves by 3
        (numbers(0, 1), numbers(0, 0, 1), 1 / 6),
        (numbers(2, 2, 2), numbers(2), 0),
        (numbers(0, 0, 10), numbers(10), 20 / 3),
    ],
)
def test_wasserstein_by_hand(a, b, distance):
    assert wasserstein(a, b) == pytest.approx(distance, abs=1e-15)
    assert wasserstein(b, a) == pytest.approx(distance, abs=1e-15)


@pytest.mark.parametrize(("n", "m"), [(500, 500), (500, 333), (1, 70), (64, 128)])
def test_wasserstein_of_scipy(n, m):
    rng = np.random.default_rng(n + m)
    a, b = rng.standard_normal(n).round(1), rng.gamma(2, size=m).round(1)  # with ties
    assert wasserstein(a, b) == pytest.approx(scipy.stats.wasserstein_distance(a, b), rel=1e-12)


def test_wasserstein_of_a_shift_is_the_shift():
    a = np.random.default_rng(0).standard_normal(1001)
    assert wasserstein(a, a + 2.5) == pytest.approx(2.5, rel=1e-12)
    assert wasserstein(np.repeat(a, 2), a - 2.5) == pytest.approx(2.5, rel=1e-12)


def test_every_number_is_counted():
    np.testing.assert_array_equal(histogram(numbers(-100, 0, 0.5, 1, 1.5, 99), numbers(0, 1)), [1, 2, 3])
    np.testing.assert_array_equal(histogram(numbers(0.5), numbers(0, 1, 2)), [0, 1, 0, 0])


def test_kl_by_hand():
    edges = numbers(1, 2)
    # p = (1/2, 1/2, 0), q = (1/4, 1/4, 1/2)
    assert histogram_kl(numbers(0, 1), numbers(0, 1, 2, 3), edges) == pytest.approx(log(2))
    # p = (1/4, 1/4, 1/2), q = (1/2, 1/4, 1/4)
    expected = 0.25 * log(0.5) + 0.5 * log(2)
    assert histogram_kl(numbers(0, 1, 2, 3), numbers(0, 0, 1, 2), edges) == pytest.approx(expected)
    assert histogram_kl(numbers(0, 1, 2), numbers(0, 1, 1), edges) == inf


def test_js_by_hand_and_of_scipy():
    assert js_divergence(np.array([3, 1]), np.array([6, 2])) == 0
    assert js_divergence(np.array([3, 0]), np.array([0, 5])) == pytest.approx(log(2))
    # p = (1, 0), q = (1/2, 1/2), m = (3/4, 1/4)
    expected = (log(4 / 3) + 0.5 * log(2 / 3) + 0.5 * log(2)) / 2
    assert js_divergence(np.array([2, 0]), np.array([1, 1])) == pytest.approx(expected)
    a, b = np.random.default_rng(0).integers(0, 9, (2, 30))
    expected = scipy.spatial.distance.jensenshannon(a, b) ** 2
    assert js_divergence(a, b) == pytest.approx(expected, rel=1e-12)
    assert js_divergence(b, a) == pytest.approx(expected, rel=1e-12)


def test_js_of_histograms():
    edges = numbers(1)
    assert histogram_js(numbers(0, 0), numbers(2, 3, 4), edges) == pytest.approx(log(2))
    assert histogram_js(numbers(0, 2), numbers(0, 0, 5, 5), edges) == 0


def test_bins_have_equal_shares_of_the_reference():
    reference = np.random.default_rng(0).gamma(1, size=1000)
    edges = quantile_edges(reference, 8)
    np.testing.assert_array_equal(histogram(reference, edges), [125] * 8)
    rng = np.random.default_rng(1)
    assert histogram_kl(rng.gamma(1, size=4000), reference, edges) < 0.01
    assert 0.1 < histogram_kl(rng.gamma(2, size=4000), reference, edges) < inf


@pytest.mark.parametrize(
    ("reference", "bins", "counts"),
    [
        ([0] + [1] * 9, 2, [1, 9]),
        ([0] + [1] * 9, 5, [1, 9]),
        ([1, 1, 1, 2, 2, 2, 3, 3, 3, 3], 2, [3, 7]),
        ([1, 1, 1, 2, 2, 2, 3, 3, 3, 3], 5, [3, 3, 4]),
        ([0, 0, 0, 0, 0, 0, 1, 2, 3, 4], 5, [6, 2, 2]),
    ],
)
def test_repeated_numbers_leave_no_bin_empty(reference, bins, counts):
    reference = numbers(*reference)
    assert histogram(reference, quantile_edges(reference, bins)).tolist() == counts


def test_divergence_of_two_gaussians():
    """KL(N(1, 1) || N(0, 1)) = 1/2, of which forty bins lose little."""
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal(200_000) + 1, rng.standard_normal(200_000)
    assert histogram_kl(a, b, quantile_edges(b, 40)) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        (wasserstein, (numbers(), numbers(1)), r"some numbers \[n\] are needed, not an array of shape \(0,\)"),
        (wasserstein, (np.ones((2, 2)), numbers(1)), r"some numbers \[n\] are needed, not an array of shape \(2, 2\)"),
        (wasserstein, (numbers(1, inf), numbers(1)), "1 of 2 numbers are NaN or infinite"),
        (histogram, (numbers(1), numbers(2, 2)), "increasing"),
        (histogram, (numbers(1), numbers(2, 1)), "increasing"),
        (quantile_edges, (numbers(1, 2), 3), "2 numbers do not fill 3 bins"),
        (quantile_edges, (numbers(1, 2), 1), "2 numbers do not fill 1 bins"),
        (quantile_edges, (numbers(3, 3, 3), 2), "hardly varies"),
    ],
)
def test_what_is_refused(function, arguments, message):
    with pytest.raises(JaxganError, match=message):
        function(*arguments)
