"""Sources by name, the embedded digits and the distributions of the plane."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.data.folder import _Decoder
from jaxgan.data.toys import GAUSSIAN_A, GAUSSIAN_B, grid_centres, ring_centres
from jaxgan.errors import JaxganError


@pytest.mark.parametrize("name", ["digits", "gaussian", "ring", "grid"])
def test_reading_by_position_agrees_with_the_arrays(name):
    source = open_source({"name": name}, seed=3)
    arrays = source.arrays()
    assert all(len(array) == source.spec.size for array in arrays.values())
    assert arrays["image"].dtype == source.spec.dtype
    assert ("label" in arrays) == bool(source.spec.class_names)
    for index in (0, 7, source.spec.size - 1):
        example = source[index]
        assert example.keys() == arrays.keys()
        assert example["image"].shape == source.spec.shape
        for key, array in arrays.items():
            np.testing.assert_array_equal(example[key], array[index])
    assert DataSpec.from_json(json.loads(json.dumps(source.spec._asdict()))) == source.spec


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "digit"}, "Did you mean 'digits'"),
        ({"name": "digits", "sise": 3}, "image_size"),
        ({"name": "digits", "image_size": -4}, "image_size"),
        ({"name": "digits", "image_size": (4, 0)}, "image_size"),
        ({"name": "digits", "resize": "shrink"}, "'crop', 'stretch', 'pad', 'exact'"),
        ({"name": "digits", "image_size": 9, "resize": "exact"}, "an image is 8x8, not 9x9"),
        ({"name": "digits:mnist"}, "Did you mean 'digits'"),
        ({"name": "tfds"}, "must have the form 'tfds:NAME'"),
    ],
)
def test_a_wrong_recipe_is_told_what_exists(options, message):
    with pytest.raises(JaxganError, match=message):
        open_source(options, seed=0)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Of two classes, each side of a pair in the other, 4x8."""
    folder = tmp_path_factory.mktemp("pictures")
    for side in "ab":
        (folder / side).mkdir()
        for i in range(3):
            Image.fromarray(np.full((4, 8, 3), i, np.uint8)).save(folder / side / f"{i}.png")
    return str(folder)


DECODING = {
    "folder": {"without": ("a",)},
    "few_labels:folder": {"labels": 2, "split": ""},
    "unpaired": {"first": "a", "second": "b"},
    "paired": {"first": "a", "second": "b"},
    "combined": {"split": "a"},
}


@pytest.mark.parametrize("name", DECODING)
def test_what_examples_are_like_is_told_before_any_is_decoded(monkeypatch, pictures, name):
    options = {"name": name, "data_dir": pictures, **DECODING[name]}
    told = []
    source = open_source(options, 0, told.append)
    assert [spec._replace(size=source.spec.size) for spec in told] == [source.spec]  # with what is left out

    def refuse(spec):
        raise JaxganError("these do not fit")

    monkeypatch.delattr(_Decoder, "one")
    with pytest.raises(JaxganError, match=r"^these do not fit$"):  # not a fault of config.data
        open_source(options, 0, refuse)


def test_what_is_made_of_mnist_is_told_before_any_digit_is_decoded(shared_data):
    few = {"data_dir": str(shared_data / "tfds"), "split": "test[:10]"}
    for made in ({"name": "mnist_domains"}, {"name": "mnist_domains", "paired": True}, {"name": "stacked_mnist"}):
        told = []
        source = open_source(few | made, 0, told.append)
        assert told == [source.spec]


def test_listing_the_sources_loads_no_data_library_and_touches_no_device():
    code = (
        "import sys, jax, jaxgan.data; from jax._src import xla_bridge;"
        "print([m for m in ('tensorflow_datasets', 'sklearn', 'grain', 'tensorflow') if m in sys.modules],"
        " xla_bridge.backends_are_initialized())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"


def test_digits_are_the_known_ones():
    whole, train, test = (open_source({"name": "digits", "split": split}, 0) for split in ("all", "train", "test"))
    assert (whole.spec.size, train.spec.size, test.spec.size) == (1797, 1437, 360)
    images, labels = whole.arrays()["image"], whole.arrays()["label"]
    assert labels[:10].tolist() == list(range(10))
    # The first row of the first zero is 0 0 5 13 9 1 0 0, of 16.
    assert images[0, 0, :, 0].tolist() == [0, 0, 80, 207, 143, 16, 0, 0]
    assert sorted(set(images.flat)) == np.rint(np.arange(17) * 255 / 16).tolist()
    np.testing.assert_array_equal(test.arrays()["image"], images[::5])
    np.testing.assert_array_equal(train.arrays()["label"][:4], labels[1:5])
    assert whole.spec.class_names == tuple("0123456789")


def test_digits_are_enlarged_without_changing_what_they_show():
    small, large = (open_source({"name": "digits", "image_size": size}, 0).arrays()["image"] for size in (0, (16, 32)))
    assert large.shape[1:] == (16, 32, 1)
    square = open_source({"name": "digits", "image_size": 32}, 0).arrays()["image"]
    blocks = square.reshape(len(square), 8, 4, 8, 4, 1).mean((2, 4))
    assert np.corrcoef(blocks.ravel(), small.ravel())[0, 1] > 0.98


def test_the_gaussian_has_the_stated_moments():
    points = open_source({"name": "gaussian", "num": 40_000}, 0).arrays()["image"].astype(np.float64)
    # Standard errors: sqrt(5 / 40,000) = .011 of a mean, sqrt(2 / 40,000) * 4.25 = .03 of a variance.
    np.testing.assert_allclose(points.mean(0), GAUSSIAN_B, atol=0.045)
    np.testing.assert_allclose(np.cov(points.T), GAUSSIAN_A.T @ GAUSSIAN_A, atol=0.12)
    assert open_source({"name": "gaussian"}, 0).spec.size == 1000


@pytest.mark.parametrize(("name", "centres", "sigma"), [("ring", ring_centres(), 0.01), ("grid", grid_centres(), 0.05)])
def test_mixtures_lie_around_their_centres_in_equal_shares(name, centres, sigma):
    points = open_source({"name": name}, 0).arrays()["image"]
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    assert np.all(distances.min(1) < 6 * sigma)
    assert set(np.bincount(distances.argmin(1))) == {100_000 // len(centres)}
    np.testing.assert_allclose(np.mean(distances.min(1) ** 2), 2 * sigma**2, rtol=0.02)


def test_centres_are_where_the_protocol_puts_them():
    np.testing.assert_allclose(np.linalg.norm(ring_centres(), axis=1), 1)
    np.testing.assert_allclose(ring_centres()[[0, 2]], [[1, 0], [0, 1]], atol=1e-12)
    assert ring_centres(5, 2.0).shape == (5, 2)
    assert {tuple(centre) for centre in grid_centres()} == {(x, y) for x in range(-4, 5, 2) for y in range(-4, 5, 2)}


@pytest.mark.parametrize("name", ["gaussian", "ring", "grid"])
def test_drawn_sets_follow_the_seed(name):
    first, again, other = (open_source({"name": name, "num": 50}, seed).arrays()["image"] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_every_source_says_what_its_options_mean():
    assert all(factory.__doc__ and "Args:" in factory.__doc__ for factory in SOURCES.values())
