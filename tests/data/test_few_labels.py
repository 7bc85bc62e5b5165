"""A few labelled examples beside all of the others: which they are, and that nothing else tells a label."""

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import SOURCES, open_source
from jaxgan.data.few_labels import choose, underlying
from jaxgan.data.memory import ArraySource
from jaxgan.errors import JaxganError
from jaxgan.registry import complete

DIGITS = dict(name="few_labels:digits", labels=30)


@pytest.fixture(scope="module")
def source():
    return open_source(DIGITS, seed=3)


@pytest.fixture(scope="module")
def whole():
    return open_source(dict(name="digits"), seed=0).arrays()


def labelled(source):
    arrays = source.arrays()
    return arrays["other"][:30], arrays["label"][:30]


def test_the_images_are_all_of_the_set_and_carry_no_label(source, whole):
    arrays = source.arrays()
    np.testing.assert_array_equal(arrays["image"], whole["image"])
    assert (source.spec.size, source.spec.other) == (1437, source.spec.shape)
    # What stands beside an image knows nothing of it: labels agree as often as of two random digits.
    assert np.mean(arrays["label"] == whole["label"]) == pytest.approx(0.1, abs=0.04)


def test_as_many_of_each_class_and_their_labels_are_right(source, whole):
    images, labels = labelled(source)
    assert Counter(labels.tolist()) == dict.fromkeys(range(10), 3)
    label_of = {image.tobytes(): label for image, label in zip(whole["image"], whole["label"], strict=True)}
    assert [label_of[image.tobytes()] for image in images] == labels.tolist()
    assert len({image.tobytes() for image in images}) == 30


def test_only_the_chosen_ones_are_ever_shown_with_a_label_and_all_equally_often(source):
    arrays = source.arrays()
    times = Counter(other.tobytes() for other in arrays["other"])
    assert len(times) == 30
    assert set(times.values()) == {1437 // 30, 1437 // 30 + 1}


def test_the_choice_is_the_seeds(source):
    again, other = (open_source(DIGITS, seed=seed) for seed in (3, 4))
    np.testing.assert_array_equal(again.arrays()["other"], source.arrays()["other"])
    assert not np.array_equal(other.arrays()["other"], source.arrays()["other"])


def test_more_labels_are_the_fewer_and_others(source):
    more = {image.tobytes() for image in open_source(DIGITS | dict(labels=100), seed=3).arrays()["other"]}
    assert len(more) == 100
    assert {image.tobytes() for image in labelled(source)[0]} < more


def test_every_way_of_reading_gives_the_same(source):
    arrays, indices = source.arrays(), [0, 29, 30, 1436]
    for index, example in zip(indices, source.__getitems__(indices), strict=True):
        for key, value in source[index].items():
            np.testing.assert_array_equal(value, example[key])
            np.testing.assert_array_equal(value, arrays[key][index])


def test_tfds_and_folders_too(shared_data, tmp_path):
    for index in range(6):
        folder = tmp_path / "train" / "ab"[index % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (9, 8), (index, 0, 0)).save(folder / f"{index}.png")
    for settings, classes, size in [
        (dict(name="few_labels:folder", labels=4, data_dir=str(tmp_path), channels=1), ("a", "b"), 6),
        (
            dict(name="few_labels:tfds:mnist", labels=20, data_dir=str(shared_data / "tfds"), split="train[:300]"),
            tuple("0123456789"),
            300,
        ),
    ]:
        source = open_source(settings, seed=0)
        assert (source.spec.class_names, source.spec.size) == (classes, size)
        example = source.__getitems__([5])[0]
        assert example["other"].shape == example["image"].shape == source.spec.shape


def test_settings_of_the_set_itself():
    settings = complete(DIGITS | dict(image_size=16), SOURCES, "config.data")
    assert underlying(settings) == dict(name="digits", split="train", image_size=16, resize="crop")
    assert underlying(dict(name="tfds:mnist", split="train")) == dict(name="tfds:mnist", split="train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (dict(labels=55), r"config\.data\.labels is 55, but must be a multiple of 10 classes, such as 50"),
        (dict(labels=5), r"config\.data\.labels is 5, but must be a multiple of 10 classes, such as 10"),
        (dict(labels=2000), r"labels is 2000, 200 examples of each class, but \d has 1\d\d; the most is 1\d\d0"),
        (dict(name="few_labels:rings"), r"unknown config\.data 'rings'.* Known: digits, folder, tfds"),
        (dict(name="few_labels"), r"must have the form 'few_labels:NAME'"),
        (dict(data_dir="there"), r"unknown option of config\.data=digits 'data_dir'"),
    ],
)
def test_what_cannot_be_is_refused(changes, message):
    with pytest.raises(JaxganError, match=message):
        open_source(DIGITS | changes, seed=0)


def test_a_set_without_classes_is_refused(tmp_path):
    with pytest.raises(JaxganError, match="there are no labels to learn from"):
        choose(ArraySource(np.zeros((4, 2, 2, 1), np.uint8)), 2, 0, "a number")
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "0.png")
    options = dict(name="few_labels:folder", data_dir=str(tmp_path), split="")
    with pytest.raises(JaxganError, match="there are no labels to learn from"):  # nor is it asked whether they fit
        open_source(options, 0, lambda spec: pytest.fail("asked"))


def test_messages_name_the_setting_that_asked():
    with pytest.raises(JaxganError, match=r"^the number of a probe is 15, but must be a multiple of 10 classes"):
        choose(open_source(dict(name="digits"), 0), 15, 0, "the number of a probe")
