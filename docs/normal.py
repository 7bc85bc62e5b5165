"""Trains and draws what `docs/normal.md` shows: a run as it should be, and four ways to go wrong.

Command: `python docs/normal.py --out DIR [--only NAME,...] [--toy]`. The runs are ordinary run directories,
`DIR/runs/NAME`, so the same command again goes on where it was stopped; the figures are `DIR/normal_FIGURE.png`.
"""

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import SymmetricalLogLocator
from PIL import Image

from jaxgan import config, plotting
from jaxgan.errors import JaxganError
from jaxgan.training import health
from jaxgan.training.run_directory import RunDirectory, read_lines
from jaxgan.training.start import run

Lines = Sequence[Mapping[str, Any]]

BASE = (
    "data.image_size=16",
    "steps=1000",
    "steps_per_call=25",
    "log_every=25",
    "sample_every=250",
    "save_every=250",
)
"""What all runs change of `digits_cgan`: images of half the side, and more lines."""

NO_NORMALISATION = ("generator.normalise=False", "discriminator.normalise=False")
NO_CONSTRAINT = ("objective.name=wasserstein", "metrics=()", *NO_NORMALISATION)
BLIT = "name='bgc', geometry=False, color=False"  # mirror images, quarter turns, shifts

RUNS: Mapping[str, Sequence[str]] = {
    "healthy": (),
    "collapse": (
        "system.conditional=False",
        "system.average_half_life=0",
        *NO_NORMALISATION,
        "generator_optimizer.learning_rate=2e-3",
        "generator_optimizer.b1=0.9",
        "discriminator_optimizer.b1=0.9",
        "sample_every=100",
        "metrics=()",
    ),
    "winning": ("discriminator_optimizer.learning_rate=2e-3", "generator_optimizer.learning_rate=2e-5"),
    "runaway": (*NO_CONSTRAINT, "discriminator_optimizer.learning_rate=2e-3"),
    "stopped": (
        *NO_CONSTRAINT,
        "generator_optimizer=dict(name='sgd', learning_rate=1e-2)",
        "discriminator_optimizer=dict(name='sgd', learning_rate=1e-2)",
        "log_every=1",
        "sample_every=25",
        "save_every=25",
    ),
    "always": (f"augmentation=dict({BLIT}, p=1.0)",),
    "often": (f"augmentation=dict({BLIT}, p=0.6)",),
    "sometimes": (f"augmentation=dict({BLIT}, p=0.3)",),
}
"""What each run changes besides, as after `--config.` on the command line."""

TOY = ("steps=4", "steps_per_call=2", "log_every=2", "sample_every=2", "save_every=2", "batch_size=8",
       "generator.width=2", "discriminator.width=2", "metrics=()")  # fmt: skip

PANELS = {"loss": "losses", "accuracy": "accuracies of D", "logit": "mean logits of D"}
"""Metrics that are drawn, by the last word of their names, and the titles of their panels."""

COLOURS = {"generator": "tab:orange", "fake": "tab:orange", "discriminator": "tab:blue", "real": "tab:blue"}
"""By the first word of a metric: of G and what it makes, of D and what is real."""

REAL = -1
"""Stands for the sheet of real images where steps name sheets of samples."""


class Row(NamedTuple):
    """One run of a figure: its curves, then sheets.

    Attributes:
      run: its name.
      sheets: steps of the samples that are shown; `REAL` for real images.
      symlog: whether losses and logits are drawn on a scale that is logarithmic away from 0.
    """

    run: str
    sheets: Sequence[int]
    symlog: bool = False


FIGURES: Mapping[str, Sequence[Row]] = {
    "healthy": (Row("healthy", (REAL, 250, 1000)),),
    "collapse": (Row("collapse", (400, 700, 1000)),),
    "winning": (Row("winning", (250, 1000)),),
    "divergence": (Row("runaway", (250, 1000), symlog=True), Row("stopped", (25, 50), symlog=True)),
    "leaking": (Row("always", (1000,)), Row("often", (1000,)), Row("sometimes", (1000,))),
}


def settings(name: str, toy: bool = False) -> config.Settings:
    """The resolved recipe of a run."""
    changes = (*BASE, *RUNS[name], *(TOY if toy else ()))
    return config.resolve(config.override(config.load("digits_cgan"), changes))


def train(name: str, folder: Path, toy: bool = False) -> RunDirectory:
    """Trains a run, or goes on with it; one that diverges is said to, and is as far as it came."""
    start = time.process_time()
    try:
        run(settings(name, toy), folder, f"python docs/normal.py --only {name}")
    except JaxganError as error:
        print(f"{name}: {error}")
    print(f"{name}: {time.process_time() - start:.0f} s of CPU time", flush=True)
    return RunDirectory(folder)


def curves(lines: Lines, kind: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Steps and values [lines] of the metrics whose names end in `_kind`."""
    names = [name for name in (lines[0] if lines else {}) if name.endswith(f"_{kind}")]
    steps = np.asarray([line["step"] for line in lines])
    return {name: (steps, np.asarray([line[name] for line in lines])) for name in names}


def ranges(lines: Lines) -> dict[str, tuple[float, float]]:
    """The least and the most of every metric that is drawn, over the second half of the lines."""
    half = lines[len(lines) // 2 :]
    drawn = [item for kind in PANELS for item in curves(half, kind).items()]
    return {name: (float(values.min()), float(values.max())) for name, (_, values) in drawn}


def tiles(path: Path) -> np.ndarray:
    """The images of a full sheet of small grey ones, as it shows them: float64 [n, height * width]."""
    gap, side = plotting.GAP, plotting.SMALLEST
    whole = np.asarray(Image.open(path), np.float64)[gap:, gap:]
    rows, columns = (length // (side + gap) for length in whole.shape)
    cells = whole.reshape(rows, side + gap, columns, side + gap)[:, :side, :, :side]
    return cells.transpose(0, 2, 1, 3).reshape(rows * columns, side * side)


def variety(samples: Path) -> dict[int, float]:
    """What the alarm `collapsed` looks at, by step: the variance of a sheet's samples, relative to real images."""
    real = tiles(samples / "real.png")
    return {int(path.stem): health.variety(tiles(path), real) for path in _sheets(samples)}


def _sheets(samples: Path) -> list[Path]:
    """Of samples, the first step first."""
    return sorted(samples.glob("[0-9]*.png"))


def tell(name: str, directory: RunDirectory) -> None:
    """Prints what the page states of a run: ranges, its last line, how its samples vary, alarms, scores."""
    lines = read_lines(directory.metrics)
    for metric, (least, most) in ranges(lines).items():
        print(
            f"{name}: {metric} {least:.4g} to {most:.4g} in the second half, {lines[-1][metric]:.4g} in the last line"
        )
    print(f"{name}: variety {', '.join(f'{step}: {share:.1%}' for step, share in variety(directory.samples).items())}")
    for line in read_lines(directory.alarms):
        print(f"{name}: step {line['step']}: {line['alarm']}: {line['message'] or 'over'}")
    for line in directory.scores():
        print(f"{name}: step {line['step']}: { ({key: line[key] for key in ('agreement', 'diversity')}) }")


def draw(rows: Sequence[Row], runs: Mapping[str, RunDirectory], path: Path) -> None:
    """Draws one figure, a row a run, in 256 colours, a third of the bytes."""
    sheets = max(len(row.sheets) for row in rows)
    figure = Figure(figsize=(2.7 * len(PANELS) + 3 * sheets, 3.1 * len(rows)), layout="constrained")
    ratios = [2.7] * len(PANELS) + [3.0] * sheets
    grid = figure.subplots(len(rows), len(ratios), squeeze=False, width_ratios=ratios)
    for row, panels in zip(rows, grid, strict=True):
        directory = runs[row.run]
        lines, alarms = read_lines(directory.metrics), read_lines(directory.alarms)
        for axes, (kind, title) in zip(panels, PANELS.items(), strict=False):
            _plot(axes, curves(lines, kind), title, row.symlog and kind != "accuracy")
            _mark(axes, alarms)
        for axes, step in zip(panels[len(PANELS) :], row.sheets, strict=False):
            _show(axes, directory.samples, step)
        for axes in panels[len(PANELS) + len(row.sheets) :]:
            axes.set_axis_off()
        panels[0].set_ylabel(row.run)
    figure.savefig(path, dpi=90)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


def _plot(axes: Axes, drawn: Mapping[str, tuple[np.ndarray, np.ndarray]], title: str, symlog: bool) -> None:
    for name, (steps, values) in drawn.items():
        who = name.partition("_")[0]
        axes.plot(steps, values, color=COLOURS[who], lw=1.5, label=who, marker="." if len(steps) < 5 else "")
    if symlog:
        axes.set_yscale("symlog", linthresh=1)
        locator = SymmetricalLogLocator(base=10, linthresh=1)
        locator.set_params(numticks=6)  # the default's labels overlap over 50 decades
        axes.yaxis.set_major_locator(locator)
    elif title == PANELS["accuracy"]:
        axes.set_ylim(-0.03, 1.03)
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8)


def _mark(axes: Axes, alarms: Lines) -> None:
    """A dashed line where an alarm begins, a dotted one where it ends."""
    for line in alarms:
        begins = line["message"] is not None
        axes.axvline(line["step"], color="tab:red", lw=1, ls="--" if begins else ":")


def _show(axes: Axes, samples: Path, step: int) -> None:
    """The sheet of a step, as the run drew it; the last one there is where the run did not come so far."""
    drawn = [path for path in _sheets(samples) if int(path.stem) <= step]
    path = samples / "real.png" if step == REAL or not drawn else drawn[-1]
    axes.imshow(Image.open(path), cmap="gray", vmin=0, vmax=255)
    axes.set_title("real" if path.stem == "real" else f"samples, step {int(path.stem)}", fontsize=10)
    axes.set_axis_off()


def main(arguments: Sequence[str] | None = None) -> None:
    """Trains and draws what is asked for, and prints the figures that the page states."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs and the figures")
    parser.add_argument("--only", default=",".join(FIGURES), help=f"names out of {', '.join(FIGURES)}, with commas")
    parser.add_argument("--toy", action="store_true", help="a few steps of tiny networks, to see that everything runs")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if unknown := [name for name in names if name not in FIGURES]:
        parser.error(f"unknown figures {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    for name in names:
        runs = {row.run: train(row.run, options.out / "runs" / row.run, options.toy) for row in FIGURES[name]}
        for which, directory in runs.items():
            tell(which, directory)
        draw(FIGURES[name], runs, options.out / f"normal_{name}.png")


if __name__ == "__main__":
    main()
