"""Two things timed in turn, so that a machine that slows down slows both."""

import itertools
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from benchmarks.cost import Cost

Run = Callable[[], object]
"""Does one call's work and returns when it is done."""


@dataclass(frozen=True)
class Pair:
    """The same work done twice.

    Attributes:
      peer: what jaxgan is compared with.
      ours: jaxgan's call.
      theirs: the peer's.
      work: units (steps, images) a call.
      cost: least work of one unit, where it is known.
      precision: of the products, for the machine's rate.
      facts: further figures, known after the runs.
    """

    peer: str
    ours: Run
    theirs: Run
    work: int
    cost: Cost | None = None
    precision: str = "float32"
    facts: Callable[[], Mapping[str, float]] = field(default=dict)


@dataclass(frozen=True)
class Timing:
    """Result of a comparison.

    Attributes:
      ours: median seconds a call.
      theirs: the same of the peer.
      ratio: median over neighbouring calls of jaxgan's time / the peer's.
      low: lower quartile of these ratios.
      high: upper quartile.
    """

    ours: float
    theirs: float
    ratio: float
    low: float
    high: float


def seconds(run: Run) -> float:
    """Wall time of one call."""
    before = time.perf_counter()
    run()
    return time.perf_counter() - before


def compare(pair: Pair, rounds: int) -> Timing:
    """Times A B A B ... after a first call of each, which compiles; neighbours, A B as well as B A, give the ratios.

    So whatever slows the machine down slows both, and a drift cancels.

    Args:
      pair: what to run.
      rounds: calls of each, at least 1.
    """
    pair.ours(), pair.theirs()
    times = [seconds(run) for _ in range(rounds) for run in (pair.ours, pair.theirs)]
    neighbours = enumerate(itertools.pairwise(times))
    ratios = [a / b if index % 2 == 0 else b / a for index, (a, b) in neighbours]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive") if len(ratios) > 1 else ratios * 3
    return Timing(statistics.median(times[::2]), statistics.median(times[1::2]), middle, low, high)


def fastest(run: Run, repeats: int) -> float:
    """Least wall time of several calls, in seconds, after one that is not counted."""
    run()
    return min(seconds(run) for _ in range(repeats))
