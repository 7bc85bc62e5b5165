"""The digit score: its arithmetic by hand, and what it says of samples whose quality is known."""

import numpy as np
import pytest
from subjects import scored, system_of

from jaxgan.data import DataSpec
from jaxgan.data.digits import digits
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.digits import same_class_distance, to_vectors

NAMES = tuple("0123456789")


@pytest.fixture(scope="module")
def metric():
    return METRICS["svm1k_digits"](DataSpec((8, 8, 1), "uint8", NAMES, 1437), system_of(10), {"name": "digits"})


@pytest.fixture(scope="module")
def held_out():
    arrays = digits(0, split="test").arrays()
    return arrays["image"], arrays["label"]


def test_vectors_are_area_averages_in_0_to_1():
    image = np.zeros((1, 16, 24, 1), np.uint8)
    image[0, 2:4, 3:6] = 255  # the block in row 1, column 1
    image[0, 15, 23] = 51  # a sixth of the last block, at a fifth of white
    expected = np.zeros(64)
    expected[1 * 8 + 1], expected[63] = 1, 0.2 / 6
    np.testing.assert_allclose(to_vectors(image), expected[None], atol=1e-12)


def test_same_class_distance_by_hand():
    # Class 0: sides 3, 4, 5 of a triangle, mean 4. Class 2: two points 10 apart. Mean of the classes: 7.
    vectors = np.array([[0.0, 0], [100, 100], [3, 0], [0, 4], [106, 108]])
    assert same_class_distance(vectors, np.array([0, 2, 0, 0, 2])) == pytest.approx(7)


def test_real_digits_that_were_held_out_score_as_real_ones(metric, held_out):
    score = scored(metric, *held_out)
    assert score["test_accuracy"] >= 0.96
    assert score["agreement"] == score["test_accuracy"]
    assert score["confident"] == score["real_confident"] >= 0.8
    assert score["diversity"] == pytest.approx(1, abs=0.05)


def test_labels_that_mean_nothing_agree_by_chance(metric, held_out):
    images, labels = held_out
    shuffled = np.random.default_rng(0).permutation(labels)
    assert scored(metric, images, shuffled)["agreement"] == pytest.approx(0.1, abs=0.05)  # standard error .016


def test_one_image_a_class_is_right_and_has_no_diversity(metric, held_out):
    images, labels = held_out
    first = np.array([np.flatnonzero(labels == label)[0] for label in range(10)])
    score = scored(metric, images[first].repeat(5, axis=0), labels[first].repeat(5))
    assert score["diversity"] == pytest.approx(0, abs=1e-6)
    assert score["agreement"] >= 0.9


def test_the_protocol_says_what_it_was_computed_from(metric):
    assert metric.num == 1000
    assert metric.protocol["fitted_on"] == "digits train (1437)"
    assert metric.protocol["held_out"] == "digits test (360)"


@pytest.mark.parametrize(
    ("shape", "names", "num_classes"),
    [
        ((8, 8, 3), NAMES, 10),  # colour
        ((28, 28, 1), NAMES, 10),  # 28 is no multiple of 8
        ((8, 8, 1), NAMES, 0),  # generated without labels
        ((8, 8, 1), tuple("abcdefghij"), 10),  # not digits
        ((2,), (), 0),  # points
    ],
)
def test_what_is_not_digits_by_class_is_refused(shape, names, num_classes):
    with pytest.raises(JaxganError, match=r"svm1k_digits scores grey digits.*--config\.metrics"):
        METRICS["svm1k_digits"](DataSpec(shape, "uint8", names, 100), system_of(num_classes), {"name": "digits"})
