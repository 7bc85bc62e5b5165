"""How the time of a DCGAN step grows with batch, resolution and width: `--scaling`."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.machine import Machine
from benchmarks.report import Result, measure
from benchmarks.workloads import Task, training_pairs

ROUNDS = 2
BASE = dict(batch=64, resolution=32, width=32)
SWEEPS = {"batch": (16, 32, 64, 128, 256), "resolution": (16, 32, 64, 96), "width": (16, 32, 64, 128)}
TOY_BASE, TOY_SWEEPS = dict(batch=2, resolution=8, width=2), {"batch": (2, 4), "width": (2,)}


@dataclass(frozen=True)
class Point:
    """One size of a sweep.

    Attributes:
      axis: what is varied.
      value: of it.
      result: its step.
    """

    axis: str
    value: int
    result: Result


def task(batch: int, resolution: int, width: int) -> Task:
    """PyTorch's DCGAN with as many layers as the resolution has room for."""
    players = ("generator", "discriminator")
    sizes = [f"{player}.{option}" for player in players for option in (f"width={width}", "multipliers=()")]
    return Task("cifar10_dcgan64", 10, (resolution, resolution, 3), (f"batch_size={batch}", *sizes), toy=())


def sweep(machine: Machine, toy: bool) -> list[Point]:
    """Measures jaxgan and PyTorch at every size, printing as it goes."""
    base, sweeps = (TOY_BASE, TOY_SWEEPS) if toy else (BASE, SWEEPS)
    points = []
    for axis, values in sweeps.items():
        for value in values:
            pair = training_pairs(task(**base | {axis: value}), toy)[0]
            result = measure(f"{axis}={value}", "step", pair, ROUNDS, machine)
            print(result.line(), flush=True)
            points.append(Point(axis, value, result))
    return points


def draw(path: Path, points: Sequence[Point]) -> None:
    """Milliseconds over each size, both axes logarithmic, with what the machine's rates allow."""
    axes_names = list(dict.fromkeys(point.axis for point in points))
    figure = Figure(figsize=(4 * len(axes_names), 3.6), layout="constrained")
    for axes, axis in zip(figure.subplots(1, len(axes_names), sharey=True), axes_names, strict=True):
        _panel(axes, axis, [point for point in points if point.axis == axis])
    figure.axes[0].set_ylabel("milliseconds a step")
    figure.axes[0].legend()
    fixed = ", ".join(f"{name} {value}" for name, value in BASE.items())
    figure.suptitle(f"One step of DCGAN, float32; what is not varied: {fixed}", fontsize=10)
    figure.savefig(path, dpi=110)


def _panel(axes: Axes, axis: str, points: Sequence[Point]) -> None:
    values = [point.value for point in points]
    axes.plot(values, [point.result.our_ms for point in points], "o-", label="jaxgan")
    axes.plot(values, [point.result.their_ms for point in points], "s--", label=points[0].result.peer)
    floors = [point.result.floor_ms or math.nan for point in points]
    axes.plot(values, floors, "k:", label="floor of this machine")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(values, [str(value) for value in values])
    axes.minorticks_off()
    axes.grid(alpha=0.3)
    axes.set_xlabel({"batch": "images a batch", "resolution": "side of the image, pixels"}.get(axis, axis))
