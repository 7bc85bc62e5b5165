"""Nearest neighbours, and how much nearer the generated ones are."""

import numpy as np
import pytest
import scipy.stats

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics import vectors
from jaxgan.evaluation.statistics.memorisation import copying, nearest


def cloud(n, seed, d=4):
    return np.random.default_rng(seed).standard_normal((n, d)).astype(np.float32)


def test_nearest_by_hand():
    train = np.array([[0, 0], [3, 4], [3, 4], [10, 0]])
    found = nearest(np.array([[0, 1], [3, 4], [6, 8], [100, 0]]), train)
    np.testing.assert_array_equal(found.indices, [0, 1, 1, 3])
    np.testing.assert_array_equal(found.distances, [1, 0, 5, 90])


def test_blocks_change_nothing(monkeypatch):
    asked, train = cloud(57, 0), cloud(101, 1)
    monkeypatch.setattr(vectors, "VALUES", 500)
    found = nearest(asked, train)
    expected = np.linalg.norm(asked[:, None].astype(float) - train, axis=2)
    np.testing.assert_array_equal(found.indices, expected.argmin(axis=1))
    np.testing.assert_allclose(found.distances, expected.min(axis=1), rtol=1e-12)


def test_every_copy_is_found():
    train = cloud(200, 0, 64) + 50
    order = np.random.default_rng(1).permutation(200)
    found = nearest(train[order], train)
    np.testing.assert_array_equal(found.indices, order)
    assert (found.distances == 0).all()


def test_copying_by_hand():
    # Of six pairs the generated one is nearer in four, and one is equal.
    figures = copying(np.array([1.0, 2]), np.array([2.0, 3, 1.5]))
    assert figures.closer == pytest.approx(4.5 / 6)
    assert figures.z == pytest.approx((1.5 - 3) / np.sqrt(6 * 6 / 12))
    assert figures.near == 1 / 2  # 1, of 1 and 2, is below what 1 % of the held-out ones are


def test_scipy_agrees():
    rng = np.random.default_rng(0)
    generated, held_out = rng.gamma(2, size=300), rng.gamma(2.2, size=200)
    result = scipy.stats.mannwhitneyu(generated, held_out, use_continuity=False, method="asymptotic")
    figures = copying(generated, held_out)
    assert figures.closer == pytest.approx(1 - result.statistic / (300 * 200), rel=1e-12)
    assert 2 * scipy.stats.norm.sf(abs(figures.z)) == pytest.approx(result.pvalue, rel=1e-9)


def of_sets(generated, train):
    held_out = nearest(cloud(2000, 1), train)
    return copying(nearest(generated, train).distances, held_out.distances)


def test_the_kinds_of_generators():
    train = cloud(2000, 0)
    fresh = of_sets(cloud(2000, 2), train)
    assert fresh.closer == pytest.approx(0.5, abs=0.03)
    assert abs(fresh.z) < 3
    assert fresh.near < 0.025
    copies = of_sets(train, train)
    assert (copies.closer, copies.near) == (1, 1)
    assert copies.z < -50
    unlike = of_sets(cloud(2000, 2) + 9, train)
    assert (unlike.closer, unlike.near) == (0, 0)
    assert unlike.z > 50
    # One in twenty is a copy: the rank test hardly sees it, the share does.
    few = of_sets(np.concatenate([train[:100], cloud(1900, 2)]), train)
    assert few.closer < 0.55
    assert few.near == pytest.approx(0.06, abs=0.01)


def test_one_distribution_has_a_z_of_deviation_1():
    rng = np.random.default_rng(0)
    values = [copying(rng.random(30), rng.random(40)).z for _ in range(2000)]
    assert np.mean(values) == pytest.approx(0, abs=0.07)
    assert np.std(values) == pytest.approx(1, abs=0.05)


def test_what_is_refused():
    with pytest.raises(JaxganError, match="vectors of 4 and 5 values do not compare"):
        nearest(cloud(3, 0), cloud(3, 0, d=5))
    with pytest.raises(JaxganError, match="at least 1 vectors are needed, not 0"):
        nearest(cloud(3, 0), cloud(0, 0))
    with pytest.raises(JaxganError, match=r"some numbers \[n\] are needed"):
        copying(np.ones(3), np.ones(0))
    with pytest.raises(JaxganError, match="1 of 2 numbers are NaN or infinite"):
        copying(np.array([1, np.nan]), np.ones(3))
