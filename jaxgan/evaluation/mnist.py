"""Which of MNIST's digits a generator makes, alone or three stacked into one image, by a classifier of real ones."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.data.spec import DataSpec, Example
from jaxgan.data.tfds import tfds
from jaxgan.drawing import Samples
from jaxgan.evaluation import classifiers
from jaxgan.evaluation.divergences import kl_divergence
from jaxgan.evaluation.features import Extractor
from jaxgan.evaluation.metric import Aim, Metric, Seen, View, check_samples, of_samples, through, wrong_data
from jaxgan.systems import System

CONFIDENT = 0.9
STACKED = 1000  # modes of three digits


def classes10k_mnist(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """10,000 generated digits under a convolutional classifier of MNIST's: classes found, their shares, confidence.

    Figures:
      test_accuracy: share of the real test digits that the classifier gets right.
      classes: of ten, how many it finds in the generated digits; one digit is enough.
      smallest_share: of the generated digits, the share of the rarest class.
      confident: share that get a probability over 0.9 for some class; real_confident: of the real test digits.
      kl: KL divergence of the generated digits' classes from the labels of the train split, in nats.
      agreement: share that are classified as the label they were generated for; only of runs with labels, whose labels
        come in equal shares: then the `kl` of perfect digits is .0014, not 0.

    Digits of another size, the real test digits among them, are brought to 28x28 by PIL's antialiased Lanczos filter.

    Args:
      spec: not used; the settings say all of MNIST's shape.
      system: that is trained; it generates by ten classes or none.
      data: settings of tfds:mnist.

    Raises:
      JaxganError: the run was trained on something else, or MNIST is not prepared.
    """
    check_samples("classes10k_mnist", system)
    reference = load_reference(mnist_of("classes10k_mnist", data), data)

    def score(seen: Seen) -> dict[str, float]:
        judged = seen["probabilities"]
        found = judged.argmax(axis=1)
        counts = np.bincount(found, minlength=10)
        figures = {
            "test_accuracy": reference.test_accuracy,
            "classes": float(np.count_nonzero(counts)),
            "smallest_share": float(counts.min() / len(found)),
            "confident": float(np.mean(judged.max(axis=1) > CONFIDENT)),
            "real_confident": reference.test_confident,
            "kl": kl_divergence(counts, reference.shares),
        }
        return figures | ({"agreement": float(np.mean(found == seen["labels"]))} if system.num_classes else {})

    view = through(reference.extractor, "probabilities", "labels")
    return of_samples(10_000, view, score, reference.protocol, Aim("kl", lower=True))


def modes26k_stacked_mnist(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """26,000 stacked triples of digits under a classifier of MNIST's: how many of 1,000 modes occur, how evenly.

    Figures:
      test_accuracy: share of the real test digits that the classifier gets right.
      modes: how many of the 1,000 triples of classes occur; one image is enough.
      kl: KL divergence of the triples' shares from equal ones, in nats.

    VEEGAN's and PacGAN's protocol, with a classifier of our own. What to know before figures are compared:

    - The classifier's mistakes find modes too, and even out their shares.
    - Real images have a `kl` of about .024, not 0: .019 because 999 shares are estimated from 26,000 samples, .004
      because MNIST's digits are not equally frequent.
    - Unrolled GAN's protocol (Metz et al. 2017) has 25,600 samples.
    - The code published with PacGAN trains on MNIST's train and test digits together (split="train+test"), scaled to
      [0, 1] under a generator that ends in tanh, and its classifier is given what that generator makes, not rounded.

    Args:
      spec: not used; the settings say all of the shape.
      system: not used; there are no labels.
      data: settings of stacked_mnist.

    Raises:
      JaxganError: the run was trained on something else, or MNIST is not prepared.

    Source: Z. Lin et al., PacGAN, 2018, section 4.2, and its published code, after A. Srivastava et al., VEEGAN, 2017.
    """
    check_samples("modes26k_stacked_mnist", system)
    if data["name"] != "stacked_mnist":
        raise wrong_data("modes26k_stacked_mnist", "stacked_mnist", data)
    reference = load_reference("mnist", data)

    def look(state: Any, samples: Samples) -> Seen:
        found = reference.extractor.extract(unstacked(samples.images)).probabilities.argmax(axis=1)
        return {"modes": found.reshape(-1, 3) @ [100, 10, 1]}

    def score(seen: Seen) -> dict[str, float]:
        counts = np.bincount(seen["modes"], minlength=STACKED)
        return {
            "test_accuracy": reference.test_accuracy,
            "modes": float(np.count_nonzero(counts)),
            "kl": kl_divergence(counts, np.full(STACKED, 1 / STACKED)),
        }

    return of_samples(26_000, View("stacked_mnist", look, ("modes",)), score, reference.protocol, Aim("modes"))


def unstacked(images: np.ndarray) -> np.ndarray:
    """Images uint8 [n, h, w, c] to digits uint8 [n * c, h, w, 1], one a channel, those of an image in a row."""
    return images.transpose(0, 3, 1, 2).reshape(-1, *images.shape[1:3], 1)


def mnist_of(metric: str, data: Mapping[str, Any]) -> str:
    """The data set of a run on MNIST, as tensorflow-datasets names it, version included.

    Raises:
      JaxganError: the run's settings of the data name something else.
    """
    name = re.fullmatch(r"tfds:(mnist(:.+)?)", data["name"])
    if name is None:
        raise wrong_data(metric, "tfds:mnist", data)
    return name[1]


class Reference(NamedTuple):
    """The classifier, and what it says of the real test digits at the size that the run works at.

    Attributes:
      extractor: the classifier, of digits of any size.
      test: the test digits: `image` uint8 [n, h, w, 1], `label` int32 [n].
      shares: of the classes in the train split, [10].
      test_accuracy: share of the test digits that it gets right.
      test_confident: share of the test digits that get a probability over 0.9.
      protocol: what decides all this.
    """

    extractor: Extractor
    test: Example
    shares: np.ndarray
    test_accuracy: float
    test_confident: float
    protocol: dict[str, Any]


def load_reference(dataset: str, data: Mapping[str, Any]) -> Reference:
    """The reference of a data set of digits, for a run with these settings of its data; the classifier is trained if it
    has not been before.

    Raises:
      JaxganError: the data set is not prepared.
    """
    extractor, labels = mnist_extractor(dataset, data["data_dir"])
    size = {key: data[key] for key in ("data_dir", "image_size", "resize")}
    test = tfds(0, dataset, split="test", **size).arrays()
    judged = extractor.extract(test["image"]).probabilities
    return Reference(
        extractor=extractor,
        test=test,
        shares=np.bincount(labels, minlength=10) / len(labels),
        test_accuracy=float(np.mean(judged.argmax(axis=1) == test["label"])),
        test_confident=float(np.mean(judged.max(axis=1) > CONFIDENT)),
        protocol={**extractor.protocol, "held_out": f"{dataset} test ({len(test['image'])})"},
    )


def mnist_extractor(dataset: str, data_dir: str) -> tuple[Extractor, np.ndarray]:
    """The classifier of MNIST's digits, and the labels that it has learnt from, int32 [n].

    Raises:
      JaxganError: the data set is not prepared.
    """
    train = tfds(0, dataset, split="train", data_dir=data_dir).arrays()
    return classifiers.extractor_of(dataset, train, classifiers.MNIST), train["label"]
