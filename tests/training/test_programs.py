"""What is compiled, and what crosses between host and device: three programs, and nothing between two log points."""

import subprocess
import sys

import jax
import pytest
from small_runs import ROOT, left_behind, train, write_recipe

from jaxgan.devices import Devices
from jaxgan.training import loop, program
from jaxgan.training.checkpoints import Checkpoints
from jaxgan.training.recorder import Recorder

COUNT = """
import sys, jax
from jaxgan.cli import main
programs = []
def note(event, seconds, **facts):
    if event == "/jax/core/compile/backend_compile_duration":
        programs.append(facts["fun_name"])
jax.monitoring.register_event_duration_secs_listener(note)
assert main(sys.argv[1:]) == 0
print(*sorted(programs))
"""


def compiled(*arguments):
    """Names of all programs that a command compiles, single operations too, each as often as it is compiled."""
    command = [sys.executable, "-c", COUNT, *map(str, arguments), "--compilation-cache", "off"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


def test_nothing_is_compiled_twice_and_nothing_needless(tmp_path):
    """With all that a run can do: lines, sheets, scores, checkpoints, the end and the continuation."""
    recipe = write_recipe(tmp_path / "recipe.py", "images", metrics=("svm1k_digits",))
    arguments = ["train", "--config", recipe, "--workdir", tmp_path / "run"]
    assert compiled(*arguments) == ["jit(call)", "jit(draw)", "jit(init)"]
    assert compiled(*arguments, "--allow-changes", "--config.steps=24") == ["jit(call)", "jit(draw)"]
    assert compiled("sample", tmp_path / "run", "--out", tmp_path / "x.npz") == ["jit(draw)"]


@pytest.mark.long
def test_several_seeds_take_one_program_more(tmp_path):
    """The one that takes a seed's state out of all."""
    recipe = write_recipe(tmp_path / "recipe.py", "images", seeds=3, metrics=("svm1k_digits",))
    arguments = ["train", "--config", recipe, "--workdir", tmp_path / "run"]
    assert compiled(*arguments) == ["jit(_member)", "jit(call)", "jit(draw)", "jit(init)"]


class Held:
    """Stands for arrays on the device where the host has no business with them: whatever it asks of them fails."""

    def __init__(self, tree):
        self.tree = tree


def reveal(tree):
    return jax.tree.map(lambda leaf: leaf.tree if isinstance(leaf, Held) else leaf, tree)


def test_between_log_points_the_host_touches_nothing(tmp_path, monkeypatch):
    """State, tally and step pass through the loop unopened; only what is due at a log point gets to see them."""
    train(tmp_path / "plain", sample_every=4, steps_per_call=1)

    made, opened, make_call = [], set(), program.make_call

    def make_held_call(*arguments):
        call = make_call(*arguments)

        def held_call(state, sums, *rest):
            made.append(None)
            return tuple(Held(part) for part in call(reveal(state), reveal(sums), *rest))

        return held_call

    def opening(function):
        def wrapper(*arguments):
            opened.add(len(made))  # one step a call
            return function(*reveal(arguments))

        return wrapper

    monkeypatch.setattr(program, "make_call", make_held_call)
    monkeypatch.setattr(loop.tally, "means", opening(loop.tally.means))
    monkeypatch.setattr(Devices, "one", opening(Devices.one))
    monkeypatch.setattr(Recorder, "draw", opening(Recorder.draw))
    monkeypatch.setattr(Checkpoints, "save", opening(Checkpoints.save))
    train(tmp_path / "held", sample_every=4, steps_per_call=1)
    assert opened == {4, 8, 12}
    assert left_behind(tmp_path / "held") == left_behind(tmp_path / "plain")


def test_only_the_feeds_items_and_the_seed_come_from_the_host(tmp_path, monkeypatch):
    """Each call gets its items and 4 bytes more; everything else that it is given lies on the device already."""
    from_host, joined, make_call, join = [], [], program.make_call, Devices.join

    def make_noting_call(*arguments):
        call = make_call(*arguments)

        def noting_call(*parts):
            leaves = [[x for x in jax.tree.leaves(part) if not isinstance(x, jax.Array)] for part in parts]
            from_host.append([sum(x.nbytes for x in part) for part in leaves])
            return call(*parts)

        return noting_call

    def noting_join(devices, item, axis):
        joined.append(item.nbytes)
        return join(devices, item, axis)

    monkeypatch.setattr(program, "make_call", make_noting_call)
    monkeypatch.setattr(Devices, "join", noting_join)
    train(tmp_path)
    assert from_host == [[0, 0, 4, 0, 0]] * 6  # state, tally, seed, data, items
    assert joined == [2 * 4 * 4] * 6  # indices: 2 steps of 4 examples
