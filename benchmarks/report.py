"""Results as lines, as JSON and as a figure."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from benchmarks.machine import Machine
from benchmarks.measure import Pair, Timing, compare

HEADINGS = f"{'workload':16} {'peer':32} {'jaxgan':>10} {'peer':>10}  {'ratio (quartiles)':20} {'floor':>9} achieved"


@dataclass(frozen=True)
class Result:
    """One pair, measured.

    Attributes:
      workload: its name.
      peer: what it was compared with.
      unit: of the work.
      our_ms: median milliseconds of jaxgan for one unit.
      their_ms: the same of the peer.
      ratio: median of jaxgan's time / the peer's, over neighbouring measurements.
      low: lower quartile of the ratios.
      high: upper quartile.
      flops: of one unit, where known.
      bytes: the same.
      floor_ms: least milliseconds that this machine needs for one unit, where known.
      achieved: floor_ms / our_ms.
      facts: further figures.
    """

    workload: str
    peer: str
    unit: str
    our_ms: float
    their_ms: float
    ratio: float
    low: float
    high: float
    flops: float | None = None
    bytes: float | None = None
    floor_ms: float | None = None
    achieved: float | None = None
    facts: Mapping[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """One line for people, under `HEADINGS`."""
        spread = f"{self.ratio:.2f} ({self.low:.2f}-{self.high:.2f})"
        times = f"{_milliseconds(self.our_ms)} {_milliseconds(self.their_ms)}"
        floor = "" if self.floor_ms is None else f"{self.floor_ms:9.3g} {self.achieved:.0%}"
        facts = "".join(f"  {name} {value:.0f}" for name, value in self.facts.items())
        return f"{self.workload:16} {self.peer:32} {times}  {spread:20} {floor}{facts}  ms a {self.unit}"


def _milliseconds(value: float) -> str:
    return f"{value:10.4g}"


def measure(workload: str, unit: str, pair: Pair, rounds: int, machine: Machine) -> Result:
    """Runs a pair and sets its time beside the machine's floor."""
    timing: Timing = compare(pair, rounds)
    our_ms, their_ms = (1e3 * seconds / pair.work for seconds in (timing.ours, timing.theirs))
    ratios = dict(ratio=timing.ratio, low=timing.low, high=timing.high)
    known: dict[str, Any] = {}
    if pair.cost:
        floor_ms = 1e3 * pair.cost.floor(machine.flops[pair.precision], machine.bandwidth)
        known = dict(flops=pair.cost.flops, bytes=pair.cost.bytes, floor_ms=floor_ms, achieved=floor_ms / our_ms)
    return Result(workload, pair.peer, unit, our_ms, their_ms, **ratios, **known, facts=dict(pair.facts()))


def save(folder: Path, name: str, machine: Machine, results: Sequence[Any]) -> Path:
    """Writes `NAME.json`: the machine, and a list of dataclasses as objects."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    content = {"machine": dataclasses.asdict(machine), "results": [dataclasses.asdict(result) for result in results]}
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path


def draw(path: Path, machine: Machine, results: Sequence[Result]) -> None:
    """Ratios with their quartiles on a logarithmic axis, and what the floor would be on it.

    Args:
      path: of the PNG.
      machine: for the caption.
      results: one bar each.
    """
    figure = Figure(figsize=(9, 1.4 + 0.36 * len(results)), layout="constrained")
    axes = figure.add_subplot()
    rows = range(len(results))
    ratios = [result.ratio for result in results]
    spread = [[r.ratio - r.low for r in results], [r.high - r.ratio for r in results]]
    colours = ["tab:green" if ratio <= 1 else "tab:orange" for ratio in ratios]
    axes.barh(rows, ratios, xerr=spread, color=colours, capsize=3, height=0.6)
    floors = [(row, r.floor_ms / r.their_ms) for row, r in zip(rows, results, strict=True) if r.floor_ms]
    if floors:
        heights, places = zip(*floors, strict=True)
        axes.plot(places, heights, "k|", markersize=14, label="the machine's floor")
        figure.legend(loc="outside lower right")
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(rows, [f"{result.workload}: {result.peer}" for result in results])
    axes.invert_yaxis()
    axes.set_xlabel("time of jaxgan / time of the peer; left of 1 jaxgan is faster")
    figure.suptitle(machine.header(), fontsize=7)
    figure.savefig(path, dpi=110)
