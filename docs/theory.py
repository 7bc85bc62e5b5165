"""Draws the figures of `docs/theory.md`: what the theory of adversarial training says, beside what networks do.

Command: `python docs/theory.py [--only NAME,...] [--toy] [--out FOLDER]`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import theory_games as games
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from theory_games import LOG2

from jaxgan import plotting, sampling
from jaxgan.data.digits import digits
from jaxgan.data.toys import ring_centres
from jaxgan.levels import to_uint8

REAL, FAKE, TRAINED, TRUTH = "tab:blue", "tab:orange", "tab:green", "black"
PLAIN, UNSATURATED, CRITIC, PAIRS = "tab:red", "tab:cyan", "tab:purple", "tab:brown"
"""Of plain GANs, of the non-saturating objective beside them, of Wasserstein critics, of relativistic pairs."""


def spread(values: Any, places: int = 4) -> str:
    """The least and the most of several seeds, as text."""
    return f"{np.min(values):.{places}f} to {np.max(values):.{places}f}"


def save(figure: Figure, path: Path) -> None:
    """Writes a figure in 256 colours, a third of the bytes, and tells of it."""
    figure.savefig(path, dpi=100)
    Image.open(path).convert("RGB").quantize(256).save(path, optimize=True)
    print(f"{path}: {path.stat().st_size / 1000:.0f} kB", flush=True)


# D alone


def draw_optimal(out: Path, toy: bool) -> None:
    """The optimal discriminator, and the value of the game."""
    seeds, updates = (2, 50) if toy else (3, 2000)
    played = games.play_densities(seeds, updates)
    for game, one in zip(games.DENSITIES.tolist(), played, strict=True):
        mean, largest = one.errors
        print(
            f"{game}: |D - D*| mean {spread(mean, 5)}, largest {spread(largest)}; V(D*) {one.best:.4f}, "
            f"V(D) {spread(one.reached)}, -L_D in training {spread(one.measured)}"
        )
    figure = Figure(figsize=(10, 3.2), layout="constrained")
    shown = {"two modes": 0, "unequal modes": 1, "shifted by 2": 2 + games.DISTANCES.index(2.0), "equal": 2}
    panels = figure.subplots(1, len(shown), sharey=True)
    for axes, (title, index) in zip(panels, shown.items(), strict=True):
        _density_panel(axes, played[index])
        axes.set_title(title, fontsize=10)
    panels[0].set_ylabel("D(x); densities, scaled")
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
    save(figure, out / "theory_optimal.png")
    _draw_value(out / "theory_value.png", played[2:])


def _density_panel(axes: Axes, played: games.Played) -> None:
    x, peak = games.GRID, max(played.real.max(), played.fake.max())
    axes.fill_between(x, 0.9 * played.real / peak, alpha=0.25, color=REAL, label=r"$p_r$")
    axes.fill_between(x, 0.9 * played.fake / peak, alpha=0.25, color=FAKE, label=r"$p_g$")
    lives = played.real + played.fake > 0.01 * (played.real + played.fake).max()
    for i, judged in enumerate(played.judged):
        label = "" if i else "trained D, one line a seed"
        axes.plot(x[lives], judged[lives], color=TRAINED, lw=2.5, alpha=0.5, label=label)
    axes.plot(x[lives], played.optimal[lives], "--", color=TRUTH, lw=1, label=r"$p_r/(p_r+p_g)$")
    axes.set_xlim(x[lives][0] - 0.3, x[lives][-1] + 0.3)
    axes.set_ylim(0, 1.03)
    axes.set_xlabel("x")


def _draw_value(path: Path, shifted: Sequence[games.Played]) -> None:
    figure = Figure(figsize=(6, 3.6), layout="constrained")
    axes = figure.add_subplot()
    distances = np.linspace(games.DISTANCES[0], games.DISTANCES[-1], 81)
    best = [games.optimal_value(games.normal(0, 1), games.normal(d, 1)) for d in distances]
    axes.plot(distances, best, color=TRUTH, lw=1, label=r"$2\,JS(p_r\|p_g)-2\log 2$, by quadrature")
    for i, values in enumerate(np.asarray([one.measured for one in shifted]).T):
        label = "" if i else r"$-L_D$ of a trained D, one dot a seed"
        axes.plot(games.DISTANCES, values, "o", color=TRAINED, alpha=0.5, label=label)
    axes.axhline(-2 * LOG2, ls=":", color="grey", label=r"$-2\log 2$, where $p_g=p_r$")
    axes.axhline(0, ls="--", lw=0.8, color="grey", label="0, where D tells everything")
    axes.set_xlabel(r"distance of $p_g=N(m,1)$ from $p_r=N(0,1)$")
    axes.set_ylabel("value of the game")
    axes.legend(fontsize=9)
    save(figure, path)


def draw_lines(out: Path, toy: bool) -> None:
    """JS divergence, EM distance and G's gradient between two parallel lines."""
    seeds, updates = (2, 40) if toy else (3, 2000)
    minimax, unsaturated, critic = (
        games.play_lines(name, seeds, updates) for name in ("minimax", "non_saturating", "wasserstein")
    )
    divergence, raw = np.asarray(minimax.value) / 2 + LOG2, np.asarray(critic.value)
    distance = raw / np.asarray(critic.norm)
    for i, theta in enumerate(games.THETAS):
        last = (slice(None), i, -1)
        print(
            f"theta {theta:5.2f}: JS {spread(divergence[last])}, W {spread(distance[last])} (E D - E D "
            f"{spread(raw[last])}); G's gradient {spread(minimax.slope[last], 5)}, {spread(critic.slope[last])}, "
            f"non-saturating {spread(unsaturated.slope[last], 1)}"
        )
    figure = Figure(figsize=(10, 3.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.2, 1))
    _distances(left, divergence[:, :, -1], distance[:, :, -1])
    theta, looks = int(np.argmax(games.THETAS == 0.5)), minimax.slope.shape[2]
    counts = updates // looks * np.arange(1, looks + 1)
    lines = {"non-saturating": (UNSATURATED, unsaturated), "WGAN-GP": (CRITIC, critic), "minimax": (PLAIN, minimax)}
    for name, (colour, reading) in lines.items():
        for i, slopes in enumerate(np.asarray(reading.slope)[:, theta]):
            right.plot(counts, np.abs(slopes), color=colour, alpha=0.7, label="" if i else f"{name}, one line a seed")
    right.set_yscale("log")
    right.set_xlabel("updates of D")
    right.set_ylabel(r"$|\partial L_G/\partial\theta|$ at $\theta=0.5$")
    right.legend(fontsize=8, loc="center right")
    for axes in (left, right):
        axes.grid(alpha=0.3)
    save(figure, out / "theory_lines.png")


def _distances(axes: Axes, divergence: np.ndarray, distance: np.ndarray) -> None:
    """JS divergence and EM distance over theta, as the theory has them and as measured: [seeds, thetas] each."""
    stuck = np.where(games.THETAS == 0, np.nan, LOG2)
    axes.plot(games.THETAS, stuck, color=PLAIN, lw=1, label=r"JS: $\log 2$; at $\theta=0$ it is 0")
    _dots(axes, divergence, PLAIN, "by a trained D, minimax")
    axes.plot(games.THETAS, np.abs(games.THETAS), color=CRITIC, lw=1, label=r"EM distance: $|\theta|$")
    _dots(axes, distance, CRITIC, "by a trained critic, WGAN-GP")
    axes.set_xlabel(r"$\theta$")
    axes.set_ylabel("distance of the lines")
    axes.legend(fontsize=8, loc="upper center", ncols=2)
    axes.set_ylim(-0.05, 1.3)


def _dots(axes: Axes, values: np.ndarray, colour: str, label: str) -> None:
    for i, of_seed in enumerate(values):
        axes.plot(games.THETAS, of_seed, "o", ms=5, color=colour, alpha=0.4, label="" if i else label)


# whole games


def draw_ring(out: Path, toy: bool) -> None:
    """Modes of a ring, found and lost: points of seed 1, counts of all seeds."""
    seeds, steps = (2, 12) if toy else (5, 3000)
    methods = {
        "plain GAN": (PLAIN, games.ring(steps, seeds, **games.PLAIN)),
        "plain GAN,\n5 updates of D": (PLAIN, games.ring(steps, seeds, critic_steps=5, **games.PLAIN)),
        "plain GAN,\n$b_1=0.5$": (PLAIN, games.ring(steps, seeds, b1=0.5, **games.PLAIN)),
        "WGAN-GP,\n5 updates of D": (CRITIC, games.ring(steps, seeds, **games.critic(0.1))),
        "relativistic,\nR1 + R2": (PAIRS, games.ring(steps, seeds, **games.PAIRS)),
    }
    looks = [steps // 12 * twelfths for twelfths in (1, 3, 6, 9, 12)]
    figure = Figure(figsize=(11, 8.8), layout="constrained")
    panels = figure.subplots(len(methods), len(looks) + 1, width_ratios=[1] * len(looks) + [1.6], sharex="col")
    with tempfile.TemporaryDirectory() as folder:
        for row, (name, (colour, settings)) in enumerate(methods.items()):
            directory = games.trained(settings, Path(folder) / str(row))
            points, found = games.scores(directory, "modes")
            _, quality = games.scores(directory, "high_quality")
            print(f"{' '.join(name.split())}: modes {found[:, -1]}, within 3 sigma {quality[:, -1].round(2)}")
            for axes, step in zip(panels[row], looks, strict=False):
                _scatter(axes, sampling.load(directory, step, seed=1).sample(1000).images)
                axes.set_title(f"step {step}" if row == 0 else "", fontsize=9)
            panels[row, 0].set_ylabel(name)
            _curves(panels[row, -1], points, found, colour)
            panels[row, -1].set_ylim(-0.3, 8.3)
    panels[0, -1].set_title("modes found of 8: each seed, mean", fontsize=9)
    panels[-1, -1].set_xlabel("step")
    save(figure, out / "theory_ring.png")


def _scatter(axes: Axes, points: np.ndarray) -> None:
    centres = ring_centres(8, 2.0)
    axes.scatter(centres[:, 0], centres[:, 1], s=60, facecolors="none", edgecolors=REAL, lw=1)
    axes.scatter(points[:, 0], points[:, 1], s=3, alpha=0.3, color=FAKE)
    axes.set(xlim=(-2.8, 2.8), ylim=(-2.8, 2.8), xticks=[], yticks=[], aspect="equal")


def _curves(axes: Axes, steps: Sequence[int], values: np.ndarray, colour: str, name: str = "") -> None:
    """A line a seed, and their mean: values [seeds, steps]."""
    axes.plot(steps, values.T, color=colour, alpha=0.4, lw=1)
    axes.plot(steps, values.mean(axis=0), color=colour, lw=2.5, label=name)
    axes.grid(alpha=0.3)


def draw_digits(out: Path, toy: bool) -> None:
    """DCGAN with and without batch normalisation, and a Wasserstein critic between the networks without it."""
    seeds, steps = (2, 12) if toy else (3, 1500)
    methods = {
        "DCGAN": (TRUTH, games.digits(steps, seeds, (True, True), **games.PLAIN)),
        "no BN in G": ("tab:pink", games.digits(steps, seeds, (False, True), **games.PLAIN)),
        "no BN": (PLAIN, games.digits(steps, seeds, **games.PLAIN)),
        "no BN, 5 updates of D": ("tab:olive", games.digits(steps, seeds, critic_steps=5, **games.PLAIN)),
        "no BN, WGAN-GP": (CRITIC, games.digits(steps, seeds, **games.critic(10.0))),
    }
    titles = {"agreement": "digits classified as asked, share", "diversity": "distance within a class, real ones 1"}
    figure = Figure(figsize=(11, 6), layout="constrained")
    halves: Any = figure.subfigures(2, 1, height_ratios=(1, 1.1))
    sheets, curves = halves[0].subplots(2, 3).ravel(), halves[1].subplots(1, len(titles))
    _sheet(sheets[0], "real", REAL, _real_digits(seeds))
    with tempfile.TemporaryDirectory() as folder:
        for axes, (name, (colour, settings)) in zip(sheets[1:], methods.items(), strict=True):
            directory = games.trained(settings, Path(folder) / name)
            drawn = [to_uint8(one.sample(10).images) for one in sampling.load_all(directory).values()]
            _sheet(axes, name, colour, np.concatenate(drawn))
            for key in ("agreement", "confident", "diversity"):
                points, values = games.scores(directory, key)
                print(f"{name}: {key} {values[:, -1].round(3)}")
                if key in titles:
                    _curves(curves[list(titles).index(key)], points, values, colour, name)
    for panel, title in zip(curves, titles.values(), strict=True):
        panel.set_title(title, fontsize=10)
        panel.set_xlabel("step")
        panel.set_ylim(bottom=-0.03)
    halves[1].legend(*curves[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(methods), fontsize=9)
    save(figure, out / "theory_digits.png")


def _real_digits(rows: int) -> np.ndarray:
    """The first real digits of each class in turn, uint8 [10 rows, 16, 16, 1]."""
    real = digits(0, image_size=16).arrays()
    members = [np.flatnonzero(real["label"] == label)[:rows] for label in range(10)]
    return real["image"][np.stack(members, axis=1).ravel()]


def _sheet(axes: Axes, name: str, colour: str, images: np.ndarray) -> None:
    """Images uint8 [n, h, w, 1], ten a row."""
    axes.imshow(plotting.sheet(images, 10, gap=1), cmap="gray", vmin=0, vmax=255, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(name, fontsize=10, color=colour)


FIGURES: Mapping[str, Callable[[Path, bool], None]] = {
    "optimal": draw_optimal,
    "lines": draw_lines,
    "ring": draw_ring,
    "digits": draw_digits,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draws what is asked for, and prints the figures that the page states."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(FIGURES), help=f"names out of {', '.join(FIGURES)}, with commas")
    parser.add_argument("--toy", action="store_true", help="few updates, to see that everything runs")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "images", help="folder of the figures")
    options = parser.parse_args(arguments)
    names = options.only.split(",")
    if unknown := [name for name in names if name not in FIGURES]:
        parser.error(f"unknown figures {', '.join(unknown)}; there are {', '.join(FIGURES)}")
    options.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        start = time.perf_counter()
        FIGURES[name](options.out, options.toy)
        print(f"{name}: {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
