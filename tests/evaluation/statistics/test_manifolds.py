"""Precision, recall, density and coverage: sets on a line, by hand; copies; blocks; and what is expected of chance."""

import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics import vectors
from jaxgan.evaluation.statistics.manifolds import density_coverage, precision_recall, squared_radii


def line(*numbers):
    return np.array(numbers, np.float32)[:, None]


def cloud(n, seed, d=3):
    return np.random.default_rng(seed).standard_normal((n, d))


def test_radii_by_hand():
    np.testing.assert_array_equal(squared_radii(line(0, 1, 3, 7), 1), [1, 1, 4, 16])
    np.testing.assert_array_equal(squared_radii(line(0, 1, 3, 7), 2), [9, 4, 9, 36])
    np.testing.assert_array_equal(squared_radii(line(0, 1, 3, 7), 3), [49, 36, 16, 49])


def test_a_vector_is_not_its_own_neighbour_and_a_copy_is():
    np.testing.assert_array_equal(squared_radii(line(5, 5, 5, 9), 1), [0, 0, 0, 16])
    np.testing.assert_array_equal(squared_radii(line(5, 5, 5, 9), 2), [0, 0, 0, 16])
    np.testing.assert_array_equal(squared_radii(line(5, 5, 5, 9), 3), [16, 16, 16, 16])


def test_precision_and_recall_by_hand():
    real = line(0, 1, 3, 10)  # balls of k = 1: [-1, 1], [0, 2], [1, 5], [3, 17]
    generated = line(-0.5, -2, 18, 20)  # balls: [-2, 1], [-3.5, -.5], [16, 20], [18, 22]
    assert precision_recall(real, generated, k=1) == (1 / 4, 2 / 4)
    # The balls of k = 3 are [-10, 10], [-8, 10], [-4, 10], [0, 20]; of the others the first is [-21, 20].
    assert precision_recall(real, generated, k=3) == (1, 1)


def test_balls_are_closed():
    real = line(0, 1, 3, 10)
    assert precision_recall(real, line(-1, 17), k=1).precision == 1
    assert precision_recall(real, line(-1.001, 17.001), k=1).precision == 0


def test_density_and_coverage_by_hand():
    real = line(0, 1, 3, 10)
    # 0.5 is in two balls of k = 1, 4 in two, 30 in none: 4 of 3; all four have one.
    assert density_coverage(real, line(0.5, 4, 30), k=1) == (4 / 3, 1)
    assert density_coverage(real, line(0.5, 0.5, 0.5), k=1) == (2, 1 / 2)
    assert density_coverage(real, line(4), k=1) == (2, 1 / 2)  # one generated example is enough
    # k = 2: [-3, 3], [-1, 3], [0, 6], [1, 19]; 4 is in two of them, of which 2 are expected.
    assert density_coverage(real, line(4), k=2) == (1, 1 / 2)


def test_the_papers_numbers_of_neighbours():
    real, generated = cloud(40, 0), cloud(50, 1)
    assert precision_recall(real, generated) == precision_recall(real, generated, k=3)
    assert density_coverage(real, generated) == density_coverage(real, generated, k=5)
    assert precision_recall(real, generated) != precision_recall(real, generated, k=5)
    assert density_coverage(real, generated) != density_coverage(real, generated, k=3)


def test_precision_sees_fidelity_and_recall_variety():
    real = cloud(500, 0)
    narrow = precision_recall(real, cloud(500, 1) / 10)
    assert narrow.precision > 0.99
    assert narrow.recall < 0.05
    wide = precision_recall(real, cloud(500, 1) * 5)
    assert wide.precision < 0.2
    assert wide.recall > 0.9
    far = precision_recall(real, cloud(500, 1) + 100)
    assert far == (0, 0)


def test_the_two_sets_change_places():
    real, generated = cloud(100, 0), cloud(80, 1) * 1.5
    assert precision_recall(real, generated) == precision_recall(generated, real)[::-1]


def test_one_distribution_has_the_density_and_coverage_of_chance():
    n, k = 400, 5
    figures = [density_coverage(cloud(n, seed), cloud(n, 100 + seed), k) for seed in range(10)]
    expected = 1 - np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])
    assert np.mean([f.density for f in figures]) == pytest.approx(1, abs=0.03)
    assert np.mean([f.coverage for f in figures]) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("offset", [0, 1e6])
@pytest.mark.parametrize("d", [2, 300])
def test_copies_of_copies_are_found_wherever_they_are(offset, d):
    """Four of each real vector make balls that are points; a copy is in its own, a neighbour is not."""
    real = np.repeat(cloud(20, 0, d) + offset, 4, axis=0)
    assert (squared_radii(real, 3) == 0).all()
    assert precision_recall(real, real[::4].repeat(4, axis=0)) == (1, 1)
    assert precision_recall(real, real + 0.01) == (0, 0)
    assert density_coverage(real, real[:4], k=3) == (4 / 3, 4 / 80)


def test_distances_are_those_of_the_differences():
    a, b = cloud(30, 0, 50) * 7 + 1000, cloud(40, 1, 50) * 7 + 1000
    b[3] = a[4]
    expected = ((a[:, None] - b) ** 2).sum(axis=2)
    ((part, distances),) = vectors.squared_distances(a, b)
    assert (part.start, part.stop) == (0, 30)
    np.testing.assert_allclose(distances, expected, rtol=1e-11)
    assert np.argwhere(distances == 0).tolist() == [[4, 3]]


def test_near_is_not_equal():
    a = np.array([[1.0, 1], [-1, -1], [0, 0]])
    b = a + np.array([1e-6, 0])
    ((_, distances),) = vectors.squared_distances(a, b)
    np.testing.assert_allclose(np.diag(distances), 1e-12, rtol=1e-2)


def test_blocks_change_nothing(monkeypatch):
    real, generated = cloud(103, 0), cloud(97, 1)
    whole = precision_recall(real, generated), density_coverage(real, generated)
    sizes = []

    def watched(a, b, distances=vectors.squared_distances):
        for part, block in distances(a, b):
            sizes.append(block.size)
            yield part, block

    monkeypatch.setattr(vectors, "VALUES", 1000)
    monkeypatch.setattr("jaxgan.evaluation.statistics.manifolds.squared_distances", watched)
    assert (precision_recall(real, generated), density_coverage(real, generated)) == whole
    assert max(sizes) <= 1000
    assert sum(sizes) == 2 * 103**2 + 97**2 + 2 * 97 * 103


@pytest.mark.parametrize("function", [precision_recall, density_coverage])
def test_what_is_refused(function):
    with pytest.raises(JaxganError, match=r"at least \d vectors are needed, not 3"):
        function(cloud(3, 0), cloud(9, 1))
    with pytest.raises(JaxganError, match="vectors of 3 and 4 values do not compare"):
        function(cloud(9, 0), cloud(9, 1, d=4))
    broken = cloud(9, 0)
    broken[2] = np.inf
    with pytest.raises(JaxganError, match="1 of 9 vectors have values that are NaN or infinite"):
        function(cloud(9, 0), broken)
    with pytest.raises(JaxganError, match="at least 4 vectors are needed, not 3"):
        precision_recall(cloud(9, 0), cloud(3, 1))
