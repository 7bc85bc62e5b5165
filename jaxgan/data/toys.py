"""Points of the plane with a known distribution: where a GAN can be compared with the truth."""

import numpy as np

from jaxgan.data.memory import ArraySource
from jaxgan.data.spec import Source
from jaxgan.errors import check_range

FARTHEST = 1e6
"""Of anything: what is farther apart is not told apart in float32."""

GAUSSIAN_A = np.array([[1.0, 2.0], [-0.1, 0.5]])
GAUSSIAN_B = np.array([1.0, 2.0])


def gaussian(seed: int, *, num: int = 1000) -> Source:
    """One correlated Gaussian: points `x A + b`, x ~ N(0, I): mean b, covariance `A^T A`; float32 `[2]`, no labels.

    Args:
      seed: the points are drawn from it.
      num: number of points.

    Source: the two-dimensional example of *Dive into Deep Learning* (A. Zhang et al.), chapter on GANs.
    """
    points = _normal(seed, num) @ GAUSSIAN_A + GAUSSIAN_B
    return ArraySource(points.astype(np.float32))


def ring(seed: int, *, num: int = 100_000, modes: int = 8, radius: float = 1.0, sigma: float = 0.01) -> Source:
    """Gaussians on a circle, in equal shares; float32 `[2]`, no labels.

    Args:
      seed: the points are drawn from it.
      num: number of points.
      modes: number of Gaussians.
      radius: of the circle.
      sigma: standard deviation of each Gaussian.

    Source: Z. Lin et al., PacGAN, 2018, section 4.1 (after VEEGAN).
    """
    check_range("config.data.modes", modes, 1, 2**20)
    check_range("config.data.radius", radius, -FARTHEST, FARTHEST)
    return _mixture(seed, num, ring_centres(modes, radius), sigma)


def ring_centres(modes: int = 8, radius: float = 1.0) -> np.ndarray:
    """Centres of `ring`, float64 `[modes, 2]`, the first on the positive x axis, then anticlockwise."""
    angles = 2 * np.pi * np.arange(modes) / modes
    return radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)


def grid(seed: int, *, num: int = 100_000, side: int = 5, step: float = 2.0, sigma: float = 0.05) -> Source:
    """Gaussians on a square grid around the origin, in equal shares; float32 `[2]`, no labels.

    Args:
      seed: the points are drawn from it.
      num: number of points.
      side: Gaussians along each axis; `side` squared in all.
      step: distance of neighbours.
      sigma: standard deviation of each Gaussian.

    Source: Z. Lin et al., PacGAN, 2018, section 4.1 (after VEEGAN).
    """
    check_range("config.data.side", side, 1, 2**10)
    check_range("config.data.step", step, -FARTHEST, FARTHEST)
    return _mixture(seed, num, grid_centres(side, step), sigma)


def grid_centres(side: int = 5, step: float = 2.0) -> np.ndarray:
    """Centres of `grid`, float64 `[side * side, 2]`, row by row from the lowest x and y."""
    axis = step * (np.arange(side) - (side - 1) / 2)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)


def _mixture(seed: int, num: int, centres: np.ndarray, sigma: float) -> Source:
    check_range("config.data.sigma", sigma, 0, FARTHEST)
    noise = sigma * _normal(seed, num)
    mode = np.arange(num) % len(centres)
    return ArraySource((centres[mode] + noise).astype(np.float32))


def _normal(seed: int, num: int) -> np.ndarray:
    check_range("config.data.num", num, 1, 2**30)
    return np.random.Generator(np.random.Philox(seed)).standard_normal((num, 2))
