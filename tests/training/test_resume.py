"""Exact resume: wherever a run is stopped, it ends in the same bits as one that never was; kills are in test_faults."""

import os
import signal

import pytest
from long_forms import thinned
from small_runs import left_behind, settings, train

from jaxgan.training.recorder import Recorder

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
