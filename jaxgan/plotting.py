"""Pictures: sheets of images, scatters of points, curves of metrics. No display, no global state."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from jaxgan.levels import to_uint8

GAP = 2  # pixels between the images of a sheet
SMALLEST = 64  # images under this many pixels are enlarged on sheets, by whole factors, so that they can be seen
FRAME = 80  # milliseconds of an animation
NOT_WRITTEN = frozenset((".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff"))  # suffixes of lossy or rare forms
COLUMNS = 10  # of a sheet that shows images above what was made of them

KINDS = {
    "loss": "loss",
    "penalty": "penalty",
    "accuracy": "accuracy",
    "logit": "mean logit",
    "divergence": "divergence (nats)",
    "information": "information (nats)",
    "convergence": "convergence measure",
    "k": "k",
    "alpha": "share of the newest layers",
}
"""Metrics that are drawn, by the last word of their names, and what the axis says."""


def sheet(images: np.ndarray, columns: int, gap: int = GAP) -> np.ndarray:
    """Lays images out in rows of `columns`, left to right, on white.

    Args:
      images: uint8 [n, h, w, c]. One channel is grey, three are RGB; of any other number the first is shown.
      columns: images a row.
      gap: pixels around each image.

    Returns:
      uint8 [H, W] or [H, W, 3].
    """
    if images.shape[-1] != 3:
        images = images[..., :1]
    n, height, width, channels = images.shape
    rows = -(-n // columns)
    canvas = np.full((rows * (height + gap) + gap, columns * (width + gap) + gap, channels), 255, np.uint8)
    for index, image in enumerate(images):
        top, left = gap + (index // columns) * (height + gap), gap + (index % columns) * (width + gap)
        canvas[top : top + height, left : left + width] = image
    return canvas[..., 0] if channels == 1 else canvas


def save_sheet(path: Path, images: np.ndarray, columns: int) -> None:
    """Writes a sheet of uint8 [n, h, w, c] images as PNG, small images enlarged."""
    Image.fromarray(sheet(_enlarged(images), columns)).save(path)


def save_image(path: Path, image: np.ndarray) -> None:
    """Writes one uint8 [h, w, c] image as PNG, as it is, into a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(image[None], 1, gap=0)).save(path)


def above_one_another(*rows: np.ndarray) -> np.ndarray:
    """Lays images out in lines of `COLUMNS`, and under each line what was made of its images.

    Args:
      rows: [n, h, w, c] each, all uint8 or all float32 in [-1, 1].

    Returns:
      [lines * len(rows), columns, h, w, c], what is left over at the end white.
    """
    count, shape = len(rows[0]), rows[0].shape[1:]
    columns = min(count, COLUMNS)
    kind = rows[0].dtype
    blanks = np.full((-count % columns, *shape), 255 if kind == np.uint8 else 1, kind)
    lines = [np.concatenate([row, blanks]).reshape(-1, columns, *shape) for row in rows]
    return np.stack(lines, axis=1).reshape(-1, columns, *shape)


def save_animation(path: Path, frames: np.ndarray, columns: int) -> None:
    """Writes sheets of uint8 [frames, n, h, w, c] images as a GIF that repeats for ever, small images enlarged.

    Frames that are equal to the one before are shown as one of the same duration as all of them.
    """
    first, *others = (Image.fromarray(sheet(_enlarged(images), columns)) for images in frames)
    first.save(path, save_all=True, append_images=others, duration=FRAME, loop=0)


def _enlarged(images: np.ndarray) -> np.ndarray:
    factor = max(1, SMALLEST // max(images.shape[1:3]))
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def save_scatter(path: Path, groups: Mapping[str, np.ndarray]) -> None:
    """Draws groups of points [n, d], the first two dimensions, one colour a group; points of one lie on a line."""
    figure = Figure(figsize=(6.5, 5), layout="constrained")
    axes = figure.add_subplot()
    for name, points in groups.items():
        heights = points[:, 1] if points.shape[1] > 1 else np.zeros(len(points))
        axes.scatter(points[:, 0], heights, s=8, alpha=0.5, label=f"{_plain(name)} ({len(points)})")
    axes.set_aspect("equal", adjustable="datalim")
    figure.legend(loc="outside right upper")  # beside the points, which lie anywhere
    figure.savefig(path, dpi=100)


def save_samples(path: Path, samples: np.ndarray, real: np.ndarray | None, num_classes: int) -> None:
    """Draws samples as what they are: a sheet of images, one column a class, or a scatter of points over real ones.

    Args:
      path: of the PNG.
      samples: float32 [n, h, w, c] in [-1, 1], or [n, d].
      real: examples for the scatter, float32 [m, d], or None; not looked at for images.
      num_classes: 0 without labels.
    """
    if samples.ndim == 4:
        save_sheet(path, to_uint8(samples), sheet_columns(len(samples), num_classes))
    else:
        save_scatter(path, {"generated": samples} if real is None else {"real": real, "generated": samples})


def save_preview(path: Path, preview: np.ndarray, labels: np.ndarray | None) -> None:
    """Draws what a system shows: a sheet of images, or a scatter of points, one colour a class.

    Args:
      path: of the PNG.
      preview: float32 [rows, columns, h, w, c] in [-1, 1], or [n, d].
      labels: int [n] of the points, or None; not looked at for images.
    """
    if preview.ndim == 5:
        save_sheet(path, to_uint8(preview).reshape(-1, *preview.shape[2:]), preview.shape[1])
    elif labels is None:
        save_scatter(path, {"all": np.asarray(preview)})
    else:
        save_scatter(path, {str(label): np.asarray(preview)[labels == label] for label in np.unique(labels)})


def sheet_columns(count: int, num_classes: int) -> int:
    """Columns of a sheet: one a class where that makes a sensible sheet, else as many as make it square."""
    return num_classes if 2 <= num_classes <= 16 and count >= num_classes else math.ceil(math.sqrt(count))


def save_curves(path: Path, lines: Sequence[dict[str, Any]], names: Sequence[str], label: str) -> None:
    """Draws metrics over steps.

    Args:
      path: of the PNG.
      lines: of `metrics.jsonl`.
      names: keys to draw, with a band of one standard error where there is a key `NAME_se`; lines that do not have one
        are left out.
      label: of the vertical axis.
    """
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    _draw_curves(axes, lines, names)
    axes.set_ylabel(label)
    if axes.lines:
        axes.legend()
    figure.savefig(path, dpi=100)


def save_score_curves(path: Path, lines: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Draws figures of a metric over steps, beside one another: each has a scale of its own.

    Args:
      path: of the PNG.
      lines: of `evaluations.jsonl`, of one metric under one protocol.
      names: of the figures, with bands as in `save_curves`.
    """
    figure = Figure(figsize=(4 * len(names), 3.2), layout="constrained")
    for axes, name in zip(np.atleast_1d(figure.subplots(1, len(names))), names, strict=True):
        _draw_curves(axes, lines, [name])
        axes.set_title(_plain(name.replace("_", " ")), fontsize="medium")
    figure.savefig(path, dpi=100)


def _draw_curves(axes: Any, lines: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    for name in names:
        points = [(line["step"], line[name], line.get(f"{name}_se", 0.0)) for line in lines if name in line]
        if points:
            steps, values, errors = map(np.asarray, zip(*points, strict=True))
            axes.plot(steps, values, label=_plain(name.replace("_", " ")), marker="." if len(points) == 1 else "")
            axes.fill_between(steps, values - errors, values + errors, alpha=0.2)
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)


def _plain(name: str) -> str:
    """A name as Matplotlib shows it letter by letter; between two dollars it would look for a formula."""
    return name.replace("$", r"\$")


def save_metric_figures(folder: Path, lines: Sequence[dict[str, Any]]) -> list[Path]:
    """Draws the metrics of a run that are of one of the `KINDS`: one figure a kind, `folder/KIND.png`.

    Returns:
      the figures written.
    """
    paths = []
    for kind, label in KINDS.items():
        names = [name for name in (lines[-1] if lines else {}) if name.rpartition("_")[2] == kind]
        if names:
            paths.append(folder / f"{kind}.png")
            save_curves(paths[-1], lines, names, label)
    return paths


def save_trials(
    path: Path, scores: Mapping[str, Mapping[str, Sequence[float]]], best: Mapping[str, Sequence[float]], label: str
) -> None:
    """Draws methods beside each other: a box each with a point a score, and how good they get with more settings tried.

    Args:
      path: of the PNG.
      scores: method -> setting -> a score a seed; those that are not finite are left out.
      best: method -> expected best of 1, 2, ... settings.
      label: of the vertical axes.
    """
    figure = Figure(figsize=(3 + 1.1 * len(scores) + 4, 4.5), layout="constrained")
    boxes, budgets = figure.subplots(1, 2, width_ratios=(1.1 * len(scores), 4))
    settings = list(dict.fromkeys(setting for of_method in scores.values() for setting in of_method))
    for place, of_method in enumerate(scores.values()):
        finite = [value for values in of_method.values() for value in values if np.isfinite(value)]
        boxes.boxplot([finite], positions=[place], widths=0.6, showfliers=False, medianprops={"color": "black"})
        for setting, values in of_method.items():
            number = settings.index(setting)
            at = np.full(len(values), place + 0.16 * (number - (len(settings) - 1) / 2))  # beside, not over one another
            boxes.scatter(at, values, s=16, color=f"C{number % 10}", zorder=3)
    boxes.set_xticks(range(len(scores)), list(map(_plain, scores)), rotation=30, ha="right")
    boxes.set_ylabel(label)
    named = enumerate(map(_plain, settings))
    boxes.legend(handles=[boxes.scatter([], [], s=16, color=f"C{n % 10}", label=name) for n, name in named])
    for number, (method, values) in enumerate(best.items()):
        budgets.plot(range(1, len(values) + 1), values, marker=".", label=_plain(method), color=f"C{number % 10}")
    budgets.set_xlabel("settings tried")
    budgets.set_title("expected best", fontsize="medium")
    budgets.xaxis.get_major_locator().set_params(integer=True)
    budgets.legend(fontsize="small")
    for axes in (boxes, budgets):
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=100)
