"""Are digits still the same digits when they have been translated, and do they come back?"""

import functools
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.data.mnist_domains import uncoloured
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import in_chunks
from jaxgan.evaluation.held_out import open_test_split
from jaxgan.evaluation.metric import Aim, Metric, of_state, wrong_data, wrong_system
from jaxgan.evaluation.mnist import load_reference
from jaxgan.levels import to_uint8
from jaxgan.systems import System, Translating

LEVELS = 255 / 2  # of the networks' unit


def translation10k_mnist(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """MNIST's 10,000 test digits translated between its two domains, under a classifier of real digits.

    Figures:
      accuracy_AtoB: share of the digits that are classified as what they are after a translation into colour, which is
        undone for that: white minus the least channel is the digit, whatever its colour.
      accuracy_BtoA: the same of coloured digits made white on black; the mean of the channels is classified.
      distance_AtoB: mean absolute difference of a translation from the true one, where black to white is 1. From A to B
        it is a matter of colour too, which is known only if all digits have one.
      distance_BtoA: the same of the other translation.
      cycle_A, cycle_B: mean absolute difference of there and back again, in the same unit.
      test_accuracy: share of the untranslated digits that the classifier gets right.

    Of a system with one translation, those of the other and the cycles are left out. The test digits' colours are
    drawn with seed 0, whatever the run's.

    Args:
      spec: not used; the settings say all of the shape.
      system: that is trained.
      data: settings of mnist_domains.

    Raises:
      JaxganError: the system does not translate "AtoB", the run was trained on something else or may have seen the test
        digits, or MNIST is not prepared.
    """
    if data["name"] != "mnist_domains":
        raise wrong_data("translation10k_mnist", "mnist_domains", data)
    if not isinstance(system, Translating) or "AtoB" not in system.translations:
        scored = "translations between two domains, and this system makes none"
        raise wrong_system("translation10k_mnist", scored)
    test = open_test_split("the metric translation10k_mnist", data, paired=True).arrays()
    reference = load_reference("mnist", data)
    a, b = (test[key].astype(np.float32) / np.float32(LEVELS) - 1 for key in ("image", "other"))
    programs = {name: jax.jit(functools.partial(system.translate, translation=name)) for name in system.translations}

    def accuracy(digits: np.ndarray) -> float:
        found = reference.extractor.extract(digits).probabilities.argmax(axis=1)
        return float(np.mean(found == reference.test["label"]))

    def score(state: Any) -> dict[str, float]:
        state = system.settled(state)

        def translated(images: np.ndarray, name: str) -> np.ndarray:
            return in_chunks(programs[name], state, images)

        made_b = translated(a, "AtoB")
        figures = {"accuracy_AtoB": accuracy(uncoloured(to_uint8(made_b))), "distance_AtoB": _distance(made_b, b)}
        if "BtoA" in programs:
            made_a = translated(b, "BtoA")
            grey = to_uint8(made_a.mean(axis=-1, keepdims=True))
            figures |= {"accuracy_BtoA": accuracy(grey), "distance_BtoA": _distance(made_a, a)}
            figures["cycle_A"] = _distance(translated(made_b, "BtoA"), a)
            figures["cycle_B"] = _distance(translated(made_a, "AtoB"), b)
        return figures | {"test_accuracy": reference.test_accuracy}

    protocol = {"hues": data["hues"], "hues_drawn_with_seed": 0, "cycles": "not rounded in between"}
    return of_state(len(a), score, reference.protocol | protocol, Aim("accuracy_AtoB"))


def _distance(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(np.abs(x - y)) / 2)
