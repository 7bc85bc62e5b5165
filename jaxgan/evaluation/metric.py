"""What a metric is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from jaxgan.drawing import Samples
from jaxgan.errors import JaxganError
from jaxgan.systems import Generative, System


class Subject(NamedTuple):
    """What a metric scores.

    Attributes:
      system: that was trained.
      state: of the system.
      samples: `num -> Samples` of that state, drawn with the run's seed; images are uint8, as they would be written to
        files, points float32, as they are.
    """

    system: System
    state: Any
    samples: Callable[[int], Samples]


class Metric(NamedTuple):
    """A protocol with its reference loaded, ready to score.

    Attributes:
      num: how many examples it is defined on.
      score: `subject -> {figure: value}`.
      protocol: what else decides the figures: reference, split, features, resize mode.
    """

    num: int
    score: Callable[[Subject], dict[str, float]]
    protocol: Mapping[str, Any]


def of_samples(
    num: int, score: Callable[[np.ndarray, np.ndarray], dict[str, float]], protocol: Mapping[str, Any]
) -> Metric:
    """A metric of `num` generated examples and their labels int32 [num] alone."""

    def score_subject(subject: Subject) -> dict[str, float]:
        samples = subject.samples(num)
        return score(samples.images, samples.labels)

    return Metric(num, score_subject, protocol)


def check_samples(metric: str, system: System) -> None:
    """Refuses a metric of samples in a run of a system that makes none.

    Raises:
      JaxganError: the system is not `Generative`.
    """
    if not isinstance(system, Generative):
        raise JaxganError(f"the metric {metric} scores samples, and this system makes none; set --config.metrics='()'.")


def wrong_system(metric: str, scored: str) -> JaxganError:
    """The error for a metric of one kind of system that is asked for in a run of another.

    Args:
      metric: its name.
      scored: what it scores, e.g. `"autoencoders"`.
    """
    return JaxganError(f"the metric {metric} scores {scored}; remove it with --config.metrics='()'.")


def wrong_data(metric: str, wanted: str, data: Mapping[str, Any]) -> JaxganError:
    """The error for a metric of one data set that is asked for in a run on another.

    Args:
      metric: its name.
      wanted: the data set it scores, as `config.data.name` names it.
      data: settings of the run's.
    """
    return JaxganError(
        f"the metric {metric} scores runs on config.data.name={wanted}, not {data['name']}; "
        "remove it with --config.metrics='()'."
    )
