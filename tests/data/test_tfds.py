"""Sets that tensorflow-datasets prepared: read without TensorFlow, and never downloaded."""

import json
import socket
import sys

import numpy as np
import pytest

from jaxgan.data import open_source
from jaxgan.errors import JaxganError


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Fails whoever opens a connection."""

    def refuse(*arguments, **options):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


def mnist(shared_data, **options):
    return open_source({"name": "tfds:mnist", "data_dir": str(shared_data / "tfds"), **options}, seed=0)


def test_mnist_is_the_known_one(shared_data):
    train, test = mnist(shared_data), mnist(shared_data, split="test")
    assert (train.spec.size, test.spec.size) == (60_000, 10_000)
    assert train.spec.shape == (28, 28, 1)
    assert train.spec.class_names == tuple("0123456789")
    images, labels = test.arrays()["image"], test.arrays()["label"]
    # Of the published test set: its class sizes, and its mean grey level.
    assert np.bincount(labels).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert images.mean() / 255 == pytest.approx(0.13251, abs=1e-5)
    for index in (0, 1500, 9999):  # across the chunks that arrays() reads
        np.testing.assert_array_equal(test[index]["image"], images[index])
        assert test[index]["label"] == labels[index]
    assert "tensorflow" not in sys.modules


def test_pixels_are_those_of_the_library(shared_data):
    import tensorflow_datasets

    theirs = tensorflow_datasets.data_source("mnist", split="train", data_dir=shared_data / "tfds")
    ours = mnist(shared_data)
    for index in (0, 31_415):
        np.testing.assert_array_equal(ours[index]["image"], theirs[index]["image"])
        assert ours[index]["label"] == theirs[index]["label"]


def test_images_are_fitted_and_splits_are_cut(shared_data):
    source = mnist(shared_data, split="test[:1%]", image_size=(32, 16))
    assert source.spec.size == 100
    assert source.arrays()["image"].shape == (100, 32, 16, 1)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("tfds:mnist", {"split": "trian"}, "Unknown split 'trian'.*train.*test"),
        ("tfds:mnist", {"split": "train[5:2]"}, r"^config\.data\.split: 'train\[5:2\]' has no examples"),
        ("tfds:mnist", {"split": "train[:0]"}, r"split: 'train\[:0\]' has no examples"),
        ("tfds:mnits", {}, "Did you mean mnist"),
        ("tfds:mnist:9.9.9", {}, "only: 3.0.1"),
        ("tfds:mnist/big", {}, "big not found"),
        ("tfds:huggingface:mnist", {}, "tfds:NAME"),
    ],
)
def test_a_wrong_name_is_one_line(shared_data, name, options, message):
    with pytest.raises(JaxganError, match=message) as caught:
        open_source({"name": name, "data_dir": str(shared_data / "tfds"), **options}, seed=0)
    assert "\n" not in str(caught.value)


def test_an_unprepared_set_is_told_how_to_prepare_it(tmp_path):
    with pytest.raises(JaxganError) as caught:
        open_source({"name": "tfds:mnist", "data_dir": str(tmp_path)}, seed=0)
    where, how = str(caught.value).splitlines()
    assert str(tmp_path / "mnist") in where
    assert f"tfds.builder('mnist', data_dir='{tmp_path}').download_and_prepare(file_format='array_record')" in how
    assert list(tmp_path.iterdir()) == []


def test_a_set_without_images_lists_its_features(shared_data, tmp_path):
    from tensorflow_datasets.core.features import FeaturesDict, Scalar

    info = json.loads((shared_data / "tfds" / "mnist" / "3.0.1" / "dataset_info.json").read_text())
    folder = tmp_path / "sounds" / "1.0.0"
    folder.mkdir(parents=True)
    (folder / "dataset_info.json").write_text(json.dumps(info | {"name": "sounds", "version": "1.0.0"}))
    FeaturesDict({"pitch": Scalar(np.int64), "length": Scalar(np.int64)}).save_config(str(folder))
    with pytest.raises(JaxganError, match="sounds has no 8-bit feature 'image'; it has length, pitch"):
        open_source({"name": "tfds:sounds", "data_dir": str(tmp_path)}, seed=0)
