"""The accuracy of a semi-supervised classifier on the test split, by a D whose answers are known."""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from subjects import system_of

from jaxgan.config import recipe, resolve
from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, Subject
from jaxgan.networks.layers import reveal
from jaxgan.registry import complete
from jaxgan.systems import build_system
from jaxgan.systems.players import Player
from jaxgan.systems.semisupervised import SemiSupervisedState

DATA = complete(dict(name="few_labels:digits", labels=10), SOURCES, "config.data")
SPEC = DataSpec((8, 8, 1), "uint8", tuple("0123456789"), 1437, other=(8, 8, 1))


class Always(nn.Module):
    """A D that calls everything a 7, and not likely real."""

    @nn.compact
    def __call__(self, x, labels=None, *, train):
        reveal(self, "classes", jnp.broadcast_to(-9 + jnp.eye(10)[7], (len(x), 10)))
        return jnp.zeros(len(x))


def system():
    mlp, sgd = dict(name="mlp", hidden=(2,)), dict(name="sgd")
    config = recipe(
        system=dict(name="semisupervised", latent_size=2),
        generator=mlp,
        discriminator=mlp | dict(conditioning="classifier"),
        objective=dict(name="hinge"),
        generator_optimizer=sgd,
        discriminator_optimizer=sgd,
    )
    return dataclasses.replace(build_system(resolve(config), SPEC), discriminator=Always())


def test_by_hand():
    metric, player = METRICS["accuracy_test"](SPEC, system(), DATA), Player({}, {}, ())
    state = SemiSupervisedState(jnp.zeros(()), player, player, {}, {})
    score = metric.score(Subject(system(), state, None))
    labels = open_source(dict(name="digits", split="test"), 0).arrays()["label"]
    assert metric.num == len(labels) == 360
    assert score["errors"] == np.sum(labels != 7)
    assert score["accuracy"] == pytest.approx(np.mean(labels == 7))
    assert score["taken_for_generated"] == 1
    assert metric.protocol["labels"] == 10


def test_other_systems_and_other_classes_are_refused():
    with pytest.raises(JaxganError, match=r"accuracy_test scores config\.system\.name=semisupervised"):
        METRICS["accuracy_test"](SPEC, system_of(10), DATA)
    with pytest.raises(JaxganError, match=r"the test split has the classes 0, 1, .* and the run learns a, b"):
        METRICS["accuracy_test"](SPEC._replace(class_names=("a", "b")), system(), DATA)
