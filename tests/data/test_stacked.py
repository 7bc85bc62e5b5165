"""Stacked MNIST: its images are the digits that its table names, whatever their number and order."""

import numpy as np
import pytest

from jaxgan.data import open_source
from jaxgan.data.order import epoch_permutation
from jaxgan.data.spec import DataSpec
from jaxgan.data.stacked import digit_table
from jaxgan.errors import JaxganError


@pytest.fixture(scope="module")
def data_dir(shared_data):
    return str(shared_data / "tfds")


def opened(data_dir, seed=3, **options):
    options = {"split": "train[:40]", "num": 60, **options}
    return open_source({"name": "stacked_mnist", "data_dir": data_dir, **options}, seed)


def test_an_image_is_the_three_digits_that_the_table_names(data_dir):
    source = opened(data_dir)
    digits = open_source({"name": "tfds:mnist", "split": "train[:40]", "data_dir": data_dir}, 0).arrays()["image"]
    assert source.spec == DataSpec((28, 28, 3), "uint8", (), 60)
    table, stacked = digit_table(3, 60, 40), source.arrays()["image"]
    assert stacked.shape == (60, 28, 28, 3)
    for index in np.random.default_rng(0).permutation(60):  # the order of reading changes nothing
        (image,) = source[int(index)].values()
        np.testing.assert_array_equal(image, stacked[index])
        for channel in range(3):
            np.testing.assert_array_equal(image[..., channel], digits[table[index, channel], ..., 0])


def test_an_image_depends_on_the_seed_and_its_number_only(data_dir):
    few, many, other = (opened(data_dir, **changes).arrays()["image"] for changes in ({"num": 5}, {}, {"seed": 4}))
    np.testing.assert_array_equal(few, many[:5])
    assert not np.array_equal(many, other)


def test_size_and_split_are_those_of_the_digits(data_dir):
    assert opened(data_dir, image_size=32).spec.shape == (32, 32, 3)
    pooled = opened(data_dir, split="train[:3]+test[:2]")
    digits = open_source({"name": "tfds:mnist", "split": "test[:2]", "data_dir": data_dir}, 0).arrays()["image"]
    image, channel = np.argwhere(digit_table(3, 60, 5) == 4)[0]  # the second of the test digits
    np.testing.assert_array_equal(pooled[int(image)]["image"][..., channel], digits[1, ..., 0])


def test_the_table_is_pinned():
    # A change here gives runs that are resumed other data.
    assert digit_table(7, 2, 60_000).tolist() == [[18637, 32299, 59569], [21111, 11625, 321]]


def test_channels_are_uniform_and_independent():
    table = digit_table(0, 50_000, 10)
    triples = np.bincount(table @ [100, 10, 1], minlength=1000)
    # Expected 50 each: chi-squared with 999 degrees of freedom, of standard deviation 45.
    assert np.sum((triples - 50) ** 2 / 50) == pytest.approx(999, abs=180)


def test_the_table_is_not_made_of_the_numbers_that_order_the_epochs():
    raw = digit_table(7, 20, 2**62).ravel()
    for epoch in range(3):
        assert not np.array_equal(np.argsort(raw, kind="stable"), epoch_permutation(7, epoch, 60))


def test_no_images_are_refused(data_dir):
    with pytest.raises(JaxganError, match=r"config\.data\.num is 0"):
        opened(data_dir, num=0)
