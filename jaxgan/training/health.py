"""Is the run healthy? What its lines, its samples and its scores say, and where to look when they say no.

Each alarm is a pure function of what the run has written or drawn; None is no alarm. They go by the conventions of
metrics' names (docs/extending.md), not by systems.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from jaxgan.evaluation.metric import Aim

LINES = 10
"""Of metrics.jsonl, as many as are looked at together."""

SURE, SURE_LINES = 0.99, 5
FAR, FAR_LINES = 1e4, 5
"""No slope of 1 gets so far between examples of fewer than 25 million numbers in [-1, 1], which are at most 2 sqrt(n)
apart; and a sigmoid has been at 1 long before."""

STILL = 1e-5
ALIKE = 0.1
WORSE = 2.0


def saturated(lines: Sequence[Mapping[str, Any]]) -> str | None:
    """D tells all real examples from all generated ones, in each of the last lines."""
    for real, fake, values in _both_sides(lines, "accuracy", SURE_LINES):
        if (values > SURE).all():
            return (
                f"{real} and {fake} have been over {SURE} for {SURE_LINES} lines: D is never wrong, and may tell G "
                "nothing. Look at the samples; a penalty on D, augmentation or a lower rate of D helps."
            )
    return None


def runaway(lines: Sequence[Mapping[str, Any]]) -> str | None:
    """Mean logits of real and generated examples are far apart in each of the last lines.

    What counts is their difference: where both are the same number too high, objectives on pairs and Wasserstein's do
    not see it.
    """
    for real, fake, values in _both_sides(lines, "logit", FAR_LINES):
        if (np.abs(values[:, 0] - values[:, 1]) > FAR).all():
            return (
                f"{real} and {fake} have been over {FAR:g} apart for {FAR_LINES} lines: D grows without bound. Look at "
                "the logits; a critic needs a gradient penalty, clipping or spectral normalisation, and a lower rate "
                "of D helps."
            )
    return None


def _both_sides(lines: Sequence[Mapping[str, Any]], kind: str, count: int) -> Iterator[tuple[str, str, np.ndarray]]:
    """Metrics of real examples that end in `_kind`, those of generated ones, and their last values, [count, 2].

    Nothing, if there are not so many lines yet; a value that an earlier line does not have is 0.
    """
    last = lines[-count:]
    for real in last[-1] if len(last) == count else ():
        fake = real.replace("real_", "fake_")
        if real.endswith(f"_{kind}") and fake != real and fake in last[-1]:
            yield real, fake, np.array([[line.get(name, 0.0) for name in (real, fake)] for line in last])


def still(lines: Sequence[Mapping[str, Any]]) -> str | None:
    """A loss is the same number in all of the last lines."""
    for name in lines[-1] if len(lines) == LINES else ():
        if name.endswith("_loss"):
            values = [line[name] for line in lines if name in line]
            if len(values) == LINES and max(values) - min(values) <= STILL * max(map(abs, values)):
                return (
                    f"{name} has been {values[-1]:g} for {LINES} lines: nothing is learnt any more. Look at the other "
                    "losses; an output that saturates, a dead activation or a learning rate of 0 does this."
                )
    return None


OF_LINES = (saturated, runaway, still)
"""The alarms that look at the last lines, each known by its own name."""


def collapsed(samples: np.ndarray, real: np.ndarray) -> str | None:
    """Samples differ from each other far less than real examples do.

    Args:
      samples: as of `variety`.
      real: likewise.
    """
    share = variety(samples, real)
    if share >= ALIKE:
        return None
    return (
        f"samples differ from each other by {share:.1%} of the variance of real examples: G makes nearly one thing "
        "only. Look at the samples; a lower learning rate of G, packing, or another objective helps."
    )


def variety(samples: np.ndarray, real: np.ndarray) -> float:
    """How much samples differ from each other, as a share of how much real examples do; infinite if these do not.

    Compared is the variance over the examples, summed over their numbers: the mean squared distance of two of them,
    halved.

    Args:
      samples: [n, ...], of one state.
      real: [n, ...], on the same scale.
    """
    spread, wanted = (float(np.var(x.reshape(len(x), -1), axis=0, dtype=np.float64).sum()) for x in (samples, real))
    return spread / wanted if wanted else math.inf


def regressed(last: float, earlier: Sequence[float], aim: Aim) -> str | None:
    """A score is far worse than the best one before.

    Args:
      last: score; where one may be negative nothing is said.
      earlier: scores under the same protocol.
      aim: of the metric.
    """
    if not math.isfinite(last):
        return f"{aim.figure} is {last:g}. Look at the samples: what no metric can score is not what it was."
    if not earlier or min(last, *earlier) < 0:
        return None
    best = min(earlier) if aim.lower else max(earlier)
    if not (last > WORSE * best if aim.lower else last < best / WORSE):
        return None
    return (
        f"{aim.figure} is {last:g} and has been {best:g}: the run gets worse. Look at the figures; the best state is "
        "kept where keep_best names the metric, and a learning rate that falls helps."
    )


def changes(active: set[str], found: Iterable[tuple[str, str | None]]) -> list[tuple[str, str | None]]:
    """What has begun or ended; brings `active` up to date.

    Args:
      active: names of alarms.
      found: names of alarms that were looked at just now, with what they say or None.

    Returns:
      those that are new, and those that are over, with None.
    """
    changed = [(name, message) for name, message in found if (name in active) != (message is not None)]
    active.symmetric_difference_update(name for name, _ in changed)
    return changed


def active_at_the_end(lines: Iterable[Mapping[str, Any]]) -> set[str]:
    """Names of the alarms that are on after these lines of `alarms.jsonl`."""
    last = {line["alarm"]: line["message"] for line in lines}
    return {name for name, message in last.items() if message is not None}
