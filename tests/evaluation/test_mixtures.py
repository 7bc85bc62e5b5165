"""Mode coverage in the plane: counts and divergences by hand, what real points score, what is refused."""

import json
from math import exp, log

import numpy as np
import pytest
from small_runs import train
from subjects import scored, system_of

from jaxgan.data import SOURCES, DataSpec, open_source
from jaxgan.data.toys import ring_centres
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.divergences import kl_divergence
from jaxgan.evaluation.mixtures import coverage
from jaxgan.registry import complete

SIGMA = 0.01


def metric_of(name, **options):
    """The metric of a ring or grid with these options, as a run makes it."""
    data = complete({"name": name, **options}, SOURCES, "config.data")
    return METRICS[f"modes2500_{name}"](DataSpec((2,), "float32", (), 100), system_of(0), data)


def test_kl_divergence_by_hand():
    # p = (3/4, 1/4, 0), q = (1/2, 1/4, 1/4): 3/4 ln(3/2) + 1/4 ln 1.
    assert kl_divergence(np.array([6, 2, 0]), np.array([0.5, 0.25, 0.25])) == pytest.approx(0.75 * log(1.5))


@pytest.mark.parametrize(
    ("chosen", "modes", "reverse_kl"),
    [
        (range(8), 8, 0),  # every mode once: uniform
        ([5], 1, log(8)),
        ([0, 1, 2, 3], 4, log(2)),
        ([0, 0, 0, 1], 2, 0.75 * log(0.75 * 8) + 0.25 * log(0.25 * 8)),
    ],
)
def test_points_at_the_centres(chosen, modes, reverse_kl):
    score = coverage(ring_centres()[list(chosen)].astype(np.float32), ring_centres(), SIGMA)
    assert score == {"modes": modes, "high_quality": 1, "reverse_kl": pytest.approx(reverse_kl, abs=1e-12)}


def test_three_sigma_are_the_border_in_every_direction():
    centres = np.array([[0.0, 0], [1, 0]])
    directions = ring_centres(12)
    inside, outside = 2.999 * SIGMA * directions, 3.001 * SIGMA * directions
    assert coverage(inside, centres, SIGMA) == {"modes": 1, "high_quality": 1, "reverse_kl": pytest.approx(log(2))}
    # Strays are left out of the divergence: the two samples that remain are one a mode.
    score = coverage(np.concatenate([outside, centres]), centres, SIGMA)
    assert score == {"modes": 2, "high_quality": pytest.approx(2 / 14), "reverse_kl": pytest.approx(0, abs=1e-12)}


def test_a_point_counts_for_its_nearest_mode_only():
    centres = np.array([[0.0, 0], [0.04, 0]])  # within three sigma of both
    score = coverage(np.array([[0.019, 0], [0.011, 0]]), centres, SIGMA)
    assert score == {"modes": 1, "high_quality": 1, "reverse_kl": pytest.approx(log(2))}


def test_where_no_point_is_of_high_quality_the_divergence_is_the_largest_there_is():
    score = coverage(np.full((5, 2), 9.0, np.float32), ring_centres(), SIGMA)
    assert score == {"modes": 0, "high_quality": 0, "reverse_kl": pytest.approx(log(8))}


@pytest.mark.parametrize(
    ("name", "options", "modes"),
    [
        ("ring", {}, 8),
        ("grid", {}, 25),
        ("ring", {"modes": 5, "radius": 3.0, "sigma": 0.2}, 5),
        ("grid", {"side": 3, "step": 0.5}, 9),
    ],
)
def test_real_points_score_what_the_protocol_allows(name, options, modes):
    """Centres and sigma are the run's own."""
    metric = metric_of(name, **options)
    points = open_source({"name": name, "num": 10 * metric.num, **options}, seed=3).arrays()["image"]
    chosen = np.random.default_rng(0).choice(len(points), metric.num)
    score = scored(metric, points[chosen], np.zeros(metric.num, np.int32))
    assert metric.num == 2500
    assert score["modes"] == modes
    assert score["high_quality"] == pytest.approx(1 - exp(-9 / 2), abs=0.007)  # standard error .002
    assert 0 < score["reverse_kl"] < 4 * (modes - 1) / 5000


@pytest.mark.parametrize(("metric", "data"), [("ring", "grid"), ("grid", "digits")])
def test_another_set_is_refused(metric, data):
    with pytest.raises(JaxganError, match=rf"config\.data\.name={metric}, not {data}; .*--config\.metrics"):
        METRICS[f"modes2500_{metric}"](DataSpec((2,), "float32", (), 100), system_of(0), {"name": data})


def test_a_run_is_scored_by_its_own_centres(tmp_path):
    train(tmp_path, data=dict(name="ring", num=64, modes=4, sigma=10.0), metrics=("modes2500_ring",), steps=4)
    (line,) = map(json.loads, (tmp_path / "evaluations.jsonl").read_text().splitlines())
    assert (line["protocol"]["num"], line["high_quality"]) == (2500, 1)  # within 30 of the origin
    assert line["protocol"]["reference"] == "4 Gaussians in equal shares on a circle of radius 1.0, sigma 10.0"
