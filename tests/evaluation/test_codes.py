"""Scores of autoencoders on real examples held out of training: known weights, figures computed without them."""

from math import log10

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from coders import make, with_weights
from subjects import system_of

from jaxgan.data import SOURCES, DataSpec
from jaxgan.data.digits import digits
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, Subject
from jaxgan.evaluation.anomalies import neighbour_distances, roc_auc
from jaxgan.evaluation.held_out import first_images, open_test_split
from jaxgan.evaluation.reconstructions import peak_ratio, reconstructed
from jaxgan.registry import complete

KEY = jax.random.key(0)
SPEC = DataSpec((8, 8, 1), "uint8", tuple("0123456789"), 1437)
EYE, ZERO = (np.eye(64), np.zeros(64)), (np.zeros((64, 64)), np.zeros(64))


def data_of(name, **options):
    return complete({"name": name, **options}, SOURCES, "config.data")


def test_areas_under_curves_by_hand():
    positive = np.array([False, True, False, True])
    assert roc_auc(np.array([1.0, 3, 2, 4]), positive) == 1
    assert roc_auc(np.array([1.0, 2, 3, 4]), positive) == 0.75
    assert roc_auc(np.array([4.0, 3, 2, 1]), positive) == 0.25
    assert roc_auc(np.ones(4), positive) == 0.5
    assert roc_auc(np.array([1.0, 1, 0, 0]), positive) == pytest.approx((0.5 + 1 + 0 + 0.5) / 4)


def test_distances_to_neighbours_by_hand():
    known = np.array([[0.0, 0], [3, 4], [0, 10]])
    np.testing.assert_allclose(neighbour_distances(known, np.array([[0.0, 0], [0, 7]]), 2), [2.5, (3 + 18**0.5) / 2])


def test_a_class_left_out_is_told_by_error_by_code_and_by_both():
    """Codes are the pixels, reconstructions grey: so errors are sums of squares, and neighbours those of images."""
    metric = METRICS["anomaly_test_5nn"](
        SPEC, system := make("autoencoder", (8, 8, 1), system=dict(latent_size=64)), data_of("digits", without=("6",))
    )
    figures = metric.score(Subject(system, with_weights(system.init(KEY, None), EYE, ZERO), lambda num: None))
    train, test = (digits(0, split=split).arrays() for split in ("train", "test"))
    train, labels = train["image"][train["label"] != 6], test["label"]
    known, asked = (x.reshape(len(x), 64) / 127.5 - 1 for x in (train, test["image"]))
    errors = (asked**2).sum(axis=1)
    distances = np.sort(np.linalg.norm(asked[:, None] - known[None], axis=-1), axis=1)[:, :5].mean(axis=1)
    for name, scores in (("reconstruction", errors), ("latent", distances), ("both", errors * distances)):
        pairs = scores[labels == 6][:, None] > scores[labels != 6][None]
        assert figures[f"auc_{name}"] == pytest.approx(pairs.mean(), abs=2e-3), name
    assert figures["auc_latent"] > 0.95
    assert metric.num == len(labels)
    assert metric.protocol["left_out"] == ["6"]
    assert metric.protocol["codes_of"] == f"digits train ({len(train):,})"


def test_signal_to_noise_by_hand():
    """A constant error of 0.2 in a range of 2: 20 dB; none at all: the bound."""
    images = jnp.zeros((2, 2, 2, 1))
    ratios = peak_ratio(images.at[0].add(0.2), images)
    np.testing.assert_allclose(ratios, [20, 100], rtol=1e-5)


def test_a_denoiser_is_scored_on_corrupted_images_against_clean_ones():
    images = digits(0, split="test").arrays()["image"][:70] // 2 + 64  # far enough from black and white to keep noise
    system = make("autoencoder", (8, 8, 1), system=dict(latent_size=64), corruption=dict(name="noise", std=0.1))
    state = system.init(KEY, None)
    given_back = reconstructed(system, with_weights(state, EYE, EYE), images)
    assert given_back["psnr"] == pytest.approx(given_back["input_psnr"], abs=1e-3)
    assert given_back["psnr"] == pytest.approx(20 + 10 * log10(4), abs=0.1)
    assert given_back["reconstruction_loss"] == pytest.approx(64 * 0.01, rel=0.05)
    grey = reconstructed(system, with_weights(state, ZERO, ZERO), images)
    squares = (images / 127.5 - 1) ** 2
    assert grey["psnr"] == pytest.approx(10 * np.log10(4 / squares.mean(axis=(1, 2, 3))).mean(), abs=1e-3)
    assert grey["input_psnr"] == given_back["input_psnr"]
    plain = make("autoencoder", (8, 8, 1), system=dict(latent_size=64, loss="absolute"))
    figures = reconstructed(plain, with_weights(state, ZERO, ZERO), images)
    assert figures.keys() == {"psnr", "reconstruction_loss"}
    assert figures["reconstruction_loss"] == pytest.approx(np.sqrt(squares).sum(axis=(1, 2, 3)).mean(), rel=1e-5)


def test_metrics_of_the_test_split_score_its_first_images(shared_data):
    """Of a system that knows nothing of MNIST: p = 1/2 for every pixel, 784 log 2 nats; and half of white, black."""
    data = data_of("tfds:mnist", data_dir=str(shared_data / "tfds"), split="train[:10]", image_size=2)
    spec = DataSpec((2, 2, 1), "uint8", tuple("0123456789"), 10)
    vae = make("vae", (2, 2, 1), likelihood=dict(name="bernoulli"))
    blank = with_weights(vae.init(KEY, None), (np.zeros((4, 4)), np.zeros(4)), (np.zeros((2, 4)), np.zeros(4)))
    metric = METRICS["likelihood1k_test_iw1000"](spec, vae, data)
    assert metric.num == 1000
    assert metric.protocol["held_out"] == "tfds:mnist test, the first 1,000 of 10,000"
    figures = metric.score(Subject(vae, blank, lambda num: None))
    assert figures == {name: pytest.approx(-4 * np.log(2), rel=1e-5) for name in ("log_likelihood", "elbo")}


@pytest.mark.parametrize("name", ["elbo10k_test", "likelihood1k_test_iw1000", "reconstruction10k_test"])
def test_a_split_that_is_too_small_or_another_system_is_refused(name):
    system = make("autoencoder" if name.startswith("rec") else "vae", (8, 8, 1))
    with pytest.raises(JaxganError, match=rf"{name} scores 10?,000 examples of the test split, which has 360"):
        METRICS[name](SPEC, system, data_of("digits"))
    with pytest.raises(JaxganError, match=rf"{name} scores (variational )?autoencoders.*--config\.metrics"):
        METRICS[name](SPEC, system_of(0), data_of("digits"))


def test_what_has_no_test_split_or_no_class_left_out_is_refused():
    with pytest.raises(JaxganError, match=r"config\.data\.name=gaussian has no test split"):
        open_test_split("elbo10k_test", data_of("gaussian"))
    with pytest.raises(JaxganError, match=r"training leaves out: set --config\.data\.without="):
        METRICS["anomaly_test_5nn"](SPEC, make("vae", (8, 8, 1)), data_of("digits"))
    with pytest.raises(JaxganError, match="anomaly_test_5nn scores autoencoders"):
        METRICS["anomaly_test_5nn"](SPEC, system_of(0), data_of("digits", without=("3",)))


def test_the_first_images_are_those_of_the_split():
    source = open_test_split("a metric", data_of("digits", image_size=4))
    np.testing.assert_array_equal(first_images("a metric", source, 5), source.arrays()["image"][:5])
    assert source.spec.shape == (4, 4, 1)
