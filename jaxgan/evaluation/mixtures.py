"""How many Gaussians of a mixture in the plane a generator finds, how precisely, and in which shares."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.data.toys import grid_centres, ring_centres
from jaxgan.evaluation.divergences import kl_divergence
from jaxgan.evaluation.metric import POINTS, Aim, Metric, check_samples, of_samples, wrong_data
from jaxgan.systems import System

WITHIN = 3  # standard deviations: what counts as a sample of a Gaussian


def coverage(points: np.ndarray, centres: np.ndarray, sigma: float) -> dict[str, float]:
    """Modes found, share of high quality and reverse KL divergence by PacGAN's protocol.

    A point is of high quality if it is less than 3 sigma away from its nearest centre; then it counts for that mode.
    With the counts n_k of K modes and p_k = n_k / sum_j n_j:

      modes = |{k: n_k > 0}|,  high_quality = sum_k n_k / n,  reverse_kl = sum_k p_k ln(p_k K).

    Args:
      points: [n, d].
      centres: [K, d], of Gaussians in equal shares.
      sigma: their standard deviation.

    Returns:
      `modes` in 0..K, `high_quality` in 0..1, `reverse_kl` in nats, 0..ln K; where no point is of high quality, ln K.
    """
    distances = np.linalg.norm(points[:, None] - centres, axis=2)
    near = distances.min(axis=1) < WITHIN * sigma
    counts = np.bincount(distances.argmin(axis=1)[near], minlength=len(centres))
    uniform = np.full(len(centres), 1 / len(centres))
    return {
        "modes": float(np.count_nonzero(counts)),
        "high_quality": float(near.mean()),
        "reverse_kl": kl_divergence(counts, uniform) if near.any() else float(np.log(len(centres))),
    }


def modes2500_ring(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """2,500 points against the Gaussians of the ring: modes found, share of high quality, reverse KL divergence.

    PacGAN's protocol, see `coverage`. What to know before figures are compared:

    - One sample is enough to call a mode found; the share that a mode gets shows in `reverse_kl` only.
    - Samples that are not of high quality are left out of `reverse_kl`, as they are in the code published with the
      paper (of which it is ln K minus the logged entropy); a generator that scatters is not punished by it.
    - exp(-9/2) = 1.1 % of the real points are not of high quality: 98.9 % is as good as it gets, and more means that
      the Gaussians came out too narrow.
    - 2,500 real points have a `reverse_kl` of about (K - 1) / 5000, not 0: .0014 for 8 modes, .005 for 25.
    - The published figures are means of ten trained networks with their standard errors.

    Args:
      spec: of the data the run was trained on.
      system: not used; labels play no part.
      data: settings of the ring; centres and sigma are taken from them.

    Raises:
      JaxganError: the run was trained on something else.

    Source: Z. Lin et al., PacGAN, 2018, section 4.1, and its published code; modes after A. Srivastava et al., VEEGAN,
      2017.
    """
    check_samples("modes2500_ring", system)
    if data["name"] != "ring":
        raise wrong_data("modes2500_ring", "ring", data)
    modes, radius = data["modes"], data["radius"]
    return _metric(f"on a circle of radius {radius}", ring_centres(modes, radius), data["sigma"])


def modes2500_grid(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """2,500 points against the Gaussians of the grid: modes found, share of high quality, reverse KL divergence.

    As `modes2500_ring`, for runs on the grid.

    Raises:
      JaxganError: the run was trained on something else.
    """
    check_samples("modes2500_grid", system)
    if data["name"] != "grid":
        raise wrong_data("modes2500_grid", "grid", data)
    return _metric(f"on a grid of step {data['step']}", grid_centres(data["side"], data["step"]), data["sigma"])


def _metric(where: str, centres: np.ndarray, sigma: float) -> Metric:
    protocol = {
        "reference": f"{len(centres)} Gaussians in equal shares {where}, sigma {sigma}",
        "high_quality": f"less than {WITHIN} sigma from the nearest centre",
        "reverse_kl": "of the high-quality samples, to the uniform distribution, in nats",
    }
    return of_samples(2500, POINTS, lambda seen: coverage(seen["points"], centres, sigma), protocol, Aim("modes"))
