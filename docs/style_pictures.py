"""Draws what `docs/style.md` starts from, and lays out what comes of it.

Command: `python docs/style_pictures.py FOLDER` writes content.png, a photograph that comes with scikit-learn, and
style.png, a painting drawn here; `python docs/style_pictures.py FOLDER --sheet OUT.png A.png B.png ...` puts pictures
side by side.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from sklearn.datasets import load_sample_image

SIZE = (512, 768)
"""Height and width of the painting."""

WHIRLS = np.array(
    [
        # x, y of the middle, radius, sense of turning
        [0.22, 0.30, 0.16, 1],
        [0.52, 0.42, 0.22, -1],
        [0.80, 0.22, 0.15, 1],
        [0.70, 0.72, 0.14, -1],
        [0.32, 0.78, 0.12, 1],
        [0.06, 0.62, 0.10, -1],
        [0.95, 0.62, 0.10, 1],
    ]
)
LIGHTS = np.array(
    [
        # x, y of the middle, radius
        [0.22, 0.30, 0.085],
        [0.80, 0.22, 0.10],
        [0.52, 0.42, 0.05],
        [0.70, 0.72, 0.06],
        [0.32, 0.78, 0.05],
        [0.06, 0.62, 0.035],
        [0.95, 0.62, 0.04],
        [0.42, 0.12, 0.03],
        [0.62, 0.10, 0.025],
    ]
)
NIGHT = np.array([[12, 24, 72], [24, 52, 128], [40, 92, 168], [88, 146, 196], [150, 190, 205]], float)
GOLD = np.array([[255, 246, 180], [252, 212, 70], [236, 160, 38], [200, 110, 40]], float)

BRUSHES = ((2200, 70, 22), (3200, 52, 14), (2600, 36, 9))
"""Number, length and width of strokes, in pixels, from the ground up."""

SCALE = 2  # drawn larger and reduced, for smooth edges
SEGMENTS = 8  # of a stroke


def flow(places: np.ndarray) -> np.ndarray:
    """Direction of the brush at places [n, 2] in 0..1: a wind from the left, turned around by the whirls; [n, 2]."""
    x, y = places.T
    wind = np.stack([np.full_like(x, 0.5), 0.25 * np.sin(5 * x + 2)], 1)
    for middle_x, middle_y, radius, sense in WHIRLS:
        dx, dy = (x - middle_x) * SIZE[1] / SIZE[0], y - middle_y
        strength = 3 * sense / radius * np.exp(-(dx**2 + dy**2) / (2 * radius**2))
        wind += strength[:, None] * np.stack([-dy, dx], 1)
    return wind / np.linalg.norm(wind, axis=1, keepdims=True)


def colours(places: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Of strokes that begin at places [n, 2]: bands of blue, and gold around the lights; [n, 3] in 0..255."""
    x, y = places.T
    band = 0.5 + 0.28 * np.sin(7 * x + 3 * np.sin(4 * y + 1) + 2) + 0.22 * np.sin(9 * y - 5 * x)
    found = _mixed(NIGHT, band + rng.normal(0, 0.16, x.shape))
    for middle_x, middle_y, radius in LIGHTS:
        distance = np.hypot((x - middle_x) * SIZE[1] / SIZE[0], y - middle_y) / radius
        gold = GOLD[np.clip(distance + rng.normal(0, 0.18, x.shape), 0, 3).astype(int)]
        share = np.clip(1.6 - 0.7 * distance, 0, 1) * (rng.random(x.shape) < 1.9 - 0.75 * distance)
        found += share[:, None] * (gold - found)
    return found + rng.normal(0, 9, found.shape)


def _mixed(palette: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Between neighbours of a palette [k, 3], at shares [n] of its length."""
    place = np.clip(share, 0, 0.999) * (len(palette) - 1)
    below, rest = place.astype(int), (place % 1)[:, None]
    return palette[below] * (1 - rest) + palette[below + 1] * rest


def painting(brushes: Sequence[tuple[int, int, int]] = BRUSHES, seed: int = 3) -> Image.Image:
    """A night of whirls and lights, in strokes of many bristles that follow the flow."""
    rng = np.random.default_rng(seed)
    size = np.array([SIZE[1], SIZE[0]]) * SCALE
    canvas = Image.new("RGB", (int(size[0]), int(size[1])), (20, 36, 84))
    draw = ImageDraw.Draw(canvas)
    for count, length, width in brushes:
        places = rng.random((count, 2)) * 1.1 - 0.05
        paint = colours(places, rng)
        paths = [places]
        for _ in range(SEGMENTS):
            paths.append(paths[-1] + flow(paths[-1]) * length * SCALE / SEGMENTS / size)
        for path, colour in zip(np.stack(paths, 1) * size, paint, strict=True):
            _stroke(draw, path, colour, width * SCALE / 2, max(3, width // 2), rng)
    return canvas.resize((SIZE[1], SIZE[0]), Image.Resampling.LANCZOS)


def _stroke(
    draw: ImageDraw.ImageDraw,
    path: np.ndarray,
    colour: np.ndarray,
    width: float,
    bristles: int,
    rng: np.random.Generator,
) -> None:
    """One stroke along a path [k, 2]: bristles side by side, each a little lighter or darker, one edge lit."""
    along = np.gradient(path, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], 1) / (np.linalg.norm(along, axis=1, keepdims=True) + 1e-9)
    pressure = np.sin(np.linspace(0.25, np.pi - 0.15, len(path)))[:, None]
    for bristle in range(bristles):
        light = rng.normal(0, 13) + (16 if bristle == 0 else -18 if bristle == bristles - 1 else 0)
        line = path + across * pressure * ((bristle + 0.5) / bristles - 0.5) * width
        red, green, blue = np.clip(colour + light, 0, 255).astype(int).tolist()
        draw.line([(x, y) for x, y in line.tolist()], (red, green, blue), max(1, round(1.5 * width / bristles)))


def sheet(paths: Sequence[Path], height: int = 256, gap: int = 6) -> Image.Image:
    """Pictures side by side, all of one height, on white."""
    images = [Image.open(path).convert("RGB") for path in paths]
    scaled = [
        image.resize((round(image.width * height / image.height), height), Image.Resampling.LANCZOS) for image in images
    ]
    canvas = Image.new("RGB", (sum(image.width + gap for image in scaled) - gap, height), "white")
    left = 0
    for image in scaled:
        canvas.paste(image, (left, 0))
        left += image.width + gap
    return canvas


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sheet", nargs="+", type=Path, metavar="PNG", help="OUT.png and what goes on it")
    options = parser.parse_args()
    if options.sheet:
        sheet([options.folder / path for path in options.sheet[1:]]).save(options.folder / options.sheet[0])
        return
    options.folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(load_sample_image("china.jpg")).save(options.folder / "content.png")
    painting().save(options.folder / "style.png")


if __name__ == "__main__":
    main()
