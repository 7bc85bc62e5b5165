"""What a metric is."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.drawing import Samples
from jaxgan.errors import JaxganError
from jaxgan.evaluation.features import Extractor
from jaxgan.systems import Generative, System

LEAVE_OUT = "leave it out of --metrics or --config.metrics"
"""What to do with a metric that cannot score a run, in messages: right for whoever evaluates and whoever trains."""

Seen: TypeAlias = Mapping[str, np.ndarray]
"""What a view sees of n samples: arrays [n, ...] by name."""


class View(NamedTuple):
    """What a metric needs to know of each sample, so that the samples themselves need not be kept.

    Attributes:
      name: metrics whose views have the same name look in the same way, once for all of them.
      look: `(state, samples) -> what is seen`. Images are uint8, as they would be written to files; points are float32,
        as they are.
      kept: names of what the metric asks for of it; the rest is dropped batch by batch.
    """

    name: str
    look: Callable[[Any, Samples], Seen]
    kept: tuple[str, ...]


PIXELS = View(
    "pixels", lambda state, samples: {"images": samples.images, "labels": samples.labels}, ("images", "labels")
)
"""Images themselves, uint8 [n, h, w, c], and their labels: for statistics that are of no vectors."""

POINTS = View("points", lambda state, samples: {"points": samples.images}, ("points",))
"""Points as they are, float32 [n, d]."""


class Aim(NamedTuple):
    """Which of a metric's figures says how good a state is, and whether the lower one is the better."""

    figure: str
    lower: bool = False


class Metric(NamedTuple):
    """A protocol with its reference loaded, ready to score.

    Attributes:
      num: how many examples it is defined on.
      score: `(state of the system, what was seen of num samples) -> {figure: value}`.
      protocol: what else decides the figures: reference, split, features, resize mode.
      aim: what states are ranked by; None for one that says nothing of that alone.
      view: of the samples; None for one that looks at the state alone, and sees nothing.
    """

    num: int
    score: Callable[[Any, Seen], dict[str, float]]
    protocol: Mapping[str, Any]
    aim: Aim | None
    view: View | None = None


def of_state(
    num: int, score: Callable[[Any], dict[str, float]], protocol: Mapping[str, Any], aim: Aim | None
) -> Metric:
    """A metric of what a state does with `num` examples of the metric's own: real ones, or ways through its latents."""
    return Metric(num, lambda state, seen: score(state), protocol, aim)


def of_samples(
    num: int, view: View, score: Callable[[Seen], dict[str, float]], protocol: Mapping[str, Any], aim: Aim | None
) -> Metric:
    """A metric of `num` generated examples alone."""
    return Metric(num, lambda state, seen: score(seen), protocol, aim, view)


def through(extractor: Extractor, *kept: str) -> View:
    """The view of images through a feature network.

    Args:
      extractor: the network.
      kept: of `vectors`, `probabilities` and, int32 [n], `labels`.
    """

    def look(state: Any, samples: Samples) -> Seen:
        return {**extractor.extract(samples.images)._asdict(), "labels": samples.labels}

    return View(extractor.name, look, kept)


def check_samples(metric: str, system: System) -> None:
    """Refuses a metric of samples in a run of a system that makes none.

    Raises:
      JaxganError: the system is not `Generative`.
    """
    if not isinstance(system, Generative):
        raise JaxganError(f"the metric {metric} scores samples, and this system makes none; {LEAVE_OUT}.")


def check_generated_images(metric: str, spec: DataSpec, system: System) -> None:
    """Refuses a metric of generated images in a run that makes points, or no samples.

    Raises:
      JaxganError: it does.
    """
    check_samples(metric, system)
    if len(spec.shape) != 3:
        raise JaxganError(f"the metric {metric} scores images, and this run makes points.")


def wrong_system(metric: str, scored: str) -> JaxganError:
    """The error for a metric of one kind of system that is asked for in a run of another.

    Args:
      metric: its name.
      scored: what it scores, e.g. `"autoencoders"`.
    """
    return JaxganError(f"the metric {metric} scores {scored}; {LEAVE_OUT}.")


def wrong_data(metric: str, wanted: str, data: Mapping[str, Any]) -> JaxganError:
    """The error for a metric of one data set that is asked for in a run on another.

    Args:
      metric: its name.
      wanted: the data set it scores, as `config.data.name` names it.
      data: settings of the run's.
    """
    return JaxganError(
        f"the metric {metric} scores runs on config.data.name={wanted}, not {data['name']}; {LEAVE_OUT}."
    )
