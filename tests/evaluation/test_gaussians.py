"""Points against the Gaussian of the data: distances by hand, what real points score, what is refused."""

import json
from math import log

import numpy as np
import pytest
from small_runs import train
from subjects import scored, system_of

from jaxgan.data import DataSpec, open_source
from jaxgan.data.toys import GAUSSIAN_A, GAUSSIAN_B
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.gaussians import distances

COVARIANCE = GAUSSIAN_A.T @ GAUSSIAN_A
SPEC = DataSpec((2,), "float32", (), 100)


def drawn(n, seed=0):
    return open_source({"name": "gaussian", "num": n}, seed).arrays()["image"]


def whitened(n):
    """Points whose mean is 0 and whose covariance, with 1 / (n - 1), is the unit matrix, but for rounding."""
    points = np.random.default_rng(0).standard_normal((n, 2))
    points -= points.mean(axis=0)
    return points @ np.linalg.inv(np.linalg.cholesky(np.cov(points.T))).T


def test_a_shift_and_a_scale_by_hand():
    """|m' - m| = 5; of 2 I against I: |I|_F / |I|_F = 1, and 2 (2 + 1 - 2 sqrt 2) beside the 25 of the means."""
    points = np.sqrt(2) * whitened(1000) + [3, 4]
    figures = distances(points, np.zeros(2), np.eye(2))
    assert figures["mean_error"] == pytest.approx(5)
    assert figures["covariance_error"] == pytest.approx(1)
    assert figures["frechet"] == pytest.approx(25 + 2 * (3 - 2 * np.sqrt(2)))


def test_coordinates_that_have_moved_are_as_far_as_they_moved():
    points = whitened(20_000)
    near, far = (distances(points + shift, np.zeros(2), np.eye(2)) for shift in (0, [3, 5]))
    assert far["wasserstein"] == pytest.approx(4, abs=near["wasserstein"])
    assert near["wasserstein"] < 0.02
    assert distances(points + 100, np.zeros(2), np.eye(2))["js"] > 0.9 * log(2)


def test_what_is_not_gaussian_shows_in_the_coordinates_alone():
    """Two points at the right moments."""
    corners = np.tile([[1.0, 1], [1, -1], [-1, 1], [-1, -1]], (100, 1)) * np.sqrt(399 / 400)
    figures = distances(corners, np.zeros(2), np.eye(2))
    assert max(figures[name] for name in ("frechet", "mean_error", "covariance_error")) < 1e-6
    # E||x| - 1| of normal x, 2 phi(0) - 1 + 2 (2 Phi(1) - 1 - 2 phi(0) + 2 phi(1)).
    assert figures["wasserstein"] == pytest.approx(0.535, abs=0.01)
    assert figures["js"] > 0.4


def test_points_of_the_gaussian_score_what_the_protocol_says():
    metric = METRICS["moments10k_gaussian"](SPEC, system_of(0), {"name": "gaussian"})
    points = drawn(10_000, seed=3)
    figures = scored(metric, points, np.zeros(10_000, np.int32))
    assert list(figures) == ["frechet", "mean_error", "covariance_error", "wasserstein", "js"]
    limits = {"frechet": 0.005, "mean_error": 0.06, "covariance_error": 0.05, "wasserstein": 0.06, "js": 0.0012}
    assert all(figures[name] < limit for name, limit in limits.items())
    shuffled = np.random.default_rng(0).permutation(points)
    assert scored(metric, shuffled, np.zeros(10_000, np.int32)) == figures
    collapsed = scored(metric, np.repeat(points[:1], 10_000, axis=0), np.zeros(10_000, np.int32))
    assert collapsed["covariance_error"] == pytest.approx(1)
    assert collapsed["js"] > 0.5
    assert metric.protocol["reference"] == "N([1.0, 2.0], [[1.01, 1.95], [1.95, 4.25]])"


def test_coordinates_that_forget_each_other_are_seen_by_the_aim():
    """Each has its own distribution; only their covariance is gone."""
    points = drawn(10_000)
    points = np.stack([points[:, 0], np.random.default_rng(0).permutation(points[:, 1])], axis=1)
    figures = distances(points, GAUSSIAN_B, COVARIANCE)
    assert figures["wasserstein"] < 0.05
    assert figures["frechet"] > 0.3


def test_another_set_is_refused():
    with pytest.raises(JaxganError, match=r"config\.data\.name=gaussian, not ring; .*--config\.metrics"):
        METRICS["moments10k_gaussian"](SPEC, system_of(0), {"name": "ring"})


def test_a_run_is_scored_and_its_state_ranked(tmp_path):
    train(tmp_path, metrics=("moments10k_gaussian",), steps=4)
    (line,) = map(json.loads, (tmp_path / "evaluations.jsonl").read_text().splitlines())
    assert (line["protocol"]["num"], line["frechet"] > 0.1) == (10_000, True)
    assert METRICS["moments10k_gaussian"](SPEC, system_of(0), {"name": "gaussian"}).aim == ("frechet", True)
