"""Reconstructions scored: known weights, figures computed without them."""

from math import log10

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from coders import EYE, ZERO, little, make, with_weights

from jaxgan.data import SOURCES, DataSpec
from jaxgan.data.digits import digits
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.reconstructions import peak_ratio, reconstructed

KEY = jax.random.key(0)


def test_signal_to_noise_by_hand():
    """A constant error of 0.2 in a range of 2: 20 dB; none at all: the bound."""
    images = jnp.zeros((2, 2, 2, 1))
    ratios = peak_ratio(images.at[0].add(0.2), images)
    np.testing.assert_allclose(ratios, [20, 100], rtol=1e-5)


def test_a_denoiser_is_scored_on_corrupted_images_against_clean_ones():
    images = digits(0, split="test").arrays()["image"][:70] // 2 + 64  # far enough from black and white to keep noise
    system = make("autoencoder", (8, 8, 1), system=dict(latent_size=64), corruption=dict(name="noise", std=0.1))
    state, score = system.init(KEY, None), reconstructed(system)
    given_back = score(with_weights(state, EYE, EYE), images)
    assert given_back["psnr"] == pytest.approx(given_back["input_psnr"], abs=1e-3)
    assert given_back["psnr"] == pytest.approx(20 + 10 * log10(4), abs=0.1)
    assert given_back["reconstruction_loss"] == pytest.approx(64 * 0.01, rel=0.05)
    grey = score(with_weights(state, ZERO, ZERO), images)
    squares = (images / 127.5 - 1) ** 2
    assert grey["psnr"] == pytest.approx(10 * np.log10(4 / squares.mean(axis=(1, 2, 3))).mean(), abs=1e-3)
    assert grey["input_psnr"] == given_back["input_psnr"]
    plain = make("autoencoder", (8, 8, 1), system=dict(latent_size=64, loss="absolute"))
    figures = reconstructed(plain)(with_weights(state, ZERO, ZERO), images)
    assert figures.keys() == {"psnr", "reconstruction_loss"}
    assert figures["reconstruction_loss"] == pytest.approx(np.sqrt(squares).sum(axis=(1, 2, 3)).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("corruption", "said"),
    [(dict(name="none"), "none"), (dict(name="masking", share=1.0), "masking, share 1.0, drawn with seed 0")],
)
def test_10000_images_made_grey(corruption, said, monkeypatch):
    """By weights of 0; under the mask they are all black."""
    monkeypatch.setitem(SOURCES, "little", little)
    spec, data = DataSpec((2, 2, 1), "uint8", (), 10_000), dict(name="little", split="train")
    system = make("autoencoder", (2, 2, 1), system=dict(latent_size=1, loss="absolute"), corruption=corruption)
    metric = METRICS["reconstruction10k_test"](spec, system, data)
    weights = (np.zeros((4, 1)), np.zeros(1)), (np.zeros((1, 4)), np.zeros(4))
    state = with_weights(system.init(KEY, None), *weights)
    figures = metric.score(state, {})
    x = little(0, split="test").arrays()["image"] / 127.5 - 1
    assert figures["psnr"] == pytest.approx(np.mean(10 * np.log10(4 / (x**2).mean(axis=(1, 2, 3)))), abs=1e-3)
    assert figures["reconstruction_loss"] == pytest.approx(np.abs(x).sum(axis=(1, 2, 3)).mean(), rel=1e-5)
    black = pytest.approx(np.mean(10 * np.log10(4 / ((x + 1) ** 2).mean(axis=(1, 2, 3)))), abs=1e-3)
    assert figures.get("input_psnr") == (black if said != "none" else None)
    assert (metric.num, metric.protocol["held_out"]) == (10_000, "little test (10,000)")
    assert (metric.protocol["loss"], metric.protocol["corruption"]) == ("absolute", said)
