"""The sliced Wasserstein distance of pyramids as a metric: what real images score, and what bad ones do."""

import json

import numpy as np
import pytest
from small_runs import train
from subjects import scored, system_of

from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, patches
from jaxgan.registry import complete

DATA = complete({"name": "digits", "image_size": 32}, SOURCES, "config.data")
SPEC = DataSpec((32, 32, 1), "uint8", tuple("0123456789"), 1437)
LABELS = np.zeros(1000, np.int32)


@pytest.fixture(autouse=True)
def few(monkeypatch):
    """Few patches and directions, for the sake of time."""
    monkeypatch.setattr(patches, "PER_IMAGE", 8)
    monkeypatch.setattr(patches, "DIRECTIONS", 32)


@pytest.fixture(scope="module")
def real():
    """The train split in two parts that share no image: a thousand, and all others, repeated to a thousand."""
    images = open_source(DATA, 0).arrays()["image"]
    order = np.random.default_rng(0).permutation(len(images))
    return images[order[:1000]], np.resize(images[order[1000:]], (1000, 32, 32, 1))


def metric(name="swd1k_train", data=DATA, spec=SPEC, num_classes=10):
    return METRICS[name](spec, system_of(num_classes), data)


def test_real_images_are_near_and_bad_ones_far(real):
    swd = metric()
    near = [scored(swd, images, LABELS)["swd"] for images in real]
    noise = np.random.default_rng(0).integers(0, 256, real[0].shape).astype(np.uint8)
    blurred = (real[0] // 3 + np.roll(real[0], 2, 1) // 3 + np.roll(real[0], 2, 2) // 3).astype(np.uint8)
    flat = np.full_like(noise, 128)
    for bad in (noise, blurred, flat, np.repeat(real[0][:1], 1000, axis=0)):
        assert scored(swd, bad, LABELS)["swd"] > 2 * max(near)


def test_a_figure_a_level_and_their_mean(real):
    figures = scored(metric(), real[0], LABELS)
    assert list(figures) == ["swd", "swd_32x32", "swd_16x16"]
    assert figures["swd"] == (figures["swd_32x32"] + figures["swd_16x16"]) / 2
    assert metric().aim == ("swd", True)


def test_the_order_of_the_images_makes_no_difference(real):
    figures = scored(metric(), real[0], LABELS)
    assert scored(metric(), real[0][::-1], LABELS) == figures


def test_noise_in_the_finest_pixels_shows_in_the_finest_level(real):
    rough = np.clip(real[0] + np.random.default_rng(0).integers(-40, 41, real[0].shape), 0, 255).astype(np.uint8)
    figures = scored(metric(), rough, LABELS)
    assert figures["swd_32x32"] > 2 * figures["swd_16x16"]


def test_the_protocol_says_what_it_was_computed_from():
    swd = metric()
    assert swd.num == 1000
    assert swd.protocol["reference"] == "digits train (1,000 of 1,437, drawn with seed 0)"
    assert swd.protocol["levels"] == ["32x32", "16x16"]
    assert swd.protocol["patches"].startswith("8 of 7x7")
    larger = metric(data=DATA | {"image_size": 16}, spec=SPEC._replace(shape=(16, 16, 1)))
    assert larger.protocol["reference_sha256"] != swd.protocol["reference_sha256"]


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("swd1k_test", {}, "swd1k_test scores 1,000 examples of the test split, which has 360"),
        ("swd10k_train", {}, "swd10k_train scores 10,000 examples of the train split, which has 1,437"),
        (
            "swd1k_train",
            {"spec": SPEC._replace(shape=(6, 32, 1))},
            "swd1k_train: images of 6x32 do not have 128 patches of 7x7",
        ),
        ("swd1k_train", {"spec": SPEC._replace(shape=(2,))}, "swd1k_train scores images, and this run makes points"),
        ("swd1k_train", {"data": DATA | {"split": "test"}}, "swd1k_train: the run learns from split='test'"),
    ],
)
def test_what_cannot_be_scored_is_refused(name, changes, message):
    with pytest.raises(JaxganError, match=message):
        metric(name, **changes)


def test_a_run_is_scored(tmp_path):
    train(tmp_path, "images", metrics=("swd1k_train", "ms_ssim1k_train"), steps=4)
    distance, likeness = map(json.loads, (tmp_path / "evaluations.jsonl").read_text().splitlines())
    assert distance["swd_16x16"] == distance["swd"] > 0
    assert likeness["protocol"]["scales"] == 1
    assert 0 < likeness["real_ms_ssim"] < 1
