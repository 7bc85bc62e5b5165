"""Telling what was never seen: one-class detection by an autoencoder, from its error and from its codes."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data import open_source
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import in_chunks
from jaxgan.errors import JaxganError
from jaxgan.evaluation.held_out import open_test_split
from jaxgan.evaluation.metric import Metric, Subject
from jaxgan.systems import Encoding, System, Translating
from jaxgan.systems.inputs import scaled

NEIGHBOURS = 5
RECONSTRUCTION = "reconstruction"


def anomaly_test_5nn(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """How well classes that training left out are told from the others in the test split: areas under ROC curves.

    Figures, each the probability that an example of a left-out class scores higher than one of another class:
      auc_both: by error times distance, which no scale of either changes.
      auc_reconstruction: by the error ||x - x*||^2 of the reconstruction x*.
      auc_latent: by the mean distance of the code to its 5 nearest among the codes of the train split (Eskin et al.
        2002; Angiulli & Pizzuti 2002).

    Args:
      spec: not used.
      system: that is trained; it has codes and reconstructs.
      data: settings of the run's, with the classes left out, `without`.

    Raises:
      JaxganError: another system, no class left out, or no test split.
    """
    name = "anomaly_test_5nn"
    if not (isinstance(system, Encoding) and isinstance(system, Translating) and RECONSTRUCTION in system.translations):
        raise JaxganError(f"the metric {name} scores autoencoders; remove it with --config.metrics='()'.")
    if not data.get("without"):
        raise JaxganError(
            f"the metric {name} scores classes that training leaves out: set --config.data.without=\"('NAME',)\", or "
            "remove it with --config.metrics='()'."
        )
    source = open_test_split(name, data, without=())
    test, train = source.arrays(), open_source(data, seed=0).arrays()["image"]
    unseen = np.isin(test["label"], [source.spec.class_names.index(left) for left in data["without"]])

    def score(subject: Subject) -> dict[str, float]:
        seen, asked = looked_at(subject.system, subject.state, train, test["image"])
        distances = neighbour_distances(seen.codes, asked.codes, NEIGHBOURS)
        scores = {"both": asked.errors * distances, "reconstruction": asked.errors, "latent": distances}
        return {f"auc_{key}": roc_auc(values, unseen) for key, values in scores.items()}

    protocol = {
        "left_out": list(data["without"]),
        "held_out": f"{data['name']} test ({unseen.sum():,} of left-out classes, {(~unseen).sum():,} of others)",
        "codes_of": f"{data['name']} {data['split']} ({len(train):,})",
        "neighbours": NEIGHBOURS,
    }
    return Metric(len(unseen), score, protocol)


class Looks(NamedTuple):
    """What an autoencoder finds in images: squared errors [n] and codes [n, d]."""

    errors: np.ndarray
    codes: np.ndarray


def looked_at(system: Any, state: Any, *sets: np.ndarray) -> list[Looks]:
    """Errors and codes of each set of images, uint8 [n, h, w, c]."""

    def look(state: Any, images: jax.Array) -> jax.Array:
        inputs = scaled(images)
        made = system.translate(state, inputs, RECONSTRUCTION)
        errors = jnp.sum((inputs - made) ** 2, axis=(1, 2, 3))
        return jnp.concatenate([errors[:, None], system.encode(state, inputs)], axis=1)

    compiled, settled = jax.jit(look), system.settled(state)
    found = [in_chunks(compiled, settled, images) for images in sets]
    return [Looks(numbers[:, 0], numbers[:, 1:]) for numbers in found]


def neighbour_distances(known: np.ndarray, asked: np.ndarray, neighbours: int) -> np.ndarray:
    """Mean Euclidean distance of each point [m, d] to its nearest among known ones [n, d]: [m]."""
    from sklearn.neighbors import NearestNeighbors  # slow to import

    index = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(known)
    return index.kneighbors(asked)[0].mean(axis=1)


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """P(s+ > s-) + P(s+ = s-) / 2, the area under the ROC curve.

    Args:
      scores: [n].
      positive: bool [n], of both kinds at least one.
    """
    negatives = np.sort(scores[~positive])
    below, up_to = (np.searchsorted(negatives, scores[positive], side) for side in ("left", "right"))
    return float(np.mean((below + up_to) / 2) / len(negatives))
