"""Telling what was never seen: one-class detection by an autoencoder, from its error and from its codes."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from jaxgan.data import Example, open_source
from jaxgan.data.spec import DataSpec
from jaxgan.drawing import in_chunks
from jaxgan.errors import JaxganError
from jaxgan.evaluation.held_out import open_test_split
from jaxgan.evaluation.metric import LEAVE_OUT, Aim, Metric, of_state, wrong_system
from jaxgan.evaluation.statistics.roc import roc_auc
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
      JaxganError: another system, no class left out, or none left; no test split, or none of both kinds of classes; or
        fewer train images than neighbours.
    """
    name = "anomaly_test_5nn"
    if not (isinstance(system, Encoding) and isinstance(system, Translating) and RECONSTRUCTION in system.translations):
        raise wrong_system(name, "autoencoders")
    if not data.get("without"):
        raise JaxganError(
            f"the metric {name} scores classes that training leaves out: train with "
            f"--config.data.without=\"('NAME',)\", or {LEAVE_OUT}."
        )
    source = open_test_split(f"the metric {name}", data, without=())
    test, train = source.arrays(), open_source(data, seed=0).arrays()["image"]
    unseen = _left_out(name, test, source.spec.class_names, data["without"])
    if len(train) < NEIGHBOURS:
        raise JaxganError(
            f"the metric {name} looks for {NEIGHBOURS} neighbours among the run's examples, which are {len(train)}; "
            f"{LEAVE_OUT}."
        )
    look = looking(system)

    def score(state: Any) -> dict[str, float]:
        state = system.settled(state)
        seen, asked = look(state, train), look(state, test["image"])
        distances = neighbour_distances(seen.codes, asked.codes, NEIGHBOURS)
        scores = {"both": asked.errors * distances, "reconstruction": asked.errors, "latent": distances}
        return {f"auc_{key}": roc_auc(values, unseen) for key, values in scores.items()}

    protocol = {
        "left_out": list(data["without"]),
        "held_out": f"{data['name']} test ({unseen.sum():,} of left-out classes, {(~unseen).sum():,} of others)",
        "codes_of": f"{data['name']} {data['split']} ({len(train):,})",
        "neighbours": NEIGHBOURS,
    }
    return of_state(len(unseen), score, protocol, Aim("auc_latent"))


def _left_out(metric: str, test: Example, names: Sequence[str], without: Sequence[str]) -> np.ndarray:
    """Whether each example of the test split, whose classes have these names, is of a class left out: bool [n].

    Raises:
      JaxganError: there are none of a class that is left out, or only such.
    """
    classes = [names[label] for label in test.get("label", ())]
    missing = [name for name in without if name not in classes]
    if missing or not set(classes) - set(without):
        raise JaxganError(
            f"the metric {metric} tells examples of the classes left out from others, and the test split has none of "
            f"{', '.join(missing) or 'the others'}; {LEAVE_OUT}."
        )
    return np.isin(classes, without)


class Looks(NamedTuple):
    """What an autoencoder finds in images: squared errors [n] and codes [n, d]."""

    errors: np.ndarray
    codes: np.ndarray


def looking(system: Any) -> Callable[[Any, np.ndarray], Looks]:
    """`(state, images uint8 [n, h, w, c]) -> errors and codes`, compiled once."""

    @jax.jit
    def numbers(state: Any, images: jax.Array) -> jax.Array:
        inputs = scaled(images)
        made = system.translate(state, inputs, RECONSTRUCTION)
        errors = jnp.sum((inputs - made) ** 2, axis=(1, 2, 3))
        return jnp.concatenate([errors[:, None], system.encode(state, inputs)], axis=1)

    def look(state: Any, images: np.ndarray) -> Looks:
        found = in_chunks(numbers, state, images)
        return Looks(found[:, 0], found[:, 1:])

    return look


def neighbour_distances(known: np.ndarray, asked: np.ndarray, neighbours: int) -> np.ndarray:
    """Mean Euclidean distance of each point [m, d] to its nearest among known ones [n, d]: [m]."""
    from sklearn.neighbors import NearestNeighbors  # slow to import

    index = NearestNeighbors(n_neighbors=neighbours, algorithm="brute").fit(known)
    return index.kneighbors(asked)[0].mean(axis=1)
