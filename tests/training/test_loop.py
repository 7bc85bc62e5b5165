"""The loop: what is due when, one compilation, every interval, and a stop at the first number that is not finite."""

import os
import pty
import re
import signal
import subprocess
import sys

import pytest
from small_runs import ROOT, assert_close, checkpoint_steps, left_behind, metrics, start, train, write_recipe

from jaxgan.errors import JaxganError
from jaxgan.evaluation import METRICS, View
from jaxgan.evaluation.metric import of_samples
from jaxgan.sampling import load
from jaxgan.training import loop
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.recorder import Recorder
from jaxgan.training.stopping import ASKING, INSISTING, Stop

TERMS = {
    "discriminator_loss", "real_logit", "fake_logit", "real_accuracy", "fake_accuracy",
    "real_called_real", "real_called_fake", "fake_called_real", "fake_called_fake", "generator_loss",
}  # fmt: skip

TERMINAL = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""
"""Carries out the rest of the command line with its standard input as the terminal that it belongs to."""


@pytest.mark.parametrize(
    ("step", "every", "last", "expected"),
    [
        (9, 10, 100, False),
        (10, 10, 100, True),
        (11, 10, 100, False),
        (99, 10, 100, False),
        (100, 10, 100, True),
        (95, 10, 95, True),  # the last step is always due, a multiple or not
        (90, 0, 100, False),  # 0: at the last step only
        (100, 0, 100, True),
        (1, 1, 100, True),
    ],
)
def test_due(step, every, last, expected):
    assert loop.due(step, every, last) is expected


@pytest.mark.parametrize(
    ("steps", "intervals", "setting", "expected"),
    [
        (100, (50, 100, 100, 0), 50, 50),  # 0 does not bind
        (100, (50, 100, 100, 0), 49, 25),  # the most under the setting that divides 50
        (100, (50, 100, 100, 0), 1, 1),
        (101, (50, 100, 100, 0), 50, 1),  # the last step binds
        (60, (12, 20, 0, 0), 50, 4),
        (60, (60, 0, 0, 0), 1000, 60),
        (60, (60, 0, 0, 18), 1000, 6),
        (7, (50, 50, 50, 50), 50, 1),
    ],
)
def test_steps_per_call(steps, intervals, setting, expected):
    names = ("log_every", "sample_every", "save_every", "evaluate_every")
    config = dict(zip(names, intervals, strict=True), steps=steps, steps_per_call=setting)
    assert loop.steps_per_call(config) == expected


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A run with intervals of 4 (lines, checkpoints), 6 (sheets) and 8 (scores), and 14 steps, a multiple of none."""
    calls, workdir = [], tmp_path_factory.mktemp("finished")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Recorder, "compiled", lambda self, program, *arguments: calls.append(program))
        view = View("points", lambda state, samples: {"points": samples.images}, ("points",))
        mean3 = of_samples(3, view, lambda seen: {"mean": float(seen["points"].mean())}, {"by": "hand"}, None)
        patch.setitem(METRICS, "mean3", lambda spec, system, data: mean3)
        train(workdir, steps=14, evaluate_every=8, metrics=("mean3",))
    return workdir, calls


def test_the_training_program_is_compiled_once(finished):
    _, compiled = finished
    assert len(compiled) == 1


def test_every_interval_leaves_what_it_should(finished):
    workdir, _ = finished
    assert [line["step"] for line in metrics(workdir)] == [4, 8, 12, 14]
    assert checkpoint_steps(workdir) == [4, 8, 12, 14]
    assert sorted(path.name for path in (workdir / "samples").iterdir()) == [
        "0000006.png", "0000012.png", "0000014.png", "real.png",
    ]  # fmt: skip
    assert sorted(path.name for path in (workdir / "figures").iterdir()) == [
        "accuracy.png",
        "logit.png",
        "loss.png",
        "mean3.png",
    ]
    scores = (workdir / "evaluations.jsonl").read_text().splitlines()
    assert [re.search(r'"step": (\d+), "metric": "mean3"', line)[1] for line in scores] == ["8", "14"]
    assert all('"by": "hand"' in line and '"num": 3' in line for line in scores)
    # Points are scored as they are; only images become levels of 0..255.
    assert f'"mean": {float(load(workdir).sample(3).images.mean())}' in scores[-1]


def test_a_line_has_the_clock_and_every_term_on_its_own(finished):
    workdir, _ = finished
    for line in metrics(workdir):
        assert list(line)[:5] == ["step", "images_seen", "seconds", "images_per_second", "data_wait"]
        assert set(list(line)[5:]) == TERMS
        assert line["images_seen"] == 4 * line["step"]  # a batch of 4
        assert 0 <= line["data_wait"] <= 1
        assert line["real_called_real"] + line["real_called_fake"] == pytest.approx(4)
        assert line["real_accuracy"] == pytest.approx(line["real_called_real"] / 4)
    seconds = [line["seconds"] for line in metrics(workdir)]
    assert seconds == sorted(seconds)


def test_streaming_trains_to_the_same_bits_as_resident_data(tmp_path, monkeypatch):
    for variable in ("XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS"):  # two programs, so compiled as a user's are
        monkeypatch.delenv(variable, raising=False)
    processes = []
    for name, changes in (("resident", {}), ("streaming", dict(device_limit_mib=0))):
        recipe = write_recipe(tmp_path / f"{name}.py", "images", **changes)
        processes.append(start("--config", recipe, "--workdir", tmp_path / name))
    for process in processes:
        _, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors
    assert left_behind(tmp_path / "streaming") == left_behind(tmp_path / "resident")


def test_steps_per_call_changes_the_speed_only(finished, tmp_path):
    one, many = tmp_path / "one", tmp_path / "many"
    train(one, steps_per_call=1)
    train(many, steps_per_call=4, sample_every=4)
    assert_close(one, many, atol=1e-7, rtol=1e-5)


# A step too large for float32: D breaks in its first update, before G is judged by it; G after its last metric.
BROKEN_D = dict(discriminator_optimizer=dict(name="rmsprop", learning_rate=3e38))
BROKEN_G = dict(generator_optimizer=dict(name="rmsprop", learning_rate=3e38))


def test_a_term_that_is_not_finite_stops_the_run_and_is_named(tmp_path):
    with pytest.raises(JaxganError, match=r"diverged: generator_loss was not finite at step 1.* is kept"):
        train(tmp_path, **BROKEN_D)
    assert checkpoint_steps(tmp_path) == []
    assert metrics(tmp_path) == []


def test_a_broken_state_is_never_saved(tmp_path):
    """G breaks in the last thing a step does: every metric of that step is still finite, the next step's are not."""
    optimizer = dict(name="rmsprop", learning_rate=1e-3)
    train(tmp_path, steps=4, save_every=1, generator_optimizer=optimizer)
    good = left_behind(tmp_path)["state"]
    for _ in range(2):  # the same command says the same again, and harms nothing
        with pytest.raises(JaxganError, match=r"diverged: .*step [56]"):
            train(tmp_path, allow_changes=True, steps=8, save_every=1, steps_per_call=1, **BROKEN_G)
        assert left_behind(tmp_path)["state"] == good
    train(tmp_path, allow_changes=True, steps=8, save_every=1, generator_optimizer=optimizer)
    assert load(tmp_path).step == 8  # with a better setting it goes on from there


@pytest.mark.parametrize("method", ["log", "draw"])
def test_a_signal_at_any_moment_saves_the_step_it_stops_at(tmp_path, monkeypatch, method):
    """It comes while a line is written or a sheet is drawn, at a step that no interval saves."""
    original = getattr(Recorder, method)

    def interrupted(self, step, *arguments):
        original(self, step, *arguments)
        if step == 6:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(Recorder, method, interrupted)
    outcome = train(tmp_path, log_every=2, sample_every=2).outcome
    assert outcome.stopped_by == signal.SIGTERM
    assert 6 <= outcome.step < 12
    assert checkpoint_steps(tmp_path)[-1] == outcome.step
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_continued_run_with_other_intervals_ends_where_it_should(tmp_path, monkeypatch):
    """The step it stopped at, 3, is no multiple of the new steps_per_call; it must still meet the last one exactly."""
    monkeypatch.setattr(Recorder, "log", lambda self, step, means: step == 3 and signal.raise_signal(signal.SIGINT))
    assert train(tmp_path, steps_per_call=1, log_every=1, save_every=100, sample_every=100).outcome.step == 3
    monkeypatch.undo()
    result = train(tmp_path, allow_changes=True, steps_per_call=4, log_every=4, save_every=100, sample_every=100)
    assert result.outcome.step == 12
    assert checkpoint_steps(tmp_path)[-1] == 12
    assert metrics(tmp_path)[-1]["step"] == 12


def test_after_a_first_signal_those_that_insist_act_at_once_and_the_others_not_at_all(tmp_path, monkeypatch):
    """By the system's own handlers: Python's would wait until a compiled call returns."""
    handlers = {}

    def ask(self, step, means):
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGHUP)  # a batch system may send several
        handlers.update({number: signal.getsignal(number) for number in ASKING})

    before = {number: signal.getsignal(number) for number in ASKING}
    monkeypatch.setattr(Recorder, "log", ask)
    assert train(tmp_path, save_every=2).outcome.stopped_by == signal.SIGUSR1
    assert {number: handler for number, handler in handlers.items() if handler is signal.SIG_DFL}.keys() == {*INSISTING}
    assert {handlers[number] for number in set(ASKING) - set(INSISTING)} == {signal.SIG_IGN}
    assert {number: signal.getsignal(number) for number in ASKING} == before


def test_what_nohup_has_ignored_stays_ignored(monkeypatch):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Stop() as stop:
            signal.raise_signal(signal.SIGHUP)
            assert stop.signal is None
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_terminal_that_is_closed_costs_nothing(tmp_path):
    """The process that is left writes to a terminal that is gone, saves, and ends as one that was asked to stop."""
    recipe = write_recipe(tmp_path / "long.py", "points", steps=10**6, log_every=2, save_every=10**6)
    command = [sys.executable, ROOT / "train.py", "--config", recipe, "--workdir", tmp_path / "run"]
    ours, theirs = pty.openpty()
    environment = os.environ | {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    process = subprocess.Popen(
        [sys.executable, "-c", TERMINAL, *command], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    lines = tmp_path / "run" / "metrics.jsonl"
    while not (lines.exists() and lines.stat().st_size):
        assert process.poll() is None
        os.read(ours, 4096)  # or it would wait for somebody to read
    os.close(ours)
    assert process.wait(timeout=60) == 129
    (step,) = checkpoint_steps(tmp_path / "run")
    assert metrics(tmp_path / "run")[-1]["step"] in (step, step - 2)


def test_a_last_save_that_fails_behind_the_loop_fails_the_run(tmp_path, monkeypatch):
    def fail(self, report=None):
        if report is None:  # the wait at the end, not that of a save
            raise JaxganError("could not save a checkpoint")

    monkeypatch.setattr(Checkpoints, "wait", fail)
    with pytest.raises(JaxganError, match="could not save"):
        train(tmp_path)
