"""Do InfoGAN's categories stand for MNIST's digits, although it saw no labels?"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.drawing import Samples, in_chunks
from jaxgan.evaluation.metric import Aim, Metric, Seen, View, wrong_system
from jaxgan.evaluation.mnist import load_reference, mnist_of
from jaxgan.systems import InfoGan, System
from jaxgan.systems.features import check_alone
from jaxgan.systems.inputs import scaled

NUM = 10_000


def matching(counts: np.ndarray) -> np.ndarray:
    """The class that each category stands for under the best one-to-one matching, int [categories]; -1: for none.

    Args:
      counts: [categories, classes], how often each class was met with each category.
    """
    from scipy.optimize import linear_sum_assignment  # slow to import

    categories, classes = linear_sum_assignment(counts, maximize=True)
    stands_for = np.full(len(counts), -1)
    stands_for[categories] = classes
    return stands_for


def codes10k_mnist(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """10,000 digits of InfoGAN under a classifier of MNIST's: does its first categorical code stand for the digit?

    Figures:
      agreement: share of the generated digits whose class is what the category they were generated from stands for, by
        the best one-to-one matching of categories with classes.
      real_agreement: share of the real test digits whose label is what the category that Q tells stands for, by the
        same matching, in which no label has a part.
      information: L_I of the categorical codes over the generated digits, in nats; information_most: its most, H(c).
      classes: of ten, how many the classifier finds in the generated digits.
      test_accuracy: share of the real test digits that the classifier gets right.

    Args:
      spec: not used; the settings say all of MNIST's shape.
      system: that is trained.
      data: settings of tfds:mnist.

    Raises:
      JaxganError: the system has no categorical codes or a D with minibatch deviation, the run was trained on something
        else, or MNIST is not prepared.

    Source: Chen et al. 2016, section 7.2, which reports an error of 5 % for real digits.
    """
    if not isinstance(system, InfoGan) or not system.categorical:
        raise wrong_system("codes10k_mnist", "config.system.name=infogan with categorical codes")
    check_alone("codes10k_mnist", system.discriminator)
    codes = system.codes
    reference = load_reference(mnist_of("codes10k_mnist", data), data)
    tell = jax.jit(lambda state, images: system.tell(state, scaled(images)))

    def first_category(vectors: np.ndarray | jax.Array) -> np.ndarray:
        return np.asarray(codes.split(jnp.asarray(vectors))[0][0]).argmax(axis=1)

    def look(state: Any, samples: Samples) -> Seen:
        return {
            "drawn": samples.latents[:, system.latent_size :],
            "found": reference.extractor.extract(samples.images).probabilities.argmax(axis=1),
            "told": in_chunks(tell, state, samples.images),
        }

    def score(state: Any, seen: Seen) -> dict[str, float]:
        categories, found = first_category(seen["drawn"]), seen["found"]
        counts = np.zeros((system.categorical[0], 10), np.int64)
        np.add.at(counts, (categories, found), 1)
        stands_for = matching(counts)
        real_categories = first_category(in_chunks(tell, state, reference.test["image"]))
        return {
            "agreement": float(np.mean(stands_for[categories] == found)),
            "real_agreement": float(np.mean(stands_for[real_categories] == reference.test["label"])),
            "information": float(codes.information(jnp.asarray(seen["drawn"]), jnp.asarray(seen["told"]))[0]),
            "information_most": codes.entropy()[0],
            "classes": float(len(np.unique(found))),
            "test_accuracy": reference.test_accuracy,
        }

    return Metric(NUM, score, reference.protocol, Aim("agreement"), View("codes", look, ("drawn", "found", "told")))
