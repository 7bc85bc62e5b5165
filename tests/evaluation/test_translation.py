"""Translated digits judged: translators whose figures are known, under a classifier that knows every digit."""

from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from jaxgan.data import SOURCES, DataSpec, mnist_domains
from jaxgan.data.tfds import tfds
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, translation
from jaxgan.evaluation.features import Extracted, Extractor
from jaxgan.evaluation.mnist import Reference
from jaxgan.registry import complete
from jaxgan.systems import Translating

NUM, HUE = 200, 2 / 3  # blue: red and green are absorbed
SPEC = DataSpec((28, 28, 3), "uint8", (), NUM, (28, 28, 3))


@pytest.fixture(scope="module")
def digits(shared_data):
    arrays = tfds(0, "mnist", split=f"test[:{NUM}]", data_dir=str(shared_data / "tfds")).arrays()
    return arrays["image"], arrays["label"]


@pytest.fixture
def scored(digits, shared_data, monkeypatch):
    """The figures of a translator; its classifier is sure of a digit only if every pixel is what it was."""
    images, labels = digits
    classes = {image.tobytes(): label for image, label in zip(images, labels, strict=True)}

    def extract(images):
        return Extracted(np.empty((len(images), 0)), np.eye(10)[[classes.get(image.tobytes(), 0) for image in images]])

    def some(seed, dataset, *, split, **options):
        return tfds(seed, dataset, split=f"{split}[:{NUM}]", **options)

    reference = Reference(
        Extractor("mnist", extract, lambda images: np.empty((len(images), 0)), {}),
        {"label": labels},
        np.full(10, 0.1),
        1.0,
        1.0,
        {"classifier": "one that knows them all"},
    )
    monkeypatch.setattr(translation, "load_reference", lambda dataset, data: reference)
    monkeypatch.setattr(mnist_domains, "tfds", some)

    def score(translations):
        system = system_of(translations)
        options = {"name": "mnist_domains", "data_dir": str(shared_data / "tfds"), "hues": (HUE, HUE)}
        metric = METRICS["translation10k_mnist"](SPEC, system, complete(options, SOURCES, "config.data"))
        assert (metric.protocol["hues"], metric.protocol["hues_drawn_with_seed"]) == ((HUE, HUE), 0)
        return metric.score(None, {})

    return score


def system_of(translations):
    """A system that only translates, by functions of images."""
    members = dict(PARTS={}, num_classes=0, micro_batches=1, stages=(0,), networks=dict, init=dict, update=dict)

    def translate(state, images, translation):
        return translations[translation](images)

    system = SimpleNamespace(
        **members, settled=lambda state: state, translations=tuple(translations), translate=translate
    )
    assert isinstance(system, Translating)
    return system


def to_blue(x):
    return x * jnp.array([-1.0, -1.0, 0.0])[None, None, None] + jnp.array([0.0, 0.0, 1.0])[None, None, None]


def to_white(x):
    return jnp.repeat(-x[..., :1], 3, axis=-1)


def test_the_right_answer_is_worth_everything(scored):
    figures = scored({"AtoB": to_blue, "BtoA": to_white})
    assert (figures["accuracy_AtoB"], figures["accuracy_BtoA"]) == (1, 1)
    for name in ("distance_AtoB", "distance_BtoA", "cycle_A", "cycle_B"):
        assert figures[name] == pytest.approx(0, abs=1e-6)
    assert next(iter(figures)) == "accuracy_AtoB"


def test_doing_nothing_is_worth_nothing(scored, digits):
    """But it comes back. A digit that is not recognised is called a 0."""
    images, labels = digits
    zeros, x = np.mean(labels == 0), images / 255.0
    figures = scored({"AtoB": lambda x: x, "BtoA": lambda x: x})
    assert (figures["accuracy_AtoB"], figures["accuracy_BtoA"]) == (zeros, zeros)
    assert (figures["cycle_A"], figures["cycle_B"]) == (0, 0)
    # x against (1 - x, 1 - x, 1), a mean over channels
    expected = np.mean(2 * np.abs(1 - 2 * x) + np.abs(1 - x)) / 3
    for name in ("distance_AtoB", "distance_BtoA"):
        assert figures[name] == pytest.approx(expected, rel=1e-5)


def test_one_translation_has_no_cycles(scored):
    assert scored({"AtoB": to_blue}).keys() == {"accuracy_AtoB", "distance_AtoB", "test_accuracy"}


def test_a_constant_translation_loses_every_digit_and_the_way_back(scored, digits):
    images, labels = digits
    figures = scored({"AtoB": jnp.ones_like, "BtoA": to_white})
    assert figures["accuracy_AtoB"] == np.mean(labels == 0)
    assert figures["accuracy_BtoA"] == 1
    assert figures["cycle_A"] == pytest.approx(np.mean(images / 255.0), rel=1e-5)  # all black


def test_other_runs_are_refused():
    system, data = system_of({"AtoB": to_blue}), {"name": "mnist_domains", "split": "train"}
    with pytest.raises(JaxganError, match=r"translation10k_mnist .*config\.data\.name=mnist_domains, not tfds:mnist; "):
        METRICS["translation10k_mnist"](SPEC, system, {"name": "tfds:mnist"})
    with pytest.raises(JaxganError, match=r"translation10k_mnist .*config\.data\.split='test': train with "):
        METRICS["translation10k_mnist"](SPEC, system, data | {"split": "test"})
    remedy = r"scores translations between two domains, and this system makes none; leave it out of --metrics"
    with pytest.raises(JaxganError, match=remedy):
        METRICS["translation10k_mnist"](SPEC, system_of({"reconstruction": to_white}), data)
    del system.translate
    with pytest.raises(JaxganError, match=remedy):
        METRICS["translation10k_mnist"](SPEC, system, data)
