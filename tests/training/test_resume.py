"""Exact resume: whatever stops a run and whenever, it ends in the same bits as one that was never stopped."""

import os
import random
import signal
import subprocess
import time

import pytest
from long_forms import thinned
from small_runs import left_behind, metrics, settings, start, train, write_recipe

from jaxgan.training.recorder import Recorder

# Many saves, lines and sheets, so that kills meet all of them. Conditional, with batch normalisation in both players.
OFTEN = dict(steps=60, steps_per_call=2, log_every=4, sample_every=10, save_every=2, keep_checkpoints=2)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    """A recipe, what a run of it leaves behind, and how long its training takes in a process of its own."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    recipe = write_recipe(folder / "often.py", "images", **OFTEN)
    process = start("--config", recipe, "--workdir", folder / "run", cached=True)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    seconds = [line["seconds"] for line in metrics(folder / "run")]
    return recipe, left_behind(folder / "run"), seconds[-1] - seconds[0]  # the first line has the compilation in it


def announced(process):
    """Waits until a process has said where it trains, which it does just before it begins."""
    for line in process.stdout:
        if line.startswith("run "):
            return
    pytest.fail(process.stderr.read())


def kill_and_continue(recipe, workdir, duration, kills, seed):
    """Kills a run at random moments of its training, as often as asked, and lets it finish; returns how many hit."""
    chance, hits = random.Random(seed), 0
    for _ in range(kills):
        process = start("--config", recipe, "--workdir", workdir, cached=True)
        announced(process)
        try:
            process.wait(timeout=chance.uniform(0, duration))
        except subprocess.TimeoutExpired:  # still running: the usual case
            process.kill()
        process.communicate()
        hits += process.returncode == -signal.SIGKILL
    process = start("--config", recipe, "--workdir", workdir)  # without the cache: a compilation of its own
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    return hits


@pytest.mark.parametrize(
    ("kills", "seed"),
    [(2, 1), *(pytest.param(25, seed, marks=pytest.mark.long) for seed in (2, 3))],
)
def test_kill_9_at_random_moments_changes_nothing(uninterrupted, tmp_path, kills, seed):
    recipe, expected, duration = uninterrupted
    hits = kill_and_continue(recipe, tmp_path / "run", duration, kills, seed)
    assert hits >= 1, f"no kill hit the run: seed {seed}, {duration:.1f} s"
    assert left_behind(tmp_path / "run") == expected, f"seed {seed}, {hits} kills in {duration:.1f} s"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), pytest.param(signal.SIGTERM, 143, marks=pytest.mark.long)]
)
def test_a_signal_saves_and_the_same_command_goes_on(uninterrupted, tmp_path, number, code):
    recipe, expected, _ = uninterrupted
    process = start("--config", recipe, "--workdir", tmp_path / "run", cached=True)
    announced(process)
    while not (tmp_path / "run" / "metrics.jsonl").exists() or not (tmp_path / "run" / "metrics.jsonl").stat().st_size:
        time.sleep(0.01)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    (announcement,) = errors.strip().splitlines()  # what the signal does is said once, and nothing else went wrong
    assert announcement.startswith("stopping after the running call")
    assert "stopped and saved at step" in output
    train(tmp_path / "run", "images", **OFTEN)
    assert left_behind(tmp_path / "run") == expected


EVERY = dict(steps_per_call=1, save_every=6)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What a small run that was not stopped leaves behind."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    train(folder, **EVERY)
    return left_behind(folder)


@pytest.mark.parametrize("at", thinned([1, 3, 4, 7, 11], (0, 2, 4)))
def test_k_steps_and_the_rest_equal_all_steps(whole, tmp_path, monkeypatch, at):
    """Stopped between two log points too: the means of a line are over all its steps, whoever made them."""
    waiting, calls = Recorder.waiting, []

    def stop_at(self, supply):
        calls.append(None)
        if len(calls) == at:
            os.kill(os.getpid(), signal.SIGINT)
        return waiting(self, supply)

    monkeypatch.setattr(Recorder, "waiting", stop_at)
    assert train(tmp_path / "parts", **EVERY).outcome == (at, signal.SIGINT)
    monkeypatch.undo()
    assert train(tmp_path / "parts", **EVERY).outcome == (12, None)
    assert left_behind(tmp_path / "parts") == whole


def test_streaming_data_resumes_at_its_place(tmp_path, monkeypatch):
    every = dict(device_limit_mib=0, batch_size=5)  # 32 points: a batch crosses the border of two passes
    train(tmp_path / "whole", **every)
    log = Recorder.log
    monkeypatch.setattr(
        Recorder, "log", lambda self, step, means: log(self, step, means) or os.kill(os.getpid(), signal.SIGTERM)
    )
    assert train(tmp_path / "parts", **every).outcome.step == 4
    monkeypatch.undo()
    train(tmp_path / "parts", **every)
    assert left_behind(tmp_path / "parts") == left_behind(tmp_path / "whole")


def test_another_seed_is_another_run(tmp_path):
    """What the comparisons above compare does depend on the run."""
    train(tmp_path / "a", seed=1)
    train(tmp_path / "b", seed=2)
    a, b = left_behind(tmp_path / "a"), left_behind(tmp_path / "b")
    assert a["metrics"] != b["metrics"]
    assert a["state"] != b["state"]
    assert a["sheets"]["samples/0000012.png"] != b["sheets"]["samples/0000012.png"]
    assert settings("points", seed=1) != settings("points", seed=2)
