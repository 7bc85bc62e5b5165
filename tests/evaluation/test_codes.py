"""Categories matched with digits, by hand."""

import dataclasses
from math import log

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from subjects import system_of

from jaxgan.config import recipe, resolve
from jaxgan.data import DataSpec
from jaxgan.drawing import Samples
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, codes
from jaxgan.evaluation.features import Extracted, Extractor
from jaxgan.evaluation.mnist import Reference
from jaxgan.networks.layers import reveal
from jaxgan.systems import build_system
from jaxgan.systems.infogan import InfoGanState
from jaxgan.systems.players import Player

SPEC = DataSpec((28, 28, 1), "uint8", tuple("0123456789"), 60_000)
NOISE = 2
TURNED = np.array([3, 1, 4, 0, 5, 9, 2, 6, 8, 7])  # the digit that each category makes


def test_the_best_one_to_one_matching():
    """Category by category the largest counts would take class 0 twice: 5 + 2 < 4 + 4."""
    counts = np.array([[5, 4, 0], [4, 1, 0], [0, 0, 2]])
    np.testing.assert_array_equal(codes.matching(counts), [1, 0, 2])


def test_categories_beyond_the_classes_stand_for_none():
    np.testing.assert_array_equal(codes.matching(np.array([[1, 0], [5, 0], [0, 3]])), [-1, 0, 1])
    np.testing.assert_array_equal(codes.matching(np.array([[0, 0, 7]])), [2])


class Pixel(nn.Module):
    """A discriminator whose only feature is the brightness of the first pixel."""

    @nn.compact
    def __call__(self, x, labels=None, *, train):
        reveal(self, "features", x[:, 0, 0])
        return x[:, 0, 0, 0]


class Reader(nn.Module):
    """Reads the category that makes the digit on the first pixel, and is as good as sure."""

    @nn.compact
    def __call__(self, x, labels=None, *, train):
        digit = jnp.rint((x[:, 0] + 1) * 127.5).astype(jnp.int32)
        return jnp.pad(40 * jnp.eye(10)[jnp.argsort(jnp.asarray(TURNED))[digit]], ((0, 0), (0, 2)))


@pytest.fixture
def subject(monkeypatch):
    """A metric for which the first pixel is the digit, and a G that makes what a category stands for, or a 7."""
    sgd = dict(name="sgd")
    mlp = dict(name="mlp", hidden=(2,))
    parts = dict(generator=mlp, discriminator=mlp, posterior=mlp, generator_optimizer=sgd, discriminator_optimizer=sgd)
    config = recipe(system=dict(name="infogan", latent_size=NOISE), objective=dict(name="hinge"), **parts)
    system = dataclasses.replace(build_system(resolve(config), SPEC), discriminator=Pixel(), posterior=Reader())

    def images(digits):
        return np.broadcast_to(np.asarray(digits, np.uint8)[:, None, None, None], (len(digits), 28, 28, 1))

    def extract(images):
        return Extracted(images[:, 0, 0], np.eye(10)[images[:, 0, 0, 0]])

    first_pixel = Extractor("mnist", extract, lambda images: images[:, 0, 0], {})
    test = {"image": images([3, 1, 7, 7]), "label": np.array([3, 1, 7, 4])}
    reference = Reference(first_pixel, test, np.full(10, 0.1), 0.99, 1.0, {"classifier": "the first pixel"})
    monkeypatch.setattr(codes, "load_reference", lambda dataset, data: reference)
    metric = METRICS["codes10k_mnist"](SPEC, system, {"name": "tfds:mnist"})
    player = Player({}, {}, ())
    state = InfoGanState(jnp.zeros(()), player, player, player, {})

    def scored(categories, digits):
        latents = np.concatenate(
            [np.zeros((len(digits), NOISE)), np.eye(10)[categories], np.zeros((len(digits), 2))], 1
        )
        samples = Samples(images(digits), latents.astype(np.float32), np.zeros(len(digits), np.int32))
        return metric.score(state, metric.view.look(state, samples))

    return scored


def test_a_code_that_is_the_digit_agrees_whatever_the_categories_are_called(subject):
    categories = np.tile(np.arange(10), 3)
    score = subject(categories, TURNED[categories])
    assert score["agreement"] == 1
    assert score["real_agreement"] == 0.75  # one of four test digits looks like another
    assert score["information"] == pytest.approx(log(10), abs=1e-5)
    assert score["information_most"] == pytest.approx(log(10))
    assert (score["classes"], score["test_accuracy"]) == (10, 0.99)


def test_a_code_that_is_not_heard_agrees_by_chance(subject):
    categories = np.tile(np.arange(10), 3)
    score = subject(categories, np.full(30, 7))
    assert score["agreement"] == pytest.approx(0.1)
    assert score["classes"] == 1
    assert score["information"] < 0


def test_a_d_that_mixes_examples_is_refused():
    mlp, sgd = dict(name="mlp", hidden=(2,)), dict(name="sgd")
    parts = dict(generator=mlp, discriminator=dict(name="stylegan2", channel_max=2), posterior=mlp)
    optimizers = dict(generator_optimizer=sgd, discriminator_optimizer=sgd)
    named = dict(name="infogan", latent_size=NOISE)
    system = build_system(resolve(recipe(system=named, objective=dict(name="hinge"), **parts, **optimizers)), SPEC)
    with pytest.raises(JaxganError, match=r"codes10k_mnist reads .*--config\.discriminator\.group_size=1"):
        METRICS["codes10k_mnist"](SPEC, system, {"name": "tfds:mnist"})


@pytest.mark.parametrize("categorical", [None, ()])
def test_systems_without_categories_are_refused(categorical):
    system = system_of(0)
    if categorical is not None:
        mlp, sgd = dict(name="mlp", hidden=(2,)), dict(name="sgd")
        parts = dict(generator=mlp, discriminator=mlp, posterior=mlp)
        optimizers = dict(generator_optimizer=sgd, discriminator_optimizer=sgd)
        named = dict(name="infogan", categorical=categorical)
        system = build_system(resolve(recipe(system=named, objective=dict(name="hinge"), **parts, **optimizers)), SPEC)
    with pytest.raises(JaxganError, match=r"codes10k_mnist scores config\.system\.name=infogan with categorical codes"):
        METRICS["codes10k_mnist"](SPEC, system, {"name": "tfds:mnist"})
