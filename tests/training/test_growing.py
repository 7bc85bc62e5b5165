"""A run whose networks grow, through the loop: one program a stage, and a resume on either side of a border."""

import os
import signal

import pytest
from small_runs import left_behind, train

from jaxgan.training import loop
from jaxgan.training.recorder import Recorder

# 4x4 pixels for 4 steps, then 8x8: they fade in for 4, and 4 are left.


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an uninterrupted run leaves behind, and its compiled calls."""
    calls, workdir = [], tmp_path_factory.mktemp("whole")
    make_call = loop.make_call
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "make_call", lambda *args: calls.append(make_call(*args)) or calls[-1])
        train(workdir, "growing")
    return left_behind(workdir), calls


def test_there_is_one_program_a_stage(whole):
    _, calls = whole
    assert [call._cache_size() for call in calls] == [1, 1]


@pytest.mark.parametrize("call", [1, 3])
def test_a_run_that_was_stopped_on_either_side_of_a_border_ends_in_the_same_bits(whole, tmp_path, monkeypatch, call):
    """After step 2, and after step 6, which is in the middle of the fade."""
    waiting, calls = Recorder.waiting, []

    def stop_at(self, supply):
        calls.append(None)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return waiting(self, supply)

    monkeypatch.setattr(Recorder, "waiting", stop_at)
    assert train(tmp_path, "growing").outcome == (2 * call, signal.SIGINT)
    monkeypatch.undo()
    assert train(tmp_path, "growing").outcome == (12, None)
    assert left_behind(tmp_path) == whole[0]
