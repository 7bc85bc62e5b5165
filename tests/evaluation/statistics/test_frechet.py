"""Moments and the Fréchet distance: closed forms, equal bits in any order, and the traps that peers fell into."""

import numpy as np
import pytest
import scipy.linalg

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics import frechet
from jaxgan.evaluation.statistics.frechet import Moments, check_count, frechet_distance


def correlated(n, d, seed=0, scale=1.0):
    """Vectors float32 [n, d] with a covariance that is far from diagonal."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, d)) @ rng.standard_normal((d, d)) * scale + 3).astype(np.float32)


def gaussian(mean, covariance, count=100):
    return Moments(count, np.array(mean, float), np.array(covariance, float))


def same(a, b):
    return a.count == b.count and np.array_equal(a.mean, b.mean) and np.array_equal(a.covariance, b.covariance)


def test_moments_by_hand():
    moments = Moments.of(np.array([[0, 0], [2, 0], [4, 3]], np.float32))
    assert moments.count == 3
    np.testing.assert_array_equal(moments.mean, [2, 1])
    np.testing.assert_allclose(moments.covariance, [[4, 3], [3, 3]], rtol=1e-15)


def test_moments_are_those_of_numpy_over_several_blocks(monkeypatch):
    monkeypatch.setattr(frechet, "ROWS", 64)
    vectors = correlated(1000, 7)
    moments = Moments.of(vectors)
    np.testing.assert_allclose(moments.mean, vectors.mean(axis=0, dtype=float), rtol=1e-13)
    np.testing.assert_allclose(moments.covariance, np.cov(vectors.astype(float).T), rtol=1e-12, atol=1e-12)


def test_moments_are_the_same_bits_in_any_order(monkeypatch):
    monkeypatch.setattr(frechet, "ROWS", 100)
    vectors = np.repeat(correlated(333, 12), 2, axis=0)  # with copies
    vectors[5, :] = -0.0
    vectors[6, :] = 0.0
    expected = Moments.of(vectors)
    for seed in range(5):
        shuffled = vectors[np.random.default_rng(seed).permutation(len(vectors))]
        assert same(Moments.of(shuffled), expected)
        assert same(Moments.of(np.asfortranarray(shuffled)), expected)
    naive = vectors.mean(axis=0), vectors[::-1].mean(axis=0)
    assert not np.array_equal(*naive)  # what would be compared without an order


def test_the_distance_to_a_shuffled_copy_is_equal_to_the_last_digit():
    vectors, others = correlated(500, 12), correlated(400, 12, seed=1)
    shuffled = vectors[np.random.default_rng(0).permutation(500)]
    a, b, other = Moments.of(vectors), Moments.of(shuffled), Moments.of(others)
    assert frechet_distance(a, b) == frechet_distance(a, a)
    assert frechet_distance(a, other) == frechet_distance(b, other)


@pytest.mark.parametrize("cuts", [[500], [1], [1, 2, 3], [10, 20, 990], list(range(50, 1000, 50))])
def test_batches_merge_to_the_whole(cuts):
    vectors = correlated(1000, 6)
    whole = Moments.of(vectors)
    merged = Moments.of_batches(iter(np.split(vectors, cuts)))
    assert merged.count == 1000
    np.testing.assert_allclose(merged.mean, whole.mean, rtol=1e-13)
    np.testing.assert_allclose(merged.covariance, whole.covariance, rtol=1e-12)


def test_single_vectors_merge_to_the_whole():
    vectors = correlated(20, 3)
    merged = Moments.of_batches(vectors[i : i + 1] for i in range(20))
    np.testing.assert_allclose(merged.covariance, Moments.of(vectors).covariance, rtol=1e-12)
    np.testing.assert_array_equal(Moments.of(vectors[:1]).covariance, np.zeros((3, 3)))


def test_what_float32_cannot_add_up_is_exact():
    """Half of the vectors at 2^20, half 1 above: a mean of 2^20 + 1/2 and a variance of n / 4(n - 1), by hand."""
    n = 10_000
    vectors = np.full((n, 2), 2**20, np.float32)
    vectors[::2] += 1
    moments = Moments.of(vectors)
    np.testing.assert_array_equal(moments.mean, [2**20 + 0.5] * 2)
    np.testing.assert_allclose(moments.covariance, np.full((2, 2), n / (4 * (n - 1))), rtol=1e-9)
    assert abs(vectors.mean(axis=0, dtype=np.float32)[0] - (2**20 + 0.5)) > 0.1  # the trap
    streamed = Moments.of_batches(np.split(vectors, 100))
    np.testing.assert_allclose(streamed.covariance, moments.covariance, rtol=1e-9)


def test_gaussians_with_diagonal_covariances():
    # |m1 - m2|^2 + sum (s1 - s2)^2
    a, b = gaussian([1, 2, 3], np.diag([1, 4, 9])), gaussian([1, 0, 4], np.diag([4, 4, 0]))
    assert frechet_distance(a, b) == pytest.approx(5 + (1 + 0 + 9), rel=1e-14)
    assert frechet_distance(b, a) == pytest.approx(15, rel=1e-14)


def test_gaussians_whose_covariances_do_not_commute():
    # tr (C1 C2)^1/2 of 2x2 matrices is sqrt(tr C1 C2 + 2 sqrt(det C1 det C2)).
    c1, c2 = np.array([[2.0, 1], [1, 3]]), np.array([[5.0, -2], [-2, 1]])
    trace = np.sqrt(np.trace(c1 @ c2) + 2 * np.sqrt(np.linalg.det(c1) * np.linalg.det(c2)))
    expected = np.trace(c1) + np.trace(c2) - 2 * trace
    assert frechet_distance(gaussian([0, 0], c1), gaussian([0, 0], c2)) == pytest.approx(expected, rel=1e-12)


def test_a_shift_costs_its_square_and_a_scale_its_deviations():
    vectors = correlated(300, 8).astype(float)
    a, shift = Moments.of(vectors), np.arange(8.0)
    assert frechet_distance(a, Moments.of(vectors + shift)) == pytest.approx(shift @ shift, rel=1e-9)
    wider = Moments.of((vectors - a.mean) * 3 + a.mean)
    assert frechet_distance(a, wider) == pytest.approx(4 * np.trace(a.covariance), rel=1e-9)


def test_rotating_both_sets_changes_nothing():
    x, y = correlated(200, 6).astype(float), correlated(200, 6, seed=1).astype(float)
    q, _ = np.linalg.qr(np.random.default_rng(2).standard_normal((6, 6)))
    turned = frechet_distance(Moments.of(x @ q), Moments.of(y @ q))
    assert turned == pytest.approx(frechet_distance(Moments.of(x), Moments.of(y)), rel=1e-9)


@pytest.mark.parametrize("n", [1000, 60])
def test_a_set_is_at_no_distance_from_itself(n):
    """Also where the covariance is singular: 60 vectors of 96 values, whose overlap by squares loses digits."""
    moments = Moments.of(correlated(n, 96))
    assert frechet_distance(moments, moments) < 1e-6
    root = scipy.linalg.sqrtm(moments.covariance).real
    squares = np.linalg.eigvalsh(root @ moments.covariance @ root)
    lost = abs(np.sqrt(np.maximum(squares, 0)).sum() - np.trace(moments.covariance))
    assert lost > 1e-6 or n > 96


def test_singular_covariances_have_no_imaginary_part():
    """Each covariance spans half of the space; the product's root has imaginary parts, the distance a closed form."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((40, 100)), rng.standard_normal((40, 100))
    a, b = Moments.of(x), Moments.of(y)
    assert np.iscomplexobj(scipy.linalg.sqrtm(a.covariance @ b.covariance))  # the trap
    overlap = np.linalg.norm((x - x.mean(axis=0)) @ (y - y.mean(axis=0)).T, "nuc") / 39
    expected = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance) + np.trace(b.covariance) - 2 * overlap
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("decades", [1, 4, 8, 14])
def test_small_eigenvalues_are_not_lost(decades):
    """By the squares of singular values alone the small half of these would be rounding: too much overlap."""
    rng, sizes = np.random.default_rng(0), np.logspace(0, -decades, 300)
    turn, other = (np.linalg.qr(rng.standard_normal((300, 300)))[0] for _ in range(2))
    a, wider = (gaussian(np.zeros(300), turn @ np.diag(sizes * factor) @ turn.T) for factor in (1, 4))
    assert frechet_distance(a, wider) == pytest.approx(sizes.sum(), rel=1e-10)  # sum (2 s - s)^2
    b = gaussian(np.zeros(300), other @ np.diag(sizes) @ other.T)
    overlap = np.linalg.svd((turn * np.sqrt(sizes)).T @ (other * np.sqrt(sizes)), compute_uv=False).sum()
    assert frechet_distance(a, b) == pytest.approx(2 * sizes.sum() - 2 * overlap, rel=1e-10)


def test_values_that_never_vary_have_a_distance():
    """A unit that is dead for one set, or for both, and a set of copies."""
    vectors = correlated(100, 5).astype(float)
    dead = vectors * [1, 1, 0, 1, 0]
    a, b, point = Moments.of(vectors), Moments.of(dead), Moments.of(np.ones((9, 5)))
    assert frechet_distance(b, b) < 1e-9
    kept = [0, 1, 3]
    alive = frechet_distance(Moments.of(dead[:, kept]), Moments.of(dead[:50, kept]))
    assert frechet_distance(b, Moments.of(dead[:50])) == pytest.approx(alive, rel=1e-9)
    shift = a.mean - point.mean
    assert frechet_distance(a, point) == pytest.approx(shift @ shift + np.trace(a.covariance), rel=1e-12)
    assert frechet_distance(point, point) == 0


def test_a_negative_eigenvalue_is_0():
    # As rounding leaves it: its root would be 1e-4.
    a, b = gaussian([0, 0], np.diag([1, -1e-8])), gaussian([0, 0], np.diag([1, 1]))
    assert frechet_distance(a, b) == pytest.approx(1, abs=1e-7)


def test_no_distance_is_negative():
    sets = [Moments.of(correlated(50, 30, seed)) for seed in range(20)]
    shuffled = [Moments(a.count, a.mean, a.covariance * (1 + 1e-16)) for a in sets]
    assert min(map(frechet_distance, sets, shuffled)) >= 0


def test_scipy_agrees():
    a, b = Moments.of(correlated(500, 32)), Moments.of(correlated(500, 32, seed=1))
    root = scipy.linalg.sqrtm(a.covariance @ b.covariance).real
    expected = np.sum((a.mean - b.mean) ** 2) + np.trace(a.covariance + b.covariance - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-9)


def test_too_few_for_the_covariance():
    check_count(2049, 2048)
    with pytest.raises(JaxganError, match="2,048 features needs more than 2,048 examples, not 2,048"):
        check_count(2048, 2048)
    d = 20
    assert np.linalg.matrix_rank(Moments.of(correlated(d, d)).covariance) < d
    assert np.linalg.matrix_rank(Moments.of(correlated(d + 1, d)).covariance) == d


@pytest.mark.parametrize(
    ("vectors", "message"),
    [
        (np.zeros(5), r"\[n, d\], not an array of shape \(5,\)"),
        (np.zeros((4, 0)), r"\[n, d\], not an array of shape \(4, 0\)"),
        (np.zeros((0, 3)), "at least 1 vectors are needed, not 0"),
        (np.array([[1, np.nan], [1, 2], [np.inf, 2]]), "2 of 3 vectors have values that are NaN or infinite"),
    ],
)
def test_what_has_no_moments(vectors, message):
    with pytest.raises(JaxganError, match=message) as error:
        Moments.of(vectors)
    assert "\n" not in str(error.value)


def test_what_has_no_distance():
    a = Moments.of(correlated(10, 3))
    with pytest.raises(JaxganError, match="moments of 3 and 4 values do not compare"):
        frechet_distance(a, Moments.of(correlated(10, 4)))
    with pytest.raises(JaxganError, match="moments of 3 and 4 values do not compare"):
        a.merge(Moments.of(correlated(10, 4)))
    with pytest.raises(JaxganError, match="at least 2 examples, not 1"):
        frechet_distance(a, Moments.of(correlated(1, 3)))
    with pytest.raises(JaxganError, match="no vectors"):
        Moments.of_batches([])
