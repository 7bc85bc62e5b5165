"""Scores over settings and seeds: quartiles, the score of a setting that others picked, the price of a good one."""

import itertools
import math

import numpy as np
import pytest

from jaxgan.evaluation.statistics.trials import expected_best, quartiles, tuned


def test_quartiles_are_those_of_everyone_else():
    rng = np.random.default_rng(0)
    for size in (1, 2, 3, 4, 7, 20):
        scores = rng.normal(size=size)
        np.testing.assert_allclose(quartiles(scores), np.percentile(scores, (25, 50, 75)), rtol=1e-12)


def test_what_failed_is_worse_than_all_and_is_not_left_out():
    assert quartiles(np.array([1.0, 2.0, 3.0, math.inf, math.inf])) == (2.0, 3.0, math.inf)
    assert quartiles(np.array([[1.0, math.inf], [math.inf, math.inf]])).median == math.inf


def test_no_score_has_a_say_in_the_setting_it_is_scored_under():
    table = np.array([[1.0, 9.0], [5.0, 5.0]])  # the first setting is the better one for seed 0 alone
    np.testing.assert_array_equal(tuned(table), [5.0, 9.0])
    # Of three seeds the other two decide by their median, here their mean.
    table = np.array([[1.0, 2.0, 30.0], [4.0, 4.0, 4.0]])
    np.testing.assert_array_equal(tuned(table), [4.0, 4.0, 30.0])


def test_a_setting_that_failed_is_never_picked_where_another_did_not():
    np.testing.assert_array_equal(tuned(np.array([[math.inf, math.inf], [7.0, 8.0]])), [7.0, 8.0])


def test_with_one_seed_nobody_else_can_pick():
    with pytest.raises(ValueError, match="picked by the other seeds"):
        tuned(np.ones((3, 1)))


def test_picking_by_the_scores_themselves_flatters_and_this_does_not():
    """Twenty settings that do not differ, whose scores are noise about 0."""
    tables = np.random.default_rng(1).normal(size=(200, 20, 5))
    fair = np.mean([np.median(tuned(table)) for table in tables])
    flattering = np.mean([np.median(table, axis=1).min() for table in tables])
    assert abs(fair) < 0.1
    assert flattering < -0.7


def test_the_expected_best_is_the_mean_over_all_choices():
    scores = [3.0, 1.0, 4.0, 1.5]
    for tries in (1, 2, 3, 4):
        choices = [min(choice) for choice in itertools.combinations(scores, tries)]
        assert expected_best(scores, tries) == pytest.approx(np.mean(choices), rel=1e-12)


def test_the_expected_best_where_some_fail():
    assert expected_best([1.0, 3.0, math.inf], 1) == math.inf
    assert expected_best([1.0, 3.0, math.inf], 2) == pytest.approx((1 + 1 + 3) / 3)
    assert expected_best([1.0, 3.0, math.inf], 3) == 1.0


@pytest.mark.parametrize("tries", [0, 3])
def test_more_settings_than_there_are_have_no_best(tries):
    with pytest.raises(ValueError, match=f"best of {tries} cannot be told from 2"):
        expected_best([1.0, 2.0], tries)
