"""Alarms: what sets them off, what does not, and that a run tells of each once."""

import json
import os
import signal

import jax
import numpy as np
import pytest
from small_runs import DAMAGE_NOISE, left_behind, train, write_recipe

from jaxgan.cli import main
from jaxgan.config import ALARMS
from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS
from jaxgan.evaluation.metric import Aim, of_state
from jaxgan.training import health
from jaxgan.training.recorder import Recorder
from jaxgan.training.run_directory import append_line, read_lines
from jaxgan.training.saved import open_run
from jaxgan.training.scores import earlier_scores, improved, score_curve


def lines(count, **values):
    """Lines of these values, a number each or a list of one a line."""
    return [{key: v[i] if isinstance(v, list) else v for key, v in values.items()} for i in range(count)]


def test_a_discriminator_that_is_never_wrong():
    sure = lines(5, level_0_real_accuracy=1.0, level_0_fake_accuracy=0.995, real_accuracy=0.7, fake_accuracy=1.0)
    message = health.saturated(sure)
    assert message.startswith("level_0_real_accuracy and level_0_fake_accuracy have been over 0.99 for 5 lines")
    assert health.saturated(sure[:4]) is None  # not long enough
    assert health.saturated([*sure[:4], sure[4] | {"level_0_fake_accuracy": 0.98}]) is None
    assert health.saturated([sure[0] | {"level_0_real_accuracy": 0.5}, *sure]) is not None  # that was before
    assert health.saturated(lines(9, discriminator_loss=0.1)) is None
    assert health.saturated([]) is None


def test_logits_that_run_away_from_each_other():
    far = lines(5, real_photo_logit=[9e3, 2e4, -3e4, 4e4, 5e4], fake_photo_logit=[-2e3, 0.0, 0.0, 2e4, -1.0])
    message = health.runaway(far)
    assert message.startswith("real_photo_logit and fake_photo_logit have been over 10000 apart for 5 lines")
    assert health.runaway(far[1:]) is None  # not long enough
    assert health.runaway([*far, far[0] | {"fake_photo_logit": 0.0}]) is None
    assert health.runaway(lines(5, real_logit=1e6, fake_logit=1e6 - 5)) is None  # the same for both: no harm
    assert health.runaway(lines(5, real_loss=1e6, fake_loss=0.0)) is None  # no logits
    assert health.runaway(lines(5, real_logit=1e6)) is None  # of one side only
    assert health.runaway([]) is None


def test_a_loss_that_is_always_the_same_number():
    dead = [0.6931 + 1e-7 * (-1) ** i for i in range(10)]
    message = health.still(lines(10, generator_loss=dead, discriminator_loss=list(range(10))))
    assert message.startswith("generator_loss has been 0.6931 for 10 lines")
    assert health.still(lines(9, generator_loss=1.0)) is None
    assert health.still(lines(10, generator_loss=[*[1.0] * 9, 1.001])) is None
    assert health.still(lines(10, alpha=1.0)) is None  # no loss
    assert health.still(lines(10, drift_loss=0.0)) is not None


def test_samples_that_are_nearly_one():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (40, 4, 4, 1), dtype=np.uint8)
    one = np.broadcast_to(real[:1], real.shape)
    assert health.collapsed(real[::-1], real) is None
    assert health.collapsed(one, real).startswith("samples differ from each other by 0.0% of the variance")
    spread = 5 * rng.standard_normal((1000, 2))
    assert health.collapsed(0.33 * spread, spread) is None  # of the variance .109
    assert "8.4%" in health.collapsed(0.29 * spread, spread)


@pytest.mark.parametrize(
    ("scores", "lower", "alarm"),
    [
        ([50.0, 20.0, 41.0], True, True),
        ([50.0, 20.0, 39.0], True, False),
        ([8.0], True, False),
        ([0.2, 0.8, 0.39], False, True),
        ([0.2, 0.8, 0.41], False, False),
        ([-100.0, -300.0], False, False),
    ],
)
def test_a_score_far_from_the_best(scores, lower, alarm):
    assert (health.regressed(scores[-1], scores[:-1], Aim("fid", lower)) is not None) is alarm


@pytest.mark.parametrize(
    ("scores", "lower", "better"),
    [([3.0], True, True), ([3.0, 2.0], True, True), ([2.0, 3.0, 2.0], True, False), ([2.0, 3.0], False, True),
     ([float("nan")], True, False), ([3.0, float("nan")], False, False)],
)  # fmt: skip
def test_the_best_so_far(scores, lower, better):
    assert improved(scores[-1], scores[:-1], Aim("fid", lower)) is better


def test_only_finite_scores_of_earlier_states_under_the_same_protocol_count():
    def line(step, fid, metric="fid", **protocol):
        return {"step": step, "metric": metric, "fid": fid, "protocol": {"seed": 0, "weights": "a"} | protocol}

    before = [
        line(1, 5.0),
        line(2, float("nan")),
        line(3, 1.0, weights="b"),
        line(3, 2.0, "other"),
        line(3, 3.0, seed=1),
    ]
    assert earlier_scores([*before, line(4, 7.0), line(9, 0.0)], line(4, 6.0), Aim("fid", True)) == [5.0]


def test_a_curve_is_of_one_protocol_and_has_each_step_once():
    def line(step, fid, metric="fid", seed=0):
        return {"step": step, "metric": metric, "fid": fid, "protocol": {"seed": seed}}

    lines = [line(4, 9.0), line(4, 7.0, seed=1), line(4, 8.0, seed=[0, 1]), line(4, 1.0, "kid"), line(9, 3.0)]
    lines += [line(9, 4.0, seed=1), line(9, 3.5, seed=[0, 1]), line(4, 8.5, seed=[0, 1])]
    assert [(of["step"], of["fid"]) for of in score_curve(lines, "fid")] == [(4, 8.5), (9, 3.5)]
    assert score_curve(lines, "is") == []
    other = {**line(4, 1.0), "protocol": {"seed": 0, "weights_sha256": "of another classifier"}}
    assert [of["fid"] for of in score_curve([line(4, 9.0), other, line(9, 3.0)], "fid")] == [9.0, 3.0]


def test_an_alarm_is_told_when_it_begins_and_noted_when_it_ends():
    active = {"old", "lasting"}
    found = [("old", None), ("lasting", "still on"), ("new", "look"), ("never", None)]
    assert health.changes(active, found) == [("old", None), ("new", "look")]
    assert active == {"lasting", "new"}
    assert health.changes(active, found[1:]) == []
    noted = [{"alarm": "a", "message": "x"}, {"alarm": "b", "message": "y"}, {"alarm": "a", "message": None}]
    assert health.active_at_the_end(noted) == {"b"}


FROZEN = dict(
    generator=dict(name="mlp", hidden=(4,), output="none", kernel_init="normal"),
    generator_optimizer=dict(name="sgd", learning_rate=0.0),
)
"""A G that never learns anything, and whose output is next to 0: `collapsed` from the second sheet on."""


def test_a_run_that_makes_one_thing_says_so_once_also_when_it_was_stopped_between(tmp_path, capsys):
    frozen = FROZEN | dict(sample_every=4)
    train(tmp_path / "whole", **frozen)
    said = capsys.readouterr().out
    assert said.count("ALARM collapsed at step 8: samples differ from each other by 0.0%") == 1
    noted = read_lines(tmp_path / "whole" / "alarms.jsonl")
    assert [(line["step"], line["alarm"]) for line in noted] == [(8, "collapsed")]

    train(tmp_path / "parts", steps=8, **frozen)
    train(tmp_path / "parts", allow_changes=True, **frozen)
    assert capsys.readouterr().out.count("ALARM") == 1
    assert read_lines(tmp_path / "parts" / "alarms.jsonl") == noted


def test_a_run_of_one_sheet_is_judged_by_it(tmp_path):
    train(tmp_path, **FROZEN | dict(sample_every=0))
    assert [line["step"] for line in read_lines(tmp_path / "alarms.jsonl")] == [12]


def test_of_several_seeds_each_is_watched_by_itself(tmp_path, monkeypatch):
    """In their mean the one that fails would be hidden."""
    train(tmp_path / "quiet", seeds=2, steps=8)
    losses = [line["by_seed"]["generator_loss"] for line in read_lines(tmp_path / "quiet" / "metrics.jsonl")]
    place, seed = np.unravel_index(np.argmax(losses), np.shape(losses))

    def high(lines):
        return "it is" if lines[-1]["generator_loss"] == np.max(losses) else None

    monkeypatch.setattr(health, "OF_LINES", (high,))
    train(tmp_path / "watched", seeds=2, steps=8)
    begun = [line for line in read_lines(tmp_path / "watched" / "alarms.jsonl") if line["message"] == "it is"]
    assert [(line["step"], line["alarm"]) for line in begun] == [(4 * (place + 1), f"high seed {seed}")]


def test_every_alarm_can_be_named_in_the_settings():
    assert {alarm.__name__ for alarm in (*health.OF_LINES, health.collapsed, health.regressed)} == set(ALARMS)


def test_an_alarm_stops_a_run_that_asks_for_it_once_and_nothing_is_lost(tmp_path, capsys):
    stopping = FROZEN | dict(sample_every=4, stop_on=("saturated", "collapsed"))
    train(tmp_path / "whole", **stopping | dict(stop_on=()))
    assert train(tmp_path / "parts", **stopping).outcome == (8, "collapsed")
    assert json.loads((tmp_path / "parts" / "run.json").read_text())["starts"][-1]["reason"] == "alarm collapsed"
    assert train(tmp_path / "parts", **stopping).outcome == (12, None)
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")

    recipe = write_recipe(tmp_path / "mine.py", "points", **stopping)
    assert main(["train", "--config", str(recipe), "--workdir", str(tmp_path / "run")]) == 1
    said = capsys.readouterr().out
    assert "stopped by the alarm 'collapsed', and saved at step 8; the same command goes on all the same." in said


ROLLING = FROZEN | dict(
    data=dict(name="ring"),
    metrics=("modes2500_ring",),
    keep_best="modes2500_ring",
    evaluate_every=4,
    sample_every=4,
    roll_back_on=("collapsed",),
)


def test_an_alarm_brings_the_best_state_back_and_time_goes_on(tmp_path, capsys):
    """The state of step 4 is the first that is scored, and as none is better the best one; the alarm is of step 8."""
    train(tmp_path / "whole", **ROLLING)
    assert "rolled back to the best state, of step 4." in capsys.readouterr().out
    best, after = (open_run(tmp_path / "whole").restore(which) for which in ("best", 8))
    assert (best[0], int(best[1].step), int(after[1].step)) == (4, 4, 8)
    same = jax.tree.map(np.array_equal, best[1].replace(step=0), after[1].replace(step=0))
    assert all(jax.tree.leaves(same))

    train(tmp_path / "on", **ROLLING | dict(roll_back_on=()))
    assert left_behind(tmp_path / "on")["state"] != left_behind(tmp_path / "whole")["state"]
    capsys.readouterr()
    train(tmp_path / "short", **ROLLING | dict(steps=8))
    assert "rolled back" not in capsys.readouterr().out  # the end is scored as it is


def test_where_there_is_no_best_state_yet_the_run_goes_on(tmp_path, capsys):
    train(tmp_path / "none", **ROLLING | dict(sample_every=2, evaluate_every=6))
    assert "there is no best state yet to roll back to: the run goes on as it is." in capsys.readouterr().out
    train(tmp_path / "itself", **ROLLING | dict(sample_every=2))
    said = capsys.readouterr().out
    assert "the best state is the one that set the alarm off: the run goes on as it is." in said
    assert "rolled back" not in said


@pytest.fixture
def hill(monkeypatch):
    """A metric that is the better the nearer the step is to 4; from step 7 on it is the step."""

    def metric(spec, system, data):
        def score(state):
            step = int(state.step)
            return {"score": float(step if step > 6 else -abs(step - 4))}

        return of_state(1, score, {}, Aim("score"))

    monkeypatch.setitem(METRICS, "hill", metric)
    return dict(metrics=("hill",), keep_best="hill")


@DAMAGE_NOISE
@pytest.mark.parametrize("damaged", [(), (7, 8)])
def test_a_run_that_is_killed_after_better_states_rolls_back_to_the_same_ones(tmp_path, monkeypatch, hill, damaged):
    """Best are the states of steps 1 to 4, then, behind the alarm of step 6, those of 7 and 8: where only two were
    kept they would push 4 out, to which a run that goes on from 5 rolls back.
    """
    rolling = FROZEN | hill | dict(evaluate_every=1, roll_back_on=("collapsed",))
    rolling |= dict(steps_per_call=1, log_every=1, sample_every=3, save_every=5)
    train(tmp_path / "whole", **rolling)
    log = Recorder.log

    def killed(self, step, means):
        if step == 9:
            raise RuntimeError("killed")
        log(self, step, means)

    with monkeypatch.context() as patch:
        patch.setattr(Recorder, "log", killed)
        with pytest.raises(RuntimeError, match="killed"):
            train(tmp_path / "parts", **rolling)
    for step in damaged:
        (tmp_path / "parts" / "checkpoints" / str(step) / "state" / "manifest.ocdbt").unlink()
    train(tmp_path / "parts", **rolling)
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")
    assert open_run(tmp_path / "parts").restore("best")[0] == 12


def test_what_others_score_in_between_does_not_decide_which_state_is_kept(tmp_path, hill):
    settings = hill | dict(evaluate_every=4)
    train(tmp_path, **settings | dict(steps=4))
    (line,) = read_lines(tmp_path / "evaluations.jsonl")
    append_line(tmp_path / "evaluations.jsonl", line | {"step": 2, "score": 9.0})
    train(tmp_path, allow_changes=True, **settings | dict(steps=8))
    assert open_run(tmp_path).restore("best")[0] == 8


def test_a_system_that_grows_does_not_roll_back(tmp_path):
    with pytest.raises(JaxganError, match="a system that grows cannot go back"):
        train(
            tmp_path,
            "growing",
            metrics=("svm1k_digits",),
            keep_best="svm1k_digits",
            evaluate_every=4,
            roll_back_on=("still",),
            system=dict(conditional=True),
        )
    assert not any(tmp_path.iterdir())


def test_a_signal_at_the_very_end_is_too_late(tmp_path, monkeypatch, capsys):
    evaluate = Recorder.draw
    monkeypatch.setattr(
        Recorder, "draw", lambda self, step, state: os.kill(os.getpid(), signal.SIGTERM) or evaluate(self, step, state)
    )
    recipe = write_recipe(tmp_path / "mine.py", "points", sample_every=0)
    assert main(["train", "--config", str(recipe), "--workdir", str(tmp_path / "run")]) == 0
    assert "trained 12 steps." in capsys.readouterr().out
    assert json.loads((tmp_path / "run" / "run.json").read_text())["starts"][-1]["reason"] == "finished"
