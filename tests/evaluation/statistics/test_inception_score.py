"""The Inception score: its bounds, by hand, and what the splits do."""

from math import exp, log

import numpy as np
import pytest

from jaxgan.errors import JaxganError
from jaxgan.evaluation.statistics.inception_score import inception_score


def score(probabilities, splits=1, seed=0):
    return inception_score(np.asarray(probabilities), np.random.default_rng(seed), splits)


def test_sure_of_each_and_of_all_classes_alike():
    assert score(np.eye(7).repeat(3, axis=0)) == (pytest.approx(7, rel=1e-12), 0)


@pytest.mark.parametrize("row", [[1, 0, 0], [0.2, 0.5, 0.3], [1 / 3] * 3])
def test_the_same_for_each(row):
    assert score([row] * 12, splits=4) == (pytest.approx(1, rel=1e-12), pytest.approx(0, abs=1e-12))


def test_by_hand():
    # p(y) = (3/4, 1/4): KL = ln 4/3 for (1, 0), and (1/2) ln 2/3 + (1/2) ln 2 for (1/2, 1/2).
    expected = exp((log(4 / 3) + (log(2 / 3) + log(2)) / 2) / 2)
    assert score([[1, 0], [0.5, 0.5]]).mean == pytest.approx(expected, rel=1e-12)


def test_samples_sorted_by_class_score_as_shuffled_ones():
    """In the order they come each of ten splits would hold one class, and score 1."""
    by_class = np.eye(10).repeat(500, axis=0)
    estimate = score(by_class, splits=10)
    assert estimate.mean > 9.8
    assert estimate == score(by_class, splits=10)
    assert estimate != score(by_class, splits=10, seed=1)


def test_splits_are_scored_apart():
    probabilities = np.random.default_rng(0).dirichlet(np.ones(5), size=11)
    order = np.random.default_rng(0).permutation(11)
    parts = [probabilities[order[i:j]] for i, j in ((0, 3), (3, 7), (7, 11))]
    values = [np.exp(np.mean(np.sum(p * np.log(p / p.mean(axis=0)), axis=1))) for p in parts]
    estimate = score(probabilities, splits=3)
    assert estimate.mean == pytest.approx(np.mean(values), rel=1e-12)
    assert estimate.std == pytest.approx(np.std(values), rel=1e-12)


def test_means_are_not_taken_in_float32():
    """All of the terms have few digits; the sum of 200,000 has not, and in float32 comes out wrong."""
    probabilities = np.tile(np.array([[0.75, 0.25], [0.25, 0.75]], np.float32), (100_000, 1))
    expected = exp(0.75 * log(1.5) + 0.25 * log(0.5))
    assert score(probabilities).mean == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("probabilities", "splits", "message"),
    [
        (np.array([[2.0, -1]]), 1, "takes probabilities"),
        (np.array([[0.5, 0.4]]), 1, "takes probabilities"),
        (np.array([[np.nan, 1]]), 1, "NaN or infinite"),
        (np.eye(3), 4, "3 images do not make 4 splits"),
        (np.eye(3), 0, "3 images do not make 0 splits"),
        (np.ones(3), 1, r"\[n, d\]"),
        (np.ones((3, 0)), 1, r"\[n, d\]"),  # of a network without classes
    ],
)
def test_what_is_refused(probabilities, splits, message):
    with pytest.raises(JaxganError, match=message):
        score(probabilities, splits)
