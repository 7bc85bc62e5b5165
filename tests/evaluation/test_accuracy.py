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
from jaxgan.evaluation import METRICS
from jaxgan.networks.layers import reveal
from jaxgan.registry import complete
from jaxgan.systems import build_system
from jaxgan.systems.players import Player
from jaxgan.systems.semisupervised import SemiSupervisedState

DATA = complete(dict(name="few_labels:digits", labels=10), SOURCES, "config.data")
SPEC = DataSpec((8, 8, 1), "uint8", tuple("0123456789"), 1437, other=(8, 8, 1))


class Stroke(nn.Module):
    """A D that calls what is bright at its pixel by one class, and what is not a 0; neither is likely real."""

    @nn.compact
    def __call__(self, x, labels=None, *, train):
        name = self.param("name", nn.initializers.zeros, (), jnp.int32)
        bright = x[:, 3, 4, 0] > 0
        reveal(self, "classes", -9 + jnp.eye(10)[jnp.where(bright, name, 0)])
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
    return dataclasses.replace(build_system(resolve(config), SPEC), discriminator=Stroke())


def test_by_hand():
    """The averaged D calls what is bright a 3, the last one a 5."""
    metric, player = METRICS["accuracy_test"](SPEC, system(), DATA), Player({}, {}, ())
    averaged, last = ({"params": {"name": jnp.int32(digit)}} for digit in (3, 5))
    state = SemiSupervisedState(jnp.zeros(()), player, player.replace(params=last["params"]), {}, averaged)
    score = metric.score(state, {})
    test = open_source(dict(name="digits", split="test"), 0).arrays()
    right = test["label"] == np.where(test["image"][:, 3, 4, 0] > 127, 3, 0)
    assert 0.2 < np.mean(right) < 0.3
    assert metric.num == len(right) == 360
    assert score["errors"] == np.sum(~right)
    assert score["accuracy"] == pytest.approx(np.mean(right))
    assert score["taken_for_generated"] == 1
    assert metric.protocol["labels"] == 10


def test_other_systems_and_other_classes_are_refused():
    with pytest.raises(JaxganError, match=r"accuracy_test scores config\.system\.name=semisupervised"):
        METRICS["accuracy_test"](SPEC, system_of(10), DATA)
    with pytest.raises(JaxganError, match=r"the test split has the classes 0, 1, .* and the run learns a, b"):
        METRICS["accuracy_test"](SPEC._replace(class_names=("a", "b")), system(), DATA)
