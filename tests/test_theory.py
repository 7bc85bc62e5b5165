"""What the theory says of adversarial training, and what networks come to: the games of `docs/theory.md`, smaller."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import theory
import theory_games as games
from theory_games import LOG2

from jaxgan.config import differences

pytestmark = pytest.mark.usefixtures("optimised", "drawn")

# D alone, on known densities: Goodfellow et al. 2014, proposition 1 and theorem 1


@pytest.fixture(scope="module")
def played():
    """D after 600 updates: of two unequal modes, of equal densities, and of N(0, 1) against N(2, 1)."""
    return games.play_densities(2, 600, games.DENSITIES[[1, 2, 2 + games.DISTANCES.index(2.0)]])


@pytest.mark.parametrize(("index", "untrained"), [(0, 0.2), (2, 0.3)])
def test_a_trained_discriminator_is_the_optimal_one(played, index, untrained):
    mean, largest = played[index].errors
    assert mean.max() < 0.015
    assert largest.max() < 0.2
    half = played[index]._replace(logits=np.zeros_like(played[index].logits))
    assert half.errors[0].min() > untrained  # what a D that knows nothing is away


def test_no_discriminator_has_a_higher_value_than_the_optimal_one(played):
    for one in played:
        assert np.all(one.reached <= one.best + 1e-9)
        assert np.all(one.reached > one.best - 0.004)


def test_what_training_logs_is_the_value(played):
    for one in played:
        np.testing.assert_allclose(one.measured, one.best, atol=0.015)  # of 60 batches of 512


def test_at_equilibrium_the_discriminator_is_a_half_and_the_value_is_minus_two_log_two(played):
    equal = played[1]
    assert equal.best == pytest.approx(-2 * LOG2, abs=1e-12)
    np.testing.assert_allclose(equal.reached, -2 * LOG2, atol=1e-3)
    np.testing.assert_allclose(equal.measured, -2 * LOG2, atol=1e-3)
    assert equal.errors[1].max() < 0.03  # away from 1/2


@pytest.mark.parametrize("distance", [0.5, 2.0, 4.0])
def test_the_value_by_quadrature_is_that_of_two_normal_distributions(distance):
    """D* = sigmoid(m^2 / 2 - m x) for N(0, 1) and N(m, 1), so V(D*) = 2 E log sigmoid(m^2 / 2 - m z), z ~ N(0, 1)."""
    z, weights = np.polynomial.hermite_e.hermegauss(80)
    logits = distance**2 / 2 - distance * z
    value = -2 * np.sum(weights * np.logaddexp(0, -logits)) / np.sqrt(2 * np.pi)
    one = games.Played(games.normal(0, 1), games.normal(distance, 1), np.zeros((1, games.GRID.size)), np.zeros(1))
    assert one.best == pytest.approx(value, abs=1e-6)
    best = one._replace(logits=(distance**2 / 2 - distance * games.GRID)[None])
    assert best.reached[0] == pytest.approx(one.best, abs=1e-9)
    assert best.errors[1][0] < 1e-9


def test_densities_that_hardly_overlap_are_log_two_apart():
    assert games.divergence(games.normal(-7, 1), games.normal(7, 1)) == pytest.approx(LOG2, abs=1e-9)


# two parallel lines: Arjovsky et al. 2017, example 1

THETAS = np.asarray([-1.0, 0.0, 0.5], np.float32)
APART = [0, 2]


def test_between_parallel_lines_the_divergence_is_stuck_and_its_gradient_vanishes():
    reading = games.play_lines("minimax", 1, 600, 20, THETAS)
    divergence, slope = np.asarray(reading.value)[:, :, -1] / 2 + LOG2, np.abs(np.asarray(reading.slope))
    np.testing.assert_allclose(divergence[:, APART], LOG2, atol=2e-3)
    np.testing.assert_allclose(divergence[:, 1], 0, atol=2e-3)
    assert slope[:, APART, -1].max() < 3e-3
    assert np.all(slope[:, APART, -1] < slope[:, APART, 0] / 4)


def test_between_parallel_lines_a_critic_tells_the_distance_and_the_way():
    """Of all f = K x WGAN-GP's penalty prefers K = 1 + |theta| / (2 lambda), which is G's gradient then."""
    reading = games.play_lines("wasserstein", 1, 600, 20, THETAS)
    value, slope, norm = (np.asarray(x)[:, :, -1] for x in reading)
    np.testing.assert_allclose(value / norm, np.abs(THETAS)[None], atol=0.015)
    steepness = 1 + np.abs(THETAS[APART]) / (2 * games.WEIGHT)
    np.testing.assert_allclose(slope[:, APART], (np.sign(THETAS[APART]) * steepness)[None], rtol=0.02)
    np.testing.assert_allclose(norm[:, APART], steepness[None], rtol=0.02)


# whole games


def test_methods_differ_in_nothing_else():
    """So that what comes of them is theirs."""
    clock = {"config.generator_optimizer.learning_rate", "config.discriminator_optimizer.learning_rate"}
    method = {"config.objective", "config.penalties", "config.system.critic_steps"}
    pairs = [
        (games.ring(12, 2, **games.PLAIN), games.ring(12, 2, **games.critic(0.1)), clock | method),
        (games.ring(12, 2, **games.PLAIN), games.ring(12, 2, **games.PAIRS), method),
        (games.digits(12, 2, **games.PLAIN), games.digits(12, 2, **games.critic(10.0)), method),
        (
            games.digits(12, 2, (True, True), **games.PLAIN),
            games.digits(12, 2, **games.PLAIN),
            {"config.generator.normalise", "config.discriminator.normalise"},
        ),
    ]
    for one, other, allowed in pairs:
        found = [line.partition(":")[0] for line in differences(one, other)]
        assert found
        assert [name for name in found if not name.startswith(tuple(allowed))] == []


def test_scores_are_read_by_seed_and_step(tmp_path):
    lines = [
        {"step": step, "found": 10 * step + seed, "protocol": {"seed": seed}} for step in (1, 2) for seed in (0, 1, 2)
    ]
    lines.insert(3, {"step": 1, "found": 99, "protocol": {"seed": [0, 1, 2]}})  # the mean of all seeds
    (tmp_path / "evaluations.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    steps, values = games.scores(tmp_path, "found")
    assert steps == [1, 2]
    assert values.tolist() == [[10, 20], [11, 21], [12, 22]]


def last_scores(settings, folder, *figures):
    """Figures of every seed at the end of a game: [seeds] each."""
    directory = games.trained(settings, folder)
    return [games.scores(directory, figure)[1][:, -1] for figure in figures]


@pytest.mark.long
def test_the_plain_game_loses_modes_that_the_critic_keeps(tmp_path):
    """Minutes on two cores: `pytest -m long tests/test_theory.py`."""
    [lost] = last_scores(games.ring(3000, 3, critic_steps=5, **games.PLAIN), tmp_path / "plain", "modes")
    [kept] = last_scores(games.ring(3000, 3, **games.critic(0.1)), tmp_path / "critic", "modes")
    assert lost.max() < 8
    assert kept.min() == 8


@pytest.mark.long
def test_without_batch_normalisation_the_plain_game_fails_where_the_critic_trains(tmp_path):
    """Minutes on two cores: `pytest -m long tests/test_theory.py`."""
    figures = ("agreement", "diversity")
    agreement, diversity = last_scores(games.digits(1500, 2, **games.PLAIN), tmp_path / "plain", *figures)
    assert agreement.max() < 0.2  # 0.1 is chance
    assert diversity.max() < 0.2
    agreement, diversity = last_scores(games.digits(1500, 2, **games.critic(10.0)), tmp_path / "critic", *figures)
    assert agreement.min() > 0.8
    assert diversity.min() > 0.7


@pytest.mark.long
def test_every_figure_of_the_page_is_drawn(tmp_path):
    """`pytest -m long tests/test_theory.py`."""
    theory.main(["--toy", "--out", str(tmp_path)])
    page = (Path(theory.__file__).parent / "theory.md").read_text()
    drawn = sorted(path.name for path in tmp_path.iterdir())
    assert drawn == sorted(re.findall(r"images/(theory_\w+\.png)", page))
    assert all(path.stat().st_size < 300_000 for path in tmp_path.iterdir())


def test_a_figure_that_does_not_exist_is_refused_with_those_that_do(capsys):
    with pytest.raises(SystemExit):
        theory.main(["--only", "lines,rings"])
    assert "unknown figures rings; there are optimal, lines, ring, digits" in capsys.readouterr().err
