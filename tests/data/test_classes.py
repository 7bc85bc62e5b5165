"""Sets without some of their classes."""

import jax
import numpy as np
import pytest
from PIL import Image

from jaxgan.data import make_feed, open_source
from jaxgan.data.memory import read
from jaxgan.errors import JaxganError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Five images a class, the grey level of each its number; class b is the second of three."""
    top = tmp_path_factory.mktemp("images")
    for index in range(15):
        path = top / "abc"[index % 3] / f"{index}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(np.full((4, 4), index, np.uint8)).save(path)
    return str(top)


@pytest.mark.parametrize("memory_gib", [4.0, 0.0])
def test_a_folder_without_a_class(folder, memory_gib):
    """Read together, one by one or all at once, from memory or from files."""
    source = open_source({"name": "folder", "data_dir": folder, "memory_gib": memory_gib, "without": ("b",)}, 0)
    assert source.spec.size == 10
    assert source.spec.class_names == ("a", "b", "c")  # so that labels mean what they mean in the whole set
    arrays = source.arrays()
    levels = arrays["image"][:, 0, 0, 0]
    assert sorted(levels) == [index for index in range(15) if index % 3 != 1]
    np.testing.assert_array_equal(arrays["label"], levels % 3)
    together, alone = read(source, [7, 2]), [source[7], source[2]]
    for examples in (together, alone):
        assert [int(example["image"][0, 0, 0]) for example in examples] == levels[[7, 2]].tolist()
        assert [int(example["label"]) for example in examples] == arrays["label"][[7, 2]].tolist()


def test_both_feeds_give_what_is_left(folder):
    source = open_source({"name": "folder", "data_dir": folder, "without": ("a", "c")}, 0)
    batches = []
    for limit in (2**20, 0):  # on the device, streamed
        feed = make_feed(source, 3, 1, [0], limit)
        batches.append(feed.batch(jax.device_put(feed.constants), next(feed.items(0, 1))))
    streamed = np.asarray(batches[1]["label"])
    assert (np.asarray(batches[0]["label"]) == 1).all()
    assert (streamed == 1).all()
    np.testing.assert_array_equal(np.ravel(batches[0]["image"]), np.ravel(batches[1]["image"]))


def test_embedded_digits_without_two_classes():
    whole, part = (open_source({"name": "digits", "without": names}, 0) for names in ((), ("3", "5")))
    kept = ~np.isin(whole.arrays()["label"], [3, 5])
    np.testing.assert_array_equal(part.arrays()["image"], whole.arrays()["image"][kept])
    np.testing.assert_array_equal(part.arrays()["label"], whole.arrays()["label"][kept])


def test_a_prepared_set_without_a_class(shared_data):
    data = {"name": "tfds:mnist", "split": "train[:100]", "data_dir": str(shared_data / "tfds")}
    whole, part = open_source(data, 0).arrays(), open_source({**data, "without": ("3",)}, 0).arrays()
    np.testing.assert_array_equal(part["image"], whole["image"][whole["label"] != 3])
    assert 0 < len(part["label"]) < 100


@pytest.mark.parametrize(
    ("without", "message"),
    [
        (("three",), r"unknown class of config\.data\.without 'three'.*Known: 0, 1, 2"),
        (tuple("0123456789"), "leaves no example"),
        ("3", r"config\.data\.without is '3'"),
    ],
)
def test_what_cannot_be_left_out_is_refused(without, message):
    with pytest.raises(JaxganError, match=message):
        open_source({"name": "digits", "without": without}, 0)


def test_a_set_without_classes_has_none_to_leave_out(tmp_path):
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "0.png")
    with pytest.raises(JaxganError, match=r"unknown class of config\.data\.without 'a'\. Known: none"):
        open_source({"name": "folder", "data_dir": str(tmp_path), "without": ("a",)}, 0)
