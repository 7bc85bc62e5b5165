"""Linear classifiers on frozen features: what they can tell, what they leave alone, what is refused."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from small_runs import settings
from subjects import system_of

from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.probe import (
    CIFAR10,
    Budget,
    Split,
    acquainted,
    linear_accuracy,
    probe,
    supervised_accuracy,
)
from jaxgan.networks.layers import reveal
from jaxgan.networks.mlp import MLPDiscriminator
from jaxgan.networks.stylegan2 import StyleGAN2Discriminator
from jaxgan.registry import complete
from jaxgan.systems import build_system
from jaxgan.systems.players import Player

LITTLE = Budget(draws=2, inverse_weights=(10.0,), folds=2, steps=60, batch_size=16, learning_rate=0.01)
RNG = np.random.default_rng(0)
LABELS = np.arange(60) % 3


def clusters(spread, count=60, dimensions=100, seed=0):
    """Inputs [60, d] around one centre a class."""
    centres = np.random.default_rng(0).normal(size=(3, dimensions))
    return Split(centres[LABELS] + spread * np.random.default_rng(seed).normal(size=(count, dimensions)), LABELS)


def test_classes_that_a_plane_parts_are_told_whatever_the_scale_and_the_place():
    learnt, test = clusters(0.1, seed=1), clusters(0.1, seed=2)
    for scale, shift in ((1, 0), (1e-6, 0), (1e4, 5e3)):
        moved = (split._replace(examples=split.examples * scale + shift * scale) for split in (learnt, test))
        assert linear_accuracy(*moved, LITTLE) == 1


def test_inputs_that_say_nothing_give_chance():
    nothing = clusters(1)._replace(examples=np.zeros((60, 5)))
    assert linear_accuracy(nothing, nothing, LITTLE) == pytest.approx(1 / 3)


def test_the_span_of_the_labelled_is_enough():
    """Regression on all 100 coordinates, by scikit-learn alone, tells the same as that on the 60 that are spanned."""
    from sklearn.linear_model import LogisticRegression

    learnt, test = clusters(5, seed=3), clusters(5, seed=4)
    centre = learnt.examples.mean(axis=0)
    norm = np.sqrt(np.mean(np.sum((learnt.examples - centre) ** 2, axis=1)))
    whole = LogisticRegression(C=10.0, max_iter=2000).fit((learnt.examples - centre) / norm, LABELS)
    accuracy = whole.score((test.examples - centre) / norm, LABELS)
    assert 0.5 < accuracy < 1
    assert linear_accuracy(learnt, test, LITTLE) == pytest.approx(accuracy, abs=1 / 60)


def test_a_supervised_net_learns_what_a_plane_does_not_part():
    """Rings: class 1 around class 0, so that no line has more than about half of it on its side."""
    angle = RNG.uniform(0, 2 * np.pi, 200)
    labels = np.arange(200) % 2
    points = ((0.3 + 0.7 * labels)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)).astype(np.float32)
    learnt, test = Split(points[:100], labels[:100]), Split(points[100:], labels[100:])
    net = MLPDiscriminator((2,), 0, jnp.float32, hidden=(16,))
    start = net.init(jax.random.key(0), points[:1], train=False)
    assert supervised_accuracy(net, start, learnt, test, LITTLE._replace(steps=300)) > 0.95
    assert linear_accuracy(learnt, test, LITTLE) < 0.8


class Normalised(nn.Module):
    """A D whose features are the pixels, normalised twice."""

    @nn.compact
    def __call__(self, x, labels=None, *, train):
        for _ in range(2):
            x = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-8)(x)
        reveal(self, "features", x)
        return x[:, 0]


def test_an_untrained_d_has_the_running_statistics_of_images_it_was_shown():
    """So that what it makes of them is normalised, in every layer, as in training."""
    images = 3 + 5 * RNG.normal(size=(4, 50, 2)).astype(np.float32)
    start = Normalised().init(jax.random.key(0), images[0], train=False)
    shown = acquainted(Normalised(), start, images)
    first, second = (shown["batch_stats"][f"BatchNorm_{i}"] for i in range(2))
    np.testing.assert_allclose(first["mean"], images.mean(axis=(0, 1)), rtol=1e-4)
    np.testing.assert_allclose(first["var"], images.var(axis=1).mean(axis=0), rtol=1e-4)
    np.testing.assert_allclose((second["mean"], second["var"]), ([0, 0], [1, 1]), atol=1e-4)
    plain = MLPDiscriminator((2,), 0, jnp.float32, hidden=(4,))
    start = plain.init(jax.random.key(0), images[0], train=False)
    jax.tree.map(np.testing.assert_array_equal, acquainted(plain, start, images), start)


class Knowing(nn.Module):
    """A D that tells, once trained, the digit that stands on the first pixel; before it tells nothing."""

    @nn.compact
    def __call__(self, x, labels=None, *, train):
        known = self.param("known", nn.initializers.zeros, (10,))
        digit = jnp.rint((x[:, 0, 0, 0] + 1) * 127.5).astype(jnp.int32)
        reveal(self, "features", jnp.eye(10)[digit] * known[None])
        return x[:, 0, 0, 0] * known[0]


@pytest.fixture
def marked(monkeypatch):
    """The digits, each with its label written on the first pixel, and settings of them."""

    class Marked:
        def __init__(self, source):
            self.spec, self._arrays = source.spec, dict(source.arrays())
            self._arrays["image"] = self._arrays["image"].copy()
            self._arrays["image"][:, 0, 0, 0] = self._arrays["label"]

        def __getitem__(self, index):
            return {key: array[index] for key, array in self._arrays.items()}

        def arrays(self):
            return self._arrays

    plain = SOURCES["digits"]

    def digits(seed: int, *, split: str = "train", image_size: int = 0, resize: str = "crop"):
        return Marked(plain(seed, split=split, image_size=image_size, resize=resize))

    monkeypatch.setitem(SOURCES, "digits", digits)
    return complete(dict(name="digits"), SOURCES, "config.data")


@dataclasses.dataclass
class State:
    discriminator: Player


def probed(discriminator, player, data):
    """The metric of 20 labels, and what it says of a D that was trained to be this player."""
    plain = settings(
        "images", generator=dict(name="mlp"), discriminator=dict(name="mlp"), system=dict(conditional=False)
    )
    system = dataclasses.replace(build_system(plain, open_source(data, 0).spec), discriminator=discriminator)
    metric = probe("probe20_digits", 20, system, data, LITTLE)
    return metric, metric.score(State(player), {})


def test_features_are_those_of_the_trained_d_which_stays_as_it_is(marked):
    known = np.ones(10, np.float32)
    metric, score = probed(Knowing(), Player({"known": jnp.asarray(known)}, {}, ()), marked)
    assert metric.num == 360
    assert (score["features"], score["features_draw_se"]) == (1, 0)
    assert score["random_features"] == pytest.approx(0.1, abs=0.03)  # they are all 0
    assert 0.5 < score["pixels"] < 1
    assert score["supervised"] == pytest.approx(0.1, abs=0.03)  # nothing moves what begins at 0 under a map of 0
    assert (metric.protocol["labels"], metric.protocol["feature_size"], metric.protocol["draws"]) == (20, 10, 2)
    np.testing.assert_array_equal(known, 1)


class Acquainted(nn.Module):
    """A D that tells the digit that stands on the first pixel if its running statistics are those of all ten digits,
    whose mean is 4.5 and whose variance is (10^2 - 1) / 12.
    """

    @nn.compact
    def __call__(self, x, labels=None, *, train):
        first = nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-12)(x[:, 0, 0])[:, 0]
        digit = jnp.rint(4.5 + (99 / 12) ** 0.5 * first).astype(jnp.int32)
        reveal(self, "features", jax.nn.one_hot(digit, 10))
        return first


def test_random_features_are_normalised_by_images_of_the_run_and_those_of_the_trained_d_by_its_own_statistics(marked):
    as_it_begins = dict(Acquainted().init(jax.random.key(0), np.zeros((1, 8, 8, 1), np.float32), train=False))
    _, score = probed(Acquainted(), Player(as_it_begins.pop("params"), as_it_begins, ()), marked)
    assert (score["random_features"], score["random_features_draw_se"]) == (1, 0)
    assert score["features"] == pytest.approx(0.1, abs=0.03)  # with a mean of 0 and a variance of 1 all digits are one


MNIST = {"name": "tfds:mnist", "data_dir": "", "split": "train", "image_size": 0, "resize": "crop"}
SPEC = DataSpec((32, 32, 3), "uint8", CIFAR10, 50_000)


@pytest.mark.parametrize(
    ("name", "spec", "data", "message"),
    [
        ("probe100_mnist", SPEC, {"name": "tfds:cifar10"}, r"probe100_mnist scores .*=tfds:mnist, not tfds:cifar10"),
        ("probe1000_mnist", SPEC, {"name": "digits"}, r"probe1000_mnist scores .*=tfds:mnist, not digits"),
        ("probe100_cifar10_jpg", SPEC, MNIST, r"probe100_cifar10_jpg scores .*=folder with CIFAR-10's classes, not"),
        (
            "probe1000_cifar10_jpg",
            SPEC._replace(class_names=("cat", "dog")),
            {"name": "folder"},
            r"probe1000_cifar10_jpg scores .*CIFAR-10's classes",
        ),
    ],
)
def test_other_data_is_refused(name, spec, data, message):
    with pytest.raises(JaxganError, match=message):
        METRICS[name](spec, system_of(0), data)


def test_a_d_that_is_told_labels_or_shown_packs_is_refused():
    for system in (system_of(10), dataclasses.replace(system_of(0), packing=2)):
        with pytest.raises(JaxganError, match=r"probe100_mnist reads the features of a discriminator .* no labels"):
            METRICS["probe100_mnist"](SPEC, system, MNIST)


def test_a_d_that_mixes_examples_or_grows_is_refused():
    mixing = StyleGAN2Discriminator((16, 16, 1), 0, jnp.float32, channel_max=2)
    with pytest.raises(JaxganError, match=r"probe100_mnist reads .*config\.discriminator\.group_size=1"):
        METRICS["probe100_mnist"](SPEC, dataclasses.replace(system_of(0), discriminator=mixing), MNIST)
    alone = settings("growing", discriminator=dict(name="progressive", channel_max=2, group_size=1))
    growing = build_system(alone, DataSpec((8, 8, 1), "uint8", (), 100))
    with pytest.raises(JaxganError, match=r"probe100_mnist reads .* does not grow"):
        METRICS["probe100_mnist"](SPEC, growing, MNIST)
