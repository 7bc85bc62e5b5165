"""The tools of `jaxgan sample`: which samples lead where, how sheets show them, and what is refused before any work."""

import re

import numpy as np
import pytest
from small_runs import untrained

from jaxgan import exploration, sampling
from jaxgan.errors import JaxganError
from jaxgan.exploration import DRAWN, Wish, combine, explore, interpolate
from jaxgan.latents import path
from jaxgan.pictures import Pictures

GIVEN = Pictures(["x.png"], np.zeros((1, 3, 2, 1), np.uint8))


@pytest.fixture(scope="module")
def classes():
    return untrained(hidden=(8,))


@pytest.fixture(scope="module")
def plain():
    return untrained(num_classes=0, hidden=(8,))


def test_without_labels_a_row_leads_from_each_sample_to_the_next(plain):
    samples = plain.sample(4, seed=3)
    made = interpolate(plain, samples, steps=5)
    assert made.pictures.shape == (3, 6, 3, 2, 1)
    np.testing.assert_array_equal(made.samples.latents[::5], samples.latents)
    np.testing.assert_allclose(made.pictures[:, 0], samples.images[:-1], atol=1e-6)
    np.testing.assert_allclose(made.pictures[:, -1], samples.images[1:], atol=1e-6)
    np.testing.assert_array_equal(made.pictures[1, 2], made.samples.images[7])
    np.testing.assert_array_equal(made.samples.latents, path(samples.latents, 5, "slerp"))


def test_with_labels_it_leads_to_the_next_of_the_same(classes):
    samples = classes.sample(11, labels=[2, 0, 2, 1])  # 2 0 2 1  2 0 2 1  2 0 2: two of the rarest
    made = interpolate(classes, samples, steps=3, how="linear")
    np.testing.assert_array_equal(made.samples.labels, np.repeat([0, 1, 2], 4))
    for row, (first, last) in enumerate([(1, 5), (3, 7), (0, 2)]):
        np.testing.assert_allclose(made.pictures[row, [0, -1]], samples.images[[first, last]], atol=1e-6)
        third = 2 / 3 * samples.latents[first] + 1 / 3 * samples.latents[last]
        np.testing.assert_allclose(made.samples.latents[4 * row + 1], third, rtol=1e-5)


def test_an_animation_shows_all_ways_at_one_time_and_comes_back(classes):
    samples = classes.sample(9, labels=[0, 1, 2])
    made = interpolate(classes, samples, steps=4, closed=True)
    assert made.pictures.shape == (12, 1, 3, 3, 2, 1)  # 3 stops of 4 steps, 3 classes in a row
    np.testing.assert_allclose(made.pictures[::4, 0], samples.images.reshape(3, 3, 3, 2, 1), atol=1e-6)
    own = samples.latents[1::3]
    np.testing.assert_array_equal(made.samples.latents[12:24], path(own, 4, "slerp", True))


def test_sums_of_averages_by_hand(classes):
    samples = classes.sample(12)
    z = samples.latents
    made = combine(classes, samples, [1, 5, 9], [2, 6], [7])
    latents, labels = made.samples.latents, made.samples.labels
    np.testing.assert_allclose(latents[-1], (z[1] + z[5] + z[9]) / 3 - (z[2] + z[6]) / 2 + z[7], rtol=1e-5)
    np.testing.assert_allclose(latents[[3, 6, 8]], [z[[1, 5, 9]].mean(0), z[[2, 6]].mean(0), z[7]], rtol=1e-5)
    np.testing.assert_array_equal(labels, [1, 1, 1, 1, 2, 2, 2, 3, 3, 3])
    np.testing.assert_array_equal(made.samples.images[[0, 1, 2, 4, 5, 7]], samples.images[[1, 5, 9, 2, 6, 7]])
    np.testing.assert_allclose(classes.generate(latents, labels).images, made.samples.images, atol=1e-6)


def test_the_sheet_of_a_sum_has_a_row_for_each_part_with_its_average_at_the_end(classes):
    made = combine(classes, classes.sample(12), [1, 5, 9], [2, 6], [7])
    assert made.pictures.shape == (4, 4, 3, 2, 1)
    filled = [(0, 0), (0, 1), (0, 2), (0, 3), (1, 1), (1, 2), (1, 3), (2, 2), (2, 3), (3, 3)]
    np.testing.assert_array_equal([made.pictures[place] for place in filled], made.samples.images)
    for row, column in set(np.ndindex(4, 4)) - set(filled):
        np.testing.assert_array_equal(made.pictures[row, column], np.ones((3, 2, 1)))


def test_several_truncations_are_rows_of_the_same_samples(classes):
    made = explore(classes, Wish(num=5, truncations=(0.3, 1.0)))
    for row, truncation in enumerate((0.3, 1.0)):
        expected = classes.sample(5, truncation=truncation)
        np.testing.assert_array_equal(made.pictures[row], expected.images)
        np.testing.assert_array_equal(made.samples.latents[5 * row : 5 * row + 5], expected.latents)
    assert explore(classes, Wish(num=5, truncations=(0.3,))).pictures is None


def test_projections_stand_below_what_was_given(classes):
    given = classes.sample(12, seed=9).images
    made = exploration.project(classes, given)
    assert made.pictures.shape == (4, 10, 3, 2, 1)
    for upper, lower, first, last in ((0, 1, 0, 10), (2, 3, 10, 12)):
        np.testing.assert_array_equal(made.pictures[upper, : last - first], given[first:last])
        np.testing.assert_array_equal(made.pictures[lower, : last - first], made.samples.images[first:last])
    np.testing.assert_array_equal(made.pictures[2:, 2:], np.ones((2, 8, 3, 2, 1)))
    errors = np.mean((given - made.samples.images) ** 2, axis=(1, 2, 3))
    np.testing.assert_allclose(made.more["errors"], errors, rtol=1e-3, atol=1e-9)
    assert made.note == f", mean squared error {errors.mean():.4f}, the largest {errors.max():.4f}"


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (dict(how="linear"), "--how says how to --interpolate"),
        (dict(project="x.png", truncations=(0.5,)), "--project takes no --truncation"),
        (dict(interpolate=3, truncations=(0.5, 1.0)), "several truncations make a sheet of their own"),
        (dict(arithmetic=([0], [1], [2]), truncations=(0.5, 1.0)), "several truncations make a sheet of their own"),
        (dict(num=0), "--num is 0, but must be at least 1"),
        (dict(interpolate=0), "--interpolate is 0, but must be at least 1"),
        (dict(interpolate=3, num=7), "of 7 samples some have none; draw 8 with --num"),
        (dict(arithmetic=([0], [1], [64])), r"there is no sample 64: 64 are drawn \(--num\), and the first is 0"),
        (dict(arithmetic=([0], [-1], [2])), "there is no sample -1"),
    ],
)
def test_wishes_that_cannot_be_met_are_refused_before_any_work(classes, monkeypatch, wish, message):
    monkeypatch.setattr(sampling.Trained, "sample", lambda *_: pytest.fail("samples were drawn"))
    with pytest.raises(JaxganError, match=message):
        explore(classes, Wish(**wish))


def test_an_average_of_two_classes_is_refused(classes):
    with pytest.raises(JaxganError, match="the samples 0, 1 are of the classes a, b, but an average has one"):
        explore(classes, Wish(arithmetic=([0, 1], [1], [2])))


@pytest.mark.parametrize(("labels", "num"), [(None, 3), (None, 6), ([2, 2, 0], 4), ([2, 0, 2, 1], 7), ([3], 1)])
def test_as_many_samples_as_are_asked_for_do(classes, labels, num):
    with pytest.raises(JaxganError, match=r"some have none; draw \d+ with --num") as refused:
        explore(classes, Wish(num=num, labels=labels, interpolate=2))
    enough = int(re.search(r"draw (\d+)", str(refused.value))[1])
    explore(classes, Wish(num=enough, labels=labels, interpolate=2))


def test_samples_of_which_one_leads_nowhere(classes):
    with pytest.raises(JaxganError, match="to the next of its label, and some have none"):
        interpolate(classes, classes.sample(5), steps=2)


def test_how_many_are_drawn():
    assert (Wish().drawn, Wish(num=5).drawn) == (DRAWN, 5)
    assert Wish(num=100, arithmetic=([3], [70, 1], [12])).drawn == 71


def test_all_pictures_are_projected_unless_a_number_is_given(plain, monkeypatch):
    asked = []
    monkeypatch.setattr(exploration, "read_pictures", lambda place, trained, most: asked.append(most) or GIVEN)
    monkeypatch.setattr(exploration, "project", lambda trained, images, seed, labels: images)
    for num in (None, 5):
        assert explore(plain, Wish(num=num, project="photos")).dtype == np.float32
    assert asked == [None, 5]
