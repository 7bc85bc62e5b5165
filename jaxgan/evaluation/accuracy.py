"""How well a semi-supervised classifier does on examples that it has not seen."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from jaxgan.data import DataSpec
from jaxgan.drawing import in_chunks
from jaxgan.errors import JaxganError
from jaxgan.evaluation.held_out import open_test_split
from jaxgan.evaluation.metric import Aim, Metric, of_state, wrong_system
from jaxgan.systems import SemiSupervised, System
from jaxgan.systems.inputs import scaled


def accuracy_test(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """The test split of the data a run learns from, classified by its averaged D.

    Figures:
      accuracy: share of the test examples whose class is the likeliest of the K that D tells.
      errors: the number of the others.
      taken_for_generated: share of the test examples for which class K + 1 is likelier than not.

    Args:
      spec: of the data that the run is trained on.
      system: that is trained.
      data: settings of few_labels.

    Raises:
      JaxganError: the system is no semi-supervised classifier, or as of `open_test_split`.

    Source: Salimans et al. 2016, section 6.
    """
    if not isinstance(system, SemiSupervised):
        raise wrong_system("accuracy_test", "config.system.name=semisupervised")
    source = open_test_split("the metric accuracy_test", data)
    if source.spec.class_names != spec.class_names:
        raise JaxganError(
            f"the metric accuracy_test: the test split has the classes {', '.join(source.spec.class_names)}, "
            f"and the run learns {', '.join(spec.class_names)}."
        )
    test = source.arrays()
    classify = jax.jit(lambda state, images: system.classify(state, scaled(images)))

    def score(state: Any) -> dict[str, float]:
        logits = in_chunks(classify, system.settled(state), test["image"])
        wrong = logits.argmax(axis=1) != test["label"]
        return {
            "accuracy": float(1 - np.mean(wrong)),
            "errors": float(np.sum(wrong)),
            "taken_for_generated": float(np.mean(np.logaddexp.reduce(logits, axis=1) < 0)),
        }

    protocol = {
        "held_out": f"{data['name']} test ({len(test['image'])})",
        "labels": data["labels"],
        "labels_chosen_by": "the seed of the run, the same for all seeds that are trained together",
    }
    return of_state(len(test["image"]), score, protocol, Aim("accuracy"))
