"""Examples that a run has not seen: which they are, and runs that may have seen them."""

from collections import Counter

import numpy as np
import pytest
from coders import make
from PIL import Image
from subjects import system_of

from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.held_out import held_out_images, open_test_split
from jaxgan.registry import complete

SPEC = DataSpec((8, 8, 1), "uint8", tuple("0123456789"), 1437)


def data_of(name, **options):
    return complete({"name": name, **options}, SOURCES, "config.data")


def test_the_test_split_has_the_other_settings_of_the_run():
    source = open_test_split("a test", data_of("digits", image_size=4, without=("3",)))
    assert source.spec.shape == (4, 4, 1)
    assert 3 not in source.arrays()["label"]
    assert open_test_split("a test", data_of("digits", image_size=4, without=("3",)), without=()).spec.size == 360


def test_of_a_few_labels_it_has_all_and_nothing_that_is_learnt_from(shared_data):
    few = data_of("few_labels:digits", labels=30)
    test = open_test_split("a test", few)
    assert (test.spec.size, test.spec.other) == (360, ())
    learnt = {image.tobytes() for image in open_source(few, 0).arrays()["image"]}
    assert not learnt & {image.tobytes() for image in test.arrays()["image"]}
    few = data_of("few_labels:tfds:mnist", labels=20, data_dir=str(shared_data / "tfds"), split="train[:300]")
    assert open_test_split("a test", few).spec.size == 10_000


def test_images_are_drawn_from_the_whole_split_and_always_the_same(tmp_path):
    """A folder is sorted by class: its first thirty would be of one."""
    for split in ("train", "test"):
        for level, name in ((0, "airplane"), (1, "bird"), (2, "cat")):
            (tmp_path / split / name).mkdir(parents=True)
            for index in range(30):
                Image.new("L", (1, 1), 50 * level + index).save(tmp_path / split / name / f"{index:02}.png")
    data = data_of("folder", data_dir=str(tmp_path), split="train")
    images, said = held_out_images("a_metric", data, 30)
    assert images.shape == (30, 1, 1, 1)
    levels = images.ravel().tolist()
    assert levels == sorted(set(levels))  # each once, in the split's order
    assert min(Counter(level // 50 for level in levels).values()) > 4
    assert said == "folder test (30 of 90, drawn with seed 0)"
    np.testing.assert_array_equal(held_out_images("a_metric", data, 30)[0], images)


def test_all_of_a_split_are_all_of_it_in_order():
    images, said = held_out_images("a_metric", data_of("digits"), 360)
    np.testing.assert_array_equal(images, open_source(dict(name="digits", split="test"), 0).arrays()["image"])
    assert said == "digits test (360)"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            dict(name="gaussian"),
            r"^a test asks for .*, and config\.data\.name=gaussian has no test split: leave it out",
        ),
        (dict(name="digits", split="test"), r"^a test asks for .*config\.data\.split='test': train with --config"),
        (dict(name="digits", split="all"), r"config\.data\.split='all': train with --config"),
        (dict(name="few_labels:digits", split="all"), r"config\.data\.split='all': train with --config"),
        (dict(name="tfds:mnist", split="train+test"), r"config\.data\.split='train\+test': train with --config"),
        (dict(name="tfds:mnist", split="train[:9]+test[:9]"), r"config\.data\.split='train\[:9\]\+test\[:9\]'"),
        (dict(name="folder", data_dir="/nowhere"), r"config\.data\.split='': train with --config"),
    ],
)
def test_runs_that_may_have_seen_the_test_split_are_refused(data, message):
    with pytest.raises(JaxganError, match=message):
        open_test_split("a test", data_of(data.pop("name"), **data))


@pytest.mark.parametrize("name", ["elbo10k_test", "likelihood1k_test_iw1000", "reconstruction10k_test"])
def test_a_split_that_is_too_small_or_another_system_is_refused(name):
    system = make("autoencoder" if name.startswith("rec") else "vae", (8, 8, 1))
    with pytest.raises(JaxganError, match=rf"{name} scores 10?,000 examples of the test split, which has 360"):
        METRICS[name](SPEC, system, data_of("digits"))
    with pytest.raises(JaxganError, match=rf"{name} scores (variational )?autoencoders.*--config\.metrics"):
        METRICS[name](SPEC, system_of(0), data_of("digits"))
