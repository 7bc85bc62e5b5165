"""The tools of `jaxgan sample`: which samples lead where, how sheets show them, and what is refused before any work."""

import zipfile

import numpy as np
import pytest
from PIL import Image
from small_runs import untrained

from jaxgan import exploration, sampling
from jaxgan.data.spec import DataSpec
from jaxgan.errors import JaxganError
from jaxgan.exploration import Wish, combine, explore, interpolate, read_pictures
from jaxgan.latents import path


@pytest.fixture(scope="module")
def classes():
    return untrained(hidden=(8,))


@pytest.fixture(scope="module")
def plain():
    return untrained(num_classes=0, hidden=(8,))


def picture(folder, name, pixels):
    Image.fromarray(np.asarray(pixels, np.uint8)).save(folder / name)
    return folder / name


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


def test_pictures_are_read_from_a_file_a_folder_or_a_zip(classes, tmp_path):
    grey = np.arange(0, 60, 10).reshape(3, 2)
    paths = [picture(tmp_path, f"{name}.png", grey + shift) for name, shift in (("b", 100), ("a", 0), ("c", 150))]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for one in paths:
            archive.write(one, one.name)
    expected = (np.stack([grey, grey + 100, grey + 150])[..., None] / 127.5 - 1).astype(np.float32)
    np.testing.assert_allclose(read_pictures(tmp_path, classes, 64), expected, atol=1e-6)
    np.testing.assert_allclose(read_pictures(tmp_path / "all.zip", classes, 2), expected[:2], atol=1e-6)
    np.testing.assert_allclose(read_pictures(str(tmp_path / "b.png"), classes, 64), expected[1:2], atol=1e-6)


def test_a_picture_is_fitted_by_the_policy_of_the_runs_data(plain, tmp_path):
    """Of a picture twice as wide as it should be "crop" keeps the middle; colour becomes grey."""
    wide = np.zeros((6, 8, 3), np.uint8)
    wide[:, 2:6] = 255
    one = picture(tmp_path, "wide.png", wide)
    crop = plain.config | {"data": plain.config["data"] | {"resize": "crop"}}
    exact = plain.config | {"data": plain.config["data"] | {"resize": "exact"}}
    cropped = read_pictures(one, with_config(plain, crop), 1)
    assert cropped.shape == (1, 3, 2, 1)
    assert cropped.min() > 0.8
    with pytest.raises(JaxganError, match=r"wide.png is 6x8, but this run takes 3x2 and, by its config.data.resize"):
        read_pictures(one, with_config(plain, exact), 1)


def with_config(trained, config):
    return sampling.Trained(**{**vars(trained), "config": config})


def test_pictures_that_cannot_be_read(classes, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "empty").mkdir()
    points = sampling.Trained(**{**vars(classes), "spec": DataSpec((2,), "float32", (), 8)})
    for place, trained, message in (
        (tmp_path / "nowhere", classes, "there is no picture, directory or .zip at .*nowhere"),
        (tmp_path / "broken.png", classes, r"broken.png cannot be read: cannot identify image file\."),
        (tmp_path / "empty", classes, "no images in"),
        (tmp_path / "broken.png", points, "this run makes points, which no picture can be projected to"),
    ):
        with pytest.raises(JaxganError, match=message) as refused:
            read_pictures(place, trained)
        assert "\n" not in str(refused.value)
    with pytest.raises(JaxganError, match="cannot project 0 pictures"):
        read_pictures(tmp_path, classes, 0)


@pytest.mark.parametrize(
    ("wish", "message"),
    [
        (dict(how="linear"), "--how says how to --interpolate"),
        (dict(project="x.png", truncations=(0.5,)), "--project takes no --truncation"),
        (dict(interpolate=3, truncations=(0.5, 1.0)), "several truncations make a sheet of their own"),
        (dict(arithmetic=([0], [1], [2]), truncations=(0.5, 1.0)), "several truncations make a sheet of their own"),
        (dict(interpolate=0), "cannot interpolate in 0 steps"),
        (dict(interpolate=3, num=7), "of 7 samples some have none; draw 8"),
        (dict(arithmetic=([0], [1], [64])), "there is no sample 64: 64 are drawn, and the first is 0"),
        (dict(arithmetic=([0], [-1], [2])), "there is no sample -1"),
        (dict(arithmetic=([0, 1], [1], [2])), "the samples 0, 1 are of the classes a, b, but an average has one"),
    ],
)
def test_wishes_that_cannot_be_met(classes, wish, message):
    with pytest.raises(JaxganError, match=message):
        explore(classes, Wish(**wish))
