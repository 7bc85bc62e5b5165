"""What a variational autoencoder says of images; the estimates themselves are in `systems/test_vae.py`."""

from math import log, pi

import jax
import numpy as np
import pytest
from coders import little, make, with_weights

from jaxgan.data import SOURCES, DataSpec
from jaxgan.evaluation import METRICS

DATA = dict(name="little", split="train")
SPEC = DataSpec((2, 2, 1), "uint8", (), 10_000)
BLANK = (np.zeros((4, 4)), np.zeros(4)), (np.zeros((2, 4)), np.zeros(4))  # z ~ N(0, I), and an output of 0


@pytest.fixture(autouse=True)
def little_data(monkeypatch):
    monkeypatch.setitem(SOURCES, "little", little)


def scored(metric, **likelihood):
    """The metric, and its figures of a system that knows nothing of the images."""
    vae = make("vae", (2, 2, 1), likelihood=likelihood)
    metric = METRICS[metric](SPEC, vae, DATA)
    state = with_weights(vae.init(jax.random.key(0), None), *BLANK)
    return metric, metric.score(state, {})


def test_every_pixel_a_coin():
    """Black or white with p = 1/2: 4 log 2 nats, as z says nothing, whatever is drawn."""
    metric, figures = scored("likelihood1k_test_iw1000", name="bernoulli")
    assert figures == {name: pytest.approx(-4 * log(2), rel=1e-5) for name in ("log_likelihood", "elbo")}
    assert metric.num == 1000
    assert metric.protocol == {
        "held_out": "little test (1,000 of 10,000, drawn with seed 0)",
        "likelihood": "bernoulli",
        "draws": 1000,
        "draws_seed": 1,
    }


def test_the_lower_bound_of_10000_images():
    """|x|^2 / (2 sigma^2) + 2 log(2 pi sigma^2), without a divergence."""
    metric, figures = scored("elbo10k_test", name="gaussian", sigma=0.5)
    squares = ((little(0, split="test").arrays()["image"] / 127.5 - 1) ** 2).sum(axis=(1, 2, 3))
    loss = squares.mean() / 0.5 + 2 * log(2 * pi * 0.25)
    assert figures["reconstruction_loss"] == pytest.approx(loss, rel=1e-5)
    assert figures["kl_divergence"] == 0
    assert figures["elbo"] == pytest.approx(-loss, rel=1e-5)
    assert metric.protocol == {
        "held_out": "little test (10,000)",
        "likelihood": "gaussian density, sigma 0.5",
        "draws": 1,
        "draws_seed": 0,
    }


def test_a_second_scoring_compiles_nothing():
    vae = make("vae", (2, 2, 1), likelihood=dict(name="bernoulli"))
    metric, traces = METRICS["likelihood1k_test_iw1000"](SPEC, vae, DATA), []
    log_weights = type(vae).log_weights
    state = with_weights(vae.init(jax.random.key(0), None), *BLANK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(vae), "log_weights", lambda *arguments: traces.append(1) or log_weights(*arguments))
        metric.score(state, {})
        first = len(traces)
        metric.score(state, {})
    assert len(traces) == first > 0
