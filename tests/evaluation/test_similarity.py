"""MS-SSIM within classes as a metric: real images beside real ones, collapse, and what is refused."""

import numpy as np
import pytest
from subjects import scored, system_of

from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.similarity import similarities
from jaxgan.registry import complete

DATA = complete({"name": "digits", "image_size": 32}, SOURCES, "config.data")
SPEC = DataSpec((32, 32, 1), "uint8", tuple("0123456789"), 1437)


@pytest.fixture(scope="module")
def real():
    arrays = open_source(DATA, 0).arrays()
    return arrays["image"][:1000], arrays["label"][:1000]


def metric(name="ms_ssim1k_train", data=DATA, spec=SPEC, num_classes=10):
    return METRICS[name](spec, system_of(num_classes), data)


@pytest.fixture(scope="module")
def within():
    return metric()


@pytest.fixture(scope="module")
def of_all():
    return metric(num_classes=0)


def test_real_images_are_as_alike_as_real_images(within, real):
    figures = scored(within, *real)
    assert list(figures) == ["ms_ssim", "real_ms_ssim", "least_varied", "collapsed"]
    assert figures["ms_ssim"] == pytest.approx(figures["real_ms_ssim"], abs=0.03)
    assert figures["ms_ssim"] < figures["least_varied"] < 1
    assert figures["collapsed"] <= 0.1  # the most alike class may be above itself, by other pairs
    held_out = scored(metric("ms_ssim1k_test"), *real)
    assert held_out["real_ms_ssim"] == pytest.approx(figures["real_ms_ssim"], abs=0.05)


def test_collapse_is_seen_within_each_class(within, real):
    images, labels = real
    first = np.array([np.flatnonzero(labels == label)[0] for label in range(10)])
    every = scored(within, images[first][labels], labels)
    assert every["ms_ssim"] == pytest.approx(1)
    assert every["collapsed"] == 1
    one = np.where((labels == 3)[:, None, None, None], images[first[3]], images)
    figures = scored(within, one, labels)
    assert figures["least_varied"] == pytest.approx(1)
    assert figures["collapsed"] == pytest.approx(0.1, abs=0.1)
    noise = np.random.default_rng(0).integers(0, 256, images.shape).astype(np.uint8)
    assert scored(within, noise, labels)["ms_ssim"] < 0.1  # nothing of quality


def test_without_classes_pairs_are_of_all(within, of_all, real):
    images, labels = real
    figures = scored(of_all, images, labels)
    assert list(figures) == ["ms_ssim", "real_ms_ssim"]
    assert figures["ms_ssim"] == pytest.approx(figures["real_ms_ssim"], abs=0.03)
    assert figures["ms_ssim"] < scored(within, images, labels)["ms_ssim"] - 0.05  # different digits are less alike


def test_the_order_of_the_images_makes_no_difference(within, real):
    images, labels = real
    assert scored(within, images[::-1], labels[::-1]) == scored(within, images, labels)


def test_labels_are_taken_apart():
    """Class 0 is black or white, class 4 one grey: pairs of the first differ half of the time."""
    images = np.zeros((200, 16, 16, 1), np.uint8)
    images[:50] = 255
    images[100:] = 90
    found = similarities(images, np.repeat([0, 4], 100), scales=1)
    assert found[0] == pytest.approx(0.5, abs=0.15)
    assert found[1] == 1


def test_the_protocol_says_how_many_scales_and_pairs(within, of_all):
    assert within.protocol["scales"] == 2
    assert within.protocol["reference"] == "digits train (1,000 of 1,437, drawn with seed 0)"
    assert within.protocol["pairs"] == "100 within each of 10 classes"
    assert of_all.protocol["pairs"] == "1000 of all images"
    assert (within.num, within.aim) == (1000, None)
    small = metric("ms_ssim1k_test", spec=SPEC._replace(shape=(16, 16, 1)), data=DATA | {"image_size": 16})
    assert (small.protocol["scales"], small.protocol["reference"]) == (1, "digits test (360)")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"spec": SPEC._replace(shape=(10, 32, 1))}, "windows of 11x11 pixels, and images are 10x32"),
        ({"spec": SPEC._replace(shape=(2,))}, "scores images, and this run makes points"),
        ({"data": DATA | {"without": tuple("012345678"), "split": "all"}}, "the run learns from split='all'"),
        ({"data": DATA | {"without": ("3",)}}, "some of the 10 classes have fewer than two images"),
    ],
)
def test_what_cannot_be_scored_is_refused(changes, message):
    with pytest.raises(JaxganError, match=f"ms_ssim1k_train.*{message}"):
        metric(**changes)


def test_so_many_classes_that_each_has_one_image_are_refused():
    system = system_of(10)
    object.__setattr__(system, "num_classes", 501)
    with pytest.raises(JaxganError, match="ms_ssim1k_train compares images of a class: 1,000 of 501 classes"):
        METRICS["ms_ssim1k_train"](SPEC, system, DATA)
