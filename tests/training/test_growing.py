"""A run whose networks grow, through the loop: one program a stage, and a resume on either side of a border."""

import os
import signal

import jax
import pytest
from long_forms import thinned
from small_runs import left_behind, train

from jaxgan.training.recorder import Recorder

# 4x4 pixels for 2 steps; 8x8 fade in for 4 and go on for 2; 16x16 fade in for the last 4, two steps a call.
GROWING = dict(data=dict(image_size=16), system=dict(fade_steps=4, stable_steps=2))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """What an uninterrupted run leaves behind, and its compiled calls."""
    calls, workdir, compile_ = [], tmp_path_factory.mktemp("whole"), jax.stages.Lowered.compile

    def noting(lowered, *arguments, **options):
        calls.append(compile_(lowered, *arguments, **options))
        return calls[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax.stages.Lowered, "compile", noting)
        train(workdir, "growing", **GROWING)
    return left_behind(workdir), calls


def test_there_is_one_program_a_stage(whole):
    _, compiled = whole
    assert len(compiled) == 3


@pytest.mark.parametrize("call", thinned([1, 2, 4], (1, 2)))
def test_a_run_that_was_stopped_at_a_border_or_in_a_fade_ends_in_the_same_bits(whole, tmp_path, monkeypatch, call):
    """After steps 2 and 8, where stages begin, and after step 4, in the middle of a fade."""
    waiting, calls = Recorder.waiting, []

    def stop_at(self, supply):
        calls.append(None)
        if len(calls) == call:
            os.kill(os.getpid(), signal.SIGINT)
        return waiting(self, supply)

    monkeypatch.setattr(Recorder, "waiting", stop_at)
    assert train(tmp_path, "growing", **GROWING).outcome == (2 * call, signal.SIGINT)
    monkeypatch.undo()
    assert train(tmp_path, "growing", **GROWING).outcome == (12, None)
    assert left_behind(tmp_path) == whole[0]
