"""How far generated points are from the Gaussian that a run learns from, whose law is known."""

from collections.abc import Mapping
from statistics import NormalDist
from typing import Any

import numpy as np

from jaxgan.data.spec import DataSpec
from jaxgan.data.toys import GAUSSIAN_A, GAUSSIAN_B
from jaxgan.evaluation.metric import POINTS, Aim, Metric, check_samples, of_samples, wrong_data
from jaxgan.evaluation.statistics.frechet import Moments, frechet_distance
from jaxgan.evaluation.statistics.one_dimension import histogram_js, quantile_edges, wasserstein
from jaxgan.systems import System

BINS = 50


def distances(points: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> dict[str, float]:
    """Distances of points from a Gaussian N(m, C), of whose law nothing is drawn.

    With the points' mean m' and covariance C':

      frechet = |m' - m|^2 + tr(C' + C - 2 (C'^1/2 C C'^1/2)^1/2), the squared 2-Wasserstein distance of the Gaussians
      mean_error = |m' - m|,  covariance_error = |C' - C|_F / |C|_F

    and of each coordinate alone, averaged over them, by the n quantiles of N(m_i, C_ii) at (k - 1/2) / n, k = 1..n:

      wasserstein: the 1-Wasserstein distance from them, in the unit of the points.
      js: the Jensen-Shannon divergence from them in nats, 0..ln 2, by 50 bins of equal shares.

    The last two see what is not Gaussian, and nothing of how the coordinates depend on each other.

    Args:
      points: [n, d], n at least 50.
      mean: m, [d].
      covariance: C, [d, d], its diagonal positive.

    Returns:
      the figures by these names, the same for any order of the points.
    """
    found, known = Moments.of(points), Moments(len(points), mean, covariance)
    places = (np.arange(len(points)) + 0.5) / len(points)
    transports, divergences = [], []
    for values, m, variance in zip(points.T, mean, np.diag(covariance), strict=True):
        law = NormalDist(m, np.sqrt(variance))
        quantiles = np.array([law.inv_cdf(place) for place in places])
        transports.append(wasserstein(values, quantiles))
        divergences.append(histogram_js(values, quantiles, quantile_edges(quantiles, BINS)))
    return {
        "frechet": frechet_distance(found, known),
        "mean_error": float(np.linalg.norm(found.mean - mean)),
        "covariance_error": float(np.linalg.norm(found.covariance - covariance) / np.linalg.norm(covariance)),
        "wasserstein": float(np.mean(transports)),
        "js": float(np.mean(divergences)),
    }


def moments10k_gaussian(spec: DataSpec, system: System, data: Mapping[str, Any]) -> Metric:
    """10,000 points against the Gaussian they should have: mean, covariance, and each coordinate's distribution.

    Figures as of `distances`. The Gaussian is the one that the run's points are drawn from, N(b, A^T A), and not those
    points: 1,000 of them are 2 % from it by `covariance_error`. 10,000 drawn from it have, on average over 40 draws,
    a `frechet` of .0009, a `mean_error` of .021, a `covariance_error` of 1.3 %, a `wasserstein` of .021 and a `js` of
    .0006.

    Args:
      spec: not used; the settings of the data say all.
      system: that is trained.
      data: settings of the run's.

    Raises:
      JaxganError: the run makes no samples, or was trained on something else.
    """
    check_samples("moments10k_gaussian", system)
    if data["name"] != "gaussian":
        raise wrong_data("moments10k_gaussian", "gaussian", data)
    covariance = GAUSSIAN_A.T @ GAUSSIAN_A
    protocol = {
        "reference": f"N({GAUSSIAN_B.tolist()}, {covariance.round(9).tolist()})",
        "coordinates": f"by quantiles of the law; js by {BINS} bins of equal shares, in nats",
    }
    aim = Aim("frechet", lower=True)
    return of_samples(10_000, POINTS, lambda seen: distances(seen["points"], GAUSSIAN_B, covariance), protocol, aim)
