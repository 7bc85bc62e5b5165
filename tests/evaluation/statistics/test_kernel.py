"""The kernel distance: by hand, without bias, over subsets."""

import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics import kernel
from jaxgan.evaluation.statistics.kernel import kernel_distance, squared_mmd


def draws(n, d, seed, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, d)) + shift


def test_by_hand():
    # k(x, y) = (x y + 1)^3: k(1, 2) = 27, k(0, 3) = 1, cross k = 1, 64, 1, 343.
    assert squared_mmd(np.array([[1.0], [2]]), np.array([[0.0], [3]])) == 27 + 1 - 2 * (1 + 64 + 1 + 343) / 4


def test_the_kernel_divides_by_the_number_of_features():
    a, b = draws(6, 3, 0), draws(5, 3, 1)
    # The same dot products over d: every feature twice.
    assert squared_mmd(np.tile(a, 2), np.tile(b, 2)) == pytest.approx(squared_mmd(a, b), rel=1e-12)


def test_of_one_distribution_it_is_0_on_average():
    values = [squared_mmd(draws(20, 4, seed), draws(30, 4, 1000 + seed)) for seed in range(400)]
    error = np.std(values) / 20
    assert abs(np.mean(values)) < 4 * error
    assert min(values) < 0
    # With the diagonal it would not be: of 20 vectors that is (E k(x, x) - E k(x, y)) / 20, about 0.3.
    assert error < 0.05


def test_a_set_is_nearer_to_itself_than_to_another_of_its_distribution():
    a = draws(50, 4, 0)
    assert squared_mmd(a, a) < 0


def test_float32_vectors_are_not_added_up_in_float32():
    a, b = (draws(500, 16, seed, shift=30).astype(np.float32) for seed in (0, 1))
    exact = squared_mmd(a.astype(np.float64), b.astype(np.float64))
    assert squared_mmd(a, b) == exact
    kernels = [((x @ y.T / np.float32(16)) + 1) ** 3 for x, y in ((a, a), (b, b), (a, b))]
    aa, bb = ((k.sum() - np.trace(k)) / (500 * 499) for k in kernels[:2])
    assert abs(aa + bb - 2 * kernels[2].mean() - exact) > 1e-5 * abs(exact)  # the trap


def test_subsets():
    a, b = draws(300, 4, 0), draws(200, 4, 1, shift=0.5)
    estimate = kernel_distance(a, b, np.random.default_rng(5), subsets=7, size=50)
    rng = np.random.default_rng(5)
    values = []
    for _ in range(7):
        i, j = rng.choice(300, 50, replace=False), rng.choice(200, 50, replace=False)
        values.append(squared_mmd(a[i], b[j]))
    assert estimate == (np.mean(values), np.std(values))
    assert estimate == kernel_distance(a, b, np.random.default_rng(5), subsets=7, size=50)
    assert estimate != kernel_distance(a, b, np.random.default_rng(6), subsets=7, size=50)


def test_subsets_are_drawn_without_replacement():
    a, b = draws(40, 3, 0), draws(40, 3, 1, shift=1)
    estimate = kernel_distance(a, b, np.random.default_rng(0), subsets=3, size=40)  # all of them, each time
    assert estimate.mean == pytest.approx(squared_mmd(a, b), rel=1e-12)
    assert estimate.std == pytest.approx(0, abs=1e-12)


def test_the_paper_takes_100_subsets_of_1000(monkeypatch):
    a, b = draws(1000, 2, 0), draws(1200, 2, 1)
    shapes = []
    monkeypatch.setattr(kernel, "squared_mmd", lambda x, y: shapes.append((x.shape, y.shape)) or 0.5)
    assert kernel_distance(a, b, np.random.default_rng(0)) == (0.5, 0)
    assert shapes == [((1000, 2), (1000, 2))] * 100
    with pytest.raises(JaxganError, match="no 100 subsets of 1,000 vectors in sets of 999 and 1,200"):
        kernel_distance(a[1:], b, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("a", "b", "options", "message"),
    [
        (draws(9, 2, 0), draws(9, 3, 0), {"size": 5}, "vectors of 2 and 3 values do not compare"),
        (draws(9, 2, 0), np.full((9, 2), np.nan), {"size": 5}, "9 of 9 vectors have values that are NaN"),
        (draws(9, 2, 0), draws(9, 2, 0), {"size": 1}, "no 100 subsets of 1 vectors"),
        (draws(9, 2, 0), draws(9, 2, 0), {"size": 5, "subsets": 0}, "no 0 subsets"),
    ],
)
def test_what_is_refused(a, b, options, message):
    with pytest.raises(JaxganError, match=message):
        kernel_distance(a, b, np.random.default_rng(0), **options)
